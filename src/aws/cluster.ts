import { ask, type CallOptions, clientSettings, endpointOf } from './calls.ts'
import type { Credentials } from './credentials.ts'
import { AwsProblem } from './evidence.ts'
import type { Target } from './target.ts'

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
}

/**
 * DescribeCluster with the given credentials, which proves that they may, and refuses a cluster that cannot be
 * logged in to.
 * https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html
 *
 * @throws AwsProblem refused, unreachable, timed-out, wrong-account, cluster-not-ready, cluster-without-endpoint
 */
export async function describeCluster(
  target: Target,
  { identity }: Credentials,
  options: CallOptions,
): Promise<Cluster> {
  const settings = await clientSettings(options)
  const { EKSClient, DescribeClusterCommand } = await import('./sdk.ts')
  const client = new EKSClient({
    region: target.region,
    credentials: identity,
    ...settings,
  })
  const resource = target.arn ?? target.name
  try {
    const { cluster } = await ask(
      'eks:DescribeCluster',
      resource,
      endpointOf('EKS', target.region, options.env),
      options,
      settings,
      bound => client.send(new DescribeClusterCommand({ name: target.name }), bound),
    )
    return usable(target, cluster ?? {})
  } finally {
    client.destroy()
  }
}

type Described = NonNullable<import('@aws-sdk/client-eks').DescribeClusterCommandOutput['cluster']>

function usable(target: Target, described: Described): Cluster {
  const { status = 'unknown', endpoint, arn = '', version = '' } = described
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
    version,
    status,
    authenticationMode: described.accessConfig?.authenticationMode ?? 'CONFIG_MAP',
  }
}
