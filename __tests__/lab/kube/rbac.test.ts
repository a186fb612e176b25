import type {
  Attributes,
  PolicyRule,
  RbacBinding,
  RbacRole,
  Subject,
  UserInfo,
} from '../../../lab/kube/objects.ts'
import { allowances, authorize, forbiddenMessage, rulesOf } from '../../../lab/kube/rbac.ts'
import { policyOf } from './policy.ts'

const apiVersion = 'rbac.authorization.k8s.io/v1'
const apiGroup = 'rbac.authorization.k8s.io'

type Place = { name: string; namespace?: string }

function role(metadata: Place, ...rules: PolicyRule[]): RbacRole {
  return { apiVersion, kind: metadata.namespace ? 'Role' : 'ClusterRole', metadata, rules }
}

function binding(
  metadata: Place,
  [kind, name]: ['ClusterRole' | 'Role', string],
  ...subjects: Subject[]
): RbacBinding {
  return {
    apiVersion,
    kind: metadata.namespace ? 'RoleBinding' : 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup, kind, name },
    subjects,
  }
}

const demo: UserInfo = { username: 'demo', groups: ['devs', 'system:authenticated'] }
const toDemo: Subject = { kind: 'User', name: 'demo' }
const everything: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }

/** `VERB RESOURCE[/SUBRESOURCE][.GROUP] [NAME] [-n NAMESPACE]`, or `VERB /PATH` */
function asked(text: string): Attributes {
  const [verb = '', what = '', ...rest] = text.split(' ')
  if (what.startsWith('/')) return { kind: 'path', verb, path: what }
  const [, resource = '', subresource = '', group = ''] =
    /^([^./]+)(?:\/([^.]+))?(?:\.(.+))?$/.exec(what) ?? []
  const at = rest.indexOf('-n')
  return {
    ...{ kind: 'resource', verb, apiGroup: group, resource, subresource },
    name: at === 0 ? '' : (rest[0] ?? ''),
    namespace: at < 0 ? '' : (rest[at + 1] ?? ''),
  }
}

/** Whether one rule allows what is asked, to a user whom it is bound to in the whole cluster. */
function allows(rule: PolicyRule, question: string): boolean {
  const policy = policyOf(
    role({ name: 'some' }, rule),
    binding({ name: 'some' }, ['ClusterRole', 'some'], toDemo),
  )
  return authorize(demo, asked(question), policy).allowed
}

describe('a rule', () => {
  const pods: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] }

  it.each<[string, PolicyRule, boolean]>([
    ['list pods', pods, true],
    ['list pods -n web', pods, true],
    ['get pods any', pods, true],
    ['watch pods', pods, false],
    ['* pods', pods, false],
    ['list pods.apps', pods, false],
    ['list configmaps', pods, false],
    ['delete deployments.apps', everything, true],
    ['get pods/log', everything, true],
    ['get /metrics', everything, false],
  ])('on verbs, groups and resources: %s of %j is %s', (question, rule, allowed) => {
    expect(allows(rule, question)).toBe(allowed)
  })

  it.each<[string, string[], boolean]>([
    ['get pods/log', ['pods'], false],
    ['get pods/log', ['pods/log'], true],
    ['get pods', ['pods/log'], false],
    ['get pods/log', ['*/log'], true],
    ['get pods/exec', ['*/log'], false],
    ['get pods', ['*/log'], false],
    // A star is only ever all resources, or all resources of a subresource.
    ['get pods/log', ['pods/*'], false],
    ['get pods', ['p*'], false],
  ])('on subresources: %s of %j is %s', (question, resources, allowed) => {
    expect(allows({ ...pods, resources }, question)).toBe(allowed)
  })

  it.each<[string, boolean]>([
    ['get pods one', true],
    ['get pods three', false],
    // A list is of no name, and so it is of none of these.
    ['list pods', false],
    ['list pods one', true],
  ])('on some names: %s of "one" and "two" is %s', (question, allowed) => {
    expect(allows({ ...pods, resourceNames: ['one', 'two'] }, question)).toBe(allowed)
  })

  it('on the name * is of one that is called so', () => {
    expect(allows({ ...pods, resourceNames: ['*'] }, 'get pods one')).toBe(false)
    expect(allows({ ...pods, resourceNames: ['*'] }, 'get pods *')).toBe(true)
  })

  it.each<[string, string, boolean]>([
    ['get /metrics', '/metrics', true],
    ['get /metrics/', '/metrics', false],
    ['get /metrics/cadvisor', '/metrics/*', true],
    ['get /metrics', '/metrics/*', false],
    ['get /metrics', '/metrics*', true],
    ['get /metrics', '/met**', true],
    ['get /metrics', '/*/x', false],
    ['get /metrics', '*', true],
    ['post /metrics', '/metrics', false],
    ['get pods', '*', false],
  ])('on URLs: %s of %s is %s', (question, url, allowed) => {
    expect(allows({ verbs: ['get'], nonResourceURLs: [url] }, question)).toBe(allowed)
  })
})

