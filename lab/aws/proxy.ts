import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Authority } from '../certificates.ts'
import { type Endpoint, endpointOf } from './regions.ts'
import { listen } from './server.ts'

/** What a client must send to be served. */
export type ProxyCredentials = { username: string; password: string }

/** What became of a CONNECT. */
export type ConnectOutcome = 'answered' | 'tunnelled' | 'refused' | 'unauthorized'

/** A CONNECT that the proxy saw. */
export type ProxyConnect = { at: Date; host: string; port: number; outcome: ConnectOutcome }

/** The lab's proxy. */
export type LabProxy = {
  port: number
  /** Every CONNECT so far, the oldest first. */
  connects: ProxyConnect[]
  /** Leads a host name, any port of it, to a port of 127.0.0.1, as a raw tunnel. */
  route(host: string, port: number): void
  /** Takes a route away. */
  unroute(host: string): void
  stop(): Promise<void>
}

/** What the proxy is made from. */
export type ProxyOptions = {
  authority: Authority
  /** Wanted of every CONNECT; null: none are. */
  credentials: ProxyCredentials | null
  /** Answers for AWS endpoints. */
  answer: (endpoint: Endpoint) => RequestListener
}

type Destination =
  | { kind: 'endpoint'; endpoint: Endpoint }
  | { kind: 'local'; port: number }
  | { kind: 'nowhere' }

/**
 * Starts an HTTP proxy that knows CONNECT (RFC 9110, 9.3.6). It answers for the endpoints of AWS itself,
 * tunnels to 127.0.0.1 and to names that a test has routed there, and refuses all others: nothing leaves the machine.
 */
export async function startProxy(options: ProxyOptions): Promise<LabProxy> {
  const connects: ProxyConnect[] = []
  const routes = new Map<string, number>()
  const terminate = createTerminator(options)
  const server = createServer((_request, response) => {
    response.writeHead(502, { 'content-type': 'text/plain' }).end('this proxy only serves CONNECT\n')
  })
  server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    if (head.length > 0) socket.unshift(head)
    const { host, port } = splitAuthority(request.url ?? '')
    const record = (outcome: ConnectOutcome) => connects.push({ at: new Date(), host, port, outcome })
    if (!isAuthorized(request, options.credentials)) {
      record('unauthorized')
      return refuse(socket, '407 Proxy Authentication Required', 'Proxy-Authenticate: Basic realm="lab"\r\n')
    }
    const destination = destinationOf(host, port, routes)
    switch (destination.kind) {
      case 'nowhere':
        record('refused')
        return refuse(socket, '502 Bad Gateway')
      case 'local':
        record('tunnelled')
        return tunnel(socket, destination.port)
      case 'endpoint':
        record('answered')
        terminate(socket, host, destination.endpoint).catch(() => socket.destroy())
    }
  })
  const { port, stop } = await listen(server)
  return {
    port,
    connects,
    route: (host, to) => void routes.set(host.toLowerCase(), to),
    unroute: host => void routes.delete(host.toLowerCase()),
    stop,
  }
}

function splitAuthority(target: string): { host: string; port: number } {
  const colon = target.lastIndexOf(':')
  return { host: target.slice(0, colon).toLowerCase(), port: Number(target.slice(colon + 1)) }
}

function isAuthorized(request: IncomingMessage, credentials: ProxyCredentials | null): boolean {
  if (credentials === null) return true
  const basic = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')
  return request.headers['proxy-authorization'] === `Basic ${basic}`
}

function destinationOf(host: string, port: number, routes: ReadonlyMap<string, number>): Destination {
  const routed = routes.get(host)
  if (routed !== undefined) return { kind: 'local', port: routed }
  if (host === '127.0.0.1' || host === 'localhost') return { kind: 'local', port }
  const endpoint = port === 443 ? endpointOf(host) : undefined
  return endpoint === undefined ? { kind: 'nowhere' } : { kind: 'endpoint', endpoint }
}

function refuse(socket: Duplex, status: string, header = ''): void {
  socket.end(`HTTP/1.1 ${status}\r\n${header}Content-Length: 0\r\nConnection: close\r\n\r\n`)
}

function tunnel(socket: Duplex, port: number): void {
  const upstream = connectTcp(port, '127.0.0.1')
  let connected = false
  upstream.once('connect', () => {
    connected = true
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    socket.pipe(upstream).pipe(socket)
  })
  upstream.on('error', () => (connected ? socket.destroy() : refuse(socket, '502 Bad Gateway')))
  upstream.once('close', () => connected && socket.destroy())
  socket.once('close', () => upstream.destroy())
}

/** Makes what ends the TLS of a tunnel, with a certificate for its host, and serves the requests inside it. */
function createTerminator({ authority, answer }: ProxyOptions) {
  const contexts = new Map<string, Promise<SecureContext>>()
  const servers = new Map<string, Server>()
  const contextOf = (host: string) => {
    const known = contexts.get(host)
    if (known !== undefined) return known
    const made = authority.issue([host]).then(issued => createSecureContext(issued))
    contexts.set(host, made)
    return made
  }
  const serverOf = (host: string, endpoint: Endpoint) => {
    const server = servers.get(host) ?? createServer(answer(endpoint))
    servers.set(host, server)
    return server
  }
  return async (socket: Duplex, host: string, endpoint: Endpoint): Promise<void> => {
    const secureContext = await contextOf(host)
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    const tls = new TLSSocket(socket as never, { isServer: true, secureContext })
    tls.on('error', () => tls.destroy())
    serverOf(host, endpoint).emit('connection', tls)
  }
}
