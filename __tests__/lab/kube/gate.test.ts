import { ask } from '../../../lab/admin.ts'
import { type Gate, openGate } from '../../../lab/kube/gate.ts'
import { type Lab, startLab } from '../../../lab/lab.ts'

let lab: Lab
let gate: Gate
beforeAll(async () => {
  lab = await startLab({ kubernetes: 'embedded' })
  const [cluster] = lab.clusters
  if (!cluster) throw new Error('there is no cluster')
  gate = await openGate(cluster)
})
afterAll(async () => {
  await gate?.stop()
  await lab?.stop()
})

const through = (path: string) =>
  ask({ port: Number(new URL(gate.endpoint).port), caPem: gate.caPem }, 'GET', path)

test('requests are handed on as they are, and the answers back', async () => {
  expect(await through('/version')).toMatchObject({ status: 200, body: { major: '1' } })
  expect(await through('/api/v1/namespaces')).toMatchObject({ status: 403, body: { kind: 'Status' } })
  expect(gate.requests.map(({ operation }) => operation)).toEqual(['/version', '/api/v1/namespaces'])
})

test('faults of one path are in the words of an API server, and leave others alone', async () => {
  gate.fail({ path: '/version', times: 1 }, { kind: 'throttle' })
  gate.fail({ path: '/version', times: 1 }, { kind: 'denied' })
  gate.fail({ path: '/version', times: 1 }, { kind: 'server-error', status: 504 })
  expect(await through('/api')).toMatchObject({
    status: 403,
    body: { message: expect.stringContaining('anonymous') },
  })
  expect(await through('/version')).toMatchObject({ status: 429, body: { reason: 'TooManyRequests' } })
  expect(await through('/version')).toMatchObject({ status: 403, body: { reason: 'Forbidden' } })
  expect(await through('/version')).toMatchObject({ status: 504, body: { reason: 'InternalError' } })
  expect(await through('/version')).toMatchObject({ status: 200 })
})

test('it answers with what is no answer', async () => {
  gate.fail({ times: 1 }, { kind: 'html' })
  gate.fail({ times: 1 }, { kind: 'malformed' })
  expect(await through('/version')).toMatchObject({ status: 200, body: expect.stringContaining('<title>') })
  expect(await through('/version')).toMatchObject({ status: 200, body: expect.stringContaining('"kind"') })
})
