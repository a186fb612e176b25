import type { Credentials } from '../../src/aws/credentials.ts'
import {
  getTokenCommand,
  makeToken,
  signerCommand,
  type TokenRequest,
  tokenCredentials,
} from '../../src/aws/get-token.ts'
import { accessKeyOf, checkAccessKey, isLongLived } from '../../src/aws/token.ts'
import { ask } from '../lab/aws/ask.ts'
import { calling, createRole, enter, evidenceOf, type Stage, sessionOf } from './stage.ts'

const token = (url: string) => `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`
const SIGNED =
  'https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&X-Amz-Credential=ASIAX%2F20260101%2Feu-west-1%2Fsts%2Faws4_request'

test('the signer of a token is the access key in its URL', () => {
  expect(accessKeyOf(token(SIGNED))).toBe('ASIAX')
})

test.each([
  '',
  'k8s-aws-v1.',
  'k8s-aws-v1.%%%',
  token('no url'),
  token('https://sts.amazonaws.com/'),
  token(SIGNED).slice(1),
  'Bearer x',
])('%j is no token of EKS', text => {
  expect(accessKeyOf(text)).toBeNull()
})

test('keys of users are long-lived, those of roles not', () => {
  expect([isLongLived('AKIAX'), isLongLived('ASIAX')]).toEqual([true, false])
})

const credentials = (accessKeyId: string, shared = true): Credentials => ({
  source: 'instance role',
  shared,
  identity: { accessKeyId, secretAccessKey: 's' },
})
const never = async () => {
  throw new Error('not to be asked')
}

test.each([
  ['the one that was checked', 'ASIA1', 'role', undefined, credentials('ASIA1')],
  ['another, where each process has its own', 'ASIA2', 'role', undefined, credentials('ASIA1', false)],
  ['another, where the command assumes a role of its own', 'ASIA2', 'role', 'arn:r', credentials('ASIA1')],
  ['long-lived, where any will do', 'AKIA1', 'any', undefined, credentials('AKIA1')],
] as const)('a signer is good that is %s', async (_what, signer, credentialSource, roleArn, found) => {
  await checkAccessKey(signer, { credentialSource, roleArn }, found, never)
})

test('a signer is good that the instance has only just begun to give', async () => {
  const again = async () => credentials('ASIA2')
  await checkAccessKey('ASIA2', { credentialSource: 'role', roleArn: undefined }, credentials('ASIA1'), again)
})

test('a signer that nobody gave is told, with both keys', async () => {
  const again = async () => credentials('ASIA1')
  const checking = checkAccessKey(
    'ASIA9',
    { credentialSource: 'role', roleArn: undefined },
    credentials('ASIA1'),
    again,
  )
  expect(await evidenceOf(checking)).toEqual({
    kind: 'identity-differs',
    source: 'instance role',
    checked: 'ASIA1',
    token: 'ASIA9',
  })
})

test.each(['role', 'instance-role'] as const)(
  'long-lived keys are refused where %s is asked for',
  async credentialSource => {
    const checking = checkAccessKey(
      'AKIA1',
      { credentialSource, roleArn: undefined },
      credentials('AKIA1', false),
      never,
    )
    expect(await evidenceOf(checking)).toMatchObject({
      kind: 'credentials-refused',
      wanted: credentialSource,
      accessKeyId: 'AKIA1',
    })
  },
)

const request = { region: 'eu-west-1', cluster: { name: 'demo' } }

test.each([
  [{}, undefined, ['--cluster-name', 'demo', '--output', 'json'], []],
  [{ cluster: { id: 'uuid' } }, undefined, ['--cluster-id', 'uuid', '--output', 'json'], []],
  [
    { roleArn: 'arn:r' },
    undefined,
    ['--cluster-name', 'demo', '--output', 'json', '--role-arn', 'arn:r'],
    [],
  ],
  [{}, 'ci', ['--cluster-name', 'demo', '--output', 'json'], [{ name: 'AWS_PROFILE', value: 'ci' }]],
])('the command of a token for %j and profile %s is the AWS CLI\u2019s', (more, profile, args, env) => {
  expect(getTokenCommand({ ...request, ...more }, profile)).toEqual({
    command: 'aws',
    args: ['--region', 'eu-west-1', 'eks', 'get-token', ...args],
    env,
  })
})

test.each([
  [{}, 'any', undefined, ['--cluster-name', 'demo', '--credential-source', 'any', '--timeout', '9'], []],
  [
    { cluster: { id: 'uuid' } },
    'role',
    undefined,
    ['--cluster-id', 'uuid', '--credential-source', 'role', '--timeout', '9'],
    [],
  ],
  [
    { roleArn: 'arn:r' },
    'instance-role',
    'ci',
    [
      '--cluster-name',
      'demo',
      '--role-arn',
      'arn:r',
      '--credential-source',
      'instance-role',
      '--timeout',
      '9',
    ],
    [{ name: 'AWS_PROFILE', value: 'ci' }],
  ],
] as const)(
  'the builtin signer\u2019s command for %j holds it to credentials of %s',
  (more, credentialSource, profile, args, env) => {
    const program = { command: '/r/node', script: '/r/token/index.js' }
    const settings = { credentialSource, timeoutSeconds: 9, profile }
    expect(signerCommand(program, { ...request, ...more }, settings)).toEqual({
      command: '/r/node',
      args: ['/r/token/index.js', '--region', 'eu-west-1', ...args],
      env,
    })
  },
)

describe('a token that is made here', () => {
  let stage: Stage
  let own: Credentials
  beforeEach(async () => {
    stage = await enter()
    const allow = { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' } as const
    own = sessionOf(stage.aws, createRole(stage.aws, 'runner', allow))
  })
  afterEach(() => stage.leave())

  const made = async (wanted: TokenRequest) =>
    makeToken(wanted, await tokenCredentials(wanted, own, calling()), process.env)

  test('is signed with the runner\u2019s own keys, without any network', async () => {
    const { token } = await made(request)
    expect(accessKeyOf(token)).toBe(own.identity.accessKeyId)
    expect(stage.aws.requests).toEqual([])
    expect(stage.aws.proxy.connects).toEqual([])
  })

  test('is signed with the keys of the role that is asked for, assumed as the AWS CLI does', async () => {
    const { arn } = createRole(stage.aws, 'admin')
    const { token } = await made({ ...request, roleArn: arn })
    const caller = stage.aws.identities.callerOf(accessKeyOf(token) ?? '')
    expect(caller?.arn).toMatch(/assumed-role\/admin\/EKSGetTokenAuth$/)
  })

  test('is none where the role cannot be assumed', async () => {
    const roleArn = 'arn:aws:iam::444455556666:role/nobody'
    expect(await evidenceOf(made({ ...request, roleArn }))).toMatchObject({
      kind: 'refused',
    })
  })

  test.each([
    ['its name', {}, 'demo'],
    ['its id, of a local cluster', { cluster: { id: 'uuid' } }, 'uuid'],
  ])('is tied to the cluster by %s', async (_what, more, id) => {
    const { token } = await made({ ...request, ...more })
    const url = Buffer.from(token.replace('k8s-aws-v1.', ''), 'base64url').toString()
    const { HTTPS_PROXY: proxy = '' } = stage.aws.env()
    const headers = { 'x-k8s-aws-id': id }
    expect(await ask(url, { proxy, ca: stage.aws.caPem, headers })).toMatchObject({ status: 200 })
  })
})
