import { STSClient } from '@aws-sdk/client-sts'
import { type LabAws, startAws } from '../../../lab/aws/aws.ts'
import type { AccessKey, SessionCredentials } from '../../../lab/aws/identities.ts'
import type { PolicyStatement } from '../../../lab/aws/policy.ts'
import { ask } from './ask.ts'

const HOST = 'ec2.us-east-1.amazonaws.com'
const ALLOW: PolicyStatement = { Effect: 'Allow', Action: 'ec2:DescribeInstances', Resource: '*' }

let aws: LabAws
beforeEach(async () => {
  aws = await startAws()
})
afterEach(() => aws.stop())

function keysOf(...Statement: PolicyStatement[]): AccessKey {
  const { arn } = aws.identities.createUser({ name: 'ops', policies: { all: { Statement } } })
  return aws.identities.createAccessKey(arn)
}

type Asked = { region?: string; host?: string; [parameter: string]: string | undefined }

/** Asks EC2 behind the proxy, signed by the AWS SDK. */
async function ec2(credentials: AccessKey | SessionCredentials, asked: Asked) {
  const { region = 'us-east-1', host = HOST, ...parameters } = asked
  const given = Object.entries({ Action: 'DescribeInstances', Version: '2016-11-15', ...parameters })
  const body = new URLSearchParams(given as [string, string][]).toString()
  const client = new STSClient({ region, credentials })
  const signer = await client.config.signer({
    name: 'sigv4',
    signingName: 'ec2',
    signingRegion: region,
    properties: {},
  })
  const signed = await signer.sign({
    method: 'POST',
    protocol: 'https:',
    hostname: host,
    path: '/',
    query: {},
    headers: { host, 'content-type': 'application/x-www-form-urlencoded' },
    body,
  } as never)
  client.destroy()
  const proxy = aws.env().HTTPS_PROXY ?? ''
  return ask(`https://${host}/`, { method: 'POST', headers: signed.headers, body, proxy, ca: aws.caPem })
}

const id = () => aws.instance.id

test('DescribeInstances tells an instance’s name and address in its network', async () => {
  const { status, body } = await ec2(keysOf(ALLOW), { 'InstanceId.1': id() })
  expect(status).toBe(200)
  expect(body).toContain(`<instanceId>${id()}</instanceId>`)
  expect(body).toContain('<privateDnsName>ip-10-0-3-17.ec2.internal</privateDnsName>')
  expect(body).toContain('<privateIpAddress>10.0.3.17</privateIpAddress>')
  expect(aws.requests).toMatchObject([
    { service: 'ec2', operation: 'DescribeInstances', region: 'us-east-1', status: 200 },
  ])
})

test('the metadata service tells the same of the instance', async () => {
  aws.instance.access = 'token-optional'
  aws.instance.region = 'eu-west-1'
  const get = async (path: string) => (await ask(`${aws.metadataEndpoint}/latest/meta-data/${path}`)).body
  expect(await get('local-hostname')).toBe('ip-10-0-3-17.eu-west-1.compute.internal')
  expect(await get('local-ipv4')).toBe('10.0.3.17')
})

test.each<[string, Asked, string]>([
  ['another one', { 'InstanceId.1': 'i-0123456789abcdef0' }, 'InvalidInstanceID.NotFound'],
  ['no instance’s id', { 'InstanceId.1': 'bastion' }, 'InvalidInstanceID.Malformed'],
])('an instance that is %s is not found', async (_, asked, code) => {
  const { status, body } = await ec2(keysOf(ALLOW), asked)
  expect(status).toBe(400)
  expect(body).toContain(`<Code>${code}</Code>`)
})

test('an instance is not found from another region, or another account', async () => {
  const keys = keysOf(ALLOW)
  const there = { region: 'eu-west-1', host: 'ec2.eu-west-1.amazonaws.com', 'InstanceId.1': id() }
  expect((await ec2(keys, there)).body).toContain('InvalidInstanceID.NotFound')
  aws.instance.account = '444455556666'
  expect((await ec2(keys, { 'InstanceId.1': id() })).body).toContain('InvalidInstanceID.NotFound')
})

test('who is not allowed is refused, and so is a key that nobody has', async () => {
  const { status, body } = await ec2(keysOf(), { 'InstanceId.1': id() })
  expect(status).toBe(403)
  expect(body).toContain('<Code>UnauthorizedOperation</Code>')
  const unknown = { accessKeyId: 'AKIAABCDEFGHIJKLMNOP', secretAccessKey: 'x' }
  expect(await ec2(unknown, { 'InstanceId.1': id() })).toMatchObject({
    status: 401,
    body: expect.stringContaining('<Code>AuthFailure</Code>'),
  })
})

test('a signature for another region than the host’s is refused', async () => {
  const { status, body } = await ec2(keysOf(ALLOW), { region: 'eu-west-1', 'InstanceId.1': id() })
  expect(status).toBe(401)
  expect(body).toContain('<Code>SignatureDoesNotMatch</Code>')
})

test.each<[string, Asked]>([
  ['another operation', { Action: 'DescribeVpcs' }],
  ['all instances', {}],
  ['a filter', { 'InstanceId.1': 'i-1', 'Filter.1.Name': 'tag:a' }],
])('%s is 501', async (_, asked) => {
  expect(await ec2(keysOf(ALLOW), asked)).toMatchObject({ status: 501 })
})

