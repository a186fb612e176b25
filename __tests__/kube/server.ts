import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer, type Http2ServerRequest, type ServerHttp2Session } from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createAuthority, type IssuedCertificate } from '../../lab/certificates.ts'

/** What the server was asked, and over which of its connections, counted from 1. */
export interface Asked {
  method: string
  path: string
  version: string
  headers: Record<string, string | string[] | undefined>
  body: string
  connection: number
  /** The connection as a session of HTTP/2. */
  session: ServerHttp2Session | undefined
  /** Ends this request alone, or over HTTP/1.1 its connection. */
  drop(code: number): void
}

/** Answers one request; gives nothing to leave it without an answer. */
export type Answer = (
  asked: Asked,
) => { status: number; headers?: Record<string, string>; body?: string } | undefined

/** An HTTPS server that remembers everything. */
export interface ApiStandIn {
  url: string
  port: number
  /** PEM of the authority that signed its certificate */
  ca: string
  asked: Asked[]
  /** How many connections there have been, and how many there are. */
  connections: { all: number; open: number }
  stop(): Promise<void>
}

type Request = IncomingMessage | Http2ServerRequest
/** What both versions of HTTP have of a response. */
type Response = Pick<ServerResponse, 'destroyed'> & {
  writeHead(status: number, headers?: Record<string, string>): unknown
  end(body: string): unknown
}

const made = new Map<string, Promise<IssuedCertificate & { ca: string }>>()

/** Once for the same names: to make a certificate takes longer than most that is tested with it. */
function certified(names: string[]): Promise<IssuedCertificate & { ca: string }> {
  const making = async () => {
    const authority = await createAuthority('Cluster CA')
    return { ...(await authority.issue(names)), ca: authority.certificatePem }
  }
  const known = made.get(names.join()) ?? making()
  made.set(names.join(), known)
  return known
}

/** Starts a stand-in for an API server on a free port of 127.0.0.1. */
export async function startServer(
  answer: Answer,
  { names = ['127.0.0.1', 'localhost'], http2 = true }: { names?: string[]; http2?: boolean } = {},
): Promise<ApiStandIn> {
  const { ca, ...certificate } = await certified(names)
  const asked: Asked[] = []
  const connections = { all: 0, open: 0 }
  const numbers = new WeakMap<object, number>()
  const sockets = new Set<Socket>()

  const listener = async (request: Request, response: Response) => {
    const one = await read(request, numbers)
    asked.push(one)
    const answered = answer(one)
    if (!answered || response.destroyed) return
    response.writeHead(answered.status, answered.headers)
    response.end(answered.body ?? '')
  }
  const server = http2 ? createSecureServer(certificate, listener) : createServer(certificate, listener)
  server.on('session', (session: ServerHttp2Session) => numbers.set(session, connections.all))
  server.prependListener('secureConnection', (socket: Socket) => {
    connections.all += 1
    connections.open += 1
    numbers.set(socket, connections.all)
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      connections.open -= 1
      sockets.delete(socket)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  return { url: `https://127.0.0.1:${port}`, port, ca, asked, connections, stop }
}

async function read(request: Request, numbers: WeakMap<object, number>): Promise<Asked> {
  const session = 'stream' in request ? (request.stream.session as ServerHttp2Session) : undefined
  const connection = numbers.get(session ?? request.socket) ?? 0
  const { method = '', url: path = '', headers, httpVersion: version } = request
  let body = ''
  for await (const chunk of request) body += chunk
  const drop = (code: number) => ('stream' in request ? request.stream.close(code) : request.socket.destroy())
  return { method, path, version, headers, body, connection, session, drop }
}
