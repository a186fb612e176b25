import { demandNoEscalation } from '../../../lab/kube/escalation.ts'
import { CONFIG_MAP, KINDS } from '../../../lab/kube/kinds.ts'
import type {
  Attributes,
  KubeObject,
  PolicyRule,
  RbacBinding,
  RbacRole,
  UserInfo,
} from '../../../lab/kube/objects.ts'
import { Refusal } from '../../../lab/kube/status.ts'
import { policyOf } from './policy.ts'

// In the words of a real API server, which is asked for the same in __tests__/real/escalation.test.ts.

const apiGroup = 'rbac.authorization.k8s.io'
const apiVersion = `${apiGroup}/v1`

type Place = { name: string; namespace?: string; labels?: Record<string, string>; uid?: string }

function role(metadata: Place, ...rules: PolicyRule[]): RbacRole {
  return { apiVersion, kind: metadata.namespace ? 'Role' : 'ClusterRole', metadata, rules }
}

function binding(metadata: Place, kind: 'ClusterRole' | 'Role', name: string): RbacBinding {
  return {
    apiVersion,
    kind: metadata.namespace ? 'RoleBinding' : 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup, kind, name },
    subjects: [{ kind: 'User', name: 'demo' }],
  }
}

const demo: UserInfo = { username: 'demo', groups: ['devs', 'system:authenticated'] }
const get: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] }
const list: PolicyRule = { ...get, verbs: ['list'] }

/** The refusal of a write in a cluster of these objects, as its body tells it; undefined: it passes. */
function refusal(
  object: KubeObject,
  there: readonly KubeObject[],
  { user = demo, before }: { user?: UserInfo; before?: KubeObject } = {},
): unknown {
  const kind = KINDS.find(kind => kind.kind === object.kind) ?? CONFIG_MAP
  const { name, namespace = '' } = object.metadata
  const attributes: Attributes = {
    ...{ kind: 'resource', verb: 'create', apiGroup, resource: kind.resource, subresource: '', namespace },
    name: before ? name : '',
  }
  try {
    demandNoEscalation(user, attributes, { kind, object, before }, policyOf(...there))
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error.answer.body
    throw error
  }
}

/** What binds a user to these rules in the whole cluster. */
function holding(...rules: PolicyRule[]): KubeObject[] {
  return [role({ name: 'held' }, ...rules), binding({ name: 'held' }, 'ClusterRole', 'held')]
}

/** The lines of a refusal that list what a user has not, who holds one rule and gives others. */
function uncovered(held: PolicyRule, ...given: PolicyRule[]): readonly string[] {
  const refused = refusal(role({ name: 'x' }, ...given), holding(held)) as { message: string } | undefined
  return refused?.message.split('\n').slice(1) ?? []
}

describe('a role', () => {
  it('is refused with what its writer has not', () => {
    expect(refusal(role({ name: 'a "role"' }, get, list), holding(get))).toEqual({
      ...{
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        reason: 'Forbidden',
        code: 403,
      },
      message:
        'clusterroles.rbac.authorization.k8s.io "a \\"role\\"" is forbidden: user "demo" ' +
        '(groups=["devs" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
        '{APIGroups:[""], Resources:["pods"], Verbs:["list"]}',
      details: { name: 'a "role"', group: apiGroup, kind: 'clusterroles' },
    })
  })

  it('passes with what its writer has, of several bindings together', () => {
    const more = [role({ name: 'more' }, list), binding({ name: 'more' }, 'ClusterRole', 'more')]
    expect(refusal(role({ name: 'x' }, get, list), [...holding(get), ...more])).toBeUndefined()
    expect(refusal(role({ name: 'x' }), [])).toBeUndefined()
  })

  it('of a namespace may give what its writer has there, and no other', () => {
    const there = [
      role({ name: 'held', namespace: 'web' }, get),
      binding({ name: 'held', namespace: 'web' }, 'Role', 'held'),
    ]
    expect(refusal(role({ name: 'x', namespace: 'web' }, get), there)).toBeUndefined()
    expect(refusal(role({ name: 'x', namespace: 'shop' }, get), there)).toMatchObject({ code: 403 })
    expect(refusal(role({ name: 'x' }, get), there)).toMatchObject({ code: 403 })
  })

  it('is refused with what is missing of its writer’s own roles', () => {
    const gone = ['a', 'b'].map(name => binding({ name }, 'ClusterRole', 'gone'))
    const local = binding({ name: 'c', namespace: 'web' }, 'Role', 'gone "too"')
    const tail = (object: KubeObject) => (refusal(object, [...gone, local]) as Error).message.split('; ')[1]
    expect(tail(role({ name: 'x' }, get))).toBe(
      'resolution errors: [clusterroles.rbac.authorization.k8s.io "gone" not found]',
    )
    expect(tail(role({ name: 'x', namespace: 'web' }, get))).toBe(
      'resolution errors: [[roles.rbac.authorization.k8s.io "gone" not found, ' +
        'roles.rbac.authorization.k8s.io "gone \\"too\\"" not found]]',
    )
  })

  it('of any rules passes for who is in system:masters, or may escalate it', () => {
    const escalate = { verbs: ['escalate'], apiGroups: [apiGroup], resources: ['clusterroles'] }
    const x = role({ name: 'x' }, get)
    expect(refusal(x, [], { user: { username: 'admin', groups: ['system:masters'] } })).toBeUndefined()
    expect(refusal(x, holding(escalate))).toBeUndefined()
    expect(refusal(role({ name: 'x', namespace: 'web' }, get), holding(escalate))).toMatchObject({
      code: 403,
    })
    // Which name is to be made is not in the path, so that no right to this name is one to make it.
    const named = { ...escalate, resourceNames: ['x'] }
    expect(refusal(x, holding(named))).toMatchObject({ code: 403 })
    expect(refusal(x, holding(named), { before: role({ name: 'x' }) })).toBeUndefined()
  })

  it('that is aggregated is for those who may give anything', () => {
    const aggregated = { ...role({ name: 'x' }), aggregationRule: { clusterRoleSelectors: [{}] } }
    const all: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }
    const message =
      'clusterroles.rbac.authorization.k8s.io "x" is forbidden: must have cluster-admin privileges to use the aggregationRule'
    expect(refusal(aggregated, holding(get))).toMatchObject({ message })
    expect(refusal(role({ name: 'x' }), holding(get), { before: aggregated })).toMatchObject({ message })
    expect(refusal(aggregated, holding(all))).toBeUndefined()
  })
})

