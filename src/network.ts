import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { getProxyForUrl } from 'proxy-from-env'

/** A proxy answered CONNECT with something other than 200. */
export class ProxyRefusal extends Error {
  override readonly name = 'ProxyRefusal'

  readonly proxy: string
  readonly status: number

  constructor(proxy: string, target: string, status: number) {
    super(`the proxy ${proxy} answered ${status} to CONNECT ${target}`)
    this.proxy = proxy
    this.status = status
  }
}

/**
 * The proxy that the environment names for an https URL (HTTPS_PROXY and NO_PROXY, either case), or null. ALL_PROXY is
 * none: neither the AWS CLI nor kubectl reads it, and what is proven here must be the way that they take.
 */
export function environmentProxy(url: string): URL | null {
  const { https_proxy, HTTPS_PROXY } = process.env
  const proxy = https_proxy || HTTPS_PROXY
  if (!proxy || !getProxyForUrl(url)) return null
  // Without a scheme, kubectl and the AWS CLI speak HTTP to it; the package would have given it the URL's own.
  return new URL(proxy.includes('://') ? proxy : `http://${proxy}`)
}

/**
 * A raw connection to `host:port` through an HTTP proxy's CONNECT (RFC 9110, 9.3.6).
 * Rejects with ProxyRefusal when the proxy answers anything but 200, and otherwise with the socket's own error, which
 * then names the proxy in `proxy`.
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
    connecting.once('connect', (answer, socket) => {
      if (answer.statusCode === 200) return resolve(socket)
      socket.destroy()
      reject(new ProxyRefusal(proxy.origin, target, answer.statusCode ?? 0))
    })
    connecting.once('error', error => reject(Object.assign(error, { proxy: proxy.origin })))
    connecting.end()
  })
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
      if (!proxy) return connectTls({ ...options, servername })
      const socket = await tunnel(proxy, host, Number(options.port), this.#closing.signal)
      return connectTls({ ...options, socket, servername })
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
