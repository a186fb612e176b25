import { type Partition, partitionOf, regionsOf } from '../../aws/regions.ts'

// The authenticator knows the endpoints of its SDK, aws-sdk-go 1.44.332, which is older than these.
const UNKNOWN_TO_THE_SDK: ReadonlySet<string> = new Set([
  ...['ca-west-1', 'mx-central-1', 'ap-east-2', 'ap-southeast-5', 'ap-southeast-6', 'ap-southeast-7'],
])

const FIPS_REGIONS = ['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2']

/**
 * The STS hosts that a token may name: those of every region of the cluster's partition, the cluster's own among them
 * however new it is, and in the partition `aws` the global one and the FIPS ones. No dual-stack host is among them
 * (aws-iam-authenticator 0.6.13, pkg/token, stsHostsForPartition).
 *
 * @param region the cluster's
 */
export function stsHostsFor(region: string): ReadonlySet<string> {
  const partition = partitionOf(region) ?? 'aws'
  const regions = regionsOf(partition).filter(other => other === region || !UNKNOWN_TO_THE_SDK.has(other))
  const hosts = regions.map(name => `sts.${name}.${DOMAINS[partition]}`)
  if (partition !== 'aws') return new Set(hosts)
  const fips = FIPS_REGIONS.map(name => `sts-fips.${name}.amazonaws.com`)
  return new Set([...hosts, ...fips, 'sts.amazonaws.com'])
}

const DOMAINS: Readonly<Record<Partition, string>> = {
  aws: 'amazonaws.com',
  'aws-cn': 'amazonaws.com.cn',
  'aws-us-gov': 'amazonaws.com',
}
