import { createServer, type RequestListener } from 'node:http'
import type { PolicyStatement } from '../../lab/aws/policy.ts'
import { listen } from '../../lab/aws/server.ts'
import { findAccessEntry } from '../../src/aws/access-entries.ts'
import { calling, createRole, enter, type Stage, sessionOf } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await enter()
  stage.aws.putCluster({ name: 'demo', region: 'us-east-1', authenticationMode: 'API' })
  const cluster = 'arn:aws:eks:us-east-1:111122223333:cluster/demo'
  for (const name of ['runner', 'nodes']) {
    stage.aws.identities.createRole({ name, path: '/team/', trust: { Statement: [] } })
  }
  // More than a page of them.
  for (let number = 0; number < 120; number++) {
    const { arn } = stage.aws.identities.createRole({ name: `a-${number}`, trust: { Statement: [] } })
    stage.aws.accessEntries.create(cluster, { principalArn: arn })
  }
  stage.aws.accessEntries.create(cluster, {
    principalArn: `${ROLE}/team/runner`,
    username: 'demo',
    kubernetesGroups: ['a', 'b'],
  })
})
afterAll(() => stage.leave())

const ROLE = 'arn:aws:iam::111122223333:role'
let count = 0

/** Searches as a role that may do what is given. */
function search(arn: string, { whole = false, may = [] as string[], cluster = 'demo' } = {}) {
  const allowed: PolicyStatement[] = may.length > 0 ? [{ Effect: 'Allow', Action: may, Resource: '*' }] : []
  const asking = sessionOf(stage.aws, createRole(stage.aws, `asking-${++count}`, ...allowed))
  return findAccessEntry(cluster, { arn, whole }, asking, 'us-east-1', calling())
}

const LIST = 'eks:ListAccessEntries'
const DESCRIBE = 'eks:DescribeAccessEntry'

test('an entry is found by the ARN with its path', async () => {
  expect(await search(`${ROLE}/team/runner`, { whole: true, may: [DESCRIBE] })).toEqual({
    kind: 'found',
    entry: {
      principalArn: `${ROLE}/team/runner`,
      username: 'demo',
      groups: ['a', 'b'],
      createdAt: expect.stringMatching(/^20.*Z$/),
      modifiedAt: expect.stringMatching(/^20.*Z$/),
    },
    asked: [expect.stringMatching(/^eks:DescribeAccessEntry of .*: username demo; groups a, b; created 20/)],
  })
})

test('an entry is found by the name of the role alone, among many pages of them', async () => {
  expect(await search(`${ROLE}/runner`, { may: [LIST, DESCRIBE] })).toMatchObject({
    kind: 'found',
    entry: { principalArn: `${ROLE}/team/runner`, username: 'demo' },
  })
})

test('an entry that may be listed and not be read is there', async () => {
  expect(await search(`${ROLE}/runner`, { may: [LIST] })).toEqual({
    kind: 'listed',
    principalArn: `${ROLE}/team/runner`,
    asked: [expect.stringContaining('121 in all, one of them for')],
  })
})

test.each([
  ['another role', `${ROLE}/team/nodes`],
  ['the same name in another account', `${ROLE}/runner`.replace('1111', '9999')],
  ['a user of that name', 'arn:aws:iam::111122223333:user/runner'],
  ['what is neither role nor user', 'arn:aws:iam::111122223333:root'],
])('the list has none for %s', async (_what, arn) => {
  expect(await search(arn, { may: [LIST, DESCRIBE] })).toMatchObject({ kind: 'none', sure: true })
})

test.each([
  [true, true],
  [false, false],
])('that there is none of an ARN is sure if it has its path: %s', async (whole, sure) => {
  expect(await search(`${ROLE}/runner`, { whole, may: [DESCRIBE] })).toEqual({
    kind: 'none',
    sure,
    asked: [
      expect.stringMatching(/^eks:ListAccessEntries answered 403 AccessDeniedException: User: /),
      expect.stringMatching(/^eks:DescribeAccessEntry of .* answered 404 ResourceNotFoundException: /),
    ],
  })
})

test('that there is no such cluster says nothing of entries', async () => {
  expect(await search(`${ROLE}/runner`, { may: [LIST, DESCRIBE], cluster: 'other' })).toMatchObject({
    kind: 'unknown',
  })
})

test('where neither may be asked, nothing is known', async () => {
  const { kind, asked } = await search(`${ROLE}/team/runner`)
  expect(kind).toBe('unknown')
  expect(asked).toHaveLength(2)
})

/** Searches where the EKS API is another than the lab's. */
async function searchAt(answer: RequestListener) {
  const server = await listen(createServer(answer))
  const before = process.env.AWS_ENDPOINT_URL_EKS
  process.env.AWS_ENDPOINT_URL_EKS = `http://127.0.0.1:${server.port}`
  const asking = sessionOf(stage.aws, createRole(stage.aws, `asking-${++count}`))
  const principal = { arn: `${ROLE}/runner`, whole: false }
  try {
    return await findAccessEntry('demo', principal, asking, 'us-east-1', calling(2))
  } finally {
    process.env.AWS_ENDPOINT_URL_EKS = before
    await server.stop()
  }
}

test('what does not answer says so', async () => {
  const { kind, asked } = await searchAt(request => request.socket.destroy())
  expect(kind).toBe('unknown')
  expect(asked).toEqual([
    'eks:ListAccessEntries: no answer',
    `eks:DescribeAccessEntry of ${ROLE}/runner: no answer`,
  ])
})

test('an answer without what it should have is one of nothing', async () => {
  const found = await searchAt((_request, response) => response.end('{}'))
  const entry = { principalArn: `${ROLE}/runner`, username: '', groups: [] }
  expect(found).toMatchObject({
    kind: 'found',
    entry,
    asked: [expect.stringContaining('username none; groups none')],
  })
  const listed = await searchAt((request, response) => {
    response.statusCode = request.url?.endsWith('access-entries') ? 200 : 400
    response.end('{}')
  })
  expect(listed).toMatchObject({ kind: 'none', sure: true })
})
