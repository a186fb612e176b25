/** Reading and writing the objects that an embedded cluster keeps. */
import type { Write } from './escalation.ts'
import { apiVersionOf, findStrange, type Kind, NAMESPACE, ROLE } from './kinds.ts'
import { applied, type Manager, updated } from './managed-fields.ts'
import type { KubeObject } from './objects.ts'
import { APPLY, patched } from './patch.ts'
import type { RequestInfo, ResourcePath } from './request.ts'
import { type Answer, badRequest, invalidOptions, notImplemented } from './status.ts'
import { type Store, timestamp } from './store.ts'
import { tableOf } from './table.ts'

export type ObjectCall = Pick<RequestInfo, 'verb' | 'query'> & {
  readonly kind: Kind
  readonly target: ResourcePath
  readonly accept: string
  /** Without parameters; empty: the request names none. */
  readonly contentType: string
  /** What was sent, as JSON; undefined: nothing. */
  readonly body: unknown
  readonly userAgent: string
  /** @throws Refusal when the user may not make the object */
  demandCreate(): void
  /** @throws Refusal when the user would give rights that he has not */
  demandNoEscalation(write: Write): void
}

/**
 * Does what is asked with objects of a kind.
 *
 * @throws Refusal as the API server refuses it, or 501 where it would do what the embedded cluster does not
 */
export function serveObjects(store: Store, call: ObjectCall): Answer {
  const { verb, target } = call
  if (target.subresource !== '') throw notImplemented(`serve the subresource ${target.subresource}`)
  switch (verb) {
    case 'get':
      return shown(call, store.get(call.kind, namespaceOf(call), target.name))
    case 'list':
      return list(store, call)
    case 'create':
      return create(store, call)
    case 'update':
    case 'patch':
      return change(store, call)
    case 'delete':
      return remove(store, call)
    default:
      throw notImplemented(`${verb} objects`)
  }
}

/** A namespace's own path is in it, but a namespace is in none. */
function namespaceOf({ kind, target }: ObjectCall): string {
  return kind.namespaced ? target.namespace : ''
}

/* Reading. */

/** What a list can be asked for beside its namespace; kubectl gives all but the last two with every list. */
const LIST_OPTIONS = new Set([
  'limit',
  'includeObject',
  'resourceVersion',
  'timeoutSeconds',
  'labelSelector',
  'fieldSelector',
])

function list(store: Store, call: ObjectCall): Answer {
  const { kind, query, target } = call
  const strange = [...query.keys()].find(name => !LIST_OPTIONS.has(name))
  if (strange) throw notImplemented(`know ${strange} of a list`)
  const named = target.name === '' ? () => true : ({ metadata }: KubeObject) => metadata.name === target.name
  if (target.name === '' && query.get('fieldSelector'))
    throw notImplemented('select by other fields than a name')
  const labelled = labelSelector(query.get('labelSelector') ?? '')
  const objects = store
    .list(kind, namespaceOf(call))
    .filter(object => named(object) && labelled(object.metadata.labels ?? {}))
  const limit = Number(query.get('limit') ?? 0)
  if (limit > 0 && objects.length > limit) throw notImplemented('give a list in parts')
  const metadata = { resourceVersion: store.revision }
  const format = formatOf(call)
  if (format === 'table')
    return ok(tableOf(kind, objects, metadata, query.get('includeObject') ?? 'Metadata'))
  // Of what is in a list, the list itself says kind and version.
  const items = objects.map(({ kind: _, apiVersion: __, ...object }) => object)
  return ok({ kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata, items })
}

/** Equality-based requirements (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors). */
function labelSelector(selector: string): (labels: Readonly<Record<string, string>>) => boolean {
  const requirements = selector
    .split(',')
    .filter(Boolean)
    .map(text => {
      const [, name, operator, value] = /^([\w./-]+)(==?|!=)([\w.-]*)$/.exec(text) ?? []
      if (name === undefined) throw notImplemented(`select by labels as in ${text}`)
      return (labels: Readonly<Record<string, string>>) => (labels[name] === value) === (operator !== '!=')
    })
  return labels => requirements.every(fits => fits(labels))
}

function shown(call: ObjectCall, object: KubeObject, status = 200): Answer {
  if (formatOf(call) === 'object') return { status, body: object }
  const metadata = { resourceVersion: object.metadata.resourceVersion }
  return {
    status,
    body: tableOf(call.kind, [object], metadata, call.query.get('includeObject') ?? 'Metadata'),
  }
}

/** The first of the formats that a client takes and we give (RFC 9110, 12.5.1; kubectl gives them in its order). */
function formatOf({ accept }: ObjectCall): 'object' | 'table' {
  for (const type of accept.split(',').map(text => text.replaceAll(' ', ''))) {
    if (type === 'application/json;as=Table;v=v1;g=meta.k8s.io') return 'table'
    if (/^(?:application\/(?:json|\*)|\*\/\*|)(?:;q=[\d.]+)?$/.test(type)) return 'object'
  }
  throw notImplemented(`answer in ${accept}`)
}

function ok(body: object): Answer {
  return { status: 200, body }
}

/* Writing. */

const WRITE_OPTIONS = new Set(['fieldManager', 'fieldValidation', 'force', 'dryRun', 'includeObject'])

function isDryRun({ query }: ObjectCall): boolean {
  const strange = [...query.keys()].find(name => !WRITE_OPTIONS.has(name))
  if (strange) throw notImplemented(`know ${strange} of a change`)
  return query.get('dryRun') === 'All'
}

