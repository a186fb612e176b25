import type { NodeHttpHandler } from '@smithy/node-http-handler'
import { awsAgent, ProxyRefusal } from '../network.ts'
import { AwsProblem } from './evidence.ts'

/** What a call to AWS needs to know of its surroundings. */
export interface CallOptions {
  env: NodeJS.ProcessEnv
  /** Bound on one call, its retries included. */
  timeoutSeconds: number
  signal: AbortSignal
}

/**
 * The settings that every SDK client here shares: the environment's proxy and CA bundle, and retries of what may
 * pass (throttling, 5xx, resets) until the bound of `ask` ends them.
 */
export async function clientSettings(host: string, { env }: CallOptions) {
  const { NodeHttpHandler, RefusalEndsRetries } = await import('./sdk.ts')
  const requestHandler: NodeHttpHandler = new NodeHttpHandler({
    httpsAgent: awsAgent(`https://${host}`, env),
  })
  return { requestHandler, retryStrategy: new RefusalEndsRetries(MAX_ATTEMPTS) }
}

const MAX_ATTEMPTS = 10

/**
 * Sends one request to AWS under its time bound, and turns what goes wrong into evidence.
 *
 * @param asked operation and service, like `eks:DescribeCluster`
 * @param resource what was asked about
 * @throws AwsProblem refused, unreachable, timed-out
 */
export async function ask<Answer>(
  asked: string,
  resource: string,
  endpoint: string,
  { timeoutSeconds, signal }: CallOptions,
  send: (options: { abortSignal: AbortSignal }) => Promise<Answer>,
): Promise<Answer> {
  const bound = AbortSignal.timeout(timeoutSeconds * 1000)
  try {
    return await send({ abortSignal: AbortSignal.any([signal, bound]) })
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof AwsProblem) throw cause
    if (bound.aborted)
      throw new AwsProblem({ kind: 'timed-out', asked, endpoint, seconds: timeoutSeconds }, { cause })
    throw new AwsProblem(evidenceOf(cause, asked, resource, endpoint), { cause })
  }
}

function evidenceOf(cause: unknown, asked: string, resource: string, endpoint: string) {
  const { name, message, code, $metadata } = cause as Error & {
    code?: string
    $metadata?: { httpStatusCode?: number }
  }
  const status = $metadata?.httpStatusCode
  if (status && !(cause instanceof ProxyRefusal)) {
    return { kind: 'refused', asked, resource, code: name, status, message } as const
  }
  return { kind: 'unreachable', asked, endpoint, code: code ?? name, message } as const
}
