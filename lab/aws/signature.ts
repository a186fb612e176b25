import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { partitionOf } from './regions.ts'

// The signing process is https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
// read from the receiving end.
const ALGORITHM = 'AWS4-HMAC-SHA256'
const TERMINATOR = 'aws4_request'
const MINUTE = 60_000
const WEEK_IN_SECONDS = 604_800

/** A request as it came over the wire; a signature covers it byte for byte. */
export type SignedRequest = {
  method: string
  /** The request target: path and query, as sent. */
  target: string
  /** Names and values by turns, as `IncomingMessage.rawHeaders` gives them. */
  rawHeaders: readonly string[]
  body: Buffer
}

/** What one endpoint wants of a signature. */
export type SignatureRules = {
  /** The name that the credential scope must have. */
  service: string
  /** The region that the credential scope must name; `any`: each region that exists. */
  region: string | 'any'
  /** How far the date of a request may be from now: 5 for EKS, 15 for STS. */
  toleranceMinutes: number
  /** Whether a presigned URL ends with X-Amz-Expires; STS gives each the whole tolerance. */
  honoursExpires: boolean
  /** Headers that must be signed if they are sent, next to host and x-amz-*; lower case. */
  mustBeSigned: readonly string[]
}

/** What a key is verified against. */
export type VerificationKey = { secretAccessKey: string; sessionToken: string | null; expires: Date | null }

/** What a request's signature says; a refusal carries the message that AWS words for it. */
export type SignatureVerdict =
  | { kind: 'valid'; accessKeyId: string; region: string }
  | { kind: SignatureRefusal; message: string }

/** Why a signature is refused. */
export type SignatureRefusal = 'missing' | 'incomplete' | 'unknown-key' | 'mismatch' | 'expired-token'

type Signature = {
  form: 'header' | 'presigned'
  accessKeyId: string
  scope: { date: string; region: string; service: string; terminator: string }
  signedHeaders: readonly string[]
  signature: string
  date: string
  sessionToken: string | null
  expiresSeconds: number | null
}

class Refused extends Error {
  readonly refusal: SignatureRefusal

  constructor(refusal: SignatureRefusal, message: string) {
    super(message)
    this.refusal = refusal
  }
}

/**
 * Verifies a request that is signed by Signature Version 4, by Authorization header or presigned query.
 * @param request what came over the wire
 * @param rules what the endpoint wants
 * @param findKey gives what a key id is verified against; undefined for a key nobody has
 * @param now the time to judge dates by
 */
export function verifySignature(
  request: SignedRequest,
  rules: SignatureRules,
  findKey: (accessKeyId: string) => VerificationKey | undefined,
  now: Date,
): SignatureVerdict {
  try {
    const headers = collectHeaders(request.rawHeaders)
    const signature = readSignature(request.target, headers)
    checkSignedHeaders(signature, headers, rules)
    checkScope(signature, rules)
    checkDate(signature, rules, now)
    const key = findKey(signature.accessKeyId)
    checkKey(signature, key, now)
    checkMatch(signature, request, headers, key.secretAccessKey)
    return { kind: 'valid', accessKeyId: signature.accessKeyId, region: signature.scope.region }
  } catch (error) {
    if (error instanceof Refused) return { kind: error.refusal, message: error.message }
    throw error
  }
}

/**
 * What a header said when a request was signed, for who got the request without that header: the one of `values` with
 * which the signature matches. Whether the request is good for anything is not asked.
 * @param name the header's name in lower case
 * @returns undefined when none matches, the header was not signed, or nobody has the key
 */
