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
import { environmentProxy, ProxyRefusal, tunnel } from '../network.ts'
import { KubeProblem } from './evidence.ts'

export interface ApiAnswer {
  status: number
  contentType: string
  body: string
}

/** One authenticated identity's view of the API server. */
export interface ApiClient {
  /** Resolves with any HTTP status; rejects with KubeProblem when no answer came. */
  request(
    method: 'GET' | 'POST',
    path: string,
    options?: { body?: unknown; accept?: string },
  ): Promise<ApiAnswer>
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
        try {
          return await answered(await send, token, request, AbortSignal.any([signal, bound]))
        } catch (error) {
          options.signal.throwIfAborted()
          // The handshake has a bound of its own, which began earlier.
          throw bound.aborted || isTimeout(error)
            ? timedOut(server, options, error)
            : unreachable(server, error)
        }
      },
      close: () => closing.abort(),
    }),
  }
}

/**
 * Asks again what may pass by itself: 429, 5xx and connection resets, with backoff and jitter. Never a refusal. When the
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
      if (signal.aborted || attempt === MAX_RETRIES || !RESETS.has(codeOf(error))) throw error
    }
    const slept = await sleep(wait, true, { signal }).catch(() => false)
    if (!slept && last) return last
    signal.throwIfAborted()
  }
}

/** Dials again after a reset, for the same reason. */
async function dialled(server: ApiServer, signal: AbortSignal): Promise<TLSSocket> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await openTls(server, signal)
    } catch (error) {
      if (signal.aborted || attempt === MAX_RETRIES || !RESETS.has(codeOf(error))) throw error
    }
    await sleep(backoff(attempt), undefined, { signal })
  }
}

function backoff(attempt: number): number {
  return Math.random() * Math.min(5000, 100 * 2 ** attempt)
}

const MAX_RETRIES = 6
const RESETS = new Set([
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
  const proxy = proxyOf(server, host)
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
    let issuer = ''
    // Before Node judges the certificate: with the connection it is gone.
    socket.prependListener('secure', () => {
      issuer = issuerOf(socket)
    })
    socket.once('error', error => reject(Object.assign(error, { issuer })))
    socket.once('secureConnect', () => {
      // From here on every request has its own bound.
      signal.removeEventListener('abort', abort)
      resolve(socket)
    })
  })
}

function proxyOf(server: ApiServer, host: string): URL | null {
  if (server.proxyUrl) return new URL(server.proxyUrl)
  const loopback = host === 'localhost' || host === '::1' || /^127\./.test(host)
  return loopback ? null : environmentProxy(server.server)
}

/** Who signed the server's certificate; empty where no certificate came. */
function issuerOf(socket: TLSSocket): string {
  const issuer = socket.getPeerCertificate?.()?.issuer
  return issuer?.CN ? String(issuer.CN) : ''
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
        { ':method': method, ':path': join(url, path), ...headers(token, body, options?.accept) },
        { signal, endStream: body === null },
      )
      if (body !== null) stream.end(body)
      return answerOn(stream)
    },
    close: () => void session.then(current => current.destroy()).catch(() => {}),
  }
}

/** Listens from the first moment: a short answer is over, and its stream closed, in one turn of the event loop. */
function answerOn(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let head: Record<string, unknown> | null = null
    stream.once('response', header => {
      head = header
    })
    collect(stream, text => {
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
        headers: { host: url.host, ...headers(token, body, options?.accept) },
      })
      asking.once('error', reject)
      asking.once('response', answer =>
        collect(answer.once('error', reject), text =>
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

function headers(token: string, body: string | null, accept = 'application/json'): Record<string, string> {
  return {
    accept,
    authorization: `Bearer ${token}`,
    'user-agent': 'eks-login',
    ...(body === null
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
  }
}

/** Discovery of a cluster with many custom resources is a few MiB; an answer beyond this is not from an API server. */
const MAX_ANSWER_BYTES = 64 * 2 ** 20

function collect(stream: Readable, whole: (text: string) => void): void {
  const chunks: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= MAX_ANSWER_BYTES) chunks.push(chunk)
    else stream.destroy(new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`))
  })
  stream.once('end', () => whole(Buffer.concat(chunks).toString('utf8')))
}

function answerOf(status: number, header: Record<string, unknown>, body: string): Answer {
  return {
    status,
    contentType: String(header['content-type'] ?? ''),
    retryAfter: Number(header['retry-after']) || 0,
    body,
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '')
}

/** What an aborted operation rejects with is the signal's reason, or an error with the reason as its cause. */
function isTimeout(error: unknown): boolean {
  const { name, cause } = error as Error
  return name === 'TimeoutError' || (cause as Error | undefined)?.name === 'TimeoutError'
}

function timedOut({ server }: ApiServer, { timeoutSeconds }: ConnectionOptions, cause: unknown): KubeProblem {
  return new KubeProblem({ kind: 'server-timed-out', server, seconds: timeoutSeconds }, { cause })
}

function unreachable({ server }: ApiServer, cause: unknown): KubeProblem {
  if (cause instanceof ProxyRefusal) {
    return new KubeProblem(
      { kind: 'proxy-refused', server, proxy: cause.proxy, status: cause.status },
      { cause },
    )
  }
  const { message, issuer, proxy } = cause as { message: string; issuer?: string; proxy?: string }
  if (proxy) {
    return new KubeProblem(
      { kind: 'proxy-unreachable', server, proxy, code: codeOf(cause), message },
      { cause },
    )
  }
  const evidence = { kind: 'server-unreachable', server, code: codeOf(cause), message } as const
  return new KubeProblem(issuer ? { ...evidence, issuer } : evidence, { cause })
}
