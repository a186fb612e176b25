import { Agent, request as httpRequest } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2'
import { isIP } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { codeOf, environmentProxy, isLoopback, tunnel } from '../network.ts'
import type { Progress } from './connection-problem.ts'
import { KubeProblem } from './evidence.ts'

export interface ApiAnswer {
  status: number
  contentType: string
  body: string
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

export interface RequestOptions {
  /** Sent as JSON. */
  body?: unknown
  /** Of the body; plain JSON if left out. */
  contentType?: string
  accept?: string
}

/** One authenticated identity's view of the API server. */
export interface ApiClient {
  /** Resolves with any HTTP status; rejects with KubeProblem when no answer came. */
  request(method: Method, path: string, options?: RequestOptions): Promise<ApiAnswer>
  close(): void
}

/** The one connection to an API server, before anybody has authenticated on it. */
export interface Connection {
  as(token: string): ApiClient
}

/** Where the API server is, as a kubeconfig's cluster entry says it. */
export interface ApiServer {
  /** https URL */
  server: string
  /** PEM */
  certificateAuthority: string
  proxyUrl?: string
}

export interface ConnectionOptions {
  /** Bound on any one request, its retries included. */
  timeoutSeconds: number
  signal: AbortSignal
}

type Request = Parameters<ApiClient['request']>
/** With the seconds that the server asks us to wait; 0 where it does not. */
type Answer = ApiAnswer & { retryAfter: number }
type Send = (token: string, request: Request, signal: AbortSignal) => Promise<Answer>

/**
 * Opens the one connection over which everything is asked, verified with the cluster's own CA and nothing else.
 * It starts at once and needs no token, so the handshake is over when the token arrives.
 *
 * The proxy is `proxyUrl`, else the environment's; loopback is never proxied by the environment, as in client-go
 * (golang.org/x/net/http/httpproxy).
 */
export function openConnection(server: ApiServer, options: ConnectionOptions): Connection {
  const send = openTransport(server, options)
  // Whoever asks first meets the failure; until then it is not an unhandled one.
  send.catch(() => {})
  const closing = new AbortController()
  const signal = AbortSignal.any([options.signal, closing.signal])
  signal.addEventListener('abort', () => send.then(transport => transport.close()).catch(() => {}))
  return {
    as: token => ({
      request: async (...request) => {
        const bound = AbortSignal.timeout(options.timeoutSeconds * 1000)
        let isOpen = false
        try {
          const transport = await send
          isOpen = true
          return await answered(transport, token, request, AbortSignal.any([signal, bound]))
        } catch (error) {
          options.signal.throwIfAborted()
          if (error instanceof KubeProblem) throw error
          const bounds = { seconds: options.timeoutSeconds, isOver: bound.aborted, isOpen }
          // Here and not above: what a login that passes does not need.
          const { problemOf } = await import('./connection-problem.ts')
          throw problemOf(error, server, bounds)
        }
      },
      close: () => closing.abort(),
    }),
  }
}

/**
 * Asks again what may pass by itself: 429, 5xx, connection resets and names that flap, with backoff and jitter. Never a refusal. When the
 * time is over amid that, the last answer is the answer.
 */
async function answered(transport: Transport, token: string, request: Request, signal: AbortSignal) {
  let last: Answer | null = null
  for (let attempt = 0; ; attempt++) {
    let wait = backoff(attempt)
    try {
      last = await transport.send(token, request, signal)
      const passing = last.status === 429 || last.status >= 500
      if (!passing || attempt === MAX_RETRIES) return last
      wait = Math.max(wait, last.retryAfter * 1000)
    } catch (error) {
      if (last && signal.aborted) return last
      if (signal.aborted || attempt === MAX_RETRIES || !PASSING.has(codeOf(error))) throw error
    }
    const slept = await sleep(wait, true, { signal }).catch(() => false)
    if (!slept && last) return last
    signal.throwIfAborted()
  }
}

/** Dials again, for the same reason. What a try came to says more than that the time was over amid the next. */
async function dialled(server: ApiServer, signal: AbortSignal): Promise<TLSSocket> {
  let last: unknown
  for (let attempt = 0; ; attempt++) {
    try {
      return await openTls(server, signal)
    } catch (error) {
      if (last && signal.aborted) throw last
      if (signal.aborted || attempt === MAX_RETRIES || !PASSING.has(codeOf(error))) throw error
      last = error
    }
    const slept = await sleep(backoff(attempt), true, { signal }).catch(() => false)
    if (!slept) throw last
  }
}

function backoff(attempt: number): number {
  return Math.random() * Math.min(5000, 100 * 2 ** attempt)
}

const MAX_RETRIES = 6
/** Resets, and a name server that has no answer this time. */
const PASSING = new Set([
  'EAI_AGAIN',
  'ECONNRESET',
  'EPIPE',
  'ERR_HTTP2_STREAM_ERROR',
  'ERR_HTTP2_INVALID_SESSION',
  'ERR_HTTP2_SESSION_ERROR',
])

interface Transport {
  send: Send
  close(): void
}

async function openTransport(server: ApiServer, options: ConnectionOptions): Promise<Transport> {
  const dial = () =>
    dialled(server, AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutSeconds * 1000)]))
  const socket = await dial()
  return socket.alpnProtocol === 'h2' ? overHttp2(server, socket, dial) : overHttp1(server, socket, dial)
}

