import type { CallOptions } from './bounds.ts'
import { ask, clientSettings, endpointOf } from './calls.ts'
import type { Credentials } from './credentials.ts'

type Client = import('@aws-sdk/client-eks').EKSClient

/** What a command is sent with: the SDK's client, and the bound of the one question. */
export type Sending<Answer> = (client: Client, bound: { abortSignal: AbortSignal }) => Promise<Answer>

/** The EKS API of a region, for several questions that are asked with the SDK over one client. */
export interface EksClient {
  /**
   * @param operation `DescribeAccessEntry`
   * @param resource what it is about
   * @throws AwsProblem refused, answer-unreadable, unreachable, timed-out
   */
  ask<Answer>(operation: string, resource: string, send: Sending<Answer>): Promise<Answer>
  close(): void
}

/**
 * All of a list that comes in pages.
 *
 * @param ask for the page that a token names; without one, for the first
 */
export async function allPages<Item>(
  ask: (nextToken: { nextToken?: string }) => Promise<{ items: Item[]; nextToken: string | undefined }>,
): Promise<Item[]> {
  const all: Item[] = []
  for (let more: string | undefined, first = true; first || more; first = false) {
    const { items, nextToken } = await ask(more ? { nextToken: more } : {})
    all.push(...items)
    more = nextToken
  }
  return all
}

/** @throws AwsProblem ca-bundle-unreadable */
export async function openEks(
  { identity }: Credentials,
  region: string,
  options: CallOptions,
): Promise<EksClient> {
  const settings = await clientSettings(options)
  const { EKSClient } = await import('./sdk.ts')
  const client = new EKSClient({ region, credentials: identity, ...settings })
  const endpoint = endpointOf('EKS', region, options.env)
  return {
    ask: (operation, resource, send) =>
      ask(
        `eks:${operation}`,
        resource,
        endpoint,
        options,
        () => settings,
        bound => send(client, bound),
      ),
    close: () => client.destroy(),
  }
}