function create(store: Store, call: ObjectCall): Answer {
  const dry = isDryRun(call)
  const object = sound(call, call.body)
  const prepared = updated(undefined, made(store, call, object), managerOf(call, 'Update'), timestamp())
  return shown(call, dry ? prepared : store.keep(call.kind, prepared), 201)
}

/** The object as it would be made. Of several reasons to refuse it, the real server tells the first in this order. */
function made(store: Store, call: ObjectCall, object: KubeObject): KubeObject {
  const { kind } = call
  const { namespace = '' } = object.metadata
  if (kind.namespaced) store.get(NAMESPACE, '', namespace)
  call.demandNoEscalation({ kind, object, before: undefined })
  call.demandCreate()
  return store.prepared(kind, object)
}

/** Who writes: as it says itself, or else as its user agent begins (k8s.io/apiserver, managerOrUserAgent). */
function managerOf({ query, userAgent, kind }: ObjectCall, operation: Manager['operation']): Manager {
  const manager = query.get('fieldManager') || (userAgent.split('/')[0] ?? '')
  return { manager, operation, apiVersion: apiVersionOf(kind) }
}

/** Server-side apply: makes the object, or changes what the configuration names. */
function apply(store: Store, call: ObjectCall): Answer {
  const { kind, target, body, query } = call
  const dry = isDryRun(call)
  if (!query.get('fieldManager')) {
    const problem = 'Required value: is required for apply patch'
    throw invalidOptions('PatchOptions', 'fieldManager', problem, 'FieldValueRequired')
  }
  const configuration = sound(call, body)
  const { name, managedFields } = configuration.metadata
  if (name !== target.name) throw badRequest('the name of the object does not match the name on the URL')
  if (managedFields) throw badRequest('metadata.managedFields must be nil')
  if ('spec' in configuration || 'status' in configuration) throw notImplemented('apply spec and status')
  const before = store.find(kind, namespaceOf(call), name)
  const force = query.get('force') === 'true'
  const result = applied(before, configuration, managerOf(call, 'Apply'), force, timestamp())
  const { resourceVersion } = configuration.metadata
  const versioned = {
    ...result,
    metadata: { ...result.metadata, ...(resourceVersion ? { resourceVersion } : {}) },
  }
  const object = before ? written(store, call, before, versioned) : made(store, call, versioned)
  return shown(call, dry ? object : store.keep(kind, object), before ? 200 : 201)
}

function change(store: Store, call: ObjectCall): Answer {
  const { kind, target, contentType, body, verb } = call
  if (verb === 'patch' && contentType === APPLY) return apply(store, call)
  const dry = isDryRun(call)
  // A real server makes roles and bindings by an update, too (AllowCreateOnUpdate of pkg/registry/rbac).
  if (verb === 'update' && kind.group === ROLE.group && !store.find(kind, namespaceOf(call), target.name))
    throw notImplemented(`make ${kind.resource} by an update`)
  const before = store.get(kind, namespaceOf(call), target.name)
  const object = sound(call, verb === 'patch' ? patched(before, contentType, body) : body)
  if (object.metadata.name !== target.name)
    throw badRequest('the name of the object does not match the name on the URL')
  const { managedFields: _, ...metadata } = object.metadata
  const prepared = written(store, call, before, { ...object, metadata })
  const changed = updated(before, prepared, managerOf(call, 'Update'), timestamp())
  return shown(call, dry ? changed : store.keep(kind, changed))
}

/** The object as it would be changed. Rights are asked about before revisions, as the real server does. */
function written(store: Store, call: ObjectCall, before: KubeObject, object: KubeObject): KubeObject {
  const { kind } = call
  call.demandNoEscalation({ kind, object, before })
  if (roleRef(object) !== roleRef(before)) throw notImplemented('judge a change of roleRef')
  return store.changed(kind, object)
}

function remove(store: Store, call: ObjectCall): Answer {
  const { kind, target } = call
  // What else would go with it, and when, is the work of controllers.
  if (kind === NAMESPACE) throw notImplemented('delete namespaces')
  const { uid } = store.remove(kind, namespaceOf(call), target.name).metadata
  const details = {
    name: target.name,
    ...(kind.group ? { group: kind.group } : {}),
    kind: kind.resource,
    uid,
  }
  return ok({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details })
}

function roleRef(object: KubeObject): string {
  const { apiGroup: _, ...rest } = (object as { roleRef?: { apiGroup?: string } }).roleRef ?? {}
  return JSON.stringify(Object.entries(rest).sort())
}

/** What was sent, as an object of the kind and in the namespace that the path names. */
function sound({ kind, target }: ObjectCall, body: unknown): KubeObject {
  if (typeof body !== 'object' || body === null) throw badRequest('the body is no object')
  const given = body as Partial<KubeObject>
  if (given.kind !== kind.kind || given.apiVersion !== apiVersionOf(kind)) {
    throw badRequest(`the object provided is unrecognized: ${given.apiVersion}, ${given.kind}`)
  }
  const { name = '', namespace = target.namespace } = given.metadata ?? {}
  const metadata = { ...given.metadata, name, ...(kind.namespaced ? { namespace } : {}) }
  if (kind.namespaced && namespace !== target.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  const strange = kind.name.test(name) ? findStrange(kind, { ...given, metadata }) : `the name "${name}"`
  if (strange !== undefined) throw notImplemented(`judge ${strange} in an object of kind ${kind.kind}`)
  return { ...given, metadata } as KubeObject
}
