/** What a cluster holds before anybody has made anything in it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiVersionOf, KINDS } from './kinds.ts'
import type { KubeObject } from './objects.ts'
import type { Store } from './store.ts'

/** Puts what a real API server makes at its start into the store: namespaces, and the roles of the system. */
export function bootstrap(store: Store): Store {
  const file = join(import.meta.dirname, 'recorded', 'bootstrap.json')
  for (const object of [...(JSON.parse(readFileSync(file, 'utf8')) as KubeObject[]), tokenTracking()]) {
    const kind = KINDS.find(kind => kind.kind === object.kind && apiVersionOf(kind) === object.apiVersion)
    if (kind === undefined) throw new Error(`there is no place for a ${object.kind} of ${object.apiVersion}`)
    store.keep(kind, store.prepared(kind, object))
  }
  return store
}

/** Says since when the API server looks for service accounts' old tokens in use: since the day of its start. */
function tokenTracking(): KubeObject & { data: Record<string, string> } {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kube-apiserver-legacy-service-account-token-tracking', namespace: 'kube-system' },
    data: { since: new Date().toISOString().slice(0, 10) },
  }
}
