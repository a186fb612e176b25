import fc from 'fast-check'
import { CREDENTIAL_SOURCES } from '../src/aws/credential-source.ts'
import { signerCommand } from '../src/aws/get-token.ts'
import { BadInput, type Mistake } from '../src/bad-input.ts'
import { readArguments } from '../src/token-arguments.ts'

const NEEDED = ['--region', 'eu-west-1', '--cluster-name', 'demo']
const USAGE =
  '--region REGION --cluster-name NAME | --cluster-id ID [--role-arn ARN] ' +
  '[--credential-source instance-role | role | any] [--timeout SECONDS]'

test('region and cluster are enough, and any credentials will do then', () => {
  expect(readArguments(NEEDED)).toEqual({
    request: { region: 'eu-west-1', cluster: { name: 'demo' } },
    credentialSource: 'any',
    timeoutSeconds: 30,
  })
})

test('what the exec block says is what is read', () => {
  const program = { command: 'node', script: 'index.js' }
  const request = fc.record({
    region: fc.stringMatching(/^[a-z]{2}-[a-z]+-\d$/),
    cluster: fc.oneof(
      fc.record({ name: fc.stringMatching(/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/) }),
      fc.record({ id: fc.uuid() }),
    ),
    roleArn: fc.option(fc.stringMatching(/^arn:aws:iam::\d{12}:role\/[\w+=,.@/-]{1,64}$/), {
      nil: undefined,
    }),
  })
  const settings = fc.record({
    credentialSource: fc.constantFrom(...CREDENTIAL_SOURCES),
    timeoutSeconds: fc.integer({ min: 1, max: 3600 }),
  })
  fc.assert(
    fc.property(request, settings, (request, settings) => {
      const [script, ...args] = signerCommand(program, request, settings).args
      expect(script).toBe('index.js')
      expect(readArguments(args)).toEqual({ request, ...settings })
    }),
  )
})

function mistakesOf(args: string[]): Mistake[] {
  try {
    readArguments(args)
  } catch (error) {
    if (error instanceof BadInput) return error.mistakes
    throw error
  }
  throw new Error('there is no mistake')
}

test.each([
  ['no argument', [], '--region', 'it is missing'],
  ['no region', NEEDED.slice(2), '--region', 'it is missing'],
  ['an empty region', ['--region=', ...NEEDED.slice(2)], '--region', 'it is missing'],
  ['no cluster', NEEDED.slice(0, 2), '--cluster-name', 'either it or --cluster-id is needed'],
  [
    'two clusters',
    [...NEEDED, '--cluster-id', 'uuid'],
    '--cluster-name',
    'either it or --cluster-id is needed',
  ],
  [
    'an unknown source',
    [...NEEDED, '--credential-source', 'anything'],
    '--credential-source',
    '"anything" is none of its words',
  ],
  ['an empty source', [...NEEDED, '--credential-source='], '--credential-source', '"" is none of its words'],
  ['no time', [...NEEDED, '--timeout', '0'], '--timeout', '"0" is no time to wait'],
  ['what is no number', [...NEEDED, '--timeout', '3s'], '--timeout', '"3s" is no time to wait'],
  [
    'an unknown option',
    [...NEEDED, '--profile', 'ci'],
    '--region eu-west-1 --cluster-name demo --profile ci',
    expect.stringContaining("Unknown option '--profile'"),
  ],
  [
    'an option without its value',
    ['--cluster-name', 'demo', '--region'],
    '--cluster-name demo --region',
    expect.stringContaining('--region <value>'),
  ],
  [
    'a value without its option',
    [...NEEDED, 'other'],
    '--region eu-west-1 --cluster-name demo other',
    expect.stringContaining("Unexpected argument 'other'"),
  ],
])('%s is one mistake, told with what is accepted', (_what, args, input, problem) => {
  expect(mistakesOf(args)).toEqual([{ input, problem, accepted: USAGE }])
})
