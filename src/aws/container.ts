import { readFile } from 'node:fs/promises'
import type { AwsCredentialIdentity } from '@smithy/types'
import { withoutUserinfo } from '../concealed.ts'
import { exchange, type HttpAnswer } from './http.ts'
import { textsIn } from './json-texts.ts'

// As botocore has them (utils.py, ContainerMetadataFetcher), but for what it does after a refusal: ask again.
const PATIENCE_MS = 2000
const ATTEMPTS = 3
const PAUSE_MS = 1000
const ECS_AGENT = 'http://169.254.170.2'
/** Whom a token may be sent to without TLS: the agents of ECS and EKS, and this machine. */
const AGENTS = /^(?:169\.254\.170\.(?:2|23)|\[fd00:ec2::23\]|localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

type Env = NodeJS.ProcessEnv

/** What became of asking the agent. */
export interface ContainerAnswer {
  /** Without user and password, which nobody sends. */
  url: string
  /** Absent where no answer came. */
  status?: number
  /** Of the answer, or of what the connection failed with; empty where there is none. */
  code: string
  /** That of the token, where it could not be read. */
  file?: string
}

/** The agent has not given credentials. */
export class ContainerProblem extends Error {
  readonly answer: ContainerAnswer

  constructor(message: string, answer: ContainerAnswer, options?: ErrorOptions) {
    super(message, options)
    this.answer = answer
  }
}

/**
 * The credentials that the agent beside a container gives it: of ECS, or of EKS Pod Identity. No proxy is asked, and no
 * redirect followed, as the token is for the agent alone. In the SDK's own provider a refusal is asked for four times,
 * and an answer is read however large it is.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 *
 * @throws ContainerProblem, in words, when the agent cannot be asked, or has no credentials
 */
export async function readContainerCredentials(env: Env): Promise<AwsCredentialIdentity> {
  const url = addressIn(env)
  const headers = await authorization(env, url.href)
  const { status, text } = await ask(url, headers)
  const { code, message, Code, Message, ...answer } = textsIn(text)
  const unfit = (problem: string, code = '') => new ContainerProblem(problem, { url: url.href, status, code })
  if (status !== 200) {
    const told = [code ?? Code, message ?? Message].filter(Boolean).join(', ')
    throw unfit(`${url} answered ${status}${told ? `: ${told}` : ''}`, code ?? Code)
  }
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = answer
  if (!AccessKeyId || !SecretAccessKey || !Token) throw unfit(`${url} answered no JSON with an access key`)
  const expiration = new Date(Expiration ?? Number.NaN)
  if (Number.isNaN(expiration.getTime()))
    throw unfit(`${url} answered with credentials that end at no time: ${JSON.stringify(Expiration)}`)
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token, expiration }
}

function addressIn(env: Env): URL {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: path, AWS_CONTAINER_CREDENTIALS_FULL_URI: full = '' } = env
  const text = withoutUserinfo(path ? ECS_AGENT + path : full)
  const url = URL.parse(text)
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && AGENTS.test(url.hostname))) return url
  const problem = `${text} is neither https nor the address of an agent beside the container`
  throw new ContainerProblem(problem, { url: text, code: '' })
}

async function authorization(env: Env, url: string): Promise<Record<string, string>> {
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file, AWS_CONTAINER_AUTHORIZATION_TOKEN: given } = env
  const token = file ? await readToken(file, url) : given
  if (!token) return {}
  if (/[^\x20-\x7e]/.test(token)) {
    const problem = 'the authorization token for it is more than one line of text'
    throw new ContainerProblem(problem, { url, code: '' })
  }
  return { authorization: token }
}

async function readToken(file: string, url: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const { message, code = '' } = cause as NodeJS.ErrnoException
    throw new ContainerProblem(message, { url, code, file }, { cause })
  }
}

async function ask(url: URL, headers: Record<string, string>): Promise<HttpAnswer> {
  for (let attempt = 1; ; attempt++) {
    const last = attempt === ATTEMPTS
    if (attempt > 1) await new Promise(resolve => setTimeout(resolve, Math.random() * PAUSE_MS))
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS)
      const answer = await exchange(url, { method: 'GET', headers, agent: false, signal })
      const passing = answer.status === 429 || answer.status >= 500
      if (!passing || last) return answer
    } catch (cause) {
      const { code, name, message } = cause as NodeJS.ErrnoException
      const passing = code === 'ECONNRESET' || name === 'TimeoutError'
      if (passing && !last) continue
      const answer = { url: url.href, code: code || name }
      throw new ContainerProblem(`${url}: ${message || code}`, answer, { cause })
    }
  }
}