describe('what gives more than a rule', () => {
  it.each<[string, Partial<PolicyRule>, Partial<PolicyRule>, string[]]>([
    ['another verb', {}, { verbs: ['list'] }, ['{APIGroups:[""], Resources:["pods"], Verbs:["list"]}']],
    ['any verb', {}, { verbs: ['*'] }, ['{APIGroups:[""], Resources:["pods"], Verbs:["*"]}']],
    ['any group', {}, { apiGroups: ['*'] }, ['{APIGroups:["*"], Resources:["pods"], Verbs:["get"]}']],
    ['any resource', {}, { resources: ['*'] }, ['{APIGroups:[""], Resources:["*"], Verbs:["get"]}']],
    ['any name', { resourceNames: ['a'] }, {}, ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}']],
    [
      'another name',
      { resourceNames: ['a'] },
      { resourceNames: ['a', 'b'] },
      ['{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get"]}'],
    ],
    [
      'a subresource',
      {},
      { resources: ['pods/log'] },
      ['{APIGroups:[""], Resources:["pods/log"], Verbs:["get"]}'],
    ],
    [
      'any subresource',
      { resources: ['pods/log'] },
      { resources: ['*/log'] },
      ['{APIGroups:[""], Resources:["*/log"], Verbs:["get"]}'],
    ],
  ])('is %s', (_what, held, given, lines) => {
    expect(uncovered({ ...get, ...held }, { ...get, ...given })).toEqual(lines)
  })

  it.each<[string, Partial<PolicyRule>, Partial<PolicyRule>]>([
    ['a verb of all', { verbs: ['*'] }, { verbs: ['*', 'get'] }],
    ['a group of all', { apiGroups: ['*'] }, { apiGroups: ['', 'apps', '*'] }],
    ['a resource of all', { resources: ['*'] }, { resources: ['pods/log', '*/log', '*'] }],
    ['a subresource of any', { resources: ['*/log'] }, { resources: ['pods/log', '*/log'] }],
    ['a name of all', {}, { resourceNames: ['a'] }],
    ['one name of several', { resourceNames: ['a', 'b'] }, { resourceNames: ['b'] }],
  ])('is not %s', (_what, held, given) => {
    expect(uncovered({ ...get, ...held }, { ...get, ...given })).toEqual([])
  })

  it.each<[string, string, boolean]>([
    ['/metrics', '/metrics', true],
    ['*', '/metrics', true],
    ['/metrics/*', '/metrics/one', true],
    ['/metrics/*', '/metrics/*', true],
    ['/met*', '/metrics/*', true],
    ['/metrics/*', '/metrics', false],
    ['/metrics/*', '*', false],
    ['/*/x', '/a/x', false],
  ])('of the URL %s, for %s: %s', (held, given, covered) => {
    const rule = (url: string) => ({ verbs: ['get'], nonResourceURLs: [url] })
    const lines = covered ? [] : [`{NonResourceURLs:["${given}"], Verbs:["get"]}`]
    expect(uncovered(rule(held), rule(given))).toEqual(lines)
  })

  it('is listed by resource and name with all verbs, and by URL and verb, in the order of bytes', () => {
    const urls = { verbs: ['post', 'get'], nonResourceURLs: ['/b', '/a'] }
    const rules = [
      { ...get, verbs: ['watch', 'get', 'list'] },
      { ...list, resourceNames: ['\u{1f600}', '\ufb00'] },
      list,
      { ...list, apiGroups: ['apps'] },
      ...[urls, urls],
    ]
    expect(uncovered(get, ...rules)).toEqual([
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["\ufb00"], Verbs:["list"]}',
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["\u{1f600}"], Verbs:["list"]}',
      '{APIGroups:[""], Resources:["pods"], Verbs:["watch" "list" "list"]}',
      '{APIGroups:["apps"], Resources:["pods"], Verbs:["list"]}',
      '{NonResourceURLs:["/a"], Verbs:["get"]}',
      '{NonResourceURLs:["/a"], Verbs:["post"]}',
      '{NonResourceURLs:["/b"], Verbs:["get"]}',
      '{NonResourceURLs:["/b"], Verbs:["post"]}',
    ])
  })
})

