import { createServer } from 'node:http'
import { listen } from '../../lab/aws/server.ts'
import { openAccessEntries } from '../../src/aws/access-entry-changes.ts'
import { calling, createRole, enter, type Stage, sessionOf } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await enter()
  stage.aws.putCluster({ name: 'demo', region: 'us-east-1', authenticationMode: 'API' })
})
afterAll(() => stage.leave())

const CLUSTER = 'arn:aws:eks:us-east-1:111122223333:cluster/demo'
const ADMIN_POLICY = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy'
let count = 0

function entries() {
  const role = createRole(stage.aws, `admin-${++count}`, { Effect: 'Allow', Action: 'eks:*', Resource: '*' })
  return openAccessEntries('demo', sessionOf(stage.aws, role), 'us-east-1', calling())
}

const newRole = () =>
  stage.aws.identities.createRole({ name: `role-${++count}`, path: '/ci/', trust: { Statement: [] } }).arn

test('an entry is made, read, changed and taken away, which twice is as good as once', async () => {
  const [arn, of] = [newRole(), await entries()]
  expect(await of.read(arn)).toBeNull()
  await of.create(arn, { username: 'one', groups: ['a'], tags: { by: 'us' } })
  expect(await of.read(arn)).toEqual({
    ...{ username: 'one', groups: ['a'], tags: { by: 'us' }, type: 'STANDARD', policies: [] },
    accessEntryArn: expect.stringContaining(':access-entry/demo/role/'),
  })
  await of.update(arn, { username: 'other', groups: [] })
  stage.aws.accessEntries.associate(CLUSTER, arn, ADMIN_POLICY, { type: 'cluster' })
  expect(await of.read(arn)).toMatchObject({ username: 'other', groups: [], policies: [ADMIN_POLICY] })
  await of.remove(arn)
  await of.remove(arn)
  expect(await of.read(arn)).toBeNull()
})

test('what EKS refuses is told in its words', async () => {
  const of = await entries()
  await expect(
    of.create('arn:aws:iam::111122223333:role/nobody', { username: 'x', groups: [], tags: {} }),
  ).rejects.toMatchObject({
    evidence: { kind: 'refused', asked: 'eks:CreateAccessEntry', code: 'InvalidParameterException' },
  })
  await expect(of.update(newRole(), { username: 'x', groups: [] })).rejects.toMatchObject({
    evidence: { asked: 'eks:UpdateAccessEntry', code: 'ResourceNotFoundException' },
  })
})

test('policies come in pages, and what an answer leaves out is nothing', async () => {
  const pages = [
    { accessEntry: {} },
    { associatedAccessPolicies: [{ policyArn: 'A' }, {}], nextToken: 'next' },
    { associatedAccessPolicies: [{ policyArn: 'B' }] },
    {},
    {},
  ]
  const server = createServer((_request, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(pages.shift() ?? {})),
  )
  const { port, stop } = await listen(server)
  const before = process.env.AWS_ENDPOINT_URL_EKS
  process.env.AWS_ENDPOINT_URL_EKS = `http://127.0.0.1:${port}`
  try {
    const of = await entries()
    const nothing = { accessEntryArn: '', username: '', groups: [], type: '', tags: {} }
    expect(await of.read('arn')).toEqual({ ...nothing, policies: ['A', 'B'] })
    expect(await of.read('arn')).toEqual({ ...nothing, policies: [] })
  } finally {
    process.env.AWS_ENDPOINT_URL_EKS = before
    await stop()
  }
})
