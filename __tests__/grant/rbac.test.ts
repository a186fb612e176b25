import { changesOf, MANAGED_BY, placeOf, ROLE_ANNOTATION } from '../../src/grant/rbac.ts'
import { policyObjects, type RbacObject, type Right } from '../../src/kube/policy.ts'

const RUNNER = 'arn:aws:iam::111122223333:role/ci/runner'

const right = (namespace: string, verb = 'list'): Right => ({
  kind: 'resource',
  attributes: { verb, group: '', resource: 'pods', subresource: '', namespace, name: '' },
  namespaced: true,
})

/** The objects of a grant of the name `x`. */
const granted = (rights: Right[], username = 'demo') =>
  policyObjects(rights, [{ kind: 'User', name: username }], {
    name: 'x',
    labels: MANAGED_BY,
    annotations: { [ROLE_ANNOTATION]: RUNNER },
  })

const deeds = (found: RbacObject[], wanted: RbacObject[]) =>
  changesOf(found, wanted).map(({ action, object }) => `${action} ${placeOf(object)}`)

test('an object is called by its kind, its namespace and its name', () => {
  expect(granted([right(''), right('web')]).map(placeOf)).toEqual([
    'ClusterRole x',
    'ClusterRoleBinding x',
    'Role web/x',
    'RoleBinding web/x',
  ])
})

describe('in which order', () => {
  const everywhere = granted([right('web'), right(''), right('ops')])

  test('roles are made before the bindings that name them', () => {
    expect(deeds([], everywhere)).toEqual([
      'create ClusterRole x',
      'create Role ops/x',
      'create Role web/x',
      'create ClusterRoleBinding x',
      'create RoleBinding ops/x',
      'create RoleBinding web/x',
    ])
  })

  test('bindings are deleted before the roles that they name', () => {
    expect(deeds(everywhere, [])).toEqual([
      'delete RoleBinding web/x',
      'delete RoleBinding ops/x',
      'delete ClusterRoleBinding x',
      'delete Role web/x',
      'delete Role ops/x',
      'delete ClusterRole x',
    ])
  })

  test('what is not wanted any more goes at the end', () => {
    expect(deeds(granted([right(''), right('web')]), granted([right('', 'get'), right('ops')]))).toEqual([
      'update ClusterRole x',
      'create Role ops/x',
      'create RoleBinding ops/x',
      'delete RoleBinding web/x',
      'delete Role web/x',
    ])
  })
})

describe('what is there', () => {
  const wanted = granted([right('web')])
  const [role, binding] = wanted as [RbacObject, RbacObject]
  const withMeta = (meta: object): RbacObject => ({ ...role, metadata: { ...role.metadata, ...meta } })

  test('and is as it shall be is left alone', () => {
    expect(changesOf(wanted, granted([right('web')]))).toEqual([])
  })

  test('may have labels and annotations of others beside', () => {
    const labels = { ...role.metadata.labels, team: 'web' }
    const annotations = { ...role.metadata.annotations, note: 'mind' }
    expect(changesOf([withMeta({ labels, annotations }), binding], wanted)).toEqual([])
  })

  test.each<[string, RbacObject]>([
    ['other rules', { ...role, rules: [] }],
    ['a rule more', { ...role, rules: [...(role.rules ?? []), { verbs: ['get'] }] }],
    ['another label', withMeta({ labels: { 'app.kubernetes.io/managed-by': 'somebody' } })],
    ['no label', withMeta({ labels: undefined })],
    ['no annotation', withMeta({ annotations: undefined })],
  ])('with %s is made what it shall be, and told as it was', (_what, found) => {
    expect(changesOf([found, binding], wanted)).toEqual([{ action: 'update', object: role, before: found }])
  })

  test('and binds another user is bound anew', () => {
    expect(deeds(granted([right('web')], 'other'), wanted)).toEqual(['update RoleBinding web/x'])
  })

  test('in another namespace is another object, though it has the name', () => {
    expect(deeds([role, binding], granted([right('ops')]))).toEqual([
      'create Role ops/x',
      'create RoleBinding ops/x',
      'delete RoleBinding web/x',
      'delete Role web/x',
    ])
  })
})

test('what is made has nothing before it, and what goes is what was found', () => {
  const [role] = granted([right('')])
  expect(changesOf([], [role as RbacObject])).toEqual([{ action: 'create', object: role, before: null }])
  expect(changesOf([role as RbacObject], [])).toEqual([{ action: 'delete', object: role, before: role }])
})