async function openTls(server: ApiServer, signal: AbortSignal): Promise<TLSSocket> {
  const url = new URL(server.server)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || 443)
  const proxy = proxyOf(server)
  const raw = proxy ? await tunnel(proxy, host, port, signal) : undefined
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...(raw ? { socket: raw } : { host, port }),
      ...(isIP(host) ? {} : { servername: host }),
      ca: server.certificateAuthority,
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    const abort = () => socket.destroy(signal.reason)
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    const progress: Progress = {
      stage: raw ? 'handshake' : 'connecting',
      ...(isIP(host) && !raw ? { address: host } : {}),
    }
    socket.on('lookup', (_error, address) => {
      if (address) progress.address = address
    })
    socket.once('connect', () => {
      progress.stage = 'handshake'
    })
    // Before Node judges the certificate: with the connection it is gone.
    socket.prependListener('secure', () => {
      progress.certificate = socket.getPeerCertificate()
    })
    socket.once('error', error => reject(Object.assign(error, { progress })))
    socket.once('secureConnect', () => {
      // From here on every request has its own bound.
      signal.removeEventListener('abort', abort)
      resolve(socket)
    })
  })
}

function proxyOf({ server, proxyUrl }: ApiServer): URL | null {
  if (proxyUrl) return new URL(proxyUrl)
  return isLoopback(server) ? null : environmentProxy(server)
}

function overHttp2(server: ApiServer, first: TLSSocket, dial: () => Promise<TLSSocket>): Transport {
  const url = new URL(server.server)
  const open = (socket: TLSSocket) => {
    const session = connectHttp2(url.origin, { createConnection: () => socket })
    // Each stream reports the session's end to whoever waits for it.
    session.on('error', () => {})
    return session
  }
  let session: Promise<ClientHttp2Session> = Promise.resolve(open(first))
  const live = async () => {
    const known = session
    const current = await known.catch(() => null)
    if (current && !current.closed && !current.destroyed) return current
    // Of all who find it gone, only the first dials.
    if (session === known) session = dial().then(open)
    return session
  }
  return {
    send: async (token, [method, path, options], signal) => {
      const body = options?.body === undefined ? null : JSON.stringify(options.body)
      const stream = (await live()).request(
        { ':method': method, ':path': join(url, path), ...headers(token, body, options) },
        { signal, endStream: body === null },
      )
      if (body !== null) stream.end(body)
      return answerOn(stream, method, path)
    },
    close: () => void session.then(current => current.destroy()).catch(() => {}),
  }
}

