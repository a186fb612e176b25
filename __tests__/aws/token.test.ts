import type { Credentials } from '../../src/aws/credentials.ts'
import { getTokenCommand } from '../../src/aws/get-token.ts'
import { checkSigner, isLongLived, signerOf } from '../../src/aws/token.ts'
import { evidenceOf } from './stage.ts'

const token = (url: string) => `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`
const SIGNED =
  'https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&X-Amz-Credential=ASIAX%2F20260101%2Feu-west-1%2Fsts%2Faws4_request'

test('the signer of a token is the access key in its URL', () => {
  expect(signerOf(token(SIGNED))).toBe('ASIAX')
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
  expect(signerOf(text)).toBeNull()
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
  await checkSigner(signer, { credentialSource, roleArn }, found, never)
})

test('a signer is good that the instance has only just begun to give', async () => {
  const again = async () => credentials('ASIA2')
  await checkSigner('ASIA2', { credentialSource: 'role', roleArn: undefined }, credentials('ASIA1'), again)
})

test('a signer that nobody gave is told, with both keys', async () => {
  const again = async () => credentials('ASIA1')
  const checking = checkSigner(
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
    const checking = checkSigner(
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

test.each([
  [{}, ['--cluster-name', 'demo', '--output', 'json'], []],
  [{ id: 'uuid' }, ['--cluster-id', 'uuid', '--output', 'json'], []],
  [{ roleArn: 'arn:r' }, ['--cluster-name', 'demo', '--output', 'json', '--role-arn', 'arn:r'], []],
  [{ profile: 'ci' }, ['--cluster-name', 'demo', '--output', 'json'], [{ name: 'AWS_PROFILE', value: 'ci' }]],
])('the command of a token for %j is the AWS CLI\u2019s', (options, args, env) => {
  expect(getTokenCommand({ region: 'eu-west-1', name: 'demo' }, options)).toEqual({
    command: 'aws',
    args: ['--region', 'eu-west-1', 'eks', 'get-token', ...args],
    env,
  })
})
