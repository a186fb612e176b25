import { isDeepStrictEqual } from 'node:util'
import { ApiProblem, ask, isObject, type JsonObject, objects, statusOf } from '../kube/answers.ts'
import type { ApiClient } from '../kube/client.ts'
import { manifest, type RbacObject } from '../kube/policy.ts'
import type { Work } from './change.ts'
import { GrantProblem } from './evidence.ts'

// Roles and bindings of a grant: found by their labels, held against what they shall be, and put there by server-side
// apply, which tells whose each field is (https://kubernetes.io/docs/reference/using-api/server-side-apply/).

/** Who writes, as `metadata.managedFields` tells it. */
export const FIELD_MANAGER = 'eks-login-grant'

/** Which role an object is granted to, so that another role's grant of the same name does not take it over. */
export const ROLE_ANNOTATION = 'eks-login/role-arn'

/** What objects and access entries of grants are found by. */
export const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'eks-login' }

/** What is to be done to one object. */
export interface RbacChange {
  action: 'create' | 'update' | 'delete'
  object: RbacObject
  /** As it is; null where there is none. */
  before: RbacObject | null
}

/** In the order in which they are made: a role before what binds it. */
const RESOURCES = {
  ClusterRole: 'clusterroles',
  Role: 'roles',
  ClusterRoleBinding: 'clusterrolebindings',
  RoleBinding: 'rolebindings',
} as const

const KINDS = Object.keys(RESOURCES) as (keyof typeof RESOURCES)[]
const GROUP = '/apis/rbac.authorization.k8s.io/v1'

/** Kinds whose objects are looked for, each in one request. */
export const RBAC_KINDS: readonly RbacObject['kind'][] = KINDS

/**
 * The objects of one kind that grants have made, of whatever name, in all namespaces.
 *
 * @throws ApiProblem
 */
export async function listObjects(api: ApiClient, kind: RbacObject['kind']): Promise<RbacObject[]> {
  const selector = Object.entries(MANAGED_BY).map(label => label.join('='))
  const path = `${GROUP}/${RESOURCES[kind]}?labelSelector=${encodeURIComponent(selector.join(','))}`
  const { items } = await ask(api, 'GET', path)
  return objects(items).map(item => observed(kind, item))
}

/** As much of an object as a grant has a say in. */
function observed(kind: RbacObject['kind'], item: JsonObject): RbacObject {
  const { name = '', namespace, labels, annotations } = isObject(item.metadata) ? item.metadata : {}
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: {
      name: String(name),
      ...(namespace ? { namespace: String(namespace) } : {}),
      ...(isObject(labels) ? { labels: labels as Record<string, string> } : {}),
      ...(isObject(annotations) ? { annotations: annotations as Record<string, string> } : {}),
    },
    ...(item.rules === undefined ? {} : { rules: (item.rules ?? []) as never }),
    ...(item.roleRef === undefined ? {} : { roleRef: item.roleRef as never }),
    ...(item.subjects === undefined ? {} : { subjects: (item.subjects ?? []) as never }),
  }
}

/**
 * What makes the objects that are there those that shall be: roles before the bindings that name them, what is not
 * wanted any more at the end, bindings before roles.
 */
export function changesOf(found: readonly RbacObject[], wanted: readonly RbacObject[]): RbacChange[] {
  const at = new Map(found.map(object => [placeOf(object), object]))
  const kept = new Set(wanted.map(placeOf))
  const puts = wanted.flatMap((object): RbacChange[] => {
    const before = at.get(placeOf(object)) ?? null
    if (before && isAsWanted(before, object)) return []
    return [{ action: before ? 'update' : 'create', object, before }]
  })
  const gone = found.filter(object => !kept.has(placeOf(object)))
  return [
    ...puts.toSorted(byOrder),
    ...gone
      .map(object => ({ action: 'delete' as const, object, before: object }))
      .toSorted(byOrder)
      .reverse(),
  ]
}

function byOrder({ object: one }: RbacChange, { object: other }: RbacChange): number {
  return KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind)
}