describe('who is allowed', () => {
  const all = role({ name: 'all' }, everything)
  const verdict = (user: UserInfo, question: string, ...bindings: RbacBinding[]) =>
    authorize(
      user,
      asked(question),
      policyOf(all, role({ name: 'all', namespace: 'web' }, everything), ...bindings),
    )
  const no = { allowed: false, reason: '' }

  it('is whoever is in system:masters, whatever the roles say, and no reason is given', () => {
    const admin = { username: 'admin', groups: ['system:masters'] }
    expect(authorize(admin, asked('delete nodes'), policyOf())).toEqual({ allowed: true, reason: '' })
  })

  it('is nobody without a binding', () => {
    expect(verdict(demo, 'list pods')).toEqual(no)
    expect(verdict(demo, 'list pods', binding({ name: 'b' }, ['ClusterRole', 'all']))).toEqual(no)
  })

  it('is a user by name, and the reason names the binding, its role and the subject', () => {
    const user = binding({ name: 'demo' }, ['ClusterRole', 'all'], { kind: 'User', name: 'other' }, toDemo)
    expect(verdict(demo, 'list pods', user)).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by ClusterRoleBinding "demo" of ClusterRole "all" to User "demo"',
    })
    expect(verdict({ ...demo, username: 'Demo' }, 'list pods', user)).toEqual(no)
  })

  it('is a user by group', () => {
    const devs = binding({ name: 'b' }, ['ClusterRole', 'all'], { kind: 'Group', name: 'devs' })
    expect(verdict(demo, 'list pods', devs).reason).toBe(
      'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "all" to Group "devs"',
    )
    expect(verdict({ username: 'devs', groups: [] }, 'list pods', devs)).toEqual(no)
  })

  it('is, by a RoleBinding, a user in its namespace, and neither elsewhere nor in the cluster', () => {
    const inWeb = binding({ name: 'b', namespace: 'web' }, ['ClusterRole', 'all'], toDemo)
    expect(verdict(demo, 'list pods -n web', inWeb).reason).toBe(
      'RBAC: allowed by RoleBinding "b/web" of ClusterRole "all" to User "demo"',
    )
    expect(verdict(demo, 'list pods -n shop', inWeb)).toEqual(no)
    expect(verdict(demo, 'list pods', inWeb)).toEqual(no)
    expect(verdict(demo, 'get /metrics', inWeb)).toEqual(no)
  })

  it('is, by a Role, whom a RoleBinding of its namespace binds to it', () => {
    const bound = binding({ name: 'b', namespace: 'web' }, ['Role', 'all'], toDemo)
    expect(verdict(demo, 'list pods -n web', bound).reason).toBe(
      'RBAC: allowed by RoleBinding "b/web" of Role "all" to User "demo"',
    )
  })

  it('is a service account by the name that its token gives', () => {
    const builder = { username: 'system:serviceaccount:web:builder', groups: ['system:serviceaccounts'] }
    const subject: Subject = { kind: 'ServiceAccount', name: 'builder', namespace: 'web' }
    const everywhere = binding({ name: 'b' }, ['ClusterRole', 'all'], subject)
    expect(verdict(builder, 'list pods', everywhere).reason).toBe(
      'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "all" to ServiceAccount "builder/web"',
    )
    expect(verdict({ ...builder, username: 'builder' }, 'list pods', everywhere)).toEqual(no)
    expect(
      verdict({ ...builder, username: 'system:serviceaccount:shop:builder' }, 'list pods', everywhere),
    ).toEqual(no)
  })

  it('is a service account of the binding’s own namespace where the subject names none', () => {
    const local = binding({ name: 'b', namespace: 'web' }, ['Role', 'all'], {
      kind: 'ServiceAccount',
      name: 'builder',
    })
    const builder = { username: 'system:serviceaccount:web:builder', groups: [] }
    expect(verdict(builder, 'list pods -n web', local).reason).toBe(
      'RBAC: allowed by RoleBinding "b/web" of Role "all" to ServiceAccount "builder/web"',
    )
  })

  it('is told by one of several bindings, of which each would do', () => {
    const several = ['a', 'b'].map(name => binding({ name }, ['ClusterRole', 'all'], toDemo))
    const policy = policyOf(all, ...several)
    const reasons = [...allowances(demo, asked('list pods'), policy)]
    expect(reasons).toEqual([
      'RBAC: allowed by ClusterRoleBinding "a" of ClusterRole "all" to User "demo"',
      'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "all" to User "demo"',
    ])
    expect(reasons).toContain(authorize(demo, asked('list pods'), policy).reason)
  })
})

