import type { AwsCredentialIdentity } from '@smithy/types'
import { scopeText, signatureOf, signedHeaders, signingTime } from './sigv4.ts'

/** What a token says: who signs, for which cluster, and which STS host will be asked about it. */
export interface TokenClaims {
  identity: AwsCredentialIdentity
  region: string
  /** Host of STS, like `sts.eu-central-1.amazonaws.com`. */
  host: string
  /** A cluster's name, or the id of a local cluster on Outposts. */
  cluster: string
}

export interface SignedToken {
  token: string
  /** RFC 3339, whole seconds */
  expirationTimestamp: string
}

/**
 * A token of EKS: `k8s-aws-v1.` and the base64url of a presigned URL of STS GetCallerIdentity, whose signature also
 * covers the header `x-k8s-aws-id` with the cluster (aws-iam-authenticator, README: API Authorization from Outside a
 * Cluster). Signed here, without any network; the parameters stand in the order of the AWS CLI's own (aws-cli,
 * customizations/eks/get_token.py).
 *
 * @param now in milliseconds since the epoch
 * @returns the token, and when to ask for the next: 14 minutes from now, or earlier, when the credentials end
 */
export function signToken({ identity, region, host, cluster }: TokenClaims, now: number): SignedToken {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = identity
  const scope = { time: signingTime(now), region, service: 'sts' } as const
  const headers = { host, 'x-k8s-aws-id': cluster }
  const query = [
    ['Action', 'GetCallerIdentity'],
    ['Version', '2011-06-15'],
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${accessKeyId}/${scopeText(scope)}`],
    ['X-Amz-Date', scope.time],
    ['X-Amz-Expires', '60'],
    ['X-Amz-SignedHeaders', signedHeaders({ headers })],
    ...(sessionToken ? [['X-Amz-Security-Token', sessionToken]] : []),
  ].map(([name = '', value = '']) => `${name}=${encode(value)}`)
  const canonical = { path: '/', query: query.toSorted().join('&'), headers }
  const signature = signatureOf(canonical, scope, secretAccessKey)

  const url = `https://${host}/?${query.join('&')}&X-Amz-Signature=${signature}`
  const end = Math.min(now + LIFETIME_MS, expiration?.getTime() ?? Number.POSITIVE_INFINITY)
  return {
    token: `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`,
    expirationTimestamp: new Date(end).toISOString().replace(/\.\d+/, ''),
  }
}

/** The cluster takes a token for 15 minutes; the AWS CLI leaves one of them for the way. */
const LIFETIME_MS = 14 * 60_000

/** RFC 3986: what is not unreserved is escaped, which encodeURIComponent leaves out for five. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
