import type { Instance } from './instance.ts'

/** Where the instance is in its network, by its one interface. */
export type InstanceNetwork = {
  vpcId: string
  securityGroupIds: readonly string[]
  /** null: it has none of its own, and reaches the internet through another's, or not at all. */
  publicIp: string | null
}

/** In the VPC that clusters are in which name none, in a group of its own. */
export function defaultNetwork(): InstanceNetwork {
  return {
    vpcId: 'vpc-0a1b2c3d4e5f67890',
    securityGroupIds: ['sg-0fedcba9876543210'],
    publicIp: '203.0.113.17',
  }
}

const MAC = '02:29:96:8f:6a:2d'

/**
 * What the metadata service says of the instance's network
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html).
 * @returns undefined for a path of something else, or of what it does not have
 */
export function networkMetadata(path: string, { network }: Instance): string | undefined {
  const { vpcId, securityGroupIds, publicIp } = network
  switch (path) {
    case '/latest/meta-data/mac':
      return MAC
    case '/latest/meta-data/public-ipv4':
      return publicIp ?? undefined
    case `/latest/meta-data/network/interfaces/macs/${MAC}/vpc-id`:
      return vpcId
    case `/latest/meta-data/network/interfaces/macs/${MAC}/security-group-ids`:
      return securityGroupIds.join('\n')
  }
  return undefined
}
