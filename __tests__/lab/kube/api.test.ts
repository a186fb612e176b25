import { request } from 'node:https'
import { ask, type ServerAddress } from '../../../lab/admin.ts'
import { createAuthority } from '../../../lab/certificates.ts'
import { answerRequest } from '../../../lab/kube/api.ts'
import { bootstrap } from '../../../lab/kube/bootstrap.ts'
import { serveHttps } from '../../../lab/kube/endpoint.ts'
import { Store } from '../../../lab/kube/store.ts'

// The API server over HTTPS, with bearer tokens that say whose they are. That its answers are a real one's is a test
// of the real cluster; these are for what it does not do, and for what needs no other judge.

const RBAC = 'rbac.authorization.k8s.io/v1'
let server: Awaited<ReturnType<typeof serveHttps>>
let caPem: string
beforeAll(async () => {
  const authority = await createAuthority('Cluster CA')
  caPem = authority.certificatePem
  const store = bootstrap(new Store())
  const authenticate = async (token: string) =>
    token === 'nobody' ? undefined : { username: token, groups: token === 'admin' ? ['system:masters'] : [] }
  server = await serveHttps(await authority.issue(['127.0.0.1']), received =>
    answerRequest(received, store, authenticate),
  )
})
afterAll(() => server?.stop())

const as = (token?: string): ServerAddress => ({ port: server.port, caPem, ...(token ? { token } : {}) })
const statusOf = (message: RegExp | string, code: number) => ({
  status: code,
  body: expect.objectContaining({ kind: 'Status', code, message: expect.stringMatching(message) }),
})

const CONFIG_MAP = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' }, data: { a: 'b' } }
const MAPS = '/api/v1/namespaces/default/configmaps'

test.each([
  [
    'a resource that it does not keep',
    'GET',
    '/apis/apps/v1/deployments',
    undefined,
    /serve deployments of apps/,
  ],
  [
    'pods to make',
    'POST',
    '/api/v1/namespaces/default/pods',
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } },
    /any of it/,
  ],
  ['watching', 'GET', '/api/v1/namespaces?watch=1', undefined, /watch objects/],
  ['a subresource', 'GET', '/api/v1/namespaces/default/status', undefined, /the subresource status/],
  ['a field that it does not know', 'POST', MAPS, { ...CONFIG_MAP, immutable: true }, /ConfigMap\.immutable/],
  ['a value that is no text', 'POST', MAPS, { ...CONFIG_MAP, data: { a: 1 } }, /ConfigMap\.data\.a/],
  ['a name that is none', 'POST', MAPS, { ...CONFIG_MAP, metadata: { name: 'No' } }, /the name "No"/],
  [
    'a rule without verbs',
    'POST',
    `/apis/${RBAC}/clusterroles`,
    {
      apiVersion: RBAC,
      kind: 'ClusterRole',
      metadata: { name: 'x' },
      rules: [{ verbs: [], apiGroups: [''], resources: ['pods'] }],
    },
    /rules\[0\]/,
  ],
  [
    'an aggregated role',
    'POST',
    `/apis/${RBAC}/clusterroles`,
    { apiVersion: RBAC, kind: 'ClusterRole', metadata: { name: 'x' }, aggregationRule: {} },
    /aggregationRule/,
  ],
  [
    'a subject of no kind',
    'POST',
    `/apis/${RBAC}/clusterrolebindings`,
    {
      apiVersion: RBAC,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'x' },
      roleRef: { kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'Robot', name: 'x' }],
    },
    /subjects\[0\]/,
  ],
  [
    'a role to make by an update',
    'PUT',
    `/apis/${RBAC}/clusterroles/x`,
    { apiVersion: RBAC, kind: 'ClusterRole', metadata: { name: 'x' } },
    /make clusterroles by an update/,
  ],
  ['deleting a namespace', 'DELETE', '/api/v1/namespaces/default', undefined, /delete namespaces/],
  ['deleting everything', 'DELETE', MAPS, undefined, /deletecollection/],
  ['selecting by a field', 'GET', `${MAPS}?fieldSelector=data%3Dx`, undefined, /other fields/],
  ['selecting by sets', 'GET', `${MAPS}?labelSelector=a%20in%20(b)`, undefined, /select by labels/],
  ['a list in parts', 'GET', '/api/v1/namespaces?limit=1', undefined, /in parts/],
  ['checks one by one', 'GET', '/readyz?verbose', undefined, /one by one/],
  ['metrics', 'GET', '/metrics', undefined, /metrics/],
  ['OpenAPI 2', 'GET', '/openapi/v2', undefined, /OpenAPI v2/],
  [
    'a review of neither resource nor path',
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    { spec: {} },
    /neither/,
  ],
  [
    'a review by labels',
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    { spec: { resourceAttributes: { verb: 'list', resource: 'pods', labelSelector: {} } } },
    /labelSelector/,
  ],
  ['a review of tokens', 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: {} }, /tokenreviews/],
])('%s is 501, and it says what it does not do', async (_what, method, path, body, message) => {
  expect(await ask(as('admin'), method, path, body)).toEqual(statusOf(message, 501))
})

