import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { CREDENTIAL_SOURCES } from '../src/aws/credential-source.ts'
import { readInputs, TOKEN_PROVIDERS } from '../src/inputs.ts'

type Typing = { type: string; 'allowed-values'?: string[]; separator?: string; 'list-item'?: Typing }
type Side = 'inputs' | 'outputs'

const read = async (file: string) => load(await readFile(join(import.meta.dirname, '..', file), 'utf8'))
let action: Record<Side, Record<string, { default?: string }>>
let types: Record<Side, Record<string, Typing>>
beforeAll(async () => {
  action = (await read('action.yml')) as typeof action
  types = (await read('action-types.yml')) as typeof types
})

test.each<Side>(['inputs', 'outputs'])('every one of the %s has a type, in the order of action.yml', side => {
  expect(Object.keys(types[side])).toEqual(Object.keys(action[side]))
})

test('the values of an enumeration are those that are read', () => {
  const enumerations = Object.entries(types.inputs).filter(([, { type }]) => type === 'enum')
  expect(Object.fromEntries(enumerations.map(([name, typing]) => [name, typing['allowed-values']]))).toEqual({
    'credential-source': [...CREDENTIAL_SOURCES],
    'token-provider': [...TOKEN_PROVIDERS],
  })
})

/** What a type is written with: https://github.com/typesafegithub/github-actions-typing#available-types. */
const FIELDS: Record<string, string[]> = {
  string: ['type'],
  boolean: ['type'],
  integer: ['type'],
  enum: ['type', 'allowed-values'],
  list: ['type', 'separator', 'list-item'],
}

test.each<Side>(['inputs', 'outputs'])('the types of the %s are written as the format asks', side => {
  for (const [name, typing] of Object.entries(types[side])) {
    expect([name, Object.keys(typing)]).toEqual([name, FIELDS[typing.type]])
    if (typing['list-item']) expect([name, typing['list-item']]).toEqual([name, { type: 'string' }])
  }
})

/** Texts that are of a type, and one that is not. */
function texts({ type, separator }: Typing): { of: string[]; not?: string } {
  if (type === 'boolean') return { of: ['true', 'false'], not: '1' }
  if (type === 'integer') return { of: ['7'], not: '7.5' }
  if (type === 'list') return { of: ['', ['get pods', 'get nodes'].join(separator)] }
  return { of: [] }
}

test('an input takes what is of its type, and refuses what is not', () => {
  const taken = (name: string, text: string) => {
    const given = { 'INPUT_CLUSTER-NAME': 'demo', RUNNER_TEMP: '/tmp', [`INPUT_${name.toUpperCase()}`]: text }
    try {
      return Boolean(readInputs(given))
    } catch {
      return false
    }
  }
  const { 'cluster-name': clusters, ...others } = types.inputs
  expect(taken('cluster-name', ['demo', 'prod'].join(clusters?.separator))).toBe(true)
  for (const [name, typing] of Object.entries(others)) {
    const { of, not } = texts(typing)
    for (const text of of) expect([name, text, taken(name, text)]).toEqual([name, text, true])
    if (not !== undefined) expect([name, not, taken(name, not)]).toEqual([name, not, false])
  }
})
