import type { Agent } from 'node:http'
import type { AwsCredentialIdentity } from '@smithy/types'
import { withoutUserinfo } from '../concealed.ts'
import { AnswerTooLarge } from './answer-size.ts'
import { exchange, type HttpAnswer } from './http.ts'
import { textsIn } from './json-texts.ts'

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html */
const TOKEN_PATH = '/latest/api/token'
const TOKEN_SECONDS = '60'
/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html */
export const ROLES_PATH = '/latest/meta-data/iam/security-credentials/'
/** The service answers at once; a runner whose cores are all busy does not listen as fast. */
const PATIENCE_MS = 4000
const ATTEMPTS = 2
/** At most, before the second. */
const PAUSE_MS = 200

type Env = NodeJS.ProcessEnv

/** One question to the metadata service, and what became of it. */
export interface MetadataAnswer {
  /** `PUT /latest/api/token`, `GET /latest/meta-data/…` */
  asked: string
  /** null when no answer came. */
  status: number | null
  /** Why it could not be used: what the connection failed with, or what the answer was not. Empty where it could. */
  problem: string
}

/** What was asked of the metadata service until it would not do, the last question being the one that failed. */
export class MetadataProblem extends Error {
  readonly endpoint: string
  readonly answers: MetadataAnswer[]

  constructor(endpoint: string, answers: MetadataAnswer[], cause: Error) {
    super(cause.message, { cause })
    this.endpoint = endpoint
    this.answers = answers
  }
}

/** Whether the environment says not to ask the metadata service (botocore and the SDKs: AWS_EC2_METADATA_DISABLED). */
export function isMetadataDisabled({ AWS_EC2_METADATA_DISABLED }: Env): boolean {
  return AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true'
}

/**
 * Reads one value of the instance's metadata (IMDSv2), like `/latest/meta-data/placement/region`. No proxy is asked,
 * as its answer would be about the proxy's instance.
 *
 * @throws Error in words, when metadata is disabled; MetadataProblem when it is out of reach, or without that value
 */
export function readInstanceMetadata(path: string, env: Env): Promise<string> {
  return inSession(env, ({ read }) => read(path))
}

/**
 * Reads several values, as `work` asks for them, on one connection.
 *
 * @throws Error in words, as for one; or what `work` throws
 */
export function readMetadataValues<T>(env: Env, work: (read: Read) => Promise<T>): Promise<T> {
  return inSession(env, ({ read }) => work(read))
}

/**
 * The credentials of the instance's own role.
 *
 * @throws Error in words, when metadata is disabled; MetadataProblem when there is no role, or the service has no
 *   credentials for it
 */
