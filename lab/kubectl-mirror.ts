/** A release host of Kubernetes on this machine, laid out as https://dl.k8s.io, which can be ordered to break. */
import { createHash } from 'node:crypto'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { listen } from './aws/server.ts'
import type { IssuedCertificate } from './certificates.ts'

/** A published file. */
export type Release = {
  /** Like `1.37.2` */
  readonly version: string
  /** Like `linux/amd64` */
  readonly platform: string
  readonly content: Buffer
  /** What is published as its sha256; the right one, if left out. */
  readonly sha256?: string
}

/** What is to go wrong with an answer. */
export type MirrorFault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The connection is torn down without an answer. */
  | { readonly kind: 'reset' }
  /** The connection is torn down when half of the file has come. */
  | { readonly kind: 'cut' }
  /** Half of the file, whole by all that the answer says. */
  | { readonly kind: 'half' }
  /** Status 200 and a web page, as a captive portal answers. */
  | { readonly kind: 'html' }
  /** Half of the file, and then nothing for ever. */
  | { readonly kind: 'stalled' }
  /** An answer that says it has this many bytes, or that never ends. */
  | { readonly kind: 'large'; readonly bytes: number | 'endless' }

/** Which answers a fault hits: those for paths of a form, as often as `times` says, or always. */
export type MirrorFaultTarget = { readonly path: RegExp; readonly times?: number }

export type KubectlMirror = {
  /** http://127.0.0.1:PORT, https:// with a certificate. */
  readonly url: string
  readonly port: number
  /** The paths that were asked for, the oldest first. */
  readonly requests: readonly string[]
  /** Publishes a file, in place of an older one, and its version as the newest patch of its minor. */
  publish(release: Release): void
  /** Orders a fault; one that is ordered later comes first. */
  fail(target: MirrorFaultTarget, fault: MirrorFault): void
  stop(): Promise<void>
}

/** @param certificate serves HTTPS with it */
export async function startKubectlMirror(certificate?: IssuedCertificate): Promise<KubectlMirror> {
  const files = new Map<string, Buffer>()
  const requests: string[] = []
  const faults: { target: MirrorFaultTarget; fault: MirrorFault; hits: number }[] = []
  const take = (path: string): MirrorFault | undefined => {
    const standing = faults.find(
      ({ target, hits }) => target.path.test(path) && hits < (target.times ?? Number.POSITIVE_INFINITY),
    )
    if (standing) standing.hits += 1
    return standing?.fault
  }
  const server: Server = certificate ? createTlsServer(certificate) : createServer()
  server.on('request', ({ url = '' }, response: ServerResponse) => {
    requests.push(url)
    const fault = take(url)
    const file = files.get(url)
    if (fault) fail(response, fault, file ?? Buffer.alloc(0))
    else if (file) send(response, file)
    else response.writeHead(404, { 'content-type': 'text/html' }).end('<html><h1>404 Not Found</h1></html>')
  })
  const { port, stop } = await listen(server)
  return {
    url: `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    requests,
    publish({ version, platform, content, sha256 = createHash('sha256').update(content).digest('hex') }) {
      const name = platform.startsWith('windows/') ? 'kubectl.exe' : 'kubectl'
      const path = `/release/v${version}/bin/${platform}/${name}`
      files.set(path, content)
      files.set(`${path}.sha256`, Buffer.from(sha256))
      const minor = version.slice(0, version.lastIndexOf('.'))
      files.set(`/release/stable-${minor}.txt`, Buffer.from(`v${version}`))
    },
    fail: (target, fault) => void faults.unshift({ target, fault, hits: 0 }),
    stop,
  }
}

const BINARY = 'application/octet-stream'

function send(response: ServerResponse, file: Buffer): void {
  response.writeHead(200, { 'content-type': BINARY, 'content-length': file.length }).end(file)
}

function fail(response: ServerResponse, fault: MirrorFault, file: Buffer): void {
  const half = file.subarray(0, Math.floor(file.length / 2))
  const whole = { 'content-type': BINARY, 'content-length': file.length }
  switch (fault.kind) {
    case 'status':
      response.writeHead(fault.status, fault.headers).end('no\n')
      break
    case 'reset':
      response.destroy()
      break
    case 'half':
      send(response, half)
      break
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html><title>Log in</title>')
      break
    case 'cut':
      response.writeHead(200, whole).write(half, () => response.destroy())
      break
    case 'stalled':
      response.writeHead(200, whole).write(half)
      break
    case 'large':
      sendLarge(response, fault.bytes)
  }
}

function sendLarge(response: ServerResponse, bytes: number | 'endless'): void {
  const headers = bytes === 'endless' ? {} : { 'content-length': bytes }
  response.writeHead(200, { 'content-type': BINARY, ...headers })
  const chunk = Buffer.alloc(2 ** 20)
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', more)
  more()
}
