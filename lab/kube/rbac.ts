/**
 * Role-based access control as kube-apiserver 1.37 evaluates it with `--authorization-mode=RBAC`. The rules are those
 * of its plugin/pkg/auth/authorizer/rbac, pkg/registry/rbac/validation and pkg/apis/rbac/v1/evaluation_helpers.go;
 * __tests__/real/rbac.test.ts holds the answers against its own.
 */
import type { Attributes, PolicyRule, RbacBinding, RbacRole, Subject, UserInfo } from './objects.ts'
import { quote } from './quote.ts'
import { qualified } from './status.ts'

/** The roles and bindings of a cluster. */
export type Policy = {
  clusterRole(name: string): RbacRole | undefined
  role(namespace: string, name: string): RbacRole | undefined
  clusterRoleBindings(): Iterable<RbacBinding>
  roleBindings(namespace: string): Iterable<RbacBinding>
  /** The authorizer that is asked when RBAC allows nothing. @returns undefined where it has no opinion */
  beside?(user: UserInfo, attributes: Attributes): Verdict | undefined
}

/** What an access review says. */
export type Verdict = {
  readonly allowed: boolean
  /** The binding that allows it, or what is wrong with bindings of one who is not allowed. Empty: nothing to tell. */
  readonly reason: string
}

/** The status of a SelfSubjectRulesReview (authorization.k8s.io/v1). */
export type SubjectRules = {
  readonly resourceRules: readonly Pick<PolicyRule, 'verbs' | 'apiGroups' | 'resources' | 'resourceNames'>[]
  readonly nonResourceRules: readonly Pick<PolicyRule, 'verbs' | 'nonResourceURLs'>[]
  /** RBAC knows all of its rules. */
  readonly incomplete: false
  /** What is wrong with bindings. */
  readonly evaluationError?: string
}

/** Whose requests the API server allows whatever RBAC says (k8s.io/apiserver, user.SystemPrivilegedGroup). */
export const PRIVILEGED_GROUP = 'system:masters'

/**
 * Whether a user may do what is asked for, and why. Of several reasons it is the first, in the order of the policy.
 */
export function authorize(user: UserInfo, attributes: Attributes, policy: Policy): Verdict {
  const [reason] = allowances(user, attributes, policy)
  if (reason !== undefined) return { allowed: true, reason }
  const further = policy.beside?.(user, attributes)
  if (further !== undefined) return further
  const errors = heldBy(user, namespaceOf(attributes), policy).missing.map(notFound)
  // Of those that have no opinion, the server tells which said so (k8s.io/apiserver, pkg/authorization/union).
  return { allowed: false, reason: errors.length > 0 ? `rbac: RBAC: ${aggregate(errors)}` : '' }
}

/**
 * Every reason that the real server may give for allowing it; empty: it does not. It looks at the bindings of the
 * cluster before those of the namespace, but at each of these in any order, and names the first that allows it.
 */
export function allowances(user: UserInfo, attributes: Attributes, policy: Policy): readonly string[] {
  if (user.groups.includes(PRIVILEGED_GROUP)) return ['']
  const reasons = (bindings: Iterable<RbacBinding>) =>
    grantsTo(user, bindings, policy).flatMap(grant =>
      grant.kind === 'rules' && grant.rules.some(rule => allows(rule, attributes))
        ? [`RBAC: allowed by ${grant.source}`]
        : [],
    )
  const ofCluster = reasons(policy.clusterRoleBindings())
  return ofCluster.length > 0 ? ofCluster : reasons(localBindings(namespaceOf(attributes), policy))
}

/** What a user has. */
export type Held = {
  /** Those of every binding as they stand in its role, not put together. */
  readonly rules: readonly PolicyRule[]
  /** What bindings refer to, and is not there. */
  readonly missing: readonly RoleRef[]
}

/** All rules that hold for a user in a namespace, or, where it is empty, in the cluster. */
export function heldBy(user: UserInfo, namespace: string, policy: Policy): Held {
  const grants = grantsTo(user, bindingsFor(namespace, policy), policy)
  return {
    rules: grants.flatMap(grant => (grant.kind === 'rules' ? grant.rules : [])),
    missing: grants.flatMap(grant => (grant.kind === 'dangling' ? [grant.roleRef] : [])),
  }
}

/**
 * The rules of a user in a namespace, as a review tells them.
 *
 * @param namespace of a name that need not exist
 */
export function rulesOf(user: UserInfo, namespace: string, policy: Policy): SubjectRules {
  const { rules, missing } = heldBy(user, namespace, policy)
  const errors = missing.map(notFound)
  return {
    resourceRules: rules.flatMap(({ verbs, apiGroups = [], resources = [], resourceNames = [] }) =>
      resources.length > 0 ? [{ verbs, ...filled({ apiGroups, resources, resourceNames }) }] : [],
    ),
    nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs = [] }) =>
      nonResourceURLs.length > 0 ? [{ verbs, nonResourceURLs }] : [],
    ),
    incomplete: false,
    ...(errors.length > 0 ? { evaluationError: aggregate(errors) } : {}),
  }
}

/** Empty lists are left out of an answer. */
function filled<Lists extends Readonly<Record<string, readonly string[]>>>(lists: Lists): Partial<Lists> {
  return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)) as Partial<Lists>
}

/**
 * The message of the Status that refuses a request (k8s.io/apiserver, responsewriters.ForbiddenStatusError).
 *
 * @param reason of the verdict
 */
