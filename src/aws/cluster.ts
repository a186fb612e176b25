import type { CallOptions } from './bounds.ts'
import { endpointOf } from './calls.ts'
import type { Credentials } from './credentials.ts'
import { askEks } from './eks.ts'
import { AwsProblem } from './evidence.ts'
import type { Target } from './target.ts'

/**
 * How the API server of a cluster can be reached: by its public endpoint, by its private one, or by both
 * (https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html).
 */
export interface EndpointAccess {
  vpcId: string
  /** The group of the private endpoint's network interfaces; empty of a cluster that has none. */
  securityGroupId: string
  publicAccess: boolean
  privateAccess: boolean
  /** Who may come in by the public endpoint. */
  publicAccessCidrs: string[]
}

/** What DescribeCluster says of a cluster that can be logged in to. */
export interface Cluster {
  name: string
  arn: string
  region: string
  /** Only of an Outposts local cluster: tokens name it by this id. */
  outpostId?: string
  endpoint: string
  /** base64 of a PEM */
  certificateAuthorityData: string
  version: string
  status: string
  /** API, API_AND_CONFIG_MAP or CONFIG_MAP; CONFIG_MAP where the answer has none, as on old platform versions. */
  authenticationMode: string
  /** Absent of an Outposts local cluster, whose endpoint is in its VPC alone. */
  access?: EndpointAccess
  /** By how many seconds the clock here is ahead of AWS's, as the answer had it: 0 while they agree; absent where it had no date. */
  clockSkewSeconds?: number
}

/**
 * DescribeCluster with the given credentials, which proves that they may, and refuses a cluster that cannot be
 * logged in to.
 * https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html
 *
 * @throws AwsProblem refused, answer-unreadable, unreachable, timed-out, wrong-account, cluster-not-ready,
 *   cluster-without-endpoint
 */
export async function describeCluster(
  target: Target,
  credentials: Credentials,
  options: CallOptions,
): Promise<Cluster> {
  const { name, region, arn } = target
  const { answer, clockSkewSeconds } = await askEks<Answer>(
    {
      asked: 'eks:DescribeCluster',
      resource: arn ?? name,
      region,
      path: `/clusters/${name}`,
      bySdk: (sdk, client, bound) => client.send(new sdk.DescribeClusterCommand({ name }), bound),
    },
    credentials,
    options,
  )
  const { described, problem } = read(answer)
  if (described) {
    const cluster = usable(target, described)
    return clockSkewSeconds === undefined ? cluster : { ...cluster, clockSkewSeconds }
  }
  throw new AwsProblem({
    kind: 'answer-unreadable',
    asked: 'eks:DescribeCluster',
    endpoint: endpointOf('EKS', region, options.env),
    status: 200,
    problem,
  })
}

/** What is read of the answer; as JSON it is as the SDK has it. */
interface Answer {
  cluster?: Described | undefined
}

type Described = Pick<
  import('@aws-sdk/client-eks').Cluster,
  | 'arn'
  | 'status'
  | 'endpoint'
  | 'version'
  | 'certificateAuthority'
  | 'outpostConfig'
  | 'id'
  | 'accessConfig'
  | 'resourcesVpcConfig'
>

type Read = { described: Described; problem?: never } | { described?: never; problem: string }

/** Whatever answers in the place of EKS may say anything, with status 200. */
function read(answer: unknown): Read {
  const { cluster } = (answer ?? {}) as Answer
  if (typeof cluster?.status !== 'string') return { problem: 'it describes no cluster with a status' }
  const { endpoint, certificateAuthority, arn, version, id, accessConfig } = cluster
  const texts = [endpoint, certificateAuthority?.data, arn, version, id, accessConfig?.authenticationMode]
  if (!texts.every(text => text === undefined || text === null || typeof text === 'string'))
    return { problem: 'what should be a text in it is something else' }
  if (endpoint && URL.parse(endpoint)?.protocol !== 'https:')
    return { problem: 'its endpoint is no https URL' }
  if (certificateAuthority?.data && !isPem(certificateAuthority.data))
    return { problem: 'its certificate authority is no certificate' }
  return { described: cluster }
}

function isPem(base64: string): boolean {
  return Buffer.from(base64, 'base64').toString('latin1').includes('-----BEGIN CERTIFICATE-----')
}

function usable(target: Target, described: Described): Cluster {
  const { status = 'unknown', endpoint } = described
  // JSON may have null in their place.
  const [arn, version] = [described.arn ?? '', described.version ?? '']
  if (target.arn && target.arn !== arn) {
    // The same name in the account of the credentials: another cluster than the one that was meant.
    throw new AwsProblem({ kind: 'wrong-account', asked: target.arn, found: arn })
  }
  if (status !== 'ACTIVE' && status !== 'UPDATING') {
    throw new AwsProblem({ kind: 'cluster-not-ready', cluster: arn || target.name, status })
  }
  const certificateAuthorityData = described.certificateAuthority?.data
  if (!endpoint || !certificateAuthorityData) {
    throw new AwsProblem({ kind: 'cluster-without-endpoint', cluster: arn || target.name, status })
  }
  return {
    name: target.name,
    arn,
    region: target.region,
    ...(described.outpostConfig && described.id ? { outpostId: described.id } : {}),
    endpoint,
    certificateAuthorityData,
    version: version ?? '',
    status,
    authenticationMode: described.accessConfig?.authenticationMode ?? 'CONFIG_MAP',
    ...accessOf(described),
  }
}

function accessOf({ resourcesVpcConfig: vpc, outpostConfig }: Described): { access?: EndpointAccess } {
  if (!vpc?.vpcId || outpostConfig) return {}
  return {
    access: {
      vpcId: vpc.vpcId,
      securityGroupId: vpc.clusterSecurityGroupId ?? '',
      publicAccess: vpc.endpointPublicAccess ?? false,
      privateAccess: vpc.endpointPrivateAccess ?? false,
      publicAccessCidrs: vpc.publicAccessCidrs ?? [],
    },
  }
}
