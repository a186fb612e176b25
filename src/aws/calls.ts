import type { NodeHttpHandler } from '@smithy/node-http-handler'
import { awsAgent, ProxyRefusal } from '../network.ts'
import { AwsProblem } from './evidence.ts'
import type { RefusalEndsRetries } from './retry.ts'

/** What a call to AWS needs to know of its surroundings. */
export interface CallOptions {
  env: NodeJS.ProcessEnv
  /** Bound on one call, its retries included. */
  timeoutSeconds: number
  signal: AbortSignal
}

/** The settings that every SDK client here shares. */
export interface ClientSettings {
  requestHandler: NodeHttpHandler
  retryStrategy: RefusalEndsRetries
}

/**
 * The environment's proxy and CA bundle, and retries of what may pass (throttling, 5xx, resets) until the bound of
 * `ask` ends them.
 *
 * @throws AwsProblem ca-bundle-unreadable
 */
export async function clientSettings({ env }: CallOptions): Promise<ClientSettings> {
  const { NodeHttpHandler, RefusalEndsRetries } = await import('./sdk.ts')
  return {
    requestHandler: new NodeHttpHandler({ httpsAgent: trustedAgent(env) }),
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
 * Where a service is asked: the endpoint that the environment names for it, else its regional host.
 *
 * @param service as it stands in AWS_ENDPOINT_URL_<SERVICE>
 */
export function endpointOf(service: 'EKS' | 'STS', region: string, env: NodeJS.ProcessEnv): string {
  const named = env[`AWS_ENDPOINT_URL_${service}`] || env.AWS_ENDPOINT_URL
  return named || `${service.toLowerCase()}.${region}.amazonaws.com`
}

/**
 * Sends one request to AWS under its time bound, and turns what goes wrong into evidence.
 *
 * @param asked operation and service, like `eks:DescribeCluster`
 * @param resource what was asked about
 * @param retries what it was sent with: when the time is over, its last answer is what there is to tell
 * @throws AwsProblem refused, unreachable, timed-out
 */
export async function ask<Answer>(
  asked: string,
  resource: string,
  endpoint: string,
  { timeoutSeconds, signal }: CallOptions,
  { retryStrategy }: Pick<ClientSettings, 'retryStrategy'>,
  send: (options: { abortSignal: AbortSignal }) => Promise<Answer>,
): Promise<Answer> {
  const bound = AbortSignal.timeout(timeoutSeconds * 1000)
  try {
    return await send({ abortSignal: AbortSignal.any([signal, bound]) })
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof AwsProblem) throw cause
    const { last } = retryStrategy
    if (bound.aborted && !statusOf(last)) {
      throw new AwsProblem({ kind: 'timed-out', asked, endpoint, seconds: timeoutSeconds }, { cause })
    }
    throw new AwsProblem(evidenceOf(bound.aborted ? last : cause, asked, resource, endpoint), { cause })
  }
}

/**
 * Bounds work that has no bound of its own. It may go on, but nobody waits for it.
 *
 * @throws AwsProblem timed-out; the signal's reason when that fires first
 */
export async function within<T>(
  asked: string,
  { timeoutSeconds, signal }: CallOptions,
  work: Promise<T>,
): Promise<T> {
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)])
  const over = new Promise<never>((_, reject) => {
    bound.addEventListener('abort', () => {
      const evidence = { kind: 'timed-out', asked, endpoint: asked, seconds: timeoutSeconds } as const
      reject(signal.aborted ? signal.reason : new AwsProblem(evidence))
    })
  })
  return Promise.race([work, over])
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode
}

function evidenceOf(cause: unknown, asked: string, resource: string, endpoint: string) {
  const { name, message, code } = cause as Error & { code?: string }
  const status = statusOf(cause)
  if (status && !(cause instanceof ProxyRefusal)) {
    return { kind: 'refused', asked, resource, code: name, status, message } as const
  }
  return { kind: 'unreachable', asked, endpoint, code: code ?? name, message } as const
}
