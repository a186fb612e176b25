import { withoutUserinfo } from '../concealed.ts'
import { awsAgent, ProxyRefusal } from '../network.ts'
import { redact } from '../redact.ts'
import type { BoundedHandler } from './bounded-handler.ts'
import type { CallOptions } from './bounds.ts'
import { clockSkewSeconds } from './clock.ts'
import { type AwsEvidence, AwsProblem } from './evidence.ts'
import { dnsSuffix } from './hosts.ts'
import type { RefusalEndsRetries } from './retry.ts'

/** The settings that every SDK client here shares. */
export interface ClientSettings {
  requestHandler: BoundedHandler
  retryStrategy: RefusalEndsRetries
}

/**
 * The environment's proxy and CA bundle, and retries of what may pass (throttling, 5xx, resets) until the bound of
 * `ask` ends them.
 *
 * @throws AwsProblem ca-bundle-unreadable
 */
export async function clientSettings({ env }: CallOptions): Promise<ClientSettings> {
  const { BoundedHandler, RefusalEndsRetries } = await import('./sdk.ts')
  return {
    requestHandler: new BoundedHandler({ httpsAgent: trustedAgent(env) }),
    retryStrategy: new RefusalEndsRetries(MAX_ATTEMPTS),
  }
}

/** @throws AwsProblem ca-bundle-unreadable */
export function trustedAgent(env: NodeJS.ProcessEnv) {
  try {
    return awsAgent(env)
  } catch (cause) {
    const { AWS_CA_BUNDLE: file = '' } = env
    throw new AwsProblem({ kind: 'ca-bundle-unreadable', file, message: (cause as Error).message }, { cause })
  }
}

const MAX_ATTEMPTS = 10

/**
 * Where a service is asked: the endpoint that the environment names for it, else its regional host. Without user and password, which
 * no service of AWS knows.
 *
 * @param service as it stands in AWS_ENDPOINT_URL_<SERVICE>
 */
export function endpointOf(service: 'EKS' | 'STS', region: string, env: NodeJS.ProcessEnv): string {
  const named = env[`AWS_ENDPOINT_URL_${service}`] || env.AWS_ENDPOINT_URL
  return named ? withoutUserinfo(named) : `${service.toLowerCase()}.${region}.${dnsSuffix(region)}`
}

/**
 * Sends one request to AWS under its time bound, and turns what goes wrong into evidence.
 *
 * @param asked operation and service, like `eks:DescribeCluster`
 * @param resource what was asked about
 * @param settings what it was sent with, if with the SDK: when the time is over, what the last attempt before came to
 *   is what there is to tell
 * @throws AwsProblem refused, answer-unreadable, unreachable, timed-out
 */
export async function ask<Answer>(
  asked: string,
  resource: string,
  endpoint: string,
  { timeoutSeconds, signal }: CallOptions,
  settings: () => ClientSettings | undefined,
  send: (options: { abortSignal: AbortSignal }) => Promise<Answer>,
): Promise<Answer> {
  const bound = AbortSignal.timeout(timeoutSeconds * 1000)
  let last: unknown
  // Before the SDK hears of it, and takes the attempt that is cut off for one that failed.
  bound.addEventListener('abort', () => {
    last = settings()?.retryStrategy.last
  })
  try {
    return await send({ abortSignal: AbortSignal.any([signal, bound]) })
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof AwsProblem) throw cause
    if (bound.aborted && !last) {
      throw new AwsProblem({ kind: 'timed-out', asked, endpoint, seconds: timeoutSeconds }, { cause })
    }
    throw new AwsProblem(evidenceOf(bound.aborted ? last : cause, asked, resource, endpoint), { cause })
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode
}

function evidenceOf(cause: unknown, asked: string, resource: string, endpoint: string): AwsEvidence {
  const { name, message, code, issuer, proxy } = cause as Error & {
    code?: string
    issuer?: string
    proxy?: string
  }
  if (cause instanceof ProxyRefusal) {
    const { status: proxyStatus } = cause
    return { kind: 'unreachable', asked, endpoint, code: name, message, proxy: cause.proxy, proxyStatus }
  }
  // Below the first, the SDK says how a program could look further into it.
  const [said = ''] = message.split('\n')
  const status = statusOf(cause)
  if (code === 'ERR_ANSWER_TOO_LARGE') {
    return { kind: 'answer-unreadable', asked, endpoint, status: status ?? 200, problem: said }
  }
  if (!status || code === 'ECONNRESET') {
    const by = { ...(issuer ? { issuer } : {}), ...(proxy ? { proxy } : {}) }
    return { kind: 'unreachable', asked, endpoint, code: code ?? name, message: said, ...by }
  }
  const refusal = refusalOf(cause, asked, resource)
  if (refusal) return refusal
  const problem = `it is not what ${asked} answers with${isSilent(cause) ? '' : `: ${said}`}`
  if (status < 500) return { kind: 'answer-unreadable', asked, endpoint, status, problem }
  return { kind: 'refused', asked, resource, code: '', status, message: problem }
}

/** What AWS said no with, as the SDK throws it; null for an error that is no answer of AWS. */
export function refusalOf(
  cause: unknown,
  asked: string,
  resource: string,
): Extract<AwsEvidence, { kind: 'refused' }> | null {
  const status = statusOf(cause)
  if (!status || cause instanceof ProxyRefusal || !isOfService(cause)) return null
  const {
    name: code,
    message: said,
    $response,
  } = cause as Error & { $response?: { headers?: { date?: string } } }
  // A signature that does not match is answered with all that was signed, a session token among it.
  const message = redact(said)
  const skew = clockSkewSeconds($response?.headers?.date)
  const refusal = { kind: 'refused', asked, resource, code, status, message } as const
  return skew === undefined ? refusal : { ...refusal, clockSkewSeconds: skew }
}

/** Whether the SDK found no words in an answer. It quotes what it cannot parse, which may be half a secret. */
function isSilent(error: unknown): boolean {
  const { $fault, message } = error as { $fault?: unknown; message: string }
  return $fault === undefined || /^Unknown(?:Error)?$/.test(message)
}

/** Whether an error is one of the service's own; what the SDK can make nothing of has no name, or is none of these. */
function isOfService(error: unknown): boolean {
  const { $fault, name } = error as { $fault?: unknown; name: string }
  return $fault !== undefined && name !== 'Unknown'
}
