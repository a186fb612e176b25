import { randomUUID } from 'node:crypto'
import type { Cluster } from './clusters.ts'
import type { Instance } from './instance.ts'
import { isIn, type SecurityGroups } from './security-groups.ts'

/** What UpdateClusterConfig may change of how an API server is reached. */
export type AccessChanges = {
  readonly endpointPublicAccess?: boolean
  readonly endpointPrivateAccess?: boolean
  readonly publicAccessCidrs?: readonly string[]
}

type Access = Required<AccessChanges> & { readonly vpcId: string; readonly clusterSecurityGroupId: string }

const MEMBERS: Readonly<Record<keyof AccessChanges, (value: unknown) => boolean>> = {
  endpointPublicAccess: value => typeof value === 'boolean',
  endpointPrivateAccess: value => typeof value === 'boolean',
  publicAccessCidrs: value => Array.isArray(value) && value.every(cidr => typeof cidr === 'string'),
}

/** Whether a `resourcesVpcConfig` holds nothing but what the lab can change. */
export function isAccessChanges(value: unknown): value is AccessChanges {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).every(
    ([name, given]) => Object.hasOwn(MEMBERS, name) && MEMBERS[name as keyof AccessChanges](given),
  )
}

/** The cluster with the changes made, which in AWS takes minutes. */
export function withAccess(cluster: Cluster, changes: AccessChanges): Cluster {
  return { ...cluster, resourcesVpcConfig: { ...cluster.resourcesVpcConfig, ...changes } }
}

/** https://docs.aws.amazon.com/eks/latest/APIReference/API_Update.html */
export function updateOf(changes: AccessChanges): object {
  const params = Object.entries(changes).map(([name, value]) => ({
    type: `${name[0]?.toUpperCase()}${name.slice(1)}`,
    value: JSON.stringify(value),
  }))
  return {
    id: randomUUID(),
    status: 'InProgress',
    type: 'EndpointAccessUpdate',
    params,
    createdAt: Date.now() / 1000,
    errors: [],
  }
}

/** What becomes of a connection that an instance makes to a cluster's endpoint. */
export type Reach = 'answered' | 'dropped' | 'unresolved'

/**
 * What becomes of a connection (https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html). Inside the
 * cluster's VPC the endpoint's name leads to its private interfaces if there are any, which the cluster's security group
 * guards; everywhere else to the public endpoint if there is one, which publicAccessCidrs guard. A name that is private
 * only resolves nowhere else but in VPCs that are peered, with names.
 */
export function reachOf(
  cluster: Cluster,
  { network, privateIp }: Pick<Instance, 'network' | 'privateIp'>,
  securityGroups: SecurityGroups,
  peeredVpcs: readonly string[],
): Reach {
  const access = cluster.resourcesVpcConfig as Access
  const isInside = network.vpcId === access.vpcId
  const isPeered = peeredVpcs.includes(network.vpcId) && !access.endpointPublicAccess
  const { securityGroupIds, publicIp } = network
  if (access.endpointPrivateAccess && (isInside || isPeered)) {
    // Groups are known in their own VPC alone.
    const peer = { privateIp, securityGroupIds: isInside ? securityGroupIds : [] }
    return securityGroups.admits(access.clusterSecurityGroupId, 443, peer) ? 'answered' : 'dropped'
  }
  if (!access.endpointPublicAccess) return 'unresolved'
  const isLetIn = publicIp !== null && access.publicAccessCidrs.some(cidr => isIn(publicIp, cidr))
  return isLetIn ? 'answered' : 'dropped'
}