export function findSignedValue(
  request: SignedRequest,
  name: string,
  values: readonly string[],
  findKey: (accessKeyId: string) => VerificationKey | undefined,
): string | undefined {
  try {
    const headers = collectHeaders(request.rawHeaders)
    const signature = readSignature(request.target, headers)
    const key = findKey(signature.accessKeyId)
    if (key === undefined || !signature.signedHeaders.includes(name)) return undefined
    const matches = createMatcher(signature, request, key.secretAccessKey)
    return values.find(value => matches(headers.set(name, value)))
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

function collectHeaders(rawHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    const value = (rawHeaders[index + 1] ?? '').trim().replace(/ +/g, ' ')
    const earlier = headers.get(name)
    headers.set(name, earlier === undefined ? value : `${earlier},${value}`)
  }
  return headers
}

function readSignature(target: string, headers: Map<string, string>): Signature {
  const query = new Map(queryPairs(target))
  const authorization = headers.get('authorization')
  if (authorization !== undefined) return readHeaderForm(authorization, headers)
  if (query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature')) return readPresignedForm(target, query)
  throw new Refused('missing', 'Missing Authentication Token')
}

function readHeaderForm(authorization: string, headers: Map<string, string>): Signature {
  const [algorithm, ...rest] = authorization.split(' ')
  if (algorithm !== ALGORITHM) {
    throw new Refused('incomplete', `Unsupported AWS 'algorithm': '${algorithm}'.`)
  }
  const parts = new Map<string, string>()
  for (const part of rest.join('').split(',')) {
    const equals = part.indexOf('=')
    if (equals < 1) {
      const message = `'${part}' not a valid key=value pair (missing equal-sign) in Authorization header.`
      throw new Refused('incomplete', message)
    }
    parts.set(part.slice(0, equals), part.slice(equals + 1))
  }
  const need = (name: string) =>
    parts.get(name) ?? lacking(`Authorization header requires '${name}' parameter.`)
  return {
    form: 'header',
    ...readCredential(need('Credential')),
    signedHeaders: need('SignedHeaders').split(';'),
    signature: need('Signature'),
    date:
      headers.get('x-amz-date') ??
      lacking("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."),
    sessionToken: headers.get('x-amz-security-token') ?? null,
    expiresSeconds: null,
  }
}

function readPresignedForm(target: string, query: Map<string, string>): Signature {
  const names = queryPairs(target).map(([name]) => name)
  const twice = names.find((name, index) => name.startsWith('X-Amz-') && names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new Refused('incomplete', `AWS query-string parameter '${twice}' is given twice.`)
  const need = (name: string) =>
    query.get(name) ??
    lacking(`AWS query-string parameters must include '${name}'. Re-examine the query-string parameters.`)
  const algorithm = need('X-Amz-Algorithm')
  if (algorithm !== ALGORITHM) throw new Refused('incomplete', `Unsupported AWS 'algorithm': '${algorithm}'.`)
  return {
    form: 'presigned',
    ...readCredential(need('X-Amz-Credential')),
    signedHeaders: need('X-Amz-SignedHeaders').split(';'),
    signature: need('X-Amz-Signature'),
    date: need('X-Amz-Date'),
    sessionToken: query.get('X-Amz-Security-Token') ?? null,
    expiresSeconds: readExpires(query.get('X-Amz-Expires')),
  }
}

function readCredential(credential: string): Pick<Signature, 'accessKeyId' | 'scope'> {
  const [accessKeyId, date, region, service, terminator, ...more] = credential.split('/')
  if (accessKeyId === undefined || date === undefined || region === undefined)
    lacking(badCredential(credential))
  if (service === undefined || terminator === undefined || more.length > 0) lacking(badCredential(credential))
  return { accessKeyId, scope: { date, region, service, terminator } }
}

function badCredential(credential: string): string {
  const scope = credential.slice(credential.indexOf('/') + 1)
  return `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '…/${scope}'`
}

function readExpires(value: string | undefined): number | null {
  if (value === undefined) return null
  if (!/^\d+$/.test(value) || Number(value) > WEEK_IN_SECONDS) {
    throw new Refused('incomplete', 'X-Amz-Expires must be a number of seconds of at most a week')
  }
  return Number(value)
}

function lacking(message: string): never {
  throw new Refused('incomplete', message)
}

function checkSignedHeaders(signature: Signature, headers: Map<string, string>, rules: SignatureRules): void {
  const { signedHeaders } = signature
  if (!signedHeaders.includes('host')) {
    throw new Refused('mismatch', "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
  }
  for (const name of headers.keys()) {
    const must = name.startsWith('x-amz-') || rules.mustBeSigned.includes(name)
    if (must && !signedHeaders.includes(name)) {
      throw new Refused(
        'mismatch',
        `There were headers present in the request which were not signed: ${name}`,
      )
    }
  }
}

function checkScope({ scope, date }: Signature, rules: SignatureRules): void {
  const wrong = (message: string): never => {
    throw new Refused('mismatch', message)
  }
  const known =
    rules.region === 'any' ? partitionOf(scope.region) !== undefined : scope.region === rules.region
  if (!known) wrong('Credential should be scoped to a valid region. ')
  if (scope.service !== rules.service)
    wrong(`Credential should be scoped to correct service: '${rules.service}'. `)
  if (scope.terminator !== TERMINATOR) {
    wrong(`Credential should be scoped with a valid terminator: '${TERMINATOR}', not '${scope.terminator}'. `)
  }
  const day = date.slice(0, 8)
  if (scope.date === day) return
  const name = 'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP'
  wrong(`${name}: '${scope.date}' != '${day}', from '${date}'.`)
}

function checkDate(signature: Signature, rules: SignatureRules, now: Date): void {
  const signed = parseDate(signature.date)
  const ends =
    rules.honoursExpires && signature.expiresSeconds !== null ? signature.expiresSeconds * 1000 : null
  const tolerance = rules.toleranceMinutes * MINUTE
  const earliest = new Date(now.getTime() - (ends ?? tolerance))
  const window = ends === null ? `${rules.toleranceMinutes} min.` : `${ends / 1000} sec.`
  if (signed < earliest) {
    const message = `Signature expired: ${signature.date} is now earlier than ${formatDate(earliest)}`
    throw new Refused('mismatch', `${message} (${formatDate(now)} - ${window})`)
  }
  const latest = new Date(now.getTime() + tolerance)
  if (signed <= latest) return
  const message = `Signature not yet current: ${signature.date} is still later than ${formatDate(latest)}`
  throw new Refused('mismatch', `${message} (${formatDate(now)} + ${rules.toleranceMinutes} min.)`)
}

function checkKey(
  signature: Signature,
  key: VerificationKey | undefined,
  now: Date,
): asserts key is VerificationKey {
  if (key === undefined || key.sessionToken !== signature.sessionToken) {
    throw new Refused('unknown-key', 'The security token included in the request is invalid.')
  }
  if (key.expires !== null && key.expires <= now) {
    throw new Refused('expired-token', 'The security token included in the request is expired')
  }
}

function checkMatch(
  signature: Signature,
  request: SignedRequest,
  headers: Map<string, string>,
  secretAccessKey: string,
): void {
  if (createMatcher(signature, request, secretAccessKey)(headers)) return
  throw new Refused(
    'mismatch',
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret ' +
      'Access Key and signing method. Consult the service documentation for details.',
  )
}

/** Tells of headers whether the signature is that of the request with them; all else is calculated once. */
function createMatcher(
  signature: Signature,
  request: SignedRequest,
  secretAccessKey: string,
): (headers: Map<string, string>) => boolean {
  const { date, region, service, terminator } = signature.scope
  const scope = [date, region, service, terminator].join('/')
  const key = [date, region, service, terminator].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`)
  const canonical = createCanonicalizer(signature, request)
  const given = Buffer.from(signature.signature, 'hex')
  return headers => {
    const expected = hmac(key, [ALGORITHM, signature.date, scope, sha256(canonical(headers))].join('\n'))
    return given.length === expected.length && timingSafeEqual(given, expected)
  }
}

function createCanonicalizer(
  signature: Signature,
  request: SignedRequest,
): (headers: Map<string, string>) => string {
  const query = queryPairs(request.target)
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))
    .map(pair => pair.join('='))
    .join('&')
  const start = [request.method, canonicalPath(request.target), query]
  const end = ['', signature.signedHeaders.join(';'), sha256(request.body)]
  return headers =>
    [...start, ...signature.signedHeaders.map(name => `${name}:${headers.get(name) ?? ''}`), ...end].join(
      '\n',
    )
}

// Every service but S3 has its path encoded a second time, after dots and double slashes are taken out.
function canonicalPath(target: string): string {
  const [path = '/'] = target.split('?')
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(encode(segment))
  }
  const end = segments.length > 0 && path.endsWith('/') ? '/' : ''
  return `/${segments.join('/')}${end}`
}

function queryPairs(target: string): [string, string][] {
  const start = target.indexOf('?')
  if (start < 0 || start === target.length - 1) return []
  return target
    .slice(start + 1)
    .split('&')
    .map(pair => {
      const equals = pair.indexOf('=')
      return equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]
    })
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return lacking('The query string is not valid percent-encoding.')
  }
}

// RFC 3986 leaves only letters, digits and -._~ as they are; encodeURIComponent leaves five more.
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function parseDate(text: string): Date {
  const iso = text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const date = new Date(iso === text ? Number.NaN : iso)
  if (Number.isNaN(date.getTime())) {
    lacking(
      `Date must be in ISO-8601 'basic format'. Got '${text}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  }
  return date
}

function formatDate(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}
