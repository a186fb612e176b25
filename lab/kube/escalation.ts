/**
 * Nobody gives rights that he has not: what kube-apiserver 1.37 asks of those who write roles and bindings
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping).
 * The rules are those of its pkg/registry/rbac; __tests__/real/escalation.test.ts holds the answers against its own.
 */
import { isDeepStrictEqual } from 'node:util'
import { CLUSTER_ROLE, CLUSTER_ROLE_BINDING, type Kind, ROLE, ROLE_BINDING } from './kinds.ts'
import type { Attributes, KubeObject, PolicyRule, RbacBinding, RbacRole, UserInfo } from './objects.ts'
import { quote } from './quote.ts'
import { aggregate, authorize, type Held, heldBy, type Policy, PRIVILEGED_GROUP } from './rbac.ts'
import { forbidden, notFound, qualified } from './status.ts'

/** One write of a role or a binding, or of anything else, which gives nobody any rights. */
export type Write = {
  readonly kind: Kind
  readonly object: KubeObject
  /** Undefined: there is none yet. */
  readonly before: KubeObject | undefined
}

/**
 * Lets a write pass if it gives nothing that its writer has not, or if he may give that nevertheless
 * (escalation_check.go, and policybased/storage.go of each kind).
 *
 * @param attributes of the request
 * @throws Refusal
 */
export function demandNoEscalation(
  user: UserInfo,
  attributes: Attributes,
  write: Write,
  policy: Policy,
): void {
  const { kind, object, before } = write
  const isRole = kind === CLUSTER_ROLE || kind === ROLE
  if (!isRole && kind !== CLUSTER_ROLE_BINDING && kind !== ROLE_BINDING) return
  if (user.groups.includes(PRIVILEGED_GROUP)) return
  if (before && isUnchanged(kind, before, object)) return
  const license = isRole ? { ...attributes, verb: 'escalate' } : binding(object as RbacBinding)
  if (authorize(user, license, policy).allowed) return

  const { name, namespace = '' } = object.metadata
  const place = { ...kind, name }
  const refuse = (why: string) => forbidden(`${qualified(kind)} ${quote(name)} is forbidden: ${why}`, place)
  const given = isRole ? (object as RbacRole).rules : rulesReferredTo(kind, object as RbacBinding, policy)
  // Of an authorizer beside RBAC only escalate and bind count: what else it allows, it does not tell as rules.
  const held = heldBy(user, namespace, policy)
  const uncovered = uncoveredBy(held.rules, given ?? [])
  if (uncovered.length > 0) throw refuse(message(user, kind, uncovered, held))
  if (aggregates(object) || aggregates(before))
    throw refuse('must have cluster-admin privileges to use the aggregationRule')
}

/**
 * What an aggregated role will hold, nobody knows, so that it takes all rights (clusterrole/policybased/storage.go); who
 * has them may escalate, and has passed.
 */
function aggregates(object: RbacRole | undefined): boolean {
  return (object?.aggregationRule?.clusterRoleSelectors ?? []).length > 0
}

/** Whether somebody may bind a role that he does not cover (escalation_check.go, BindingAuthorized). */
function binding({ metadata: { namespace = '' }, roleRef: { kind, name } }: RbacBinding): Attributes {
  const { group: apiGroup, resource } = kind === 'ClusterRole' ? CLUSTER_ROLE : ROLE
  return { kind: 'resource', verb: 'bind', apiGroup, resource, subresource: '', name, namespace }
}

function rulesReferredTo(kind: Kind, { metadata, roleRef }: RbacBinding, policy: Policy): RbacRole['rules'] {
  const { name } = roleRef
  const role =
    roleRef.kind === 'ClusterRole' ? policy.clusterRole(name) : policy.role(metadata.namespace ?? '', name)
  // The server names what the request is about, and not what is missing (registry.Store, qualifiedResourceFromContext).
  if (role === undefined) throw notFound({ ...kind, name })
  return role.rules
}

/* Whether anything changes (pkg/registry/rbac/helpers.go, IsOnlyMutatingGCFields). */

/** The managers of its fields are no matter; nor is what is left out, which the server knows where it is empty. */
function isUnchanged(kind: Kind, before: KubeObject, object: KubeObject): boolean {
  return isDeepStrictEqual(comparable(kind, before), comparable(kind, object))
}

