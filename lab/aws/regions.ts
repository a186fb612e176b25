/** A group of regions with accounts, endpoints and ARNs of its own. */
export type Partition = 'aws' | 'aws-cn' | 'aws-us-gov'

/** The services of the lab that are asked by a signed request. */
export type SignedService = 'ec2' | 'eks' | 'sts'

/** An AWS endpoint: what service it is, and the region its signatures must be scoped to. */
export type Endpoint = { service: SignedService; region: string }

// https://docs.aws.amazon.com/general/latest/gr/eks.html
const REGIONS: Record<Partition, readonly string[]> = {
  aws: [
    ...['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2', 'ca-central-1', 'ca-west-1', 'mx-central-1'],
    ...['sa-east-1', 'eu-central-1', 'eu-central-2', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'eu-north-1'],
    ...['eu-south-1', 'eu-south-2', 'il-central-1', 'me-central-1', 'me-south-1', 'af-south-1', 'ap-east-1'],
    ...['ap-east-2', 'ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1', 'ap-south-2'],
    ...['ap-southeast-1', 'ap-southeast-2', 'ap-southeast-3', 'ap-southeast-4', 'ap-southeast-5'],
    ...['ap-southeast-6', 'ap-southeast-7'],
  ],
  'aws-cn': ['cn-north-1', 'cn-northwest-1'],
  'aws-us-gov': ['us-gov-east-1', 'us-gov-west-1'],
}

// The name shapes of https://docs.aws.amazon.com/general/latest/gr/eks.html and …/sts.html: plain, FIPS (EKS puts
// `fips.` in front, STS and the dual-stack names append `-fips`) and dual-stack (`api.aws`).
const HOST_SHAPES = [
  /^(?<service>ec2|eks|sts)\.(?<region>[a-z0-9-]+)\.amazonaws\.com(?<china>\.cn)?$/,
  /^fips\.(?<service>eks)\.(?<region>[a-z0-9-]+)\.amazonaws\.com$/,
  /^(?<service>sts)-fips\.(?<region>[a-z0-9-]+)\.amazonaws\.com$/,
  /^(?<service>eks|sts)(?:-fips)?\.(?<region>[a-z0-9-]+)\.api\.aws$/,
  /^(?<service>eks|sts)\.(?<region>[a-z0-9-]+)\.api\.amazonwebservices\.com(?<china>\.cn)$/,
]

/**
 * The partition that a region belongs to.
 * @returns undefined for a region that does not exist
 */
export function partitionOf(region: string): Partition | undefined {
  return (Object.keys(REGIONS) as Partition[]).find(partition => REGIONS[partition].includes(region))
}

/** The regions of a partition. */
export function regionsOf(partition: Partition): readonly string[] {
  return REGIONS[partition]
}

/**
 * What AWS endpoint a host name is.
 * @param host a host name without a port, in any case
 * @returns undefined for a name that is no EC2, EKS or STS endpoint of an existing region
 */
export function endpointOf(host: string): Endpoint | undefined {
  const name = host.toLowerCase()
  // The global STS endpoint checks signatures as us-east-1 does.
  if (name === 'sts.amazonaws.com') return { service: 'sts', region: 'us-east-1' }
  for (const shape of HOST_SHAPES) {
    const { service, region = '', china } = shape.exec(name)?.groups ?? {}
    const partition = partitionOf(region)
    if (service === undefined || partition === undefined) continue
    if ((partition === 'aws-cn') === (china !== undefined))
      return { service: service as SignedService, region }
  }
  return undefined
}