test('who brings no token is anonymous, and who brings a bad one is nobody', async () => {
  expect(await ask(as(), 'GET', '/version')).toMatchObject({ status: 200 })
  expect(await ask(as(), 'GET', '/api/v1/namespaces')).toEqual(
    statusOf('namespaces is forbidden: User "system:anonymous" cannot list resource "namespaces"', 403),
  )
  expect(await ask(as('nobody'), 'GET', '/version')).toEqual(statusOf('^Unauthorized$', 401))
})

test('a resource that one may not list is Forbidden, whether it is served or not', async () => {
  for (const path of ['/api/v1/pods', '/apis/apps/v1/deployments', '/api/v1/nothing']) {
    expect((await ask(as('demo'), 'GET', path)).status).toBe(403)
  }
})

test('of two who change an object from the same revision, the second is told of the conflict', async () => {
  const { body } = await ask(as('admin'), 'POST', MAPS, { ...CONFIG_MAP, metadata: { name: 'raced' } })
  expect((await ask(as('admin'), 'PUT', `${MAPS}/raced`, { ...(body as object), data: {} })).status).toBe(200)
  expect(await ask(as('admin'), 'PUT', `${MAPS}/raced`, body)).toEqual(
    statusOf('the object has been modified', 409),
  )
})

test('a dry run changes nothing', async () => {
  const path = `${MAPS}?dryRun=All`
  expect((await ask(as('admin'), 'POST', path, { ...CONFIG_MAP, metadata: { name: 'dry' } })).status).toBe(
    201,
  )
  expect((await ask(as('admin'), 'GET', `${MAPS}/dry`)).status).toBe(404)
})

test('only who may impersonate anybody is answered as another', async () => {
  const asking = (who: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { authorization: `Bearer ${who}`, 'impersonate-user': 'demo' }
      const options = { host: '127.0.0.1', port: server.port, ca: caPem, agent: false, path: MAPS, headers }
      request(options, answer => resolve(answer.resume().statusCode ?? 0))
        .on('error', reject)
        .end()
    })
  expect([await asking('admin'), await asking('reader')]).toEqual([403, 501])
})

test('a body in another format than JSON is refused, and one that is too large', async () => {
  const send = (type: string, body: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { authorization: 'Bearer admin', 'content-type': type }
      const options = {
        host: '127.0.0.1',
        port: server.port,
        ca: caPem,
        agent: false,
        method: 'POST',
        path: MAPS,
        headers,
      }
      request(options, answer => resolve(answer.resume().statusCode ?? 0))
        .on('error', reject)
        .end(body)
    })
  expect(await send('application/cbor', 'x')).toBe(415)
  expect(await send('application/vnd.kubernetes.protobuf', 'x')).toBe(400)
  // A Pod in an envelope, of which no message is known.
  expect(
    await send('application/vnd.kubernetes.protobuf', 'k8s\0\n\t\n\u0002v1\u0012\u0003Pod\u0012\0'),
  ).toBe(501)
  expect(await send('application/json', '{')).toBe(400)
  expect(await send('application/json', `"${'x'.repeat(4 * 1024 * 1024)}"`)).toBe(413)
})