test('the control plane’s environment has a role that may ask, and no other has', async () => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, ...rest } =
    aws.controlPlaneEnv('us-east-1')
  expect(rest).toEqual(aws.serverEnv('us-east-1'))
  const session = {
    accessKeyId: AWS_ACCESS_KEY_ID ?? '',
    secretAccessKey: AWS_SECRET_ACCESS_KEY ?? '',
    sessionToken: AWS_SESSION_TOKEN ?? '',
  }
  expect(await ec2(session as SessionCredentials, { 'InstanceId.1': id() })).toMatchObject({ status: 200 })
  const { roleArn } = aws.putCluster({ name: 'demo', region: 'us-east-1' })
  expect(aws.requests.at(-1)?.identity).toBe(
    `${roleArn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/eks`,
  )
})

test.each([
  [{ kind: 'throttle' }, 503, 'RequestLimitExceeded'],
  [{ kind: 'server-error', status: 500 }, 500, 'InternalError'],
  [{ kind: 'denied' }, 403, 'UnauthorizedOperation'],
] as const)('an ordered fault is told in its words: %j', async (fault, status, code) => {
  aws.fail({ service: 'ec2' }, fault)
  const answer = await ec2(keysOf(ALLOW), { 'InstanceId.1': id() })
  expect(answer).toMatchObject({ status, body: expect.stringContaining(`<Code>${code}</Code>`) })
})

describe('the instance is changed by', () => {
  const ALL: PolicyStatement = { Effect: 'Allow', Action: '*', Resource: '*' }
  const associate = (profile: Asked, ...statements: PolicyStatement[]) =>
    ec2(keysOf(...statements), { Action: 'AssociateIamInstanceProfile', InstanceId: id(), ...profile })
  const modify = (options: Asked, keys = keysOf(ALL)) =>
    ec2(keys, { Action: 'ModifyInstanceMetadataOptions', InstanceId: id(), ...options })

  function createRole() {
    const trust = {
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    } as const
    return aws.identities.createRole({ name: 'runner', trust })
  }

  test.each([
    { 'IamInstanceProfile.Name': 'runner' },
    { 'IamInstanceProfile.Arn': 'arn:aws:iam::111122223333:instance-profile/runner' },
  ])('AssociateIamInstanceProfile, which gives it the role of a profile: %j', async profile => {
    const { arn } = createRole()
    const { status, body } = await associate(profile, ALL)
    expect(status).toBe(200)
    expect(body).toContain(`<instanceId>${id()}</instanceId>`)
    expect(aws.instance.roleArn).toBe(arn)
  })

  test('nobody who may not pass the role on', async () => {
    createRole()
    const mayAssociate: PolicyStatement = {
      Effect: 'Allow',
      Action: 'ec2:AssociateIamInstanceProfile',
      Resource: '*',
    }
    const { status, body } = await associate({ 'IamInstanceProfile.Name': 'runner' }, mayAssociate)
    expect(status).toBe(403)
    expect(body).toContain('iam:PassRole')
    expect(aws.instance.roleArn).toBeNull()
  })

  test.each<Asked>([
    { 'IamInstanceProfile.Name': 'nobody' },
    { 'IamInstanceProfile.Arn': 'arn:aws:iam::111122223333:instance-profile/nobody' },
    {},
  ])('no profile that does not exist: %j', async profile => {
    const answer = await associate(profile, ALL)
    expect(answer).toMatchObject({
      status: 400,
      body: expect.stringContaining('<Code>InvalidParameterValue</Code>'),
    })
  })

  test('no second profile', async () => {
    aws.instance.roleArn = createRole().arn
    const { body } = await associate({ 'IamInstanceProfile.Name': 'runner' }, ALL)
    expect(body).toContain('<Code>IncorrectState</Code>')
  })

  test('nobody who takes it for another', async () => {
    const { body } = await modify({ InstanceId: 'i-0123456789abcdef0', HttpEndpoint: 'disabled' })
    expect(body).toContain('<Code>InvalidInstanceID.NotFound</Code>')
    expect(aws.instance.access).toBe('token-required')
  })

  test('ModifyInstanceMetadataOptions, which leaves what is not named', async () => {
    const keys = keysOf(ALL)
    expect((await modify({ HttpEndpoint: 'disabled' }, keys)).status).toBe(200)
    expect(aws.instance).toMatchObject({ access: 'disabled', hopLimit: 1 })
    await modify({ HttpPutResponseHopLimit: '2' }, keys)
    expect(aws.instance).toMatchObject({ access: 'disabled', hopLimit: 2 })
    await modify({ HttpEndpoint: 'enabled' }, keys)
    expect(aws.instance).toMatchObject({ access: 'token-required', hopLimit: 2 })
    await modify({ HttpTokens: 'optional' }, keys)
    const { body } = await modify({ HttpPutResponseHopLimit: '64' }, keys)
    expect(body).toContain('<httpTokens>optional</httpTokens>')
    expect(aws.instance).toMatchObject({ access: 'token-optional', hopLimit: 64 })
  })

  test.each<Asked>([
    { HttpEndpoint: 'on' },
    { HttpTokens: 'none' },
    { HttpPutResponseHopLimit: '0' },
    { HttpPutResponseHopLimit: '65' },
  ])('no option that there is not: %j', async options => {
    expect((await modify(options)).body).toContain('<Code>InvalidParameterValue</Code>')
  })
})

test.each([
  ['10.0.3.17', true],
  ['10.0.3.18', false],
])('an instance is found by the address %s: %s', async (address, found) => {
  const filter = {
    'Filter.1.Name': 'network-interface.addresses.private-ip-address',
    'Filter.1.Value.1': '10.0.0.1',
    'Filter.1.Value.2': address,
  }
  const { status, body } = await ec2(keysOf(ALLOW), filter)
  expect(status).toBe(200)
  expect(body.includes(`<instanceId>${id()}</instanceId>`)).toBe(found)
})
