import type { AccessKey, SessionCredentials } from '../../../../lab/aws/identities.ts'
import { scopeText, signatureOf, signedHeaders, signingTime } from '../../../../src/aws/sigv4.ts'

const MINUTE = 60_000

/** How a token differs from a good one. */
export type Oddity = {
  /** Minutes since it was signed. */
  age?: number
  cluster?: string
  host?: string
  /** Of the signature. */
  region?: string
  /** The headers that are signed. */
  headers?: Record<string, string>
  /** Parameters of the URL; undefined takes one away. All that is left is signed. */
  parameters?: Record<string, string | undefined>
  /** Changes the URL after it was signed. */
  url?: (url: string) => string
  /** Changes the token itself. */
  token?: (token: string) => string
}

/** A token for the cluster `demo` in us-east-1, whose signature covers whatever is odd about its host and parameters. */
export function tokenOf(credentials: AccessKey | SessionCredentials, odd: Oddity = {}): string {
  const { age = 0, cluster = 'demo', region = 'us-east-1', host = 'sts.us-east-1.amazonaws.com' } = odd
  const scope = { time: signingTime(Date.now() - age * MINUTE), region, service: 'sts' } as const
  const headers = odd.headers ?? { host, 'x-k8s-aws-id': cluster }
  const parameters: Record<string, string | undefined> = {
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${credentials.accessKeyId}/${scopeText(scope)}`,
    'X-Amz-Date': scope.time,
    'X-Amz-Expires': '60',
    'X-Amz-SignedHeaders': signedHeaders({ headers }),
    'X-Amz-Security-Token': 'sessionToken' in credentials ? credentials.sessionToken : undefined,
    ...odd.parameters,
  }
  const query = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value = '']) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .toSorted()
    .join('&')
  const signature = signatureOf({ path: '/', query, headers }, scope, credentials.secretAccessKey)
  const url = `https://${host}/?${query}&X-Amz-Signature=${signature}`
  const token = `k8s-aws-v1.${Buffer.from(odd.url?.(url) ?? url).toString('base64url')}`
  return odd.token?.(token) ?? token
}

/** A token that is odd in one way, and whether it is taken nevertheless. */
export type OddToken = { what: string; odd: Oddity; taken?: true }

/** Every way in which a token can be odd that its checks know of, and some that they do not mind. */
export const ODD_TOKENS: readonly OddToken[] = [
  { what: 'as it should be', odd: {}, taken: true },
  { what: 'fourteen minutes old', odd: { age: 14 }, taken: true },
  { what: 'fifteen minutes and a bit old', odd: { age: 15.1 } },
  { what: 'a day old', odd: { age: 1440 } },
  { what: 'of in ten minutes', odd: { age: -10 }, taken: true },
  { what: 'of in twenty minutes', odd: { age: -20 } },
  { what: 'for another cluster', odd: { cluster: 'demo-2' } },
  { what: 'for the cluster in capitals', odd: { cluster: 'DEMO' } },

  { what: 'of another region', odd: at('sts.eu-west-1.amazonaws.com', 'eu-west-1'), taken: true },
  { what: 'of the global STS', odd: at('sts.amazonaws.com', 'us-east-1'), taken: true },
  { what: 'of a FIPS endpoint', odd: at('sts-fips.us-west-2.amazonaws.com', 'us-west-2'), taken: true },
  { what: 'of a FIPS endpoint where it has none', odd: at('sts-fips.eu-west-1.amazonaws.com', 'eu-west-1') },
  { what: 'of a dual-stack endpoint', odd: at('sts.us-east-1.api.aws', 'us-east-1') },
  {
    what: 'of a region younger than the authenticator',
    odd: at('sts.ca-west-1.amazonaws.com', 'ca-west-1'),
  },
  { what: 'of another partition', odd: at('sts.cn-north-1.amazonaws.com.cn', 'cn-north-1') },
  { what: 'of a GovCloud region', odd: at('sts.us-gov-west-1.amazonaws.com', 'us-gov-west-1') },
  { what: 'of a host that is no STS', odd: at('sts.us-east-1.amazonaws.com.example.com', 'us-east-1') },
  { what: 'of the EKS API', odd: at('eks.us-east-1.amazonaws.com', 'us-east-1') },
  { what: 'signed for a region that its host is not of', odd: { region: 'eu-west-1' } },
  { what: 'of a host in capitals', odd: { url: url => url.replace('sts.', 'STS.') } },
  { what: 'of a host with a port', odd: { url: url => url.replace('.com/', '.com:443/') } },
  { what: 'of a host with a user', odd: { url: url => url.replace('://', '://someone@') } },

  { what: 'of http', odd: { url: url => url.replace('https:', 'http:') } },
  { what: 'of HTTPS', odd: { url: url => url.replace('https:', 'HTTPS:') }, taken: true },
  { what: 'without a scheme', odd: { url: url => url.replace('https://', '') } },
  { what: 'with a path', odd: { url: url => url.replace('/?', '/x?') } },
  { what: 'with a path of two slashes', odd: { url: url => url.replace('/?', '//?') } },
  { what: 'without a path', odd: { url: url => url.replace('/?', '?') } },
  { what: 'without a query', odd: { url: url => url.replace(/\?.*/, '') } },
  { what: 'with a fragment', odd: { url: url => `${url}#part` }, taken: true },
  { what: 'with a line end in its URL', odd: { url: url => `${url}\n` } },
  { what: 'with a space in its URL', odd: { url: url => url.replace('&', ' &') } },
  { what: 'with an ampersand too many', odd: { url: url => url.replace('&', '&&') } },
  { what: 'with a second question mark', odd: { url: url => url.replace('/?', '/??') } },

  { what: 'with a parameter more', odd: { parameters: { Foo: 'bar' } } },
  { what: 'with a parameter without a name', odd: { url: url => `${url}&=x` } },
  { what: 'with a parameter twice', odd: { url: url => `${url}&Version=2011-06-15` } },
  { what: 'with a parameter twice, in capitals', odd: { url: url => `${url}&VERSION=2011-06-15` } },
  { what: 'with a semicolon in its query', odd: { url: url => url.replace('&', ';') } },
  { what: 'with half an escape', odd: { url: url => `${url}&Version=%2` } },
  { what: 'without a version', odd: { parameters: { Version: undefined } } },
  { what: 'without an action', odd: { parameters: { Action: undefined } } },
  { what: 'of another action', odd: { parameters: { Action: 'GetSessionToken' } } },
  { what: 'with its action in small letters', odd: { parameters: { Action: 'getcalleridentity' } } },

  { what: 'good for fifteen minutes', odd: { parameters: { 'X-Amz-Expires': '900' } }, taken: true },
  { what: 'good for a second more', odd: { parameters: { 'X-Amz-Expires': '901' } } },
  { what: 'good for no time', odd: { parameters: { 'X-Amz-Expires': '0' } }, taken: true },
  { what: 'good for less than no time', odd: { parameters: { 'X-Amz-Expires': '-1' } } },
  { what: 'good for a word', odd: { parameters: { 'X-Amz-Expires': 'ever' } } },
  { what: 'good for nobody says how long', odd: { parameters: { 'X-Amz-Expires': undefined } } },
  { what: 'of no date', odd: { parameters: { 'X-Amz-Date': undefined } } },
  { what: 'of a date that is none', odd: { parameters: { 'X-Amz-Date': '20260230T000000Z' } } },
  { what: 'of a date in another form', odd: { parameters: { 'X-Amz-Date': '2026-11-24T00:00:00Z' } } },

  {
    what: 'that leaves the cluster unsigned',
    odd: { headers: { host: 'sts.us-east-1.amazonaws.com' } },
  },
  { what: 'that leaves the host unsigned', odd: { headers: { 'x-k8s-aws-id': 'demo' } } },
  {
    what: 'that signs the cluster in capitals',
    odd: { headers: { host: 'sts.us-east-1.amazonaws.com', 'X-K8s-Aws-Id': 'demo' } },
  },
  {
    what: 'that signs a header more',
    odd: { headers: { host: 'sts.us-east-1.amazonaws.com', 'x-k8s-aws-id': 'demo', 'x-more': 'x' } },
  },
  { what: 'without a credential', odd: { parameters: { 'X-Amz-Credential': undefined } } },
  { what: 'without a session', odd: { parameters: { 'X-Amz-Security-Token': undefined } } },
  { what: 'of another session', odd: { parameters: { 'X-Amz-Security-Token': 'x' } } },
  {
    what: 'of another signature',
    odd: { url: url => url.replace(/Signature=.*/, `Signature=${'0'.repeat(64)}`) },
  },
  { what: 'without a signature', odd: { url: url => url.replace(/&X-Amz-Signature=.*/, '') } },

  { what: 'of another prefix', odd: { token: token => token.replace('v1', 'v2') } },
  { what: 'of nothing but the prefix', odd: { token: () => 'k8s-aws-v1.' } },
  { what: 'that is too long', odd: { token: token => token.padEnd(4_097, 'A') } },
  { what: 'with padding', odd: { token: token => `${token}=` } },
  { what: 'with a character that base64url has not', odd: { token: token => `${token}+` } },
  { what: 'that lacks its last character', odd: { token: token => token.slice(0, -1) } },
  { what: 'that is no URL', odd: { url: () => 'hello' } },
  { what: 'that is a word', odd: { token: () => 'hello' } },
]

function at(host: string, region: string): Oddity {
  return { host, region }
}
