/**
 * Who manages which field of an object, as an API server keeps track of it for server-side apply
 * (https://kubernetes.io/docs/reference/using-api/server-side-apply/). Of the kinds that the embedded cluster keeps,
 * labels, annotations and a ConfigMap's data are managed key by key, and rules, subjects and roleRef each as a whole
 * (`x-kubernetes-list-type: atomic` in their OpenAPI, `structType=atomic` of roleRef).
 */
import type { KubeObject, ManagedFields } from './objects.ts'
import { applyConflict } from './status.ts'

/** A field by the names that lead to it; of a map that is managed key by key also the map itself, by `.` at the end. */
type Path = readonly string[]

/** Who changes an object, and how. */
export type Manager = Pick<ManagedFields, 'manager' | 'operation' | 'apiVersion'>

/** What a manager manages, and since when. */
type Managed = Manager & { readonly time?: string; readonly fields: ReadonlySet<string> }

const GRANULAR: readonly Path[] = [['metadata', 'labels'], ['metadata', 'annotations'], ['data']]
const ATOMIC: readonly Path[] = [['rules'], ['subjects'], ['roleRef']]

/**
 * An object that somebody made or changed by anything but server-side apply: what is new or other than before is
 * theirs from now on, and nobody else's; what is gone is nobody's.
 *
 * @param before undefined: it was not there
 * @param now as `metadata.managedFields` tells it
 */
export function updated(
  before: KubeObject | undefined,
  object: KubeObject,
  manager: Manager,
  now: string,
): KubeObject {
  const [old, fields] = [valuesOf(before), valuesOf(object)]
  const changed = new Set(
    [...fields].filter(([path, value]) => old.get(path) !== value).map(([path]) => path),
  )
  const managed = managedIn(before).map(one => {
    const kept = [...one.fields].filter(
      path => fields.has(path) && (isSame(one, manager) || !changed.has(path)),
    )
    return { ...one, fields: new Set(kept) }
  })
  return changed.size === 0
    ? withManaged(object, managed)
    : withManaged(object, added(managed, manager, changed, now))
}

/**
 * An object with a configuration applied: what it names is as it says, and what this manager has applied before and
 * names no more is gone, unless somebody else manages it, too.
 *
 * @param before undefined: it was not there
 * @throws Refusal when somebody else manages a field that would change, unless it is forced
 */
export function applied(
  before: KubeObject | undefined,
  configuration: KubeObject,
  manager: Manager,
  force: boolean,
  now: string,
): KubeObject {
  const [old, fields] = [valuesOf(before), valuesOf(configuration)]
  const others = managedIn(before).filter(one => !isSame(one, manager))
  const own = managedIn(before).find(one => isSame(one, manager))
  const wanted = [...fields].filter(([path]) => !isMapItself(path))
  const differing = new Set(wanted.filter(([path, value]) => old.get(path) !== value).map(([path]) => path))
  const conflicts = others.flatMap(one =>
    [...one.fields].filter(path => differing.has(path)).map(path => ({ manager: one, path: dotted(path) })),
  )
  if (conflicts.length > 0 && !force) throw applyConflict(conflicts)
  const names = new Set(wanted.map(([path]) => path))
  const left = others.map(one => ({
    ...one,
    fields: new Set([...one.fields].filter(path => !differing.has(path))),
  }))
  const held = new Set(left.flatMap(one => [...one.fields]))
  const gone = [...(own?.fields ?? [])].filter(path => !names.has(path) && !held.has(path))
  const merged = [...fields.keys()].reduce(
    (result, path) => changedAt(result, pathOf(path), at(configuration, pathOf(path))),
    gone.reduce((result, path) => changedAt(result, pathOf(path), undefined), before ?? head(configuration)),
  )
  // Where the object itself stays as it is, the server tells no new time, and for a new manager none at all.
  const time = differing.size + gone.length > 0 ? now : own?.time
  const mine = { ...manager, ...(time === undefined ? {} : { time }), fields: names }
  return withManaged(merged, [...left, mine])
}

/* Fields, as texts that can be members of a set. */

