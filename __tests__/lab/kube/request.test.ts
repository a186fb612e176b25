import { readRequest } from '../../../lab/kube/request.ts'

const rbac = 'rbac.authorization.k8s.io'

test.each([
  ['GET', '/api/v1/namespaces', 'list', { resource: 'namespaces' }],
  ['GET', '/api/v1/namespaces?watch=true', 'watch', { resource: 'namespaces' }],
  ['GET', '/api/v1/namespaces/web', 'get', { resource: 'namespaces', name: 'web', namespace: 'web' }],
  ['PUT', '/api/v1/namespaces/web/status', 'update', { resource: 'namespaces', subresource: 'status' }],
  ['GET', '/api/v1/namespaces/web/pods', 'list', { resource: 'pods', namespace: 'web' }],
  ['HEAD', '/api/v1/pods', 'list', { resource: 'pods' }],
  ['GET', '/api/v1/namespaces/web/pods/x/log', 'get', { resource: 'pods', name: 'x', subresource: 'log' }],
  [
    'POST',
    '/api/v1/namespaces/web/configmaps',
    'create',
    { resource: 'configmaps', namespace: 'web', name: '' },
  ],
  ['DELETE', '/api/v1/namespaces/web/configmaps', 'deletecollection', { resource: 'configmaps' }],
  ['DELETE', '/api/v1/namespaces/web/configmaps/x', 'delete', { resource: 'configmaps', name: 'x' }],
  ['PATCH', `/apis/${rbac}/v1/clusterroles/view`, 'patch', { group: rbac, version: 'v1', name: 'view' }],
  [
    'GET',
    '/api/v1/configmaps?fieldSelector=metadata.name%3Dx',
    'list',
    { resource: 'configmaps', name: 'x' },
  ],
  ['GET', `/apis/${rbac}/v1/clusterroles/a%3Ab`, 'get', { name: 'a:b' }],
])('%s %s is a %s', (method, target, verb, place) => {
  expect(readRequest(method, target)).toMatchObject({ verb, target: place })
})

test.each([
  ['GET', '/'],
  ['GET', '/healthz'],
  ['GET', '/api'],
  ['GET', '/api/v1'],
  ['GET', '/apis/apps'],
  ['POST', '/apis/apps/v1'],
])('%s %s is of no resource, and its verb is the method', (method, target) => {
  expect(readRequest(method, target)).toMatchObject({
    verb: method.toLowerCase(),
    path: target,
    target: undefined,
  })
})