/** Others may add labels and annotations of their own. */
function isAsWanted(found: RbacObject, wanted: RbacObject): boolean {
  const has = (some: Record<string, string> = {}, all: Record<string, string> = {}) =>
    Object.entries(some).every(([key, value]) => all[key] === value)
  return (
    has(wanted.metadata.labels, found.metadata.labels) &&
    has(wanted.metadata.annotations, found.metadata.annotations) &&
    isDeepStrictEqual(
      [found.rules, found.roleRef, found.subjects],
      [wanted.rules, wanted.roleRef, wanted.subjects],
    )
  )
}

/** How an object is called in words: `ClusterRole NAME`, `Role NAMESPACE/NAME`. */
export function placeOf({ kind, metadata: { name, namespace } }: RbacObject): string {
  return `${kind} ${namespace ? `${namespace}/` : ''}${name}`
}

function pathOf({ kind, metadata: { name, namespace } }: RbacObject): string {
  const of = namespace ? `${GROUP}/namespaces/${namespace}` : GROUP
  return `${of}/${RESOURCES[kind]}/${encodeURIComponent(name)}`
}

/** Whether a grant of the name has made it, to whichever role; a copy that somebody else has made has another name. */
export function isOfGrant(name: string, { metadata }: RbacObject): boolean {
  return metadata.name === name && metadata.annotations?.[ROLE_ANNOTATION] !== undefined
}

/** How a change is made. */
export function workOf(api: ApiClient, change: RbacChange): Work {
  const { action, object, before } = change
  return {
    action,
    what: placeOf(object),
    before: before ? manifest(before) : '',
    after: action === 'delete' ? '' : manifest(object),
    rehearse: () => put(api, change, true),
    apply: () => put(api, change, false),
  }
}

/** Does it, or asks the API server whether it would: a rehearsal changes nothing. */
async function put(
  api: ApiClient,
  { action, object, before }: RbacChange,
  rehearsal: boolean,
): Promise<void> {
  const dryRun = rehearsal ? '&dryRun=All' : ''
  const query = `?fieldManager=${FIELD_MANAGER}${dryRun}`
  try {
    if (action === 'delete') return await remove(api, object, dryRun)
    const contentType = 'application/apply-patch+yaml'
    const result = await ask(api, 'PATCH', pathOf(object) + query, { body: object, contentType })
    if (rehearsal && !before) expectOwn(object, result)
  } catch (error) {
    const { status = 0, message = '' } = error instanceof ApiProblem ? error.evidence : {}
    const [, namespace] = /^namespaces? "([^"]+)" not found/.exec(message) ?? []
    if (namespace) throw new GrantProblem({ kind: 'namespace-missing', namespace })
    // A binding is rehearsed before there is a role; whether it may be bound is known once there is one.
    if (rehearsal && status === 404 && !before && object.roleRef) return
    // What a binding binds cannot be changed; any other 422 is of what is in it.
    if (status !== 409 && !(status === 422 && object.roleRef)) throw error
    throw new GrantProblem({
      kind: 'object-conflict',
      object: placeOf(object),
      message,
      manifest: manifest(object),
    })
  }
}

/**
 * One of the name that no grant has made is not taken over, even if it says the same: a revoke would take it away.
 *
 * @throws GrantProblem object-conflict
 */
function expectOwn(object: RbacObject, { metadata }: JsonObject): void {
  const managers = objects(isObject(metadata) ? metadata.managedFields : [])
  const others = managers.map(({ manager }) => String(manager)).filter(manager => manager !== FIELD_MANAGER)
  if (others.length === 0) return
  throw new GrantProblem({
    kind: 'object-conflict',
    object: placeOf(object),
    message: `there is one that no grant has made; its fields are managed by ${others.join(', ')}`,
    manifest: null,
  })
}

/** One that is gone meanwhile is what was wanted. */
async function remove(api: ApiClient, object: RbacObject, dryRun: string): Promise<void> {
  await ask(api, 'DELETE', `${pathOf(object)}?propagationPolicy=Background${dryRun}`).catch(error => {
    if (statusOf(error) !== 404) throw error
  })
}