/** Every field that somebody may manage, and what stands in it. */
function valuesOf(object: KubeObject | undefined): Map<string, string> {
  const values = new Map<string, string>()
  if (object === undefined) return values
  for (const path of ATOMIC) {
    const value = at(object, path)
    if (value !== undefined && value !== null) values.set(JSON.stringify(path), canonical(value))
  }
  for (const path of GRANULAR) {
    const entries = Object.entries((at(object, path) ?? {}) as object)
    if (entries.length > 0) values.set(JSON.stringify([...path, '.']), '')
    for (const [name, value] of entries) values.set(JSON.stringify([...path, name]), canonical(value))
  }
  return values
}

/** A value as a text that does not depend on the order in which a client wrote its fields. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  )
}

const pathOf = (text: string): Path => JSON.parse(text)
const isMapItself = (path: string) => pathOf(path).at(-1) === '.'
const dotted = (path: string) =>
  pathOf(path)
    .map(name => `.${name}`)
    .join('')

function at(object: unknown, [first, ...rest]: Path): unknown {
  if (first === undefined || typeof object !== 'object' || object === null) return object
  return at((object as Record<string, unknown>)[first], rest)
}

/** With something else in a field; undefined takes it out. A map itself is where its keys are. */
function changedAt<T extends object>(object: T, [first = '', ...rest]: Path, value: unknown): T {
  if (first === '.') return object
  const inner = (object as Record<string, unknown>)[first]
  const next = rest.length === 0 ? value : changedAt((inner ?? {}) as object, rest, value)
  const { [first]: _, ...others } = object as Record<string, unknown>
  return (next === undefined ? others : { ...object, [first]: next }) as T
}

function head({ apiVersion, kind, metadata: { name, namespace } }: KubeObject): KubeObject {
  return { apiVersion, kind, metadata: { name, ...(namespace ? { namespace } : {}) } }
}

/* What the object tells of its managers. */

function managedIn(object: KubeObject | undefined): Managed[] {
  return (object?.metadata.managedFields ?? []).map(({ fieldsV1, fieldsType: _, ...one }) => ({
    ...one,
    fields: new Set(leaves(fieldsV1).map(path => JSON.stringify(path))),
  }))
}

/** FieldsV1: names behind `f:`, and `.` for the map or list itself (meta/v1, FieldsV1). */
function leaves(fields: object): Path[] {
  return Object.entries(fields).flatMap(([key, inner]) => {
    const name = key === '.' ? key : key.slice(2)
    const below = leaves(inner)
    return below.length === 0 ? [[name]] : below.map(path => [name, ...path])
  })
}

function fieldsV1(fields: ReadonlySet<string>): object {
  return [...fields].sort().reduce((tree: object, text) => {
    const path = pathOf(text).map(name => (name === '.' ? name : `f:${name}`))
    return planted(tree, path)
  }, {})
}

/** A tree of names with one more path in it. */
function planted(tree: object, [first, ...rest]: Path): object {
  if (first === undefined) return tree
  return { ...tree, [first]: planted((tree as Record<string, object>)[first] ?? {}, rest) }
}

function added(managed: Managed[], manager: Manager, fields: ReadonlySet<string>, time: string): Managed[] {
  const own = managed.find(one => isSame(one, manager))
  const others = managed.filter(one => one !== own)
  return [...others, { ...manager, time, fields: new Set([...(own?.fields ?? []), ...fields]) }]
}

/** Applied ones first, then by time and name (managedfields.sortEncodedManagedFields of structured-merge-diff's user). */
function withManaged(object: KubeObject, managed: readonly Managed[]): KubeObject {
  const rank = ({ operation, time, manager, apiVersion }: Managed) =>
    [operation, time, manager, apiVersion].join('\0')
  const managedFields = managed
    .filter(({ fields }) => fields.size > 0)
    .toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1))
    .map(
      ({ fields, ...one }): ManagedFields => ({ ...one, fieldsType: 'FieldsV1', fieldsV1: fieldsV1(fields) }),
    )
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata: { ...metadata, ...(managedFields.length > 0 ? { managedFields } : {}) } }
}

function isSame(one: Manager, other: Manager): boolean {
  return (
    one.manager === other.manager && one.operation === other.operation && one.apiVersion === other.apiVersion
  )
}