describe('a change', () => {
  const before = { ...role({ name: 'x', uid: '1' }, list) }

  it.each<[string, KubeObject]>([
    ['what is empty', { ...before, ...{ rules: [{ ...list, resourceNames: [] }] } }],
    ['who manages its fields', { ...before, metadata: { ...before.metadata, managedFields: [] } }],
    [
      'what has the same fields in another order',
      { ...before, rules: [{ resources: ['pods'], apiGroups: [''], verbs: ['list'] }] } as RbacRole,
    ],
  ])('of no more than %s is none', (_what, object) => {
    expect(refusal(object, [], { before })).toBeUndefined()
  })

  it.each<[string, KubeObject]>([
    ['its labels', { ...before, metadata: { ...before.metadata, labels: { empty: '' } } }],
    // Which a client leaves out that has not read the object.
    ['its uid', { ...before, metadata: { name: 'x' } }],
    ['the order of its rules', { ...before, ...{ rules: [list, get] } }],
  ])('of %s has to have the right to all of its rules', (_what, object) => {
    expect(refusal(object, [], { before })).toMatchObject({ code: 403 })
    expect(refusal(object, holding(get, list), { before })).toBeUndefined()
  })
})

describe('a binding', () => {
  const there = [role({ name: 'some' }, get), role({ name: 'some', namespace: 'web' }, get)]

  it('is refused with what its writer has not of the role', () => {
    expect(refusal(binding({ name: 'x', namespace: 'web' }, 'Role', 'some'), there)).toMatchObject({
      message: expect.stringMatching(/^rolebindings\.\S+ "x" is forbidden: .*:\n\{APIGroups.*\}$/s),
      details: { name: 'x', group: apiGroup, kind: 'rolebindings' },
    })
    for (const [place, kind] of [
      [{ name: 'x' }, 'ClusterRole'],
      [{ name: 'x', namespace: 'web' }, 'ClusterRole'],
      [{ name: 'x', namespace: 'web' }, 'Role'],
    ] as const) {
      expect(refusal(binding(place, kind, 'some'), there)).toMatchObject({ code: 403 })
      expect(refusal(binding(place, kind, 'some'), [...there, ...holding(get)])).toBeUndefined()
    }
  })

  it('to a role that is missing is refused by a message that takes the role for a binding', () => {
    expect(refusal(binding({ name: 'x' }, 'ClusterRole', 'gone'), there)).toMatchObject({
      code: 404,
      message: 'clusterrolebindings.rbac.authorization.k8s.io "gone" not found',
      details: { name: 'gone', group: apiGroup, kind: 'clusterrolebindings' },
    })
  })

  it('passes for who may bind the role, there or not', () => {
    const bind = (...resourceNames: string[]) =>
      holding({ verbs: ['bind'], apiGroups: [apiGroup], resources: ['clusterroles'], resourceNames })
    const x = binding({ name: 'x' }, 'ClusterRole', 'some')
    expect(refusal(x, [...there, ...bind('some')])).toBeUndefined()
    expect(refusal(x, bind('some'))).toBeUndefined()
    expect(refusal(x, [...there, ...bind('other')])).toMatchObject({ code: 403 })
    const local = binding({ name: 'x', namespace: 'web' }, 'Role', 'some')
    expect(refusal(local, [...there, ...bind()])).toMatchObject({ code: 403 })
  })
})

test('what is neither role nor binding gives no rights', () => {
  expect(refusal({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } }, [])).toBeUndefined()
})
