import { loadAll } from 'js-yaml'
import { policyFor, policyName, type Right, type Subject } from '../../src/kube/policy.ts'

const USER: Subject = { kind: 'User', name: 'demo' }
const resource = (given: object, namespaced = true): Right => ({
  kind: 'resource',
  attributes: {
    verb: 'list',
    group: '',
    resource: 'pods',
    subresource: '',
    namespace: '',
    name: '',
    ...given,
  },
  namespaced,
})
const rulesOf = (right: Right) =>
  (loadAll(policyFor([right], USER, 'x')) as { rules?: object[] }[]).flatMap(({ rules = [] }) => rules)

test('what is asked of one namespace is a Role there, and its binding to the subject', () => {
  const objects = loadAll(policyFor([resource({ namespace: 'web' })], USER, 'x'))
  const metadata = { name: 'x', namespace: 'web' }
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  const apiGroup = 'rbac.authorization.k8s.io'
  expect(objects).toEqual([
    {
      apiVersion,
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
    },
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup, kind: 'Role', name: 'x' },
      subjects: [{ apiGroup, kind: 'User', name: 'demo' }],
    },
  ])
})

test.each([
  ['all namespaces', resource({})],
  [
    'what is in none, whatever namespace is sent along',
    resource({ resource: 'nodes', namespace: 'web' }, false),
  ],
  ['a URL', { kind: 'url', attributes: { verb: 'get', path: '/healthz' } } as Right],
])('what is asked of %s is a ClusterRole', (_what, right) => {
  const objects = loadAll(policyFor([right], { kind: 'Group', name: 'ci: all' }, 'x'))
  expect(objects).toMatchObject([
    { kind: 'ClusterRole', metadata: { name: 'x' } },
    {
      kind: 'ClusterRoleBinding',
      roleRef: { kind: 'ClusterRole' },
      subjects: [{ kind: 'Group', name: 'ci: all' }],
    },
  ])
})

test.each([
  [
    resource({ group: 'apps', resource: 'deployments', subresource: 'scale', verb: 'patch', name: 'web' }),
    { apiGroups: ['apps'], resources: ['deployments/scale'], resourceNames: ['web'], verbs: ['patch'] },
  ],
  [resource({ group: '*', resource: '*', verb: '*' }), { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
  [
    resource({ verb: 'create', name: 'web' }),
    // A request that makes an object names none.
    { apiGroups: [''], resources: ['pods'], verbs: ['create'] },
  ],
  [
    resource({ verb: 'create', name: 'web', subresource: 'exec' }),
    { apiGroups: [''], resources: ['pods/exec'], resourceNames: ['web'], verbs: ['create'] },
  ],
  [
    resource({ verb: 'deletecollection', name: 'web' }),
    { apiGroups: [''], resources: ['pods'], verbs: ['deletecollection'] },
  ],
  [
    { kind: 'url', attributes: { verb: 'get', path: '/logs/*' } } as Right,
    { nonResourceURLs: ['/logs/*'], verbs: ['get'] },
  ],
])('the least rule for %j', (right, rule) => {
  expect(rulesOf(right)).toEqual([rule])
})

test('rights in several places make one manifest, with a role in each', () => {
  const rights = [resource({ namespace: 'web' }), resource({ namespace: 'ops' }), resource({}), resource({})]
  const objects = loadAll(policyFor(rights, USER, 'x')) as { kind: string; rules?: object[] }[]
  expect(objects.map(({ kind }) => kind)).toEqual([
    ...['ClusterRole', 'ClusterRoleBinding'],
    ...['Role', 'RoleBinding', 'Role', 'RoleBinding'],
  ])
  expect(objects[0]?.rules).toHaveLength(1)
})

describe('the name of a policy', () => {
  test('says whose it is and what it allows', () => {
    expect(policyName(USER, 'list pods')).toBe('eks-login-demo-list-pods')
    expect(policyName(USER, 'get deployments.apps -n web')).toMatch(
      /^eks-login-demo-get-deployments\.apps-n-web/,
    )
  })

  test.each([
    ['system:node:ip-10-0-0-1', 'list pods'],
    ['Demo', 'list pods'],
    ['demo', 'get pods/log'],
    ['demo', 'get pods --subresource=log'],
    ['demo', '* *.*'],
    [
      'arn:aws:sts::111122223333:assumed-role/runner/i-0a1b2c3d4e5f67890',
      `get secrets/${'x'.repeat(253)} -n web`,
    ],
    ['ä/..-', 'get /healthz'],
    ['', ''],
  ])('is a valid one for %j and %j, its own and the same each time', (name, what) => {
    const spelled = policyName({ kind: 'User', name }, what)
    expect(spelled).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/)
    expect(spelled.length).toBeLessThanOrEqual(63)
    expect(policyName({ kind: 'User', name }, what)).toBe(spelled)
    expect(policyName({ kind: 'Group', name }, what)).not.toBe(spelled)
    expect(policyName({ kind: 'User', name: `${name}x` }, what)).not.toBe(spelled)
  })

  test('differs where only the spelling is the same', () => {
    expect(policyName(USER, 'get pods/log')).not.toBe(policyName(USER, 'get pods --subresource=log'))
    expect(policyName({ kind: 'User', name: 'Demo' }, 'list pods')).not.toBe(policyName(USER, 'list pods'))
  })
})
