import type { Agent } from 'node:http'
import type { AwsCredentialIdentity } from '@smithy/types'
import { exchange, type HttpAnswer } from './http.ts'

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html */
const TOKEN_PATH = '/latest/api/token'
const TOKEN_SECONDS = '60'
/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html */
const ROLES_PATH = '/latest/meta-data/iam/security-credentials/'
/** The service answers at once; a runner whose cores are all busy does not listen as fast. */
const PATIENCE_MS = 4000
const ATTEMPTS = 2
/** At most, before the second. */
const PAUSE_MS = 200

type Env = NodeJS.ProcessEnv

/** Whether the environment says not to ask the metadata service (botocore and the SDKs: AWS_EC2_METADATA_DISABLED). */
export function isMetadataDisabled({ AWS_EC2_METADATA_DISABLED }: Env): boolean {
  return AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true'
}

/**
 * Reads one value of the instance's metadata (IMDSv2), like `/latest/meta-data/placement/region`. No proxy is asked,
 * as its answer would be about the proxy's instance.
 *
 * @throws Error in words, when metadata is disabled, out of reach, or without that value
 */
export function readInstanceMetadata(path: string, env: Env): Promise<string> {
  return inSession(env, read => read(path))
}

/**
 * The credentials of the instance's own role.
 *
 * @throws Error in words, when there is no role, or the service has no credentials for it
 */
export function readInstanceCredentials(env: Env): Promise<AwsCredentialIdentity> {
  return inSession(env, async read => {
    // An instance profile holds one role; the path lists it by name.
    const [role = ''] = (await read(ROLES_PATH)).split('\n')
    const { Code, Message, AccessKeyId, SecretAccessKey, Token, Expiration } = parse(
      await read(ROLES_PATH + role),
    )
    if (!AccessKeyId || !SecretAccessKey || !Token) {
      const told = [Code, Message].filter(Boolean).join(', ') || 'no JSON with an access key'
      throw new Error(`the credentials of role ${JSON.stringify(role)}: ${told}`)
    }
    const expiration = new Date(Expiration ?? Number.NaN)
    if (Number.isNaN(expiration.getTime())) {
      throw new Error(
        `the credentials of role ${JSON.stringify(role)} end at no time: ${JSON.stringify(Expiration)}`,
      )
    }
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: Token,
      // A service that fails to renew them gives the old ones, which AWS goes on accepting (botocore, IMDSFetcher).
      ...(expiration.getTime() > Date.now() ? { expiration } : {}),
    }
  })
}

function parse(text: string): Record<string, string | undefined> {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}

type Read = (path: string) => Promise<string>

/** Asks on one connection, with a session token if one is to be had. */
async function inSession<T>(env: Env, work: (read: Read) => Promise<T>): Promise<T> {
  if (isMetadataDisabled(env)) throw new Error('AWS_EC2_METADATA_DISABLED is true')
  const { Agent } = process.getBuiltinModule('node:http')
  // An agent of our own knows no proxy, which NODE_USE_ENV_PROXY gives the global one.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const endpoint = endpointOf(env)
  try {
    const { headers, lack } = await openSession(endpoint, agent, env)
    return await work(async path => {
      const { status, text } = await ask('GET', endpoint + path, headers, agent)
      if (status === 200) return text.trim()
      throw new Error(
        `${endpoint}${path} answered ${status}${lack ? `, asked without a token, for ${lack}` : ''}`,
      )
    })
  } finally {
    agent.destroy()
  }
}

type Headers = Record<string, string>

interface Session {
  headers: Headers
  /** Why it has no token. */
  lack?: string
}

/**
 * Asks for a session token. Where the service is older than tokens, or the answer gets lost on its way into a container
 * (the instance's hop limit), questions without one may be answered all the same (botocore, IMDSFetcher).
 */
async function openSession(endpoint: string, agent: Agent, env: Env): Promise<Session> {
  const wanted = { 'x-aws-ec2-metadata-token-ttl-seconds': TOKEN_SECONDS }
  const mayDoWithout = env.AWS_EC2_METADATA_V1_DISABLED?.toLowerCase() !== 'true'
  const url = endpoint + TOKEN_PATH
  try {
    const { status, text } = await ask('PUT', url, wanted, agent)
    if (status === 200) return { headers: { 'x-aws-ec2-metadata-token': text } }
    const lack = `${url} answered ${status}`
    if (mayDoWithout && [403, 404, 405].includes(status)) return { headers: {}, lack }
    throw new Error(lack)
  } catch (error) {
    const { message, cause } = error as Error
    if (mayDoWithout && (cause as Error | undefined)?.name === 'TimeoutError')
      return { headers: {}, lack: message }
    throw error
  }
}

function endpointOf(env: Env): string {
  const { AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: mode } = env
  if (endpoint) return endpoint.replace(/\/$/, '')
  return mode?.toLowerCase() === 'ipv6' ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254'
}

async function ask(method: string, url: string, headers: Headers, agent: Agent): Promise<HttpAnswer> {
  for (let attempt = 1; ; attempt++) {
    const last = attempt === ATTEMPTS
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS)
      const answer = await exchange(new URL(url), { method, headers, agent, signal })
      const passing = answer.status === 429 || answer.status >= 500
      if (!passing || last) return answer
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      if (code !== 'ECONNRESET' || last) throw new Error(`${url}: ${message || code}`, { cause })
    }
    await new Promise(resolve => setTimeout(resolve, Math.random() * PAUSE_MS))
  }
}
