import type { AwsCredentialIdentity } from '@smithy/types'
import { trustedAgent } from './calls.ts'
import { exchange, type HttpAnswer } from './http.ts'
import { hasSharedFiles } from './shared-files.ts'
import { scopeText, signatureOf, signedHeaders, signingTime } from './sigv4.ts'

/**
 * Refusals that stand however often one asks
 * (https://docs.aws.amazon.com/eks/latest/APIReference/CommonErrors.html).
 */
const FINAL = [
  'AccessDeniedException',
  'ResourceNotFoundException',
  'UnrecognizedClientException',
  'ExpiredTokenException',
]

/** What an API says no with, in the shape in which the SDK throws it. */
class PlainRefusal extends Error {
  readonly $fault = 'client'
  readonly $metadata: { httpStatusCode: number }
  readonly $response: Pick<HttpAnswer, 'headers'>

  constructor(name: string, message: string, { status, headers }: HttpAnswer) {
    super(message)
    this.name = name
    this.$metadata = { httpStatusCode: status }
    this.$response = { headers }
  }
}

/**
 * The first try of a GET from an API of AWS, without the SDK: to load it takes longer than anything else in a login
 * with the builtin token provider, and the first try is nearly always the last. It is made only where nothing is asked
 * for that the SDK alone knows: shared files, FIPS or dual-stack endpoints. What comes back is taken only if the SDK
 * would make the same of it; all else, and every second try, is the SDK's.
 *
 * @param endpoint URL of the service
 * @returns the answer, parsed, and its Date header; null when the SDK is to ask
 * @throws the final refusals, like the SDK does; AwsProblem ca-bundle-unreadable
 */
export async function plainGet<Answer>(
  endpoint: string,
  path: string,
  identity: AwsCredentialIdentity,
  region: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ answer: Answer; date: string | undefined } | null> {
  const url = URL.parse(endpoint.replace(/\/$/, '') + path)
  if (!url || !isPlain(url, env)) return null
  const agent = url.protocol === 'https:' ? trustedAgent(env) : false
  try {
    const answer = await exchange(url, {
      method: 'GET',
      headers: headersOf(url, identity, region),
      agent,
      signal,
    })
    if (answer.status === 200) return { answer: JSON.parse(answer.text), date: answer.headers.date }
    const refusal = finalRefusal(answer)
    if (!refusal) return null
    throw refusal
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof PlainRefusal) throw error
    return null
  } finally {
    if (agent) agent.destroy()
  }
}

/** The refusal in an answer, if it is one that stands. */
function finalRefusal(answer: HttpAnswer): PlainRefusal | null {
  const { headers, text } = answer
  // AccessDeniedException:http://… is a form of it, too
  // (https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization).
  const [code = ''] = String(headers['x-amzn-errortype'] ?? '').split(':')
  const { message, Message } = JSON.parse(text)
  const told = message ?? Message
  return FINAL.includes(code) && typeof told === 'string' ? new PlainRefusal(code, told, answer) : null
}

function isPlain({ protocol, pathname, search }: URL, env: NodeJS.ProcessEnv): boolean {
  const { AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS } = env
  if (AWS_USE_FIPS_ENDPOINT || AWS_USE_DUALSTACK_ENDPOINT || AWS_IGNORE_CONFIGURED_ENDPOINT_URLS) return false
  return /^https?:$/.test(protocol) && /^[\w/.-]+$/.test(pathname) && search === '' && !hasSharedFiles(env)
}

function headersOf(url: URL, identity: AwsCredentialIdentity, region: string): Record<string, string> {
  const scope = { time: signingTime(Date.now()), region, service: 'eks' } as const
  const { accessKeyId, secretAccessKey, sessionToken } = identity
  const headers = {
    host: url.host,
    'x-amz-date': scope.time,
    ...(sessionToken ? { 'x-amz-security-token': sessionToken } : {}),
  }
  const signature = signatureOf({ path: url.pathname, query: '', headers }, scope, secretAccessKey)
  const credential = `${accessKeyId}/${scopeText(scope)}`
  const parts = [
    `Credential=${credential}`,
    `SignedHeaders=${signedHeaders({ headers })}`,
    `Signature=${signature}`,
  ]
  const authorization = `AWS4-HMAC-SHA256 ${parts.join(', ')}`
  return { ...headers, authorization, 'user-agent': 'eks-login' }
}