export function forbiddenMessage(user: UserInfo, attributes: Attributes, reason: string): string {
  const said = `${escaped(cannot(user, attributes))}${reason === '' ? '' : `: ${reason}`}`
  if (attributes.kind === 'path') return `forbidden: ${said}`
  const { apiGroup: group, resource, name } = attributes
  return `${qualified({ group, resource })}${name === '' ? '' : ` ${quote(name)}`} is forbidden: ${said}`
}

function cannot({ username }: UserInfo, attributes: Attributes): string {
  const { verb } = attributes
  if (attributes.kind === 'path') {
    return `User ${quote(username)} cannot ${verb} path ${quote(attributes.path)}`
  }
  const { apiGroup, namespace } = attributes
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${quote(namespace)}`
  const what = `resource ${quote(combined(attributes))} in API group ${quote(apiGroup)}`
  return `User ${quote(username)} cannot ${verb} ${what} ${where}`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** For a browser that would take the message for a page. */
function escaped(text: string): string {
  return text.replace(/[&<>]/g, character => ENTITIES[character] ?? character)
}

/* Bindings. */

type RoleRef = RbacBinding['roleRef']

/** What one binding gives a user: rules, or nothing, as its role is not there. */
type Grant =
  | { readonly kind: 'rules'; readonly source: string; readonly rules: readonly PolicyRule[] }
  | { readonly kind: 'dangling'; readonly roleRef: RoleRef }

function grantsTo(user: UserInfo, bindings: Iterable<RbacBinding>, policy: Policy): readonly Grant[] {
  return [...bindings].flatMap(binding => {
    const subject = binding.subjects?.find(subject => isMeant(user, subject, namespaceIn(binding)))
    return subject ? [grantBy(binding, subject, policy)] : []
  })
}

function notFound({ kind, name }: RoleRef): string {
  return `${kind.toLowerCase()}.rbac.authorization.k8s.io ${quote(name)} not found`
}

function bindingsFor(namespace: string, policy: Policy): readonly RbacBinding[] {
  return [...policy.clusterRoleBindings(), ...localBindings(namespace, policy)]
}

/** Of what is asked in the cluster, or in all namespaces, no RoleBinding is the judge. */
function localBindings(namespace: string, policy: Policy): Iterable<RbacBinding> {
  return namespace === '' ? [] : policy.roleBindings(namespace)
}

function grantBy(binding: RbacBinding, subject: Subject, policy: Policy): Grant {
  const { kind, name } = binding.roleRef
  const namespace = namespaceIn(binding)
  const role = kind === 'ClusterRole' ? policy.clusterRole(name) : policy.role(namespace, name)
  if (role === undefined) return { kind: 'dangling', roleRef: binding.roleRef }
  const source = `${described(binding)} of ${kind} ${quote(name)} to ${describedSubject(subject, namespace)}`
  return { kind: 'rules', source, rules: role.rules ?? [] }
}

/** Empty: the binding holds in the whole cluster. */
function namespaceIn({ metadata }: RbacBinding): string {
  return metadata.namespace ?? ''
}

function described({ metadata: { name, namespace } }: RbacBinding): string {
  return namespace ? `RoleBinding ${quote(`${name}/${namespace}`)}` : `ClusterRoleBinding ${quote(name)}`
}

function describedSubject({ kind, name, namespace }: Subject, home: string): string {
  return `${kind} ${quote(kind === 'ServiceAccount' ? `${name}/${namespace || home}` : name)}`
}

/** @param home the namespace of the binding, in which a service account is that names none */
function isMeant({ username, groups }: UserInfo, { kind, name, namespace }: Subject, home: string): boolean {
  switch (kind) {
    case 'User':
      return username === name
    case 'Group':
      return groups.includes(name)
    case 'ServiceAccount':
      return username === `system:serviceaccount:${namespace || home}:${name}`
  }
}

/** Several errors as one (k8s.io/apimachinery, pkg/util/errors): each is told once. */
export function aggregate(errors: readonly string[]): string {
  const told = [...new Set(errors)]
  return told.length === 1 ? told.join() : `[${told.join(', ')}]`
}

/* Rules. */

/** Of a path there is none, so that no RoleBinding counts. */
function namespaceOf(attributes: Attributes): string {
  return attributes.kind === 'resource' ? attributes.namespace : ''
}

function allows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!holds(rule.verbs, attributes.verb)) return false
  return attributes.kind === 'path' ? allowsPath(rule, attributes.path) : allowsResource(rule, attributes)
}

function allowsResource(rule: PolicyRule, attributes: ResourceAttributes): boolean {
  const { apiGroups = [], resources = [], resourceNames = [] } = rule
  const { apiGroup, subresource, name } = attributes
  if (!holds(apiGroups, apiGroup)) return false
  if (resourceNames.length > 0 && !resourceNames.includes(name)) return false
  const ofAny = subresource !== '' && resources.includes(`*/${subresource}`)
  return ofAny || holds(resources, combined(attributes))
}

/** A star at the end of a URL stands for anything, elsewhere for itself. */
function allowsPath({ nonResourceURLs = [] }: PolicyRule, path: string): boolean {
  return nonResourceURLs.some(
    url => url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, ''))),
  )
}

type ResourceAttributes = Attributes & { readonly kind: 'resource' }

function holds(list: readonly string[], asked: string): boolean {
  return list.includes('*') || list.includes(asked)
}

/** `pods`, `pods/log`. */
function combined({ resource, subresource }: ResourceAttributes): string {
  return subresource === '' ? resource : `${resource}/${subresource}`
}
