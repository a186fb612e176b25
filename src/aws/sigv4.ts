// Signature Version 4, as far as a request without a body needs it
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

/** What a signature is good for. */
export interface SigningScope {
  /** As `signingTime` writes it. */
  time: string
  region: string
  service: 'eks' | 'sts'
}

/** @param now in milliseconds since the epoch */
export function signingTime(now: number): string {
  return new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
}

/** The scope as it stands in a signed request, behind the access key id. */
export function scopeText({ time, region, service }: SigningScope): string {
  return `${time.slice(0, 8)}/${region}/${service}/aws4_request`
}

/** One request, in the form that both sides hash. */
export interface CanonicalRequest {
  /** Absolute and without anything to escape. */
  path: string
  /** Sorted, escaped. */
  query: string
  /** In lower case, in alphabetical order. */
  headers: Record<string, string>
}

/** Names of the headers that a signature covers. */
export function signedHeaders({ headers }: Pick<CanonicalRequest, 'headers'>): string {
  return Object.keys(headers).join(';')
}

/** The signature of a GET request, in hexadecimal. */
export function signatureOf(request: CanonicalRequest, scope: SigningScope, secretAccessKey: string): string {
  const { path, query, headers } = request
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}`)
  const canonical = ['GET', path, query, ...lines, '', signedHeaders(request), sha256('')].join('\n')
  const { time, region, service } = scope
  const toSign = ['AWS4-HMAC-SHA256', time, scopeText(scope), sha256(canonical)].join('\n')
  const parts = [time.slice(0, 8), region, service, 'aws4_request']
  const key = parts.reduce(hmac, Buffer.from(`AWS4${secretAccessKey}`))
  return hmac(key, toSign).toString('hex')
}

// Loaded by the first signature, for it takes a while: the login starts the AWS CLI before.
let loaded: typeof import('node:crypto') | undefined
function crypto() {
  loaded ??= process.getBuiltinModule('node:crypto')
  return loaded
}

function sha256(text: string): string {
  return crypto().createHash('sha256').update(text).digest('hex')
}

function hmac(key: Buffer, text: string): Buffer {
  return crypto().createHmac('sha256', key).update(text).digest()
}
