import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls'
import { getProxyForUrl } from 'proxy-from-env'
import { concealed } from './concealed.ts'

/** A proxy answered CONNECT with something other than 200. */
export class ProxyRefusal extends Error {
  override readonly name = 'ProxyRefusal'

  readonly proxy: string
  readonly status: number
  /** The first line of the answer's text; empty where it has none. */
  readonly said: string
  /** Schemes of credentials that the proxy takes (RFC 9110, 11.7.1); empty where it wants none. */
  readonly schemes: string

  constructor(proxy: string, target: string, { statusCode = 0, headers }: IncomingMessage, said: string) {
    super(`the proxy ${proxy} answered ${statusCode} to CONNECT ${target}`)
    this.proxy = proxy
    this.status = statusCode
    this.said = said
    this.schemes = [headers['proxy-authenticate'] ?? []].flat().join(', ')
  }
}

/** What names a proxy is not the URL of one. */
export class InvalidProxy extends Error {
  override readonly name = 'InvalidProxy'
  readonly code = 'ERR_PROXY_URL'
  /** What stands in its place, without user and password. */
  readonly proxy: string

  constructor(setBy: string, text: string) {
    const proxy = concealed(text)
    super(`${setBy} is not the URL of a proxy: ${proxy}`)
    this.proxy = proxy
  }
}

/**
 * What the environment, or an input, gives for a proxy. Without a scheme, kubectl and the AWS CLI speak HTTP to it.
 *
 * @throws InvalidProxy
 */
function proxyAt(text: string, setBy: string): URL {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  if (!url?.hostname || !isPercentEncoded(url.username + url.password)) throw new InvalidProxy(setBy, text)
  return url
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** What is set of a proxy for one host. */
export interface ProxySetting {
  /** Its origin: never with credentials. */
  url: string
  /** What was given is no URL; `url` is that, then, without what may be credentials. */
  malformed?: true
  /** What names it: `proxy-url`, `HTTPS_PROXY` or `https_proxy`. */
  setBy: string
  /** Whether its URL brings credentials. */
  credentials: boolean
  /** Whether the host is reached through it; if not, `exceptions` name the host. */
  used: boolean
  /** The variable that names the hosts that are not reached through it, and its value; absent of `proxy-url`. */
  exceptions?: { name: string; value: string }
}

/**
 * What is set of a proxy for an https URL, whether it is used for it or not.
 *
 * @param proxyUrl where one is given that no variable of the environment overrules
 */
export function proxySetting(url: string, proxyUrl?: string): ProxySetting | undefined {
  const { https_proxy, HTTPS_PROXY, no_proxy, NO_PROXY } = process.env
  const given = proxyUrl || https_proxy || HTTPS_PROXY
  if (!given) return undefined
  const setBy = proxyUrl ? 'proxy-url' : https_proxy ? 'https_proxy' : 'HTTPS_PROXY'
  const about = { ...toldOf(given, setBy), setBy }
  if (proxyUrl) return { ...about, used: true }
  return {
    ...about,
    used: getProxyForUrl(url) !== '',
    exceptions: { name: no_proxy ? 'no_proxy' : 'NO_PROXY', value: no_proxy || NO_PROXY || '' },
  }
}

/** Origin, and whether credentials come with it; of what is no URL, all that may be told of it. */
function toldOf(given: string, setBy: string): Pick<ProxySetting, 'url' | 'credentials' | 'malformed'> {
  try {
    const { origin, username } = proxyAt(given, setBy)
    return { url: origin, credentials: username !== '' }
  } catch (error) {
    if (error instanceof InvalidProxy) return { url: error.proxy, credentials: false, malformed: true }
    throw error
  }
}

/** Whether a URL's host is this machine, which no proxy of the environment is for. */
export function isLoopback(url: string): boolean {
  const host = new URL(url).hostname
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host)
}

/** Node's name of an error; empty where it has none. */
export function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '')
}

/**
 * The proxy that the environment names for an https URL (HTTPS_PROXY and NO_PROXY, either case), or null. ALL_PROXY is
 * none: neither the AWS CLI nor kubectl reads it, and what is proven here must be the way that they take.
 *
 * @throws InvalidProxy
 */
export function environmentProxy(url: string): URL | null {
  const { https_proxy, HTTPS_PROXY } = process.env
  const proxy = https_proxy || HTTPS_PROXY
  if (!proxy || !getProxyForUrl(url)) return null
  // Not what the package gives, which has the URL's own scheme where it has none.
  return proxyAt(proxy, https_proxy ? 'https_proxy' : 'HTTPS_PROXY')
}

/**
 * A raw connection to `host:port` through an HTTP proxy's CONNECT (RFC 9110, 9.3.6).
 * Rejects with ProxyRefusal when the proxy answers anything but 200, and otherwise with the socket's own error, which
 * then names the proxy in `proxy`, and says in `connected` whether it was there to be asked.
 */
