import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { proxiedAgent } from '../network.ts'
import { type KubectlEvidence, KubectlProblem, unwritable } from './evidence.ts'

export interface HostOptions {
  /** Bound on any one file, its retries included. */
  timeoutSeconds: number
  signal: AbortSignal
}

/** A file that was saved: what it hashes to, and what it looked like on its way. */
export interface Saved {
  sha256: string
  /** Size and media type, for a person who wonders what came instead of kubectl. */
  came: string
}

/** Where releases are published: asked through the proxy that the environment names, trusting what Node trusts. */
export interface ReleaseHost {
  /** Of a path below it. */
  url(path: string): string
  /**
   * A small file's text.
   *
   * @param wanted what there is none of, if the host has no such file
   * @throws KubectlProblem unknown, unreachable, timed-out, host-failing, unexpected; the signal's reason
   */
  text(path: string, wanted: string): Promise<string>
  /**
   * Saves a file that nobody else may read or run, and says what it hashes to.
   *
   * @throws the same; KubectlProblem unwritable
   */
  save(path: string, wanted: string, file: string): Promise<Saved>
  close(): void
}

/** @param base http or https URL, without a slash at its end */
export function openHost(base: string, options: HostOptions): ReleaseHost {
  const agent = proxiedAgent()
  const url = (path: string) => `${base}/${path}`
  const get = <T>(path: string, wanted: string, receive: Receive<T>) =>
    fetched({ url: url(path), wanted, agent, ...options }, receive)
  return {
    url,
    text: (path, wanted) => get(path, wanted, readText),
    save: (path, wanted, file) => get(path, wanted, (answer, count) => saveTo(file, answer, count)),
    close: () => agent.destroy(),
  }
}

interface Errand extends HostOptions {
  url: string
  wanted: string
  agent: ReturnType<typeof proxiedAgent>
}

/** What has come so far, in bytes; `of` is null where the host does not say how many there are. */
interface Progress {
  bytes: number
  of: number | null
}

/** Takes an answer in, telling `count` of each chunk. */
type Receive<T> = (answer: IncomingMessage, count: (chunk: Buffer) => void) => Promise<T>

/**
 * Asks until the answer is whole: again after what may pass by itself (429, 5xx, resets, an answer that was cut off),
 * with backoff and jitter; never after a refusal. When the time is over amid that, the last answer is the answer.
 */
async function fetched<T>(errand: Errand, receive: Receive<T>): Promise<T> {
  const { url, timeoutSeconds: seconds, signal } = errand
  const bound = AbortSignal.timeout(seconds * 1000)
  let last: KubectlProblem | null = null
  let progress: Progress = { bytes: 0, of: null }
  for (let attempt = 0; ; attempt++) {
    progress = { bytes: 0, of: null }
    let wait = backoff(attempt)
    try {
      return await once(errand, progress, receive, AbortSignal.any([signal, bound]))
    } catch (error) {
      signal.throwIfAborted()
      if (bound.aborted) {
        const evidence = { kind: 'kubectl-timed-out', url, seconds, came: told(progress) } as const
        throw last ?? new KubectlProblem(evidence, { cause: error })
      }
      last = problemOf(error, url, progress)
      if (attempt === MAX_RETRIES || !mayPass(error)) throw last
      wait = Math.max(wait, error instanceof Passing ? error.retryAfterMs : 0)
    }
    const slept = await sleep(wait, true, { signal: AbortSignal.any([signal, bound]) }).catch(() => false)
    signal.throwIfAborted()
    if (!slept) throw last
  }
}

function backoff(attempt: number): number {
  return Math.random() * Math.min(5000, 100 * 2 ** attempt)
}

const MAX_RETRIES = 6
const RESETS = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'])

/** An answer that may be another one the next time. */
class Passing extends KubectlProblem {
  readonly retryAfterMs: number

  constructor(evidence: KubectlEvidence, retryAfter: string | undefined) {
    super(evidence)
    this.retryAfterMs = (Number(retryAfter) || 0) * 1000
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof Passing || RESETS.has(codeOf(error))
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '')
}

function problemOf(error: unknown, url: string, progress: Progress): KubectlProblem {
  if (error instanceof KubectlProblem) return error
  const came = progress.bytes > 0 ? `, after ${told(progress)}` : ''
  const message = `${(error as Error).message}${came}`
  return new KubectlProblem(
    { kind: 'kubectl-unreachable', url, code: codeOf(error), message },
    { cause: error },
  )
}