function comparable(kind: Kind, object: KubeObject): unknown {
  const { metadata, ...rest } = kind.complete(object)
  const { labels, annotations, managedFields: _, ...others } = metadata
  // A label may be an empty text.
  return [filled({ ...rest, others }), ...[labels, annotations].map(map => ({ ...map }))]
}

/** Without what is empty, in objects (Semantic.DeepEqual of k8s.io/apimachinery, pkg/api/equality). */
function filled(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(filled)
  const entries = Object.entries(value).map(([name, inner]) => [name, filled(inner)] as const)
  return Object.fromEntries(entries.filter(([, inner]) => !isEmpty(inner)))
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === undefined || value === null || value === ''
}

/* Which rules are covered (k8s.io/component-helpers, auth/rbac/validation/policy_comparator.go). */

/** A rule of one verb on one resource, by one name at most, or on one URL. */
type Atom =
  | { readonly verb: string; readonly group: string; readonly resource: string; readonly name?: string }
  | { readonly verb: string; readonly url: string }

/** Those that no single rule of an owner covers. */
function uncoveredBy(owned: readonly PolicyRule[], rules: readonly PolicyRule[]): readonly Atom[] {
  return rules.flatMap(atomsOf).filter(atom => !owned.some(rule => covers(rule, atom)))
}

function atomsOf(rule: PolicyRule): readonly Atom[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const names = resourceNames.length > 0 ? resourceNames.map(name => ({ name })) : [{}]
  return [
    ...apiGroups.flatMap(group =>
      resources.flatMap(resource =>
        verbs.flatMap(verb => names.map(name => ({ verb, group, resource, ...name }))),
      ),
    ),
    ...nonResourceURLs.flatMap(url => verbs.map(verb => ({ verb, url }))),
  ]
}

function covers(rule: PolicyRule, atom: Atom): boolean {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const holds = (list: readonly string[], word: string) => list.includes('*') || list.includes(word)
  if (!holds(verbs, atom.verb)) return false
  if ('url' in atom) {
    // One that is given may end with a star, too, and is covered by what it begins with.
    const { url } = atom
    const begins = (owned: string) => owned.endsWith('*') && url.startsWith(owned.replace(/\*+$/, ''))
    return resourceNames.length === 0 && nonResourceURLs.some(owned => owned === url || begins(owned))
  }
  const { group, resource, name } = atom
  const [, subresource] = /\/(.*)$/s.exec(resource) ?? []
  const ofAny = subresource !== undefined && resources.includes(`*/${subresource}`)
  const named = resourceNames.length === 0 || (name !== undefined && resourceNames.includes(name))
  return holds(apiGroups, group) && (holds(resources, resource) || ofAny) && named
}

/* What is told (pkg/registry/rbac/validation, rule.go and policy_compact.go). */

function message(user: UserInfo, kind: Kind, uncovered: readonly Atom[], { missing }: Held): string {
  const lines = [...new Set(compacted(uncovered))].toSorted(byBytes)
  const errors = missing.map(({ name }) => `${qualified(kind)} ${quote(name)} not found`)
  return (
    `user ${quote(user.username)} (groups=${list(user.groups)}) is attempting to grant RBAC permissions ` +
    `not currently held:\n${lines.join('\n')}` +
    (errors.length > 0 ? `; resolution errors: [${aggregate(errors)}]` : '')
  )
}

/** All verbs on the same resource by the same name are one rule; of URLs each stays alone. */
function compacted(atoms: readonly Atom[]): readonly string[] {
  const together = (atom: Atom) =>
    'url' in atom ? atom : JSON.stringify([atom.group, atom.resource, atom.name])
  return [...Map.groupBy(atoms, together).values()].flatMap(([first, ...more]) =>
    first
      ? [
          compact(
            first,
            [first, ...more].map(({ verb }) => verb),
          ),
        ]
      : [],
  )
}

/** pkg/apis/rbac/v1/evaluation_helpers.go, CompactString. */
function compact(atom: Atom, verbs: readonly string[]): string {
  if ('url' in atom) return `{NonResourceURLs:${list([atom.url])}, Verbs:${list(verbs)}}`
  const { group, resource, name } = atom
  const named = name === undefined ? '' : `, ResourceNames:${list([name])}`
  return `{APIGroups:${list([group])}, Resources:${list([resource])}${named}, Verbs:${list(verbs)}}`
}

/** As Go prints texts with %q. */
function list(texts: readonly string[]): string {
  return `[${texts.map(quote).join(' ')}]`
}

/** In the order of Go, which is that of UTF-8. */
function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
