/** The kinds of objects that the embedded cluster keeps: what may stand in each, and what it adds by itself. */
import type { KubeObject, RbacBinding, RbacRole } from './objects.ts'

export type Kind = {
  readonly group: string
  readonly version: string
  /** The plural, as in URLs and roles. */
  readonly resource: string
  readonly kind: string
  readonly namespaced: boolean
  /** The form of a name: what RFC or function of Kubernetes says so stands beside each. */
  readonly name: RegExp
  /** What may stand in one beside apiVersion, kind and metadata; undefined: none can be made. */
  readonly fields: Readonly<Record<string, Shape>> | undefined
  /** What the API server adds to an object that is made or changed. */
  readonly complete: (object: KubeObject) => KubeObject
}

/** What may stand in a field, as far as the embedded cluster knows it. */
type Shape = 'text' | 'any' | { readonly mapOf: 'text' } | { readonly listOf: Shape } | Fields
type Fields = { readonly fields: Readonly<Record<string, Shape>> }

const TEXTS: Shape = { listOf: 'text' }
const RBAC = 'rbac.authorization.k8s.io'
/** RFC 1123, as a label of DNS. */
const LABEL = /^(?=.{1,63}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/
/** RFC 1123, as a name of DNS. */
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
/** IsValidPathSegmentName of k8s.io/apimachinery. */
const PATH_SEGMENT = /^(?!\.{1,2}$)[^/%]+$/

const METADATA: Fields = {
  fields: {
    name: 'text',
    namespace: 'text',
    uid: 'text',
    resourceVersion: 'text',
    creationTimestamp: 'text',
    labels: { mapOf: 'text' },
    annotations: { mapOf: 'text' },
    // The server's own account, which a client may send back.
    managedFields: 'any',
  },
}

const RULES: Shape = {
  listOf: {
    fields: {
      verbs: TEXTS,
      apiGroups: TEXTS,
      resources: TEXTS,
      resourceNames: TEXTS,
      nonResourceURLs: TEXTS,
    },
  },
}

const BINDING: Readonly<Record<string, Shape>> = {
  roleRef: { fields: { apiGroup: 'text', kind: 'text', name: 'text' } },
  subjects: { listOf: { fields: { kind: 'text', apiGroup: 'text', name: 'text', namespace: 'text' } } },
}

const same = (object: KubeObject) => object

export const NAMESPACE: Kind = {
  ...core('namespaces', 'Namespace', false),
  name: LABEL,
  fields: { spec: { fields: { finalizers: TEXTS } }, status: { fields: { phase: 'text' } } },
  complete: completeNamespace,
}

export const CONFIG_MAP: Kind = {
  ...core('configmaps', 'ConfigMap', true),
  name: SUBDOMAIN,
  fields: { data: { mapOf: 'text' } },
  complete: same,
}

export const CLUSTER_ROLE: Kind = {
  ...rbac('clusterroles', 'ClusterRole', false),
  fields: { rules: RULES },
  complete: completeRole,
}

export const ROLE: Kind = { ...rbac('roles', 'Role', true), fields: { rules: RULES }, complete: completeRole }

export const CLUSTER_ROLE_BINDING: Kind = {
  ...rbac('clusterrolebindings', 'ClusterRoleBinding', false),
  fields: BINDING,
  complete: completeBinding,
}

export const ROLE_BINDING: Kind = {
  ...rbac('rolebindings', 'RoleBinding', true),
  fields: BINDING,
  complete: completeBinding,
}

export const KINDS: readonly Kind[] = [
  NAMESPACE,
  { ...core('pods', 'Pod', true), name: SUBDOMAIN, fields: undefined, complete: same },
  CONFIG_MAP,
  CLUSTER_ROLE,
  ROLE,
  CLUSTER_ROLE_BINDING,
  ROLE_BINDING,
]

function core(resource: string, kind: string, namespaced: boolean) {
  return { group: '', version: 'v1', resource, kind, namespaced }
}

function rbac(resource: string, kind: string, namespaced: boolean) {
  return { group: RBAC, version: 'v1', resource, kind, namespaced, name: PATH_SEGMENT }
}

export function findKind(group: string, version: string, resource: string): Kind | undefined {
  return KINDS.find(kind => kind.group === group && kind.version === version && kind.resource === resource)
}

export function apiVersionOf({ group, version }: Pick<Kind, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`
}

/**
 * The first thing in an object that the embedded cluster cannot vouch for, as the real API server would judge it;
 * undefined where there is none.
 */
export function findStrange(kind: Kind, object: object): string | undefined {
  if (kind.fields === undefined) return 'any of it'
  const shape = { apiVersion: 'text', kind: 'text', metadata: METADATA, ...kind.fields } as const
  return strangeIn(object, { fields: shape }, kind.kind) ?? unsound(kind, object)
}

function strangeIn(value: unknown, shape: Shape, path: string): string | undefined {
  // What is null is as good as left out.
  if (value === null || value === undefined) return undefined
  if (shape === 'any') return undefined
  if (shape === 'text') return typeof value === 'string' ? undefined : path
  if (typeof value !== 'object') return path
  if ('listOf' in shape) {
    return Array.isArray(value)
      ? first(value, (item, at) => strangeIn(item, shape.listOf, `${path}[${at}]`))
      : path
  }
  return first(Object.entries(value), ([name, inner]) => {
    const known = 'mapOf' in shape ? shape.mapOf : shape.fields[name]
    return known === undefined ? `${path}.${name}` : strangeIn(inner, known, `${path}.${name}`)
  })
}

function first<T>(
  items: readonly T[],
  find: (item: T, at: number) => string | undefined,
): string | undefined {
  for (const [at, item] of items.entries()) {
    const found = find(item, at)
    if (found !== undefined) return found
  }
  return undefined
}

/** What Kubernetes' validation of RBAC would refuse. */
function unsound(kind: Kind, object: object): string | undefined {
  if ('rules' in object)
    return first((object as RbacRole).rules ?? [], (rule, at) => unsoundRule(kind, rule, at))
  if (!('roleRef' in object)) return kind.fields?.roleRef ? `${kind.kind}.roleRef` : undefined
  const { roleRef, subjects } = object as RbacBinding
  const referable = kind.namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole']
  if (!referable.includes(roleRef?.kind) || !roleRef.name) return `${kind.kind}.roleRef`
  return first(subjects ?? [], ({ kind: what, name, namespace }, at) => {
    const isAccount = what === 'ServiceAccount'
    // One without a namespace is of the binding's own.
    const sound =
      name && (isAccount ? namespace || kind.namespaced : ['User', 'Group'].includes(what) && !namespace)
    return sound ? undefined : `${kind.kind}.subjects[${at}]`
  })
}

function unsoundRule(
  kind: Kind,
  rule: NonNullable<RbacRole['rules']>[number],
  at: number,
): string | undefined {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const ofUrls = nonResourceURLs.length > 0
  const ofResources = apiGroups.length > 0 && resources.length > 0
  const mixed = ofUrls && (kind.namespaced || apiGroups.length + resources.length + resourceNames.length > 0)
  return verbs.length === 0 || mixed || ofUrls === ofResources ? `${kind.kind}.rules[${at}]` : undefined
}

function completeNamespace(object: KubeObject): KubeObject {
  const { metadata } = object
  const labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name }
  return {
    ...object,
    metadata: { ...metadata, labels },
    ...{ spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } },
  }
}

function completeRole(object: KubeObject): KubeObject {
  return { ...object, ...{ rules: (object as RbacRole).rules ?? null } }
}

function completeBinding(object: KubeObject): KubeObject {
  const { roleRef, subjects, ...rest } = object as RbacBinding
  const named = subjects?.map(subject =>
    subject.kind === 'ServiceAccount' ? subject : { ...subject, apiGroup: RBAC },
  )
  return {
    ...rest,
    ...(named ? { subjects: named } : {}),
    ...{ roleRef: { ...roleRef, apiGroup: RBAC } },
  }
}
