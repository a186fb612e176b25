/** What stands between the lab's instance and a cluster's endpoint: who resolves its name, and who is let in. */
import { createServer } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { LabAws } from './aws/aws.ts'
import type { ClusterOptions } from './aws/clusters.ts'
import { type Reach, reachOf } from './aws/endpoint-access.ts'
import { listen } from './aws/server.ts'
import { startBlackHole } from './black-hole.ts'
import type { LabCluster } from './cluster.ts'

export type EndpointGate = {
  /**
   * The environment of a process of Node's on the instance, which finds the endpoint by its name alone, and no proxy.
   */
  readonly env: Readonly<Record<string, string>>
  /** Makes EKS describe the endpoint anew, and takes every rule of security groups away. */
  set(access: Access): void
  /** Puts the cluster back as it was. */
  stop(): Promise<void>
}

type Access = Pick<
  ClusterOptions,
  'endpointPublicAccess' | 'endpointPrivateAccess' | 'publicAccessCidrs' | 'vpcId'
>

/** VPCs that are peered with the clusters', with names. */
const PEERED_VPCS = ['vpc-0peered0000000000']

/** An address of this machine where nobody else listens. */
const DROPS = '127.0.0.9'

/**
 * Puts a gate before a cluster's API server. It acts where the endpoint's name is resolved: the name leads to the API
 * server, to an address that drops what comes, or nowhere, as what EKS and EC2 know at that moment would have it.
 */
export async function startEndpointGate(aws: LabAws, cluster: LabCluster): Promise<EndpointGate> {
  const { name, region, arn, hostName, port, endpoint, caPem } = cluster
  const hole = await startBlackHole(DROPS, port)
  const reach = (): Reach => {
    const described = aws.findCluster(arn)
    return described ? reachOf(described, aws.instance, aws.securityGroups, PEERED_VPCS) : 'unresolved'
  }
  const addresses = { answered: '127.0.0.1', dropped: DROPS, unresolved: '' }
  const names = await listen(
    createServer(({ url }, response) => {
      const address = url === `/${hostName}` ? addresses[reach()] : ''
      response.writeHead(address ? 200 : 404).end(address)
    }),
  )
  const put = (options: Partial<ClusterOptions>) =>
    aws.putCluster({ name, region, version: '1.37', certificateAuthorityPem: caPem, ...options })
  return {
    env: {
      ...resolving(hostName, names.port),
      HTTPS_PROXY: '',
    },
    set(access) {
      aws.securityGroups.clear()
      put({ endpoint: `https://${hostName}:${port}`, ...access })
    },
    async stop() {
      aws.securityGroups.clear()
      put({ endpoint })
      await Promise.all([names.stop(), hole.stop()])
    },
  }
}

/** The environment of a process of Node's that asks a name service of the lab for a name (runner/names.ts). */
export function resolving(hostName: string, port: number): Record<string, string> {
  return {
    LAB_NAMES: `http://127.0.0.1:${port}/`,
    LAB_DOMAIN: hostName,
    NODE_OPTIONS: `--import=${pathToFileURL(RESOLVER)}`,
  }
}

const RESOLVER = join(import.meta.dirname, 'runner', 'names.ts')
