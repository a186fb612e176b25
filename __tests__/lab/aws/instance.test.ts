import { fromInstanceMetadata } from '@smithy/credential-provider-imds'
import { type LabAws, startAws } from '../../../lab/aws/aws.ts'
import { ask } from './ask.ts'

const TTL = 'x-aws-ec2-metadata-token-ttl-seconds'
const ROLES = '/latest/meta-data/iam/security-credentials/'

let aws: LabAws
beforeEach(async () => {
  aws = await startAws({ instance: { region: 'eu-west-1' } })
})
afterEach(() => aws.stop())

function attachRole() {
  const role = aws.identities.createRole({
    name: 'runner',
    path: '/ci/',
    trust: {
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
  })
  aws.instance.roleArn = role.arn
  return role
}

const putToken = (headers: Record<string, string> = { [TTL]: '60' }) =>
  ask(`${aws.metadataEndpoint}/latest/api/token`, { method: 'PUT', headers })

async function get(path: string, token?: string) {
  const headers = { 'x-aws-ec2-metadata-token': token ?? (await putToken()).body }
  return ask(aws.metadataEndpoint + path, { headers })
}

async function credentials() {
  const { status, body } = await get(`${ROLES}runner`)
  expect(status).toBe(200)
  return JSON.parse(body)
}

test('the AWS SDK finds credentials of the role, which are good', async () => {
  const role = attachRole()
  process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = aws.metadataEndpoint
  const found = await fromInstanceMetadata()()
  delete process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT
  expect(aws.identities.callerOf(found.accessKeyId)).toMatchObject({
    arn: `arn:aws:sts::111122223333:assumed-role/runner/${aws.instance.id}`,
    userId: `${role.uniqueId}:${aws.instance.id}`,
  })
  expect(aws.identities.findKey(found.accessKeyId)).toMatchObject({
    secretAccessKey: found.secretAccessKey,
    sessionToken: found.sessionToken,
  })
})

test.each([
  ['without a lifetime', {}, 400],
  ['with a lifetime of 0', { [TTL]: '0' }, 400],
  ['with a lifetime over six hours', { [TTL]: '21601' }, 400],
  ['that was forwarded', { [TTL]: '60', 'x-forwarded-for': '192.0.2.1' }, 403],
  ['with the longest lifetime', { [TTL]: '21600' }, 200],
])('a token %s: %s is %i', async (_what, headers, status) => {
  expect((await putToken(headers as Record<string, string>)).status).toBe(status)
})

test('nothing is told without a good token', async () => {
  const path = '/latest/meta-data/placement/region'
  expect((await ask(aws.metadataEndpoint + path)).status).toBe(401)
  expect((await get(path, 'nonsense')).status).toBe(401)
  const short = (await putToken({ [TTL]: '1' })).body
  expect((await get(path, short)).status).toBe(200)
  await new Promise(resolve => setTimeout(resolve, 1100))
  expect((await get(path, short)).status).toBe(401)
})

test('region, zone and identity are those of the instance', async () => {
  expect((await get('/latest/meta-data/placement/region')).body).toBe('eu-west-1')
  expect((await get('/latest/meta-data/placement/availability-zone')).body).toBe('eu-west-1a')
  const document = JSON.parse((await get('/latest/dynamic/instance-identity/document')).body)
  expect(document).toMatchObject({
    region: 'eu-west-1',
    accountId: '111122223333',
    instanceId: aws.instance.id,
  })
})

test('an instance without a role has no credentials and no profile', async () => {
  expect((await get(ROLES)).status).toBe(404)
  expect((await get('/latest/meta-data/iam/info')).status).toBe(404)
  attachRole()
  expect((await get(ROLES)).body).toBe('runner')
  const info = JSON.parse((await get('/latest/meta-data/iam/info')).body)
  expect(info.InstanceProfileArn).toBe('arn:aws:iam::111122223333:instance-profile/ci/runner')
  expect((await get(`${ROLES}another`)).status).toBe(404)
})

test('credentials stay until they near their end, or the role is another', async () => {
  const role = attachRole()
  const first = await credentials()
  expect(first).toMatchObject({ Code: 'Success', Type: 'AWS-HMAC' })
  expect((await credentials()).AccessKeyId).toBe(first.AccessKeyId)
  aws.identities.replaceRole(role.arn)
  const second = await credentials()
  expect(second.AccessKeyId).not.toBe(first.AccessKeyId)
  aws.identities.deleteAccessKey(second.AccessKeyId)
  aws.instance.credentialSeconds = 60
  const third = await credentials()
  expect((await credentials()).AccessKeyId).not.toBe(third.AccessKeyId)
  expect(new Date(third.Expiration).getTime()).toBeLessThanOrEqual(Date.now() + 60_000)
})

test('a role that does not trust EC2, or is gone, is told to be unassumable', async () => {
  const role = attachRole()
  aws.identities.setTrust(role.arn, {
    Statement: [
      { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
    ],
  })
  expect((await credentials()).Code).toBe('AssumeRoleUnauthorizedAccess')
  aws.identities.deleteRole(role.arn)
  expect((await credentials()).Code).toBe('AssumeRoleUnauthorizedAccess')
})

test('access can be turned off, left open, or be of before there were tokens', async () => {
  const url = `${aws.metadataEndpoint}/latest/meta-data/instance-id`
  aws.instance.access = 'disabled'
  expect((await putToken()).status).toBe(403)
  expect((await ask(url)).status).toBe(403)
  aws.instance.access = 'token-optional'
  expect((await ask(url)).status).toBe(200)
  expect((await get('/latest/meta-data/instance-id', 'nonsense')).status).toBe(401)
  aws.instance.access = 'no-tokens'
  expect((await putToken()).status).toBe(405)
  expect((await ask(url)).body).toBe(aws.instance.id)
})

test('with a hop limit that is too small a token never comes', async () => {
  aws.instance.hops = 1
  const token = putToken()
  const first = await Promise.race([
    token.catch(() => 'failed'),
    new Promise(resolve => setTimeout(resolve, 300, 'nothing yet')),
  ])
  expect(first).toBe('nothing yet')
  expect(aws.requests.at(-1)).toMatchObject({ service: 'imds', operation: 'PutToken', status: null })
  await aws.stop()
  await expect(token).rejects.toThrow()
})
