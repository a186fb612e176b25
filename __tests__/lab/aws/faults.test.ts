import { DescribeClusterCommand, EKSClient, ListClustersCommand } from '@aws-sdk/client-eks'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { type LabAws, startAws } from '../../../lab/aws/aws.ts'
import type { Fault } from '../../../lab/aws/faults.ts'
import { ask } from './ask.ts'

let aws: LabAws
let eks: EKSClient
let sts: STSClient
beforeEach(async () => {
  aws = await startAws()
  aws.putCluster({ name: 'demo', region: 'eu-west-1' })
  const allow = { Statement: [{ Effect: 'Allow', Action: 'eks:*', Resource: '*' }] } as const
  const user = aws.identities.createUser({ name: 'ada', policies: { allow } })
  const common = {
    region: 'eu-west-1',
    credentials: aws.identities.createAccessKey(user.arn),
    maxAttempts: 1,
  }
  eks = new EKSClient({ ...common, endpoint: aws.eksEndpoint })
  sts = new STSClient({ ...common, endpoint: aws.stsEndpoint })
})
afterEach(async () => {
  eks.destroy()
  sts.destroy()
  await aws.stop()
})

const describeDemo = () => eks.send(new DescribeClusterCommand({ name: 'demo' }))
const list = () => eks.send(new ListClustersCommand({}))
const whoAmI = () => sts.send(new GetCallerIdentityCommand({}))

test.each<[Fault, object, object]>([
  [
    { kind: 'throttle' },
    { name: 'ThrottlingException', $metadata: { httpStatusCode: 429 } },
    { name: 'Throttling', $metadata: { httpStatusCode: 400 } },
  ],
  [
    { kind: 'server-error', status: 500 },
    { name: 'ServerException', $metadata: { httpStatusCode: 500 } },
    { name: 'InternalFailure', $metadata: { httpStatusCode: 500 } },
  ],
  [
    { kind: 'server-error', status: 503 },
    { name: 'ServiceUnavailableException', $metadata: { httpStatusCode: 503 } },
    { name: 'ServiceUnavailable', $metadata: { httpStatusCode: 503 } },
  ],
  [
    { kind: 'reset' },
    { message: expect.stringContaining('socket hang up') },
    { message: expect.stringContaining('socket hang up') },
  ],
  [
    { kind: 'denied' },
    {
      name: 'AccessDeniedException',
      message:
        'User: arn:aws:iam::111122223333:user/ada is not authorized to perform: eks:DescribeCluster on resource: ' +
        'arn:aws:eks:eu-west-1:111122223333:cluster/demo because no identity-based policy allows the ' +
        'eks:DescribeCluster action',
    },
    { name: 'AccessDenied' },
  ],
  [{ kind: 'malformed' }, { name: 'SyntaxError' }, {}],
  [{ kind: 'html' }, { name: 'SyntaxError' }, {}],
])('%j hits once, then all is well', async (fault, eksError, stsError) => {
  const orders = [
    aws.fail({ service: 'eks', times: 1 }, fault),
    aws.fail({ service: 'sts', times: 1 }, fault),
  ]
  await expect(describeDemo()).rejects.toMatchObject(eksError)
  const identity = await whoAmI().catch(error => error)
  // What the SDK makes of a page that is no XML is its own affair, as long as it names nobody.
  expect(identity).toMatchObject(stsError)
  expect(identity.Arn).toBeUndefined()
  expect(orders.map(order => order.hits)).toEqual([1, 1])
  await expect(describeDemo()).resolves.toMatchObject({ cluster: { name: 'demo' } })
  await expect(whoAmI()).resolves.toMatchObject({ Account: aws.account })
})

test('a slow answer is the right one, but late', async () => {
  aws.fail({ service: 'eks' }, { kind: 'slow', milliseconds: 250 })
  const start = performance.now()
  await expect(describeDemo()).resolves.toMatchObject({ cluster: { name: 'demo' } })
  expect(performance.now() - start).toBeGreaterThanOrEqual(245)
})

test('a fault of one operation leaves others alone, and lasts until it is cancelled', async () => {
  const order = aws.fail({ service: 'eks', operation: 'ListClusters' }, { kind: 'throttle' })
  await expect(describeDemo()).resolves.toBeDefined()
  for (const _ of [1, 2, 3]) await expect(list()).rejects.toMatchObject({ name: 'ThrottlingException' })
  order.cancel()
  await expect(list()).resolves.toMatchObject({ clusters: ['demo'] })
  expect(order.hits).toBe(3)
})

test('faults of the same request come in the order they were made', async () => {
  aws.fail({ service: 'eks', times: 1 }, { kind: 'throttle' })
  aws.fail({ service: 'eks', times: 1 }, { kind: 'server-error', status: 503 })
  await expect(list()).rejects.toMatchObject({ name: 'ThrottlingException' })
  await expect(list()).rejects.toMatchObject({ name: 'ServiceUnavailableException' })
  await expect(list()).resolves.toBeDefined()
})

test('the log shows what a fault answered', async () => {
  aws.fail({ service: 'eks', times: 1 }, { kind: 'reset' })
  aws.fail({ service: 'imds', times: 1 }, { kind: 'server-error', status: 503 })
  await list().catch(() => {})
  await ask(`${aws.metadataEndpoint}/latest/meta-data/instance-id`)
  expect(aws.requests).toMatchObject([
    {
      service: 'eks',
      operation: 'ListClusters',
      identity: 'arn:aws:iam::111122223333:user/ada',
      status: null,
    },
    { service: 'imds', operation: 'GetMetadata', identity: null, status: 503 },
  ])
})

test('an answer is cut off, its length known or not', async () => {
  for (const framing of ['length', 'chunks'] as const) {
    const order = aws.fail({ service: 'imds' }, { kind: 'cut', framing })
    const answer = await fetch(`${aws.metadataEndpoint}/latest/meta-data/`)
    expect(answer.headers.has('content-length')).toBe(framing === 'length')
    await expect(answer.text()).rejects.toThrow('terminated')
    order.cancel()
  }
})

test('an answer drips, and is the right one in the end', async () => {
  aws.instance.access = 'token-optional'
  aws.fail({ service: 'imds' }, { kind: 'drip', milliseconds: 1 })
  const answer = await fetch(`${aws.metadataEndpoint}/latest/meta-data/instance-id`)
  expect(await answer.text()).toBe(aws.instance.id)
})

test('an answer has no end until the client hangs up', async () => {
  aws.fail({ service: 'imds' }, { kind: 'flood' })
  const answer = await fetch(`${aws.metadataEndpoint}/latest/meta-data/`)
  let bytes = 0
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length
    if (bytes > 2 ** 20) break
  }
  expect(bytes).toBeGreaterThan(2 ** 20)
})

test('an answer is another, word for word', async () => {
  const answer = { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: 'there' }
  aws.fail({ service: 'imds' }, { kind: 'other', answer })
  const got = await fetch(`${aws.metadataEndpoint}/latest/`, { redirect: 'manual' })
  expect([got.status, got.headers.get('location'), await got.text()]).toEqual([
    302,
    'http://127.0.0.1:1/',
    'there',
  ])
})
