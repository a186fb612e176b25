import {
  DescribeClusterCommand,
  EKSClient,
  ListClustersCommand,
  paginateListClusters,
} from '@aws-sdk/client-eks'
import { type LabAws, startAws } from '../../../lab/aws/aws.ts'
import type { PolicyStatement } from '../../../lab/aws/policy.ts'
import { ask } from './ask.ts'

const SESSION = 'arn:aws:sts::111122223333:assumed-role/runner/i-1'
const CLUSTER = 'arn:aws:eks:eu-west-1:111122223333:cluster/demo'
const ALLOW: PolicyStatement = { Effect: 'Allow', Action: 'eks:*', Resource: '*' }

let aws: LabAws
let clients: EKSClient[]
beforeEach(async () => {
  aws = await startAws()
  clients = []
})
afterEach(async () => {
  for (const client of clients) client.destroy()
  await aws.stop()
})

function createRunner(...statements: PolicyStatement[]) {
  const trust = {
    Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  } as const
  return aws.identities.createRole({ name: 'runner', trust, policies: { all: { Statement: statements } } })
}

function issue(role = createRunner(ALLOW), seconds = 3600) {
  return aws.identities.issueSession(role, { name: 'i-1', expires: new Date(Date.now() + seconds * 1000) })
}

function clientOf(credentials = issue(), region = 'eu-west-1') {
  const client = new EKSClient({ region, endpoint: aws.eksEndpoint, credentials, maxAttempts: 1 })
  clients.push(client)
  return client
}

/** Changes a request of the SDK after it was signed. */
function tamper(
  client: EKSClient,
  change: (request: { path: string; headers: Record<string, string> }) => void,
) {
  client.middlewareStack.add(
    next => args => {
      change(args.request as never)
      return next(args)
    },
    { step: 'deserialize', priority: 'low' },
  )
  return client
}

const describeDemo = (client: EKSClient) => client.send(new DescribeClusterCommand({ name: 'demo' }))

test('DescribeCluster gives the cluster as it was put', async () => {
  const createdAt = new Date('2026-01-02T03:04:05Z')
  aws.putCluster({
    name: 'demo',
    region: 'eu-west-1',
    endpoint: 'https://127.0.0.1:6443',
    certificateAuthorityPem: aws.caPem,
    createdAt,
    publicAccessCidrs: ['192.0.2.0/24'],
    tags: { team: 'infra' },
  })
  const { cluster } = await describeDemo(clientOf())
  expect(cluster).toMatchObject({
    name: 'demo',
    arn: CLUSTER,
    status: 'ACTIVE',
    endpoint: 'https://127.0.0.1:6443',
    createdAt,
    accessConfig: { authenticationMode: 'API_AND_CONFIG_MAP' },
    resourcesVpcConfig: { publicAccessCidrs: ['192.0.2.0/24'], endpointPublicAccess: true },
    tags: { team: 'infra' },
  })
  expect(Buffer.from(cluster?.certificateAuthority?.data ?? '', 'base64').toString()).toBe(aws.caPem)
  expect(cluster?.id).toBeUndefined()
})

test('a local cluster on Outposts has an id', async () => {
  const outpostArn = 'arn:aws:outposts:eu-west-1:111122223333:outpost/op-0123456789abcdef0'
  aws.putCluster({ name: 'demo', region: 'eu-west-1', outpost: { outpostArn } })
  const { cluster } = await describeDemo(clientOf())
  expect(cluster?.id).toMatch(/^[0-9a-f-]{36}$/)
  expect(cluster?.outpostConfig?.outpostArns).toEqual([outpostArn])
})

test('a cluster that is being created has no endpoint', async () => {
  aws.putCluster({ name: 'demo', region: 'eu-west-1', status: 'CREATING' })
  const { cluster } = await describeDemo(clientOf())
  expect(cluster?.status).toBe('CREATING')
  expect(cluster?.endpoint).toBeUndefined()
})

test('a cluster is only found by its own account in its own region, while it is there', async () => {
  aws.putCluster({ name: 'demo', region: 'eu-west-1' })
  aws.putCluster({ name: 'demo', region: 'us-west-2', account: '444455556666' })
  const credentials = issue()
  const missing = { name: 'ResourceNotFoundException', message: 'No cluster found for name: demo.' }
  await expect(describeDemo(clientOf(credentials, 'us-west-2'))).rejects.toMatchObject(missing)
  await expect(describeDemo(clientOf(credentials))).resolves.toMatchObject({ cluster: { arn: CLUSTER } })
  aws.removeCluster(CLUSTER)
  await expect(describeDemo(clientOf(credentials))).rejects.toMatchObject(missing)
})

test('ListClusters pages through the names', async () => {
  const names = Array.from({ length: 7 }, (_, index) => `c${index}`)
  for (const name of [...names].reverse()) aws.putCluster({ name, region: 'eu-west-1' })
  aws.putCluster({ name: 'elsewhere', region: 'us-east-1' })
  const client = clientOf()
  const pages: (string[] | undefined)[] = []
  for await (const page of paginateListClusters({ client, pageSize: 3 }, {})) pages.push(page.clusters)
  expect(pages).toEqual([names.slice(0, 3), names.slice(3, 6), names.slice(6)])
  await expect(client.send(new ListClustersCommand({ nextToken: 'AAAA' }))).rejects.toMatchObject({
    name: 'InvalidParameterException',
  })
})

