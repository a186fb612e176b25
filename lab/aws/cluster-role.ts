import { clusterRoleArn } from './clusters.ts'
import type { Identities, SessionCredentials } from './identities.ts'
import { partitionOf } from './regions.ts'

const HOURS_MS = 3_600_000

/**
 * A session of the role that the clusters of an account have, made when it is first asked for. Of what the real role
 * may do, the lab serves DescribeInstances (https://docs.aws.amazon.com/eks/latest/userguide/cluster-iam-role.html).
 *
 * @param region one of the clusters', which says the partition
 * @throws TypeError for a region that does not exist
 */
export function assumeClusterRole(
  identities: Identities,
  region: string,
  account: string,
): SessionCredentials {
  const role =
    identities.findRole(clusterRoleArn(region, account)) ??
    identities.createRole({
      name: 'eks-cluster',
      account,
      partition: partitionOf(region) ?? 'aws',
      trust: {
        Statement: [
          { Effect: 'Allow', Principal: { Service: 'eks.amazonaws.com' }, Action: 'sts:AssumeRole' },
        ],
      },
      policies: {
        nodes: { Statement: [{ Effect: 'Allow', Action: 'ec2:DescribeInstances', Resource: '*' }] },
      },
    })
  return identities.issueSession(role, { name: 'eks', expires: new Date(Date.now() + 12 * HOURS_MS) })
}
