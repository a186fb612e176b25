import type { NodeHttpHandler } from '@smithy/node-http-handler'
import { awsAgent, ProxyRefusal } from '../network.ts'
import type { CallOptions } from './bounds.ts'
import { AwsProblem } from './evidence.ts'
import { dnsSuffix } from './hosts.ts'
import type { RefusalEndsRetries } from './retry.ts'

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
  return named || `${service.toLowerCase()}.${region}.${dnsSuffix(region)}`
}

/**
 * Sends one request to AWS under its time bound, and turns what goes wrong into evidence.
 *
 * @param asked operation and service, like `eks:DescribeCluster`
 * @param resource what was asked about
 * @param settings what it was sent with, if with the SDK: when the time is over, the last answer is what there is to
 *   tell
 * @throws AwsProblem refused, unreachable, timed-out
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
  try {
    return await send({ abortSignal: AbortSignal.any([signal, bound]) })
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof AwsProblem) throw cause
    const last = settings()?.retryStrategy.last
    if (bound.aborted && !statusOf(last)) {
      throw new AwsProblem({ kind: 'timed-out', asked, endpoint, seconds: timeoutSeconds }, { cause })
    }
    throw new AwsProblem(evidenceOf(bound.aborted ? last : cause, asked, resource, endpoint), { cause })
  }
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
