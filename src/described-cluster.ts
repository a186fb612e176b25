import type { Cluster } from './aws/cluster.ts'
import type { About } from './diagnosis/failure.ts'
import type { Scene } from './diagnosis/investigate.ts'
import { type Connection, openConnection } from './kube/client.ts'
import type { Run } from './run.ts'

// What both actions do with a cluster once DescribeCluster has told of it.

/** The way to its API server. It starts now, so that the handshake is over when the token arrives. */
export function connectTo(
  { endpoint: server, certificateAuthorityData }: Cluster,
  run: Run,
  proxyUrl?: string,
): Connection {
  const certificateAuthority = Buffer.from(certificateAuthorityData, 'base64').toString('utf8')
  return openConnection({ server, certificateAuthority, ...(proxyUrl ? { proxyUrl } : {}) }, run)
}

/** Adds what is known of it now to what a failure is told from. */
export function noteCluster(about: About, scene: Scene, cluster: Cluster, proxyUrl?: string): void {
  const { outpostId: id, name, arn, authenticationMode, access, clockSkewSeconds } = cluster
  Object.assign(about, { arn, authenticationMode, clockSkewSeconds, ...(access ? { access } : {}) })
  scene.cluster = { named: id ? { id } : { name }, connect: run => connectTo(cluster, run, proxyUrl) }
}
