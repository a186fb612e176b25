import type { CallOptions } from './bounds.ts'
import { ask, type ClientSettings, clientSettings, endpointOf } from './calls.ts'
import type { Credentials } from './credentials.ts'
import { AwsProblem } from './evidence.ts'
import { plainGet } from './plain-get.ts'
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
  const { name, region, arn } = target
  const endpoint = endpointOf('EKS', region, options.env)
  let settings: ClientSettings | undefined
  const { cluster } = await ask(
    'eks:DescribeCluster',
    arn ?? name,
    endpoint,
    options,
    () => settings,
    async bound => {
      const { env } = options
      const url = endpoint.includes('://') ? endpoint : `https://${endpoint}`
      const { abortSignal } = bound
      const answer = await plainGet<Answer>(url, `/clusters/${name}`, identity, region, env, abortSignal)
      if (answer) return answer
      settings = await clientSettings(options)
      return describeBySdk(target, identity, settings, bound)
    },
  )
  return usable(target, cluster ?? {})
}

async function describeBySdk(
  { name, region }: Target,
  credentials: Credentials['identity'],
  settings: ClientSettings,
  bound: { abortSignal: AbortSignal },
): Promise<Answer> {
  const { EKSClient, DescribeClusterCommand } = await import('./sdk.ts')
  const client = new EKSClient({ region, credentials, ...settings })
  try {
    return await client.send(new DescribeClusterCommand({ name }), bound)
  } finally {
    client.destroy()
  }
}

/** What is read of the answer; as JSON it is as the SDK has it. */
interface Answer {
  cluster?: Described | undefined
}

type Described = Pick<
  import('@aws-sdk/client-eks').Cluster,
  'arn' | 'status' | 'endpoint' | 'version' | 'certificateAuthority' | 'outpostConfig' | 'id' | 'accessConfig'
>

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
