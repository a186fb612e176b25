import type { EndpointAccess } from '../../aws/cluster.ts'
import type { InstanceNetwork } from '../../aws/instance-network.ts'
import type { About, Paste } from '../failure.ts'
import { shell, shellWord } from '../shell.ts'
import { placeOf } from './addresses.ts'

// The two doors of an API server: its public endpoint, which publicAccessCidrs guard, and its private one, which are
// network interfaces in the cluster's VPC, guarded by the cluster's security group
// (https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html).

export type Door = 'public' | 'private'

/**
 * By which door a connection came: the address that its name resolved to tells, or, where it tells nothing, which doors
 * there are, and that inside the cluster's VPC the name leads to the private one. Null where neither does.
 */
export function doorOf(
  address: string | undefined,
  access: EndpointAccess,
  runner: InstanceNetwork | undefined,
): Door | null {
  const { publicAccess, privateAccess, vpcId } = access
  if (!publicAccess) return 'private'
  if (!privateAccess) return 'public'
  const place = placeOf(address)
  if (place) return place
  if (!runner) return null
  return runner.vpcId === vpcId ? 'private' : 'public'
}

/** What DescribeCluster said of the doors. */
export function accessLine(access: EndpointAccess): string {
  const { vpcId, securityGroupId, publicAccess, privateAccess, publicAccessCidrs } = access
  const open = publicAccess ? `on for ${publicAccessCidrs.join(', ') || 'no CIDR block'}` : 'off'
  const group = securityGroupId ? `, cluster security group ${securityGroupId}` : ''
  return `DescribeCluster: ${vpcId}${group}, public access ${open}, private access ${privateAccess ? 'on' : 'off'}`
}

/** Where the runner is, as its metadata says. */
export function runnerLine(runner: InstanceNetwork | undefined): string {
  if (!runner) return 'the runner: no instance metadata tells where it is'
  const { vpcId, securityGroupIds, privateIp, publicIp } = runner
  const groups = securityGroupIds.join(', ') || 'none'
  return `the runner, by its instance metadata: ${vpcId}, security groups ${groups}, address ${privateIp}, public address ${publicIp ?? 'none'}`
}

/** Lets a security group, or a CIDR block, in by the private door. */
export function letIn(
  { region }: About,
  { securityGroupId }: EndpointAccess,
  from: { group: string } | { cidr: string },
): Paste {
  const source =
    'group' in from ? `--source-group ${shellWord(from.group)}` : `--cidr ${shellWord(from.cidr)}`
  // Clusters of early platform versions have no group of their own.
  const group = `--group-id ${shellWord(securityGroupId || 'CLUSTER_GROUP')}`
  const text = `aws ec2 authorize-security-group-ingress --region ${shellWord(region)} ${group} --protocol tcp --port 443 ${source}`
  return shell(text)
}

/** Changes the doors of a cluster: what is not named stays as it is. */
export function changeAccess(
  { cluster, region }: About,
  changes: { publicAccess?: true; privateAccess?: true; cidrs?: readonly string[] },
): Paste {
  const { publicAccess, privateAccess, cidrs } = changes
  const settings = [
    ...(publicAccess ? ['endpointPublicAccess=true'] : []),
    ...(privateAccess ? ['endpointPrivateAccess=true'] : []),
    ...(cidrs ? [`publicAccessCidrs=${cidrs.join(',')}`] : []),
  ]
  const of = `--region ${shellWord(region)} --name ${shellWord(cluster)}`
  const text = `aws eks update-cluster-config ${of} --resources-vpc-config ${shellWord(settings.join(','))}`
  return shell(text)
}
