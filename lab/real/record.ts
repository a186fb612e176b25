/** Records what the embedded cluster has in common with a real one. Run it again when the real one is a newer one. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, demand, type ServerAddress, serverOf } from '../admin.ts'
import type { KubeObject } from '../kube/objects.ts'
import { startLab } from '../lab.ts'

export type Recording = {
  /** What the API server says of its API and of itself. */
  readonly discovery: {
    /** APIGroupDiscoveryList (apidiscovery.k8s.io/v2) of the core group, and of the others. */
    readonly api: object
    readonly apis: object
    readonly version: object
  }
  /** What it has made by itself, without what is different in every cluster. */
  readonly bootstrap: readonly KubeObject[]
}

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

/** Namespaces that the API server makes, which may be a moment after it is ready (pkg/controlplane of Kubernetes). */
const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system']

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const KEPT = [
  '/api/v1/namespaces',
  `${RBAC}/clusterroles`,
  `${RBAC}/clusterrolebindings`,
  `${RBAC}/roles`,
  `${RBAC}/rolebindings`,
]

/**
 * Records a cluster in which nobody has made anything yet.
 *
 * No controller manager belongs to the lab's, so that the ClusterRoles `admin`, `edit` and `view` are without rules:
 * it is what gathers those from other roles.
 *
 * @param server asked as an administrator
 * @throws Error when its namespaces are not there after 10 seconds
 */
export async function record(server: ServerAddress): Promise<Recording> {
  const get = async (path: string, accept = 'application/json') =>
    demand(await ask(server, 'GET', path, undefined, { accept }), 200) as object
  await namespacesOf(server)
  const [api, apis, version, ...lists] = await Promise.all([
    get('/api', AGGREGATED),
    get('/apis', AGGREGATED),
    get('/version'),
    ...KEPT.map(path => get(path)),
  ])
  return { discovery: { api, apis, version }, bootstrap: (lists as List[]).flatMap(objectsIn) }
}

type List = { readonly kind: string; readonly apiVersion: string; readonly items: readonly Item[] }
/** An object without its kind, which the list tells once. */
type Item = Pick<KubeObject, 'metadata'>

async function namespacesOf(server: ServerAddress): Promise<void> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const { items } = demand(await ask(server, 'GET', '/api/v1/namespaces'), 200) as List
    const missing = NAMESPACES.filter(name => !items.some(({ metadata }) => metadata.name === name))
    if (missing.length === 0) return
    if (Date.now() > deadline) throw new Error(`no namespace ${missing.join(', ')} after 10 s`)
    await sleep(20)
  }
}

/** What of an object's metadata is different in every cluster. */
const OWN = ['uid', 'resourceVersion', 'creationTimestamp', 'managedFields']

function objectsIn({ kind, apiVersion, items }: List): KubeObject[] {
  return items.map(({ metadata, ...content }) => ({
    kind: kind.replace(/List$/, ''),
    apiVersion,
    metadata: Object.fromEntries(
      Object.entries(metadata).filter(([name]) => !OWN.includes(name)),
    ) as KubeObject['metadata'],
    ...content,
  }))
}

if (import.meta.main) {
  const lab = await startLab({ kubernetes: 'real' })
  try {
    const [cluster] = lab.clusters
    if (!cluster) throw new Error('a lab without a cluster')
    const recording = await record(serverOf(await readFile(cluster.adminKubeconfig, 'utf8')))
    for (const [name, content] of Object.entries(recording)) {
      const file = join(import.meta.dirname, '..', 'kube', 'recorded', `${name}.json`)
      await writeFile(file, `${JSON.stringify(content)}\n`)
    }
  } finally {
    await lab.stop()
  }
}
