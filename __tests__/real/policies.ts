import fc from 'fast-check'
import type { Attributes, KubeObject, PolicyRule, Subject, UserInfo } from '../../lab/kube/objects.ts'

/** Who asks for what. */
export type Question = { readonly user: UserInfo; readonly attributes: Attributes }

export type Given = {
  /** Namespaces first, then roles and bindings. */
  readonly objects: readonly KubeObject[]
  readonly questions: readonly Question[]
}

// Words are few, so that rules and questions meet. A % stands for the run, and keeps it apart from the others: no role
// and no binding can have one in its name.

export const NAMESPACES = ['web%', 'shop%'] as const
/** The namespace of a question need not exist. */
const PLACES = [...NAMESPACES, '', 'nowhere']

const USERS = [
  'alice%',
  'bob "b" <&>%',
  'Zoë%',
  ...NAMESPACES.map(name => `system:serviceaccount:${name}:builder`),
]
export const GROUPS = ['devs%', 'ops%', 'system:serviceaccounts:web%']
/** Those whom a cluster has rules for from its start. */
const SYSTEM_USERS = ['system:kube-scheduler', 'system:kube-controller-manager']
const SYSTEM_GROUPS = ['system:authenticated', 'system:serviceaccounts', 'system:masters']

/** Roles go by their place in a list, so that the names behind its end are of roles that are not there. */
export const ROLE_NAMES = ['plain%', 'with:colons%', 'a "quote" and ü%', 'last%']

const VERBS = ['get', 'list', 'use']
const API_GROUPS = ['', 'apps']
const RESOURCES = ['pods', 'deployments']
const SUBRESOURCES = ['log', 'scale']
const NAMES = ['one', 'two', '*', '']
const PATHS = ['/metrics', '/metrics/', '/metrics/one', '/logs', '/logs-of', '/a*b', '/acb', '/healthz', '/']
const URLS = ['/metrics', '/metrics/*', '/logs**', '/a*b']

const some = (words: readonly string[]) => fc.subarray([...words], { minLength: 1 })
/** Some words, or now and then the star. */
const someOrAll = (words: readonly string[]) =>
  fc.oneof({ weight: 2, arbitrary: some(words) }, { weight: 1, arbitrary: fc.constant(['*']) })

export const resourceRule: fc.Arbitrary<PolicyRule> = fc.record(
  {
    verbs: someOrAll(VERBS),
    apiGroups: someOrAll(API_GROUPS),
    resources: someOrAll([
      ...RESOURCES,
      ...SUBRESOURCES.map(name => `*/${name}`),
      ...['pods/log', 'deployments/scale', 'pods/*', '*/'],
    ]),
    resourceNames: some(NAMES),
  },
  { requiredKeys: ['verbs', 'apiGroups', 'resources'] },
)
export const urlRule: fc.Arbitrary<PolicyRule> = fc.record({
  verbs: someOrAll(['get', 'post']),
  nonResourceURLs: someOrAll(URLS),
})

const rolesOf = (rule: fc.Arbitrary<PolicyRule>) =>
  fc.array(fc.array(rule, { maxLength: 4, size: 'max' }), { minLength: 2, maxLength: ROLE_NAMES.length - 1 })

const account = fc.record({
  kind: fc.constant('ServiceAccount' as const),
  name: fc.constant('builder'),
  namespace: fc.constantFrom(...NAMESPACES),
})
const localAccount = fc.constant({ kind: 'ServiceAccount' as const, name: 'builder' })
export const named: fc.Arbitrary<Subject> = fc.oneof(
  fc.record({ kind: fc.constant('User' as const), name: fc.constantFrom(...USERS) }),
  fc.record({ kind: fc.constant('Group' as const), name: fc.constantFrom(...GROUPS) }),
)
const bindingsOf = (kinds: readonly ('Role' | 'ClusterRole')[], subject: fc.Arbitrary<Subject>) =>
  fc.array(
    fc.record({
      role: fc.record({ kind: fc.constantFrom(...kinds), name: fc.constantFrom(...ROLE_NAMES) }),
      subjects: fc.array(subject, { maxLength: 3, size: 'max' }),
    }),
    { minLength: 1, maxLength: 6, size: 'max' },
  )
const ofNamespace = fc.record({
  roles: rolesOf(resourceRule),
  bindings: bindingsOf(['Role', 'ClusterRole'], fc.oneof(named, account, localAccount)),
})
const ofCluster = fc.record({
  roles: rolesOf(fc.oneof({ weight: 3, arbitrary: resourceRule }, { weight: 2, arbitrary: urlRule })),
  bindings: bindingsOf(['ClusterRole'], fc.oneof(named, account)),
})

const user: fc.Arbitrary<UserInfo> = fc.record({
  username: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...USERS) },
    { weight: 1, arbitrary: fc.constantFrom(...SYSTEM_USERS) },
  ),
  groups: fc.oneof(
    { weight: 6, arbitrary: fc.subarray(GROUPS, { minLength: 1 }) },
    { weight: 1, arbitrary: fc.subarray([...GROUPS, ...SYSTEM_GROUPS]) },
  ),
})
const attributes: fc.Arbitrary<Attributes> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('resource' as const),
      verb: fc.constantFrom(...VERBS, '*'),
      apiGroup: fc.constantFrom(...API_GROUPS),
      resource: fc.constantFrom(...RESOURCES),
      subresource: fc.constantFrom('', '', ...SUBRESOURCES, '*'),
      name: fc.constantFrom(...NAMES),
      namespace: fc.constantFrom(...PLACES),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('path' as const),
      verb: fc.constantFrom('get', 'post'),
      path: fc.constantFrom(...PATHS),
    }),
  },
)

/** Roles and bindings of a cluster and two of its namespaces, and questions whom they allow what. */
export const givens: fc.Arbitrary<Given> = fc
  .record({
    cluster: ofCluster,
    namespaces: fc.tuple(ofNamespace, ofNamespace),
    questions: fc.array(fc.record({ user, attributes }), { minLength: 1, maxLength: 120, size: 'max' }),
  })
  .map(({ cluster, namespaces, questions }) => ({
    objects: [
      ...NAMESPACES.map(name => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
      ...objectsOf(cluster),
      ...namespaces.flatMap((drawn, index) => objectsOf(drawn, NAMESPACES[index])),
    ],
    questions,
  }))

const GROUP = 'rbac.authorization.k8s.io'

type Drawn = {
  readonly roles: readonly PolicyRule[][]
  readonly bindings: readonly {
    readonly role: { kind: string; name: string }
    readonly subjects: Subject[]
  }[]
}

/** @param namespace of the cluster, if left out */
function objectsOf({ roles, bindings }: Drawn, namespace?: string): KubeObject[] {
  const prefix = namespace === undefined ? 'Cluster' : ''
  const object = (kind: string, name: string | undefined, content: object) => ({
    apiVersion: `${GROUP}/v1`,
    kind: `${prefix}${kind}`,
    metadata: { name: name ?? '', ...(namespace === undefined ? {} : { namespace }) },
    ...content,
  })
  return [
    ...roles.map((rules, index) => object('Role', ROLE_NAMES[index], { rules })),
    ...bindings.map(({ role, subjects }, index) =>
      object('RoleBinding', `binding "${index}"%`, { roleRef: { apiGroup: GROUP, ...role }, subjects }),
    ),
  ]
}

/** The same for one run. @param run a word that no other run has */
export function ofRun<Drawn>(given: Drawn, run: string): Drawn {
  return JSON.parse(JSON.stringify(given).replaceAll('%', run))
}
