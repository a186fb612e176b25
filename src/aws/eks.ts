import type { CallOptions } from './bounds.ts'
import { ask, type ClientSettings, clientSettings, endpointOf } from './calls.ts'
import { clockSkewSeconds, skewOfClient } from './clock.ts'
import type { Credentials } from './credentials.ts'
import { plainGet } from './plain-get.ts'

type Sdk = typeof import('./sdk.ts')
type Client = InstanceType<Sdk['EKSClient']>

/** A question to the EKS API: its first try without the SDK, all others with it. */
export interface Question<Answer> {
  /** `eks:DescribeCluster` */
  asked: string
  /** What it is about. */
  resource: string
  region: string
  path: string
  bySdk(sdk: Sdk, client: Client, bound: { abortSignal: AbortSignal }): Promise<Answer>
}

/**
 * Asks the EKS API of a region.
 *
 * @returns with how far the clock here is ahead of the answer's, as clockSkewSeconds has it
 * @throws AwsProblem refused, answer-unreadable, unreachable, timed-out, ca-bundle-unreadable
 */
export async function askEks<Answer>(
  { asked, resource, region, path, bySdk }: Question<Answer>,
  { identity }: Credentials,
  options: CallOptions,
): Promise<{ answer: Answer; clockSkewSeconds: number | undefined }> {
  const { env } = options
  const endpoint = endpointOf('EKS', region, env)
  let settings: ClientSettings | undefined
  return ask(
    asked,
    resource,
    endpoint,
    options,
    () => settings,
    async bound => {
      const url = endpoint.includes('://') ? endpoint : `https://${endpoint}`
      const plain = await plainGet<Answer>(url, path, identity, region, env, bound.abortSignal)
      if (plain) return { answer: plain.answer, clockSkewSeconds: clockSkewSeconds(plain.date) }
      settings = await clientSettings(options)
      const sdk = await import('./sdk.ts')
      const client = new sdk.EKSClient({ region, credentials: identity, ...settings })
      try {
        const answer = await bySdk(sdk, client, bound)
        return { answer, clockSkewSeconds: skewOfClient(client.config) }
      } finally {
        client.destroy()
      }
    },
  )
}