describe('a binding whose role is missing', () => {
  const gone = binding({ name: 'a' }, ['ClusterRole', 'gone'], toDemo)
  const goneToo = binding({ name: 'b', namespace: 'web' }, ['Role', 'gone "too"'], toDemo)

  it('is the reason of a no, for those whom it binds', () => {
    const policy = policyOf(gone)
    expect(authorize(demo, asked('list pods'), policy)).toEqual({
      allowed: false,
      reason: 'rbac: RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
    })
    expect(authorize({ username: 'other', groups: [] }, asked('list pods'), policy).reason).toBe('')
  })

  it('is told with others like it, where they count, and each role once', () => {
    const policy = policyOf(gone, { ...gone, metadata: { name: 'again' } }, goneToo)
    expect(authorize(demo, asked('list pods'), policy).reason).toBe(
      'rbac: RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
    )
    expect(authorize(demo, asked('list pods -n web'), policy).reason).toBe(
      'rbac: RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, ' +
        'role.rbac.authorization.k8s.io "gone \\"too\\"" not found]',
    )
  })

  it('keeps no other binding from allowing', () => {
    const all = role({ name: 'all' }, everything)
    const policy = policyOf(gone, all, binding({ name: 'z' }, ['ClusterRole', 'all'], toDemo))
    expect(authorize(demo, asked('list pods'), policy)).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by ClusterRoleBinding "z" of ClusterRole "all" to User "demo"',
    })
  })
})

describe('the rules of a user', () => {
  const some: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: [] }
  const named: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['one'] }
  const urls: PolicyRule = { verbs: ['get'], nonResourceURLs: ['/metrics'] }

  it('are none without bindings', () => {
    expect(rulesOf(demo, 'web', policyOf())).toEqual({
      resourceRules: [],
      nonResourceRules: [],
      incomplete: false,
    })
  })

  it('are those of every binding, as often as they are bound, without empty lists', () => {
    const policy = policyOf(
      role({ name: 'a' }, some, urls),
      role({ name: 'a', namespace: 'web' }, named),
      role({ name: 'a', namespace: 'shop' }, everything),
      binding({ name: 'one' }, ['ClusterRole', 'a'], toDemo),
      binding({ name: 'two' }, ['ClusterRole', 'a'], toDemo),
      binding({ name: 'three', namespace: 'web' }, ['Role', 'a'], toDemo),
      binding({ name: 'four', namespace: 'shop' }, ['Role', 'a'], toDemo),
    )
    const pods = { verbs: ['get'], apiGroups: [''], resources: ['pods'] }
    // Compared as JSON, as a list that is undefined is no list that is left out.
    expect(JSON.stringify(rulesOf(demo, 'web', policy))).toBe(
      JSON.stringify({
        resourceRules: [pods, pods, { ...pods, resourceNames: ['one'] }],
        nonResourceRules: [urls, urls],
        incomplete: false,
      }),
    )
  })

  it('are told with what is missing', () => {
    const policy = policyOf(
      binding({ name: 'a' }, ['ClusterRole', 'gone'], toDemo),
      binding({ name: 'b', namespace: 'web' }, ['Role', 'gone'], toDemo),
    )
    expect(rulesOf(demo, 'web', policy).evaluationError).toBe(
      '[clusterrole.rbac.authorization.k8s.io "gone" not found, role.rbac.authorization.k8s.io "gone" not found]',
    )
  })
})

describe('the message of a refusal', () => {
  it.each([
    [
      'list namespaces',
      'namespaces is forbidden: User "demo" cannot list resource "namespaces" in API group "" at the cluster scope',
    ],
    [
      'list pods -n web',
      'pods is forbidden: User "demo" cannot list resource "pods" in API group "" in the namespace "web"',
    ],
    [
      'get pods/log one -n web',
      'pods "one" is forbidden: User "demo" cannot get resource "pods/log" in API group "" in the namespace "web"',
    ],
    [
      'update deployments/scale.apps one -n web',
      'deployments.apps "one" is forbidden: User "demo" cannot update resource "deployments/scale" ' +
        'in API group "apps" in the namespace "web"',
    ],
    ['get /metrics', 'forbidden: User "demo" cannot get path "/metrics"'],
  ])('of %s says who cannot do what, and where', (question, message) => {
    expect(forbiddenMessage(demo, asked(question), '')).toBe(message)
  })

  it('ends with the reason', () => {
    const reason = 'rbac: RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'
    expect(forbiddenMessage(demo, asked('get /metrics'), reason)).toBe(
      `forbidden: User "demo" cannot get path "/metrics": ${reason}`,
    )
  })

  it.each([
    ['a "quote"', 'a \\"quote\\"'],
    ['back\\slash', 'back\\\\slash'],
    ['<a> & b', '&lt;a&gt; &amp; b'],
    ['Zoë 名 😀', 'Zoë 名 😀'],
    ['\u0000\u0007\t\n\u001b\u007f', '\\x00\\a\\t\\n\\x1b\\x7f'],
    ['\u200b\u{e0001}', '\\u200b\\U000e0001'],
  ])('shows the user %j as Go quotes it, and as no page would read it', (username, shown) => {
    expect(forbiddenMessage({ username, groups: [] }, asked('get /metrics'), '')).toBe(
      `forbidden: User "${shown}" cannot get path "/metrics"`,
    )
  })
})
