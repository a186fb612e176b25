/** The token of EKS, read as aws-iam-authenticator 0.6.13 does (pkg/token, Verify), which is what EKS runs. */

/** The header that ties a token to a cluster: whoever checks the token must add it, as its signature covers it. */
export const CLUSTER_HEADER = 'x-k8s-aws-id'

/** The call of STS that a token stands for. */
export type PresignedCall = {
  readonly host: string
  /** Path and query, byte for byte as signed. */
  readonly target: string
  readonly accessKeyId: string
}

/** What a token is found to be. */
export type TokenReading =
  | { readonly kind: 'call'; readonly call: PresignedCall }
  | { readonly kind: 'refused'; readonly reason: string }

const PREFIX = 'k8s-aws-v1.'
const MAX_LENGTH = 4096
const LIFETIME_MS = 15 * 60_000

const PARAMETERS: ReadonlySet<string> = new Set([
  ...['action', 'version', 'x-amz-algorithm', 'x-amz-credential', 'x-amz-date', 'x-amz-expires'],
  ...['x-amz-security-token', 'x-amz-signature', 'x-amz-signedheaders'],
])

class Refused extends Error {}

/**
 * Reads a token: a presigned GetCallerIdentity of an STS host, and nothing else that a URL can carry. Who signed it,
 * and whether for this cluster, only STS can tell.
 *
 * @param hosts the STS hosts that it may name
 * @param now in milliseconds since the epoch
 */
export function readToken(token: string, hosts: ReadonlySet<string>, now: number): TokenReading {
  try {
    const { host, target, query } = readUrl(decode(token))
    if (!hosts.has(host)) throw new Refused(`unexpected hostname ${host} in pre-signed URL`)
    const parameters = readParameters(query)
    checkParameters(parameters, now)
    const [accessKeyId = ''] = (parameters.get('x-amz-credential') ?? '').split('/')
    return { kind: 'call', call: { host, target, accessKeyId } }
  } catch (error) {
    if (error instanceof Refused) return { kind: 'refused', reason: error.message }
    throw error
  }
}

function decode(token: string): string {
  if (Buffer.byteLength(token) > MAX_LENGTH) throw new Refused('token is too large')
  if (!token.startsWith(PREFIX)) throw new Refused(`token is missing expected ${PREFIX} prefix`)
  // Go's decoder skips line ends, and takes no padding.
  const encoded = token.slice(PREFIX.length).replace(/[\r\n]/g, '')
  if (!/^[\w-]*$/.test(encoded) || encoded.length % 4 === 1) throw new Refused('illegal base64 data')
  // One character a byte, so that what STS is sent is what was signed.
  return Buffer.from(encoded, 'base64url').toString('latin1')
}

// Not by URL, which would mend what must be refused: it lowers a host's case and drops its port, among others.
function readUrl(text: string): { host: string; target: string; query: string } {
  const [url = ''] = text.split('#')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what Go's parser refuses
  if (/[\x00-\x1f\x7f]/.test(text)) throw new Refused('invalid control character in URL')
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]
  if (scheme?.toLowerCase() !== 'https') throw new Refused('unexpected scheme in pre-signed URL')
  const rest = url.slice('https://'.length)
  const end = /[/?]|$/.exec(rest)?.index ?? 0
  const target = rest.slice(end)
  const [path = '', ...queries] = target.split('?')
  if (path !== '/') throw new Refused('unexpected path in pre-signed URL')
  return { host: rest.slice(0, end), target, query: queries.join('?') }
}

function readParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const pair of query.split('&').filter(text => text !== '')) {
    if (pair.includes(';')) throw new Refused('malformed query parameter')
    const equals = pair.includes('=') ? pair.indexOf('=') : pair.length
    const name = decodeComponent(pair.slice(0, equals)).toLowerCase()
    const value = decodeComponent(pair.slice(equals + 1))
    if (parameters.has(name)) throw new Refused(`duplicate query parameter found: ${name}`)
    if (!PARAMETERS.has(name)) throw new Refused(`non-whitelisted query parameter ${name}`)
    parameters.set(name, value)
  }
  return parameters
}

function decodeComponent(text: string): string {
  const plain = text.replaceAll('+', ' ')
  if (/%(?![0-9a-f]{2})/i.test(plain)) throw new Refused('malformed query parameter')
  return plain.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function checkParameters(parameters: ReadonlyMap<string, string>, now: number): void {
  if (parameters.get('action') !== 'GetCallerIdentity')
    throw new Refused('unexpected action parameter in pre-signed URL')
  const signed = (parameters.get('x-amz-signedheaders') ?? '').toLowerCase().split(';')
  if (!signed.includes(CLUSTER_HEADER))
    throw new Refused(`client did not sign the ${CLUSTER_HEADER} header in the pre-signed URL`)
  const expires = parameters.get('x-amz-expires') ?? ''
  // It is checked and then ignored: STS gives every presigned URL the same time.
  if (!/^[+-]?\d+$/.test(expires) || Number(expires) < 0 || Number(expires) > 900)
    throw new Refused('invalid X-Amz-Expires parameter in pre-signed URL')
  const signedAt = readDate(parameters.get('x-amz-date') ?? '')
  if (now > signedAt + LIFETIME_MS)
    throw new Refused('X-Amz-Date parameter is expired (15 minute expiration)')
}

function readDate(text: string): number {
  const iso = text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z')
  const date = new Date(iso)
  // The Date of a 30 February is one in March.
  if (iso === text || Number.isNaN(date.getTime()) || date.toISOString() !== iso)
    throw new Refused('error parsing X-Amz-Date parameter')
  return date.getTime()
}