export function tunnel(proxy: URL, host: string, port: number, signal?: AbortSignal): Promise<Socket> {
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const request = proxy.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const connecting = request({
      method: 'CONNECT',
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      path: target,
      headers: { host: target, ...proxyAuthorization(proxy) },
      agent: false,
      ...(signal ? { signal } : {}),
    })
    connecting.once('connect', (answer, socket, head) => {
      if (answer.statusCode === 200) {
        // What came along with the answer is the first of what is in the tunnel.
        if (head.length > 0) socket.unshift(head)
        return resolve(socket)
      }
      firstLine(socket, head).then(said => {
        socket.destroy()
        reject(new ProxyRefusal(proxy.origin, target, answer, said))
      })
    })
    let connected = false
    connecting.once('socket', socket => {
      socket.once(proxy.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        connected = true
      })
    })
    connecting.once('error', error => reject(Object.assign(error, { proxy: proxy.origin, connected })))
    connecting.end()
  })
}

/** Milliseconds that the text of a refusal may take to follow its head. */
const TEXT_PATIENCE_MS = 500
const MAX_TEXT_CHARACTERS = 4096

/** The first line that a person would read of what follows the head of an answer; tags of HTML are none. */
async function firstLine(socket: Duplex, head: Buffer): Promise<string> {
  let text = head.toString('latin1')
  const over = AbortSignal.timeout(TEXT_PATIENCE_MS)
  await new Promise(resolve => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (text.length > MAX_TEXT_CHARACTERS) resolve(null)
    })
    for (const end of ['end', 'close', 'error']) socket.once(end, resolve)
    over.addEventListener('abort', resolve)
  })
  const lines = text
    .slice(0, MAX_TEXT_CHARACTERS)
    .replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, '\n')
    .split(/[\r\n]+/)
  return (
    lines
      .map(line => line.replace(/[^\x20-\x7e]+/g, ' ').trim())
      .find(Boolean)
      ?.slice(0, 200) ?? ''
  )
}

function proxyAuthorization(proxy: URL): Record<string, string> {
  if (!proxy.username) return {}
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** An agent whose connections go through the proxy that the environment names for their host, if it names one. */
class ProxyAgent extends Agent {
  readonly #closing = new AbortController()

  override createConnection(
    options: ConnectionOptions,
    created?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const host = String(options.host)
    const open = async () => {
      const proxy = environmentProxy(`https://${host.includes(':') ? `[${host}]` : host}:${options.port}`)
      const servername = options.servername ?? host
      if (!proxy) return tellingIssuer(connectTls({ ...options, servername }))
      const socket = await tunnel(proxy, host, Number(options.port), this.#closing.signal)
      return tellingIssuer(connectTls({ ...options, socket, servername }))
    }
    open().then(
      socket => created?.(null, socket),
      // Node's own type asks for a stream beside the error.
      error => created?.(error, undefined as never),
    )
  }

  /** A proxy that has not answered yet is no socket of the agent's. */
  override destroy(): void {
    this.#closing.abort()
    super.destroy()
  }
}

/** Lets the error that a certificate is refused with say who signed it, in `issuer`. */
function tellingIssuer(socket: TLSSocket): TLSSocket {
  let certificate: PeerCertificate | undefined
  // Before Node judges the certificate: with the connection it is gone. Who signed it is made out only where it was refused.
  socket.prependListener('secure', () => {
    certificate = socket.getPeerCertificate()
  })
  socket.once('error', error => {
    const issuer = issuerOf(certificate)
    if (issuer) Object.assign(error, { issuer })
  })
  return socket
}

/** By its common name, else its organization's; undefined where no certificate came. */
function issuerOf(certificate: PeerCertificate | undefined): string | undefined {
  const { CN, O } = certificate?.issuer ?? {}
  const name = CN ?? O
  return name === undefined ? undefined : String(name)
}

/** The HTTPS agent for hosts that everybody knows: through the environment's proxy, trusting whom Node trusts. */
export function proxiedAgent(): Agent {
  return new ProxyAgent({ keepAlive: true })
}

/**
 * The HTTPS agent for calls to AWS: through the environment's proxy, trusting AWS_CA_BUNDLE in place of the built-in
 * roots where it is set, as the AWS CLI does.
 *
 * @throws Error when the file that AWS_CA_BUNDLE names cannot be read
 */
export function awsAgent(env: NodeJS.ProcessEnv): Agent {
  const ca = env.AWS_CA_BUNDLE ? { ca: readFileSync(env.AWS_CA_BUNDLE) } : {}
  return new ProxyAgent({ ...ca, keepAlive: true })
}