export function readInstanceCredentials(env: Env): Promise<AwsCredentialIdentity> {
  return inSession(env, async ({ read, unfit }) => {
    // An instance profile holds one role; the path lists it by name.
    const [role = ''] = (await read(ROLES_PATH)).split('\n')
    const name = JSON.stringify(role.slice(0, 64))
    if (!ROLE_NAME.test(role)) throw unfit('no name of a role', `${ROLES_PATH} lists no role, but ${name}`)
    const { Code, Message, AccessKeyId, SecretAccessKey, Token, Expiration } = textsIn(
      await read(ROLES_PATH + role),
    )
    if (!AccessKeyId || !SecretAccessKey || !Token) {
      const told = [Code, Message].filter(Boolean).join(', ') || 'no JSON with an access key'
      throw unfit(told, `the credentials of role ${name}: ${told}`)
    }
    const expiration = new Date(Expiration ?? Number.NaN)
    if (Number.isNaN(expiration.getTime())) {
      const told = `end at no time: ${JSON.stringify(Expiration)}`
      throw unfit(`credentials that ${told}`, `the credentials of role ${name} ${told}`)
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

/** Reads the value at a path. */
export type Read = (path: string) => Promise<string>

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html */
const ROLE_NAME = /^[\w+=,.@-]{1,64}$/

interface Session {
  read: Read
  /** Notes what is wrong with the latest answer, whatever its status; gives the error that says so. */
  unfit(problem: string, message: string): Error
}

/** Asks on one connection, with a session token if one is to be had. */
async function inSession<T>(env: Env, work: (session: Session) => Promise<T>): Promise<T> {
  if (isMetadataDisabled(env)) throw new Error('AWS_EC2_METADATA_DISABLED is true')
  const { Agent } = process.getBuiltinModule('node:http')
  // An agent of our own knows no proxy, which NODE_USE_ENV_PROXY gives the global one.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const service: MetadataService = { endpoint: endpointOf(env), agent, answers: [] }
  try {
    const { headers, lack } = await openSession(service, env)
    const read = async (path: string) => {
      const { status, text } = await ask('GET', path, headers, service)
      if (status === 200) return text.trim()
      throw new Error(
        `${service.endpoint}${path} answered ${status}${lack ? `, asked without a token, for ${lack}` : ''}`,
      )
    }
    return await work({ read, unfit: (problem, message) => unfit(service, problem, message) })
  } catch (cause) {
    throw new MetadataProblem(service.endpoint, service.answers, cause as Error)
  } finally {
    agent.destroy()
  }
}

interface MetadataService {
  endpoint: string
  agent: Agent
  /** All it gave so far. */
  answers: MetadataAnswer[]
}

function unfit({ answers }: MetadataService, problem: string, message: string): Error {
  const latest = answers.pop() as MetadataAnswer
  answers.push({ ...latest, problem })
  return new Error(message)
}

type Headers = Record<string, string>

interface Token {
  headers: Headers
  /** Why there is none. */
  lack?: string
}

/**
 * Asks for a session token. Where the service is older than tokens, or the answer gets lost on its way into a container
 * (the instance's hop limit), questions without one may be answered all the same (botocore, IMDSFetcher).
 */
async function openSession(service: MetadataService, env: Env): Promise<Token> {
  const wanted = { 'x-aws-ec2-metadata-token-ttl-seconds': TOKEN_SECONDS }
  const mayDoWithout = env.AWS_EC2_METADATA_V1_DISABLED?.toLowerCase() !== 'true'
  const url = service.endpoint + TOKEN_PATH
  try {
    const { status, text } = await ask('PUT', TOKEN_PATH, wanted, service)
    if (status === 200 && !SESSION_TOKEN.test(text))
      throw unfit(service, 'no session token', `${url} answered with no session token`)
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

/** One word: a page of a captive portal is none, and no header could hold it. */
const SESSION_TOKEN = /^[!-~]+$/

function endpointOf(env: Env): string {
  const { AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: mode } = env
  if (endpoint) return withoutUserinfo(endpoint).replace(/\/$/, '')
  return mode?.toLowerCase() === 'ipv6' ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254'
}

async function ask(
  method: string,
  path: string,
  headers: Headers,
  { endpoint, agent, answers }: MetadataService,
): Promise<HttpAnswer> {
  const url = endpoint + path
  const asked = `${method} ${path}`
  for (let attempt = 1; ; attempt++) {
    const last = attempt === ATTEMPTS
    if (attempt > 1) await new Promise(resolve => setTimeout(resolve, Math.random() * PAUSE_MS))
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS)
      const answer = await exchange(new URL(url), { method, headers, agent, signal })
      const passing = answer.status === 429 || answer.status >= 500
      if (passing && !last) continue
      answers.push({ asked, status: answer.status, problem: '' })
      return answer
    } catch (cause) {
      const { code, message, name } = cause as NodeJS.ErrnoException
      if (code === 'ECONNRESET' && !last) continue
      const problem = name === 'TimeoutError' ? `nothing came for ${PATIENCE_MS / 1000} s` : message || code
      // An answer without an end is one all the same.
      const status = cause instanceof AnswerTooLarge ? cause.status : null
      answers.push({ asked, status, problem: String(problem) })
      throw new Error(`${url}: ${message || code}`, { cause })
    }
  }
}