/** Listens from the first moment: a short answer is over, and its stream closed, in one turn of the event loop. */
function answerOn(stream: ClientHttp2Stream, method: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let head: Record<string, unknown> | null = null
    stream.once('response', header => {
      head = header
    })
    collect(stream, method, path, text => {
      // A stream that was torn off ends, too, before its answer or amid it.
      if (!head || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return
      resolve(answerOf(Number(head[constants.HTTP2_HEADER_STATUS]), head, text))
    })
    stream.once('error', reject)
    // Of being torn off with its session it raises no error of its own.
    stream.once('close', () => reject(Object.assign(new Error('stream closed'), { code: 'ECONNRESET' })))
  })
}

/** For servers behind something that speaks only HTTP/1.1: the same one connection, a request at a time. */
function overHttp1(server: ApiServer, first: TLSSocket, dial: () => Promise<TLSSocket>): Transport {
  const url = new URL(server.server)
  const agent = new OneSocketAgent(first, dial)
  const exchange: Send = (token, [method, path, options], signal) => {
    const body = options?.body === undefined ? null : JSON.stringify(options.body)
    return new Promise((resolve, reject) => {
      const asking = httpRequest({
        agent,
        signal,
        method,
        path: join(url, path),
        headers: { host: url.host, ...headers(token, body, options) },
      })
      asking.once('error', reject)
      asking.once('response', answer =>
        collect(answer.once('error', reject), method, path, text =>
          resolve(answerOf(answer.statusCode ?? 0, answer.headers, text)),
        ),
      )
      asking.end(body ?? undefined)
    })
  }
  // An agent's maxSockets does not count sockets that are still to come, so whoever asks waits for their turn.
  let turn: Promise<unknown> = Promise.resolve()
  return {
    send: (...request) => {
      const answer = turn.then(() => exchange(...request))
      turn = answer.catch(() => {})
      return answer
    },
    close: () => agent.destroy(),
  }
}

class OneSocketAgent extends Agent {
  #first: TLSSocket | null
  readonly #dial: () => Promise<TLSSocket>

  constructor(first: TLSSocket, dial: () => Promise<TLSSocket>) {
    super({ keepAlive: true, maxSockets: 1 })
    this.#first = first
    this.#dial = dial
  }

  override destroy(): void {
    this.#first?.destroy()
    super.destroy()
  }

  override createConnection(
    _options: unknown,
    created?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const ready = this.#first ? Promise.resolve(this.#first) : this.#dial()
    this.#first = null
    ready.then(
      socket => created?.(null, socket),
      error => created?.(error, undefined as never),
    )
  }
}

function join(server: URL, path: string): string {
  return server.pathname.replace(/\/$/, '') + path
}

function headers(
  token: string,
  body: string | null,
  { accept = 'application/json', contentType = 'application/json' }: RequestOptions = {},
): Record<string, string> {
  return {
    accept,
    authorization: `Bearer ${token}`,
    'user-agent': 'eks-login',
    ...(body === null
      ? {}
      : { 'content-type': contentType, 'content-length': String(Buffer.byteLength(body)) }),
  }
}

/**
 * Discovery, which is what GET asks for, is a few MiB in a cluster with many custom resources, a review a few KiB, and an
 * object that was changed at most the 1.5 MiB that etcd takes, with its quotes escaped. An answer beyond this is not from an API server.
 */
function maxBytesOf(method: string): number {
  if (method === 'GET') return 64 * 2 ** 20
  return method === 'POST' ? 2 ** 20 : 4 * 2 ** 20
}

function collect(stream: Readable, method: string, path: string, whole: (text: string) => void): void {
  const chunks: Buffer[] = []
  const most = maxBytesOf(method)
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= most) chunks.push(chunk)
    else stream.destroy(tooLarge(path, most))
  })
  stream.once('end', () => whole(Buffer.concat(chunks).toString('utf8')))
}

function tooLarge(path: string, most: number): KubeProblem {
  const message = `an answer larger than ${most} bytes`
  return new KubeProblem({ kind: 'unexpected-answer', path, status: 200, message })
}

function answerOf(status: number, header: Record<string, unknown>, body: string): Answer {
  return {
    status,
    contentType: String(header['content-type'] ?? ''),
    retryAfter: Number(header['retry-after']) || 0,
    body,
  }
}
