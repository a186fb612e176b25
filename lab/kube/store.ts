/** The objects of an embedded cluster. */
import { randomUUID } from 'node:crypto'
import { apiVersionOf, type Kind } from './kinds.ts'
import type { KubeObject } from './objects.ts'
import { alreadyExists, conflict, notFound } from './status.ts'

/** Keeps objects by kind, namespace and name, as etcd does for an API server: every change is a new revision. */
export class Store {
  readonly #objects = new Map<Kind, Map<string, KubeObject>>()
  #revision = 0

  /** The newest revision, as `resourceVersion` tells it. */
  get revision(): string {
    return String(this.#revision)
  }

  /** In the order of namespace and name, as etcd lists its keys. @param namespace empty: of all */
  list(kind: Kind, namespace = ''): KubeObject[] {
    const all = [...(this.#objects.get(kind)?.entries() ?? [])].sort(([one], [other]) =>
      one < other ? -1 : 1,
    )
    return all.flatMap(([, object]) =>
      namespace === '' || object.metadata.namespace === namespace ? [object] : [],
    )
  }

  find(kind: Kind, namespace: string, name: string): KubeObject | undefined {
    return this.#objects.get(kind)?.get(keyOf(namespace, name))
  }

  /** @throws Refusal when there is none */
  get(kind: Kind, namespace: string, name: string): KubeObject {
    const object = this.find(kind, namespace, name)
    if (object === undefined) throw notFound({ ...kind, name })
    return object
  }

  /** The object as it would be made. @throws Refusal when there is one of its name */
  prepared(kind: Kind, object: KubeObject): KubeObject {
    const { name, namespace = '' } = object.metadata
    if (this.find(kind, namespace, name)) throw alreadyExists({ ...kind, name })
    return inOrder(kind, kind.complete(object), { uid: randomUUID(), creationTimestamp: timestamp() })
  }

  /**
   * The object as it would be changed. One that is as it was stays at its revision.
   * @throws Refusal when there is none, or somebody else has changed it since the revision that the object names
   */
  changed(kind: Kind, object: KubeObject): KubeObject {
    const { name, namespace = '', resourceVersion } = object.metadata
    const { uid, creationTimestamp, resourceVersion: current } = this.get(kind, namespace, name).metadata
    if (resourceVersion !== undefined && resourceVersion !== current) throw conflict({ ...kind, name })
    return inOrder(kind, kind.complete(object), { uid, creationTimestamp, resourceVersion: current })
  }

  /** Keeps what {@link prepared} or {@link changed} gave. */
  keep(kind: Kind, object: KubeObject): KubeObject {
    const { name, namespace = '' } = object.metadata
    const before = this.find(kind, namespace, name)
    if (before && isAsBefore(before, object)) return before
    const kept = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#revision) } }
    const objects = this.#objects.get(kind) ?? new Map<string, KubeObject>()
    this.#objects.set(kind, objects.set(keyOf(namespace, name), kept))
    return kept
  }

  /** @throws Refusal when there is none */
  remove(kind: Kind, namespace: string, name: string): KubeObject {
    const object = this.get(kind, namespace, name)
    this.#objects.get(kind)?.delete(keyOf(namespace, name))
    this.#revision++
    return object
  }
}

/** But for when somebody last changed what he manages (managedfields of k8s.io/apimachinery, timestamps alone). */
function isAsBefore(before: KubeObject, object: KubeObject): boolean {
  const timeless = (text: string, value: unknown) => (text === 'time' ? undefined : value)
  return JSON.stringify(before, timeless) === JSON.stringify(object, timeless)
}

/** This moment as objects tell it: RFC 3339, in seconds. */
export function timestamp(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

type Given = Partial<Record<'uid' | 'creationTimestamp' | 'resourceVersion', string | undefined>>

/** What the server says of an object stands in it, whatever a client wrote there. */
function inOrder(kind: Kind, object: KubeObject, given: Given): KubeObject {
  const { name, namespace, labels, annotations, managedFields } = object.metadata
  const told = {
    name,
    ...(kind.namespaced ? { namespace } : {}),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(labels && Object.keys(labels).length > 0 ? { labels } : {}),
    ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...(managedFields ? { managedFields } : {}),
  }
  const { apiVersion: _, kind: __, metadata: ___, ...rest } = object
  return {
    kind: kind.kind,
    apiVersion: apiVersionOf(kind),
    metadata: told as KubeObject['metadata'],
    ...rest,
  }
}
