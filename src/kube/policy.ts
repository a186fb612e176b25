import { createHash } from 'node:crypto'
import type { ResourceAttributes, UrlAttributes } from './resolve.ts'
import { yamlLines } from './yaml-text.ts'

/** What shall be allowed: a resolved rule is one. */
export type Right =
  | { kind: 'resource'; attributes: ResourceAttributes; namespaced: boolean }
  | { kind: 'url'; attributes: UrlAttributes }

/** Who shall be allowed it, as RBAC names them. */
export interface Subject {
  kind: 'User' | 'Group'
  name: string
}

/** An object of RBAC, as the API server has it. */
export interface RbacObject {
  apiVersion: typeof RBAC_VERSION
  kind: 'Role' | 'RoleBinding' | 'ClusterRole' | 'ClusterRoleBinding'
  metadata: ObjectMeta & { namespace?: string }
  rules?: PolicyRule[]
  roleRef?: { apiGroup: string; kind: string; name: string }
  subjects?: { apiGroup: string; kind: string; name: string }[]
}

/** What objects of a policy are called, and what else is to be known of them. */
export interface ObjectMeta {
  name: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

export type PolicyRule = {
  apiGroups?: string[]
  resources?: string[]
  resourceNames?: string[]
  nonResourceURLs?: string[]
  verbs: string[]
}

const RBAC_GROUP = 'rbac.authorization.k8s.io'
const RBAC_VERSION = 'rbac.authorization.k8s.io/v1'

/**
 * The smallest roles and bindings that allow subjects what they shall be allowed: a Role and RoleBinding in each
 * namespace that is named, a ClusterRole and ClusterRoleBinding for all namespaces, for what is in none, and for URLs.
 * https://kubernetes.io/docs/reference/access-authn-authz/rbac/
 *
 * A name of an object narrows a right to it, but not for `create` and `deletecollection`: such a request names none
 * (same page, "Referring to resources").
 *
 * @param metadata of every object
 */
export function policyObjects(
  rights: readonly Right[],
  subjects: readonly Subject[],
  meta: ObjectMeta,
): RbacObject[] {
  const byNamespace = Map.groupBy(rights, namespaceOf)
  return [...byNamespace.keys()]
    .sort()
    .flatMap(namespace => objectsIn(namespace, byNamespace.get(namespace) ?? [], subjects, meta))
}

/** The same as a manifest for `kubectl apply -f -`. */
export function policyFor(rights: readonly Right[], subject: Subject, name: string): string {
  return policyObjects(rights, [subject], { name }).map(manifest).join('---\n')
}

/** An object of RBAC as YAML. */
export function manifest(object: RbacObject): string {
  return `${yamlLines(object as never).join('\n')}\n`
}

/** Empty: in the whole cluster. */
function namespaceOf(right: Right): string {
  return right.kind === 'resource' && right.namespaced ? right.attributes.namespace : ''
}

function objectsIn(
  namespace: string,
  rights: readonly Right[],
  subjects: readonly Subject[],
  { name, ...meta }: ObjectMeta,
): RbacObject[] {
  const prefix = namespace ? '' : 'Cluster'
  const metadata = { name, ...(namespace ? { namespace } : {}), ...meta }
  return [
    { apiVersion: RBAC_VERSION, kind: `${prefix}Role`, metadata, rules: rulesOf(rights) },
    {
      apiVersion: RBAC_VERSION,
      kind: `${prefix}RoleBinding`,
      metadata,
      roleRef: { apiGroup: RBAC_GROUP, kind: `${prefix}Role`, name },
      subjects: subjects.map(subject => ({ apiGroup: RBAC_GROUP, ...subject })),
    },
  ]
}

/** Verbs of the same resource are one rule. */
function rulesOf(rights: readonly Right[]): PolicyRule[] {
  const byResource = Map.groupBy(rights, right => JSON.stringify(resourceOf(right)))
  return [...byResource.values()].map(([first, ...others]) => ({
    ...resourceOf(first as Right),
    verbs: [...new Set([first as Right, ...others].map(({ attributes }) => attributes.verb))],
  }))
}

function resourceOf(right: Right): Omit<PolicyRule, 'verbs'> {
  if (right.kind === 'url') return { nonResourceURLs: [right.attributes.path] }
  const { group, resource, subresource, name } = right.attributes
  return {
    apiGroups: [group],
    resources: [subresource ? `${resource}/${subresource}` : resource],
    ...(isNameable(right.attributes) ? { resourceNames: [name] } : {}),
  }
}

function isNameable({ name, verb, subresource }: ResourceAttributes): boolean {
  if (name === '' || verb === 'deletecollection') return false
  return verb !== 'create' || subresource !== ''
}

/**
 * A name for the objects of a policy, the same for the same rights of the same subject and another for any other: a DNS
 * subdomain of at most 63 characters, as names of objects are at their strictest.
 *
 * @param what the rights in words, like `list pods`
 */
export function policyName(subject: Subject, what: string): string {
  const whole = `eks-login ${subject.name} ${what}`
  const plain = whole.replaceAll(' ', '-')
  const spelled = plain
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/-*\.[-.]*/g, '.')
    .replace(/-$/, '')
  if (spelled === plain && spelled.length <= 63 && subject.kind === 'User') return spelled
  // What was lost in the spelling is in the digest.
  const digest = createHash('sha256').update(`${subject.kind} ${whole}`).digest('hex').slice(0, 8)
  return `${spelled.slice(0, 63 - 9).replace(/[.-]$/, '')}-${digest}`
}
