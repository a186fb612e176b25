import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { inputVariables } from '../lab/runner/action.ts'
import { CREDENTIAL_SOURCES } from '../src/aws/credential-source.ts'
import { METHODS, MODES, readGrantInputs } from '../src/grant/inputs.ts'
import { readInputs, TOKEN_PROVIDERS } from '../src/inputs.ts'

type Typing = { type: string; 'allowed-values'?: string[]; separator?: string; 'list-item'?: Typing }
type Side = 'inputs' | 'outputs'

const ACTIONS = [
  {
    folder: '.',
    inputsOf: readInputs,
    enumerations: { 'credential-source': CREDENTIAL_SOURCES, 'token-provider': TOKEN_PROVIDERS },
    needed: { 'cluster-name': 'demo' },
  },
  {
    folder: 'grant',
    inputsOf: readGrantInputs,
    enumerations: { method: METHODS, mode: MODES, 'token-provider': TOKEN_PROVIDERS },
    needed: { 'cluster-name': 'demo', 'role-arn': 'arn:aws:iam::111122223333:role/runner' },
  },
]

const read = async (file: string) => load(await readFile(join(import.meta.dirname, '..', file), 'utf8'))

/** What a type is written with: https://github.com/typesafegithub/github-actions-typing#available-types. */
const FIELDS: Record<string, string[]> = {
  string: ['type'],
  boolean: ['type'],
  integer: ['type'],
  enum: ['type', 'allowed-values'],
  list: ['type', 'separator', 'list-item'],
}

describe.each(ACTIONS)('the action in $folder', ({ folder, inputsOf, enumerations, needed }) => {
  let action: Record<Side, Record<string, { required?: boolean }>>
  let types: Record<Side, Record<string, Typing>>
  beforeAll(async () => {
    action = (await read(join(folder, 'action.yml'))) as typeof action
    types = (await read(join(folder, 'action-types.yml'))) as typeof types
  })

  test.each<Side>(['inputs', 'outputs'])(
    'every one of the %s has a type, in the order of action.yml',
    side => {
      expect(Object.keys(types[side])).toEqual(Object.keys(action[side]))
    },
  )

  test('the values of an enumeration are those that are read', () => {
    const typed = Object.entries(types.inputs).filter(([, { type }]) => type === 'enum')
    expect(Object.fromEntries(typed.map(([name, typing]) => [name, typing['allowed-values']]))).toEqual(
      enumerations,
    )
  })

  test.each<Side>(['inputs', 'outputs'])('the types of the %s are written as the format asks', side => {
    for (const [name, typing] of Object.entries(types[side])) {
      expect([name, Object.keys(typing)]).toEqual([name, FIELDS[typing.type]])
      if (typing['list-item']) expect([name, typing['list-item']]).toEqual([name, { type: 'string' }])
    }
  })

  /** Texts that an input takes, and one that it does not, by its type. */
  function texts(name: string, { type, separator }: Typing): { of: string[]; not?: string } {
    const { required } = action.inputs[name] ?? {}
    if (type === 'boolean') return { of: ['true', 'false'], not: '1' }
    if (type === 'integer') return { of: ['7'], not: '7.5' }
    if (type !== 'list') return { of: [] }
    const [items, none] = required ? [['demo', 'prod'], []] : [['get pods', 'get nodes'], ['']]
    return { of: [...none, items.join(separator)] }
  }

  test('an input takes what is of its type, and refuses what is not', () => {
    const taken = (name: string, text: string) => {
      try {
        return Boolean(inputsOf({ RUNNER_TEMP: '/tmp', ...inputVariables(needed, { [name]: text }) }))
      } catch {
        return false
      }
    }
    for (const [name, typing] of Object.entries(types.inputs)) {
      const { of, not } = texts(name, typing)
      for (const text of of) expect([name, text, taken(name, text)]).toEqual([name, text, true])
      if (not !== undefined) expect([name, not, taken(name, not)]).toEqual([name, not, false])
    }
  })
})
