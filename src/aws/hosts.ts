/** A group of regions with accounts and domains of its own: how it names hosts, IPv4-only and dual-stack. */
interface Partition {
  /** As it stands in ARNs. */
  name: string
  regions: RegExp
  suffix: string
  dualStackSuffix: string
}

// https://docs.aws.amazon.com/general/latest/gr/rande.html; the same in botocore, data/partitions.json.
const PARTITIONS: Partition[] = [
  {
    name: 'aws-cn',
    regions: /^cn-/,
    suffix: 'amazonaws.com.cn',
    dualStackSuffix: 'api.amazonwebservices.com.cn',
  },
  {
    name: 'aws-eusc',
    regions: /^eusc-/,
    suffix: 'amazonaws.eu',
    dualStackSuffix: 'api.amazonwebservices.eu',
  },
  { name: 'aws-iso', regions: /^us-iso-/, suffix: 'c2s.ic.gov', dualStackSuffix: 'api.aws.ic.gov' },
  { name: 'aws-iso-b', regions: /^us-isob-/, suffix: 'sc2s.sgov.gov', dualStackSuffix: 'api.aws.scloud' },
  {
    name: 'aws-iso-e',
    regions: /^eu-isoe-/,
    suffix: 'cloud.adc-e.uk',
    dualStackSuffix: 'api.cloud-aws.adc-e.uk',
  },
  {
    name: 'aws-iso-f',
    regions: /^us-isof-/,
    suffix: 'csp.hci.ic.gov',
    dualStackSuffix: 'api.aws.hci.ic.gov',
  },
]
const REST: Partition = { name: 'aws', regions: /^/, suffix: 'amazonaws.com', dualStackSuffix: 'api.aws' }

/** The partition that a region is of, as it stands in ARNs: `aws`, `aws-cn`, `aws-us-gov`, … */
export function partition(region: string): string {
  // GovCloud has the names of the public hosts.
  return region.startsWith('us-gov-') ? 'aws-us-gov' : partitionOf(region).name
}

/** What the regional hosts of services end in, like `amazonaws.com`. */
export function dnsSuffix(region: string): string {
  return partitionOf(region).suffix
}

/**
 * The regional host of STS that the AWS CLI would sign a token for (botocore, sts endpoint-rule-set), FIPS and
 * dual-stack as AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT say.
 *
 * AWS_ENDPOINT_URL_STS does not count: it is how this machine reaches STS, and the one that asks STS about a token is
 * the cluster, which accepts AWS's own hosts only (aws-iam-authenticator, pkg/token).
 */
export function stsHost(region: string, env: NodeJS.ProcessEnv): string {
  const { suffix, dualStackSuffix } = partitionOf(region)
  const fips = isTrue(env.AWS_USE_FIPS_ENDPOINT)
  const dualStack = isTrue(env.AWS_USE_DUALSTACK_ENDPOINT)
  // All of GovCloud's own are FIPS endpoints.
  const service = fips && (dualStack || !region.startsWith('us-gov-')) ? 'sts-fips' : 'sts'
  return `${service}.${region}.${dualStack ? dualStackSuffix : suffix}`
}

function partitionOf(region: string): Partition {
  return PARTITIONS.find(({ regions }) => regions.test(region)) ?? REST
}

function isTrue(value: string | undefined): boolean {
  return value?.toLowerCase() === 'true'
}