test.each<[string, PolicyStatement[], string]>([
  ['no policy', [], 'because no identity-based policy allows the eks:DescribeCluster action'],
  [
    'another action allowed',
    [{ ...ALLOW, Action: 'eks:List*' }],
    'because no identity-based policy allows the eks:DescribeCluster action',
  ],
  [
    'another cluster allowed',
    [{ ...ALLOW, Resource: 'arn:aws:eks:*:*:cluster/demo2' }],
    'because no identity-based policy allows the eks:DescribeCluster action',
  ],
  [
    'an explicit deny',
    [ALLOW, { Effect: 'Deny', Action: 'EKS:describe*', Resource: 'arn:aws:eks:*:*:cluster/d?mo' }],
    'with an explicit deny in an identity-based policy',
  ],
])('with %s DescribeCluster is denied as AWS words it', async (_what, statements, reason) => {
  const failed = describeDemo(clientOf(issue(createRunner(...statements))))
  await expect(failed).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: `User: ${SESSION} is not authorized to perform: eks:DescribeCluster on resource: ${CLUSTER} ${reason}`,
    $metadata: { httpStatusCode: 403 },
  })
})

test('a policy that is put later allows, and denies again when it is gone', async () => {
  aws.putCluster({ name: 'demo', region: 'eu-west-1' })
  const role = createRunner()
  const client = clientOf(issue(role))
  aws.identities.putPolicy(role.arn, 'eks', { Statement: [{ ...ALLOW, Resource: CLUSTER }] })
  await expect(describeDemo(client)).resolves.toBeDefined()
  aws.identities.deletePolicy(role.arn, 'eks')
  await expect(describeDemo(client)).rejects.toMatchObject({ name: 'AccessDeniedException' })
})

test('a policy with a part that the lab cannot evaluate is refused when it is put', () => {
  const role = createRunner()
  const odd = { Effect: 'Allow', NotAction: 'iam:*', Action: '*', Resource: '*' } as const
  expect(() => aws.identities.putPolicy(role.arn, 'odd', { Statement: [odd] })).toThrow(/NotAction/)
})

test('a request that is changed after signing does not match', async () => {
  aws.putCluster({ name: 'other', region: 'eu-west-1' })
  const client = tamper(clientOf(), request => {
    request.path = '/clusters/other'
  })
  await expect(describeDemo(client)).rejects.toMatchObject({
    name: 'InvalidSignatureException',
    message: expect.stringMatching(/^The request signature we calculated does not match/),
    $metadata: { httpStatusCode: 403 },
  })
})

test('a wrong secret, a foreign session token and a missing one are refused', async () => {
  const role = createRunner(ALLOW)
  const [one, two] = [issue(role), issue(role)]
  const wrong = clientOf({ ...one, secretAccessKey: two.secretAccessKey })
  await expect(describeDemo(wrong)).rejects.toMatchObject({ name: 'InvalidSignatureException' })
  const unknown = {
    name: 'UnrecognizedClientException',
    message: 'The security token included in the request is invalid.',
    $metadata: { httpStatusCode: 403 },
  }
  const { accessKeyId, secretAccessKey } = one
  await expect(describeDemo(clientOf({ ...one, sessionToken: two.sessionToken }))).rejects.toMatchObject(
    unknown,
  )
  await expect(describeDemo(clientOf({ accessKeyId, secretAccessKey } as never))).rejects.toMatchObject(
    unknown,
  )
})

test('an expired session is told so', async () => {
  const credentials = issue()
  const { sessionToken, accessKeyId, secretAccessKey } = credentials
  aws.identities.expireSession(accessKeyId)
  // Without the expiry, so that the SDK itself does not notice.
  const client = clientOf({ sessionToken, accessKeyId, secretAccessKey } as never)
  await expect(describeDemo(client)).rejects.toMatchObject({
    name: 'ExpiredTokenException',
    message: 'The security token included in the request is expired',
    $metadata: { httpStatusCode: 403 },
  })
})

test('keys of a role that is replaced by one of the same name are unknown', async () => {
  aws.putCluster({ name: 'demo', region: 'eu-west-1' })
  const role = createRunner(ALLOW)
  const old = clientOf(issue(role))
  const replaced = aws.identities.replaceRole(role.arn)
  expect(replaced.arn).toBe(role.arn)
  expect(replaced.uniqueId).not.toBe(role.uniqueId)
  await expect(describeDemo(old)).rejects.toMatchObject({ name: 'UnrecognizedClientException' })
  await expect(describeDemo(clientOf(issue(replaced)))).resolves.toBeDefined()
})

test('keys of one partition are unknown in another', async () => {
  const failed = describeDemo(clientOf(issue(), 'cn-north-1'))
  await expect(failed).rejects.toMatchObject({ name: 'UnrecognizedClientException' })
})

test('an unsigned request is told what is missing', async () => {
  const { status, headers, body } = await ask(`${aws.eksEndpoint}/clusters`)
  expect(status).toBe(403)
  expect(headers['x-amzn-errortype']).toBe('MissingAuthenticationTokenException')
  expect(JSON.parse(body)).toEqual({ message: 'Missing Authentication Token' })
})

test('the log tells who asked for what and how it went, and no secret', async () => {
  const credentials = issue()
  await describeDemo(clientOf(credentials)).catch(() => {})
  expect(aws.requests).toEqual([
    {
      at: expect.any(Date),
      service: 'eks',
      method: 'GET',
      operation: 'DescribeCluster',
      region: 'eu-west-1',
      identity: SESSION,
      status: 404,
      userAgent: expect.stringContaining('aws-sdk-js'),
    },
  ])
  const log = JSON.stringify(aws.requests)
  for (const secret of [credentials.secretAccessKey, credentials.sessionToken, credentials.accessKeyId]) {
    expect(log).not.toContain(secret)
  }
})
