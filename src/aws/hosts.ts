/** A group of regions with accounts and domains of its own: how it names hosts, IPv4-only and dual-stack. */
interface Partition {
  regions: RegExp
  suffix: string
  dualStackSuffix: string
}

// https://docs.aws.amazon.com/general/latest/gr/rande.html; the same in botocore, data/partitions.json.
const PARTITIONS: Partition[] = [
  { regions: /^cn-/, suffix: 'amazonaws.com.cn', dualStackSuffix: 'api.amazonwebservices.com.cn' },
  { regions: /^eusc-/, suffix: 'amazonaws.eu', dualStackSuffix: 'api.amazonwebservices.eu' },
  { regions: /^us-iso-/, suffix: 'c2s.ic.gov', dualStackSuffix: 'api.aws.ic.gov' },
  { regions: /^us-isob-/, suffix: 'sc2s.sgov.gov', dualStackSuffix: 'api.aws.scloud' },
  { regions: /^eu-isoe-/, suffix: 'cloud.adc-e.uk', dualStackSuffix: 'api.cloud-aws.adc-e.uk' },
  { regions: /^us-isof-/, suffix: 'csp.hci.ic.gov', dualStackSuffix: 'api.aws.hci.ic.gov' },
]
const REST: Partition = { regions: /^/, suffix: 'amazonaws.com', dualStackSuffix: 'api.aws' }

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
