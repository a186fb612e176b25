import type { CallOptions } from './bounds.ts'
import { endpointOf, trustedAgent } from './calls.ts'
import { clockSkewSeconds } from './clock.ts'
import { exchange } from './http.ts'

/**
 * By how many seconds the clock here is ahead of AWS's, for who has no answer of AWS at hand: the EKS API dates its
 * refusals of what nobody signed, too.
 *
 * @returns 0 while the clocks agree; undefined where the answer has no date
 * @throws what the connection failed with
 */
export async function askClock(
  region: string,
  { env, timeoutSeconds, signal }: CallOptions,
): Promise<number | undefined> {
  const endpoint = endpointOf('EKS', region, env)
  const url = new URL(endpoint.includes('://') ? endpoint : `https://${endpoint}`)
  const agent = url.protocol === 'https:' ? trustedAgent(env) : false
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)])
  try {
    const headers = { 'user-agent': 'eks-login' }
    const answer = await exchange(url, { method: 'GET', headers, agent, signal: bound })
    return clockSkewSeconds(answer.headers.date)
  } finally {
    if (agent) agent.destroy()
  }
}