function told({ bytes, of }: Progress): string {
  return of === null ? `${bytes} bytes` : `${bytes} of ${of} bytes`
}

/* One answer. */

/** No kubectl is half of this size. */
const MAX_BYTES = 128 * 2 ** 20
/** A hash or a version and a line feed; more than this is something else. */
const MAX_TEXT_CHARACTERS = 4096

async function once<T>(
  { url, wanted, agent }: Errand,
  progress: Progress,
  receive: Receive<T>,
  signal: AbortSignal,
): Promise<T> {
  const { answer, from } = await follow(new URL(url), agent, signal)
  try {
    expectFile(answer, from, wanted)
    progress.of = Number(answer.headers['content-length'] ?? Number.NaN) || null
    if ((progress.of ?? 0) > MAX_BYTES) throw tooLarge(from)
    return await receive(answer, chunk => {
      progress.bytes += chunk.length
      if (progress.bytes > MAX_BYTES) throw tooLarge(from)
    })
  } finally {
    // Of what is not wanted no more shall come.
    answer.destroy()
  }
}

/** @throws KubectlProblem for an answer that brings no file */
function expectFile({ statusCode: status = 0, headers }: IncomingMessage, url: string, wanted: string): void {
  if (status === 200) return
  if (status === 404 || status === 410)
    throw new KubectlProblem({ kind: 'kubectl-unknown', wanted, url, status })
  if (status === 429 || status >= 500)
    throw new Passing({ kind: 'kubectl-host-failing', url, status }, headers['retry-after'])
  throw new KubectlProblem({ kind: 'kubectl-unexpected', url, wanted: 'a file', found: `status ${status}` })
}

function tooLarge(url: string): KubectlProblem {
  const found = `more than ${MAX_BYTES} bytes`
  return new KubectlProblem({ kind: 'kubectl-unexpected', url, wanted: 'a kubectl', found })
}

async function readText(answer: IncomingMessage, count: (chunk: Buffer) => void): Promise<string> {
  let text = ''
  for await (const chunk of answer) {
    count(chunk)
    text += chunk
    if (text.length > MAX_TEXT_CHARACTERS) break
  }
  return text
}

async function saveTo(file: string, answer: IncomingMessage, count: (chunk: Buffer) => void): Promise<Saved> {
  const refuse = (cause: unknown) => {
    throw unwritable(dirname(file), cause)
  }
  const hash = createHash('sha256')
  const handle = await open(file, 'w', 0o600).catch(refuse)
  let bytes = 0
  try {
    for await (const chunk of answer) {
      count(chunk)
      hash.update(chunk)
      bytes += chunk.length
      await handle.writeFile(chunk).catch(refuse)
    }
  } finally {
    await handle.close().catch(refuse)
  }
  const type = answer.headers['content-type'] ?? 'no media type'
  return { sha256: hash.digest('hex'), came: `${bytes} bytes, ${type}` }
}

/* The way there. */

const MAX_REDIRECTS = 5

/** The official host leads to the host that holds the files. Whoever may lead us may not lead us away from HTTPS. */
async function follow(url: URL, agent: Errand['agent'], signal: AbortSignal) {
  let from = url
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const answer = await get(from, agent, signal)
    if (!isRedirect(answer)) return { answer, from: from.href }
    answer.destroy()
    const { location } = answer.headers
    const to = location ? URL.parse(location, from) : null
    if (to?.protocol !== 'https:' && to?.origin !== from.origin) {
      throw new KubectlProblem({
        kind: 'kubectl-unexpected',
        url: from.href,
        wanted: 'a file',
        found: `a redirect to ${to?.href ?? 'nowhere'}`,
      })
    }
    from = to
  }
  const found = `more than ${MAX_REDIRECTS} redirects`
  throw new KubectlProblem({ kind: 'kubectl-unexpected', url: url.href, wanted: 'a file', found })
}

function isRedirect({ statusCode = 0 }: IncomingMessage): boolean {
  return [301, 302, 303, 307, 308].includes(statusCode)
}

function get(url: URL, agent: Errand['agent'], signal: AbortSignal): Promise<IncomingMessage> {
  const headers = { 'user-agent': 'eks-login' }
  return new Promise((resolve, reject) => {
    // A request that has no socket yet, for a proxy has not answered, tells nobody that it was called off.
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    const asking =
      url.protocol === 'https:'
        ? httpsRequest(url, { agent, headers, signal }, resolve)
        : httpRequest(url, { agent: false, headers, signal }, resolve)
    asking.once('error', reject).end()
  })
}
