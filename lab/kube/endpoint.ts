/** HTTPS in front of an embedded API server. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { type LocalServer, listen } from '../aws/server.ts'
import type { IssuedCertificate } from '../certificates.ts'
import { type Answer, Refusal } from './status.ts'

/** A request, read whole. */
export type Received = {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Buffer
}

type Request = IncomingMessage | Http2ServerRequest

const MAX_BODY_BYTES = 3 * 1024 * 1024

/**
 * Serves over HTTP/2 and 1.1, as an API server does.
 *
 * @param answer what is thrown is the answer if it is a Refusal, and 500 if not
 */
export function serveHttps(
  certificate: IssuedCertificate,
  answer: (received: Received) => Answer | Promise<Answer>,
): Promise<LocalServer> {
  const server = createSecureServer({ ...certificate, allowHTTP1: true })
  server.on('request', (request: Request, response: ServerResponse | Http2ServerResponse) => {
    // A client may hang up at any time; its error must not end the process.
    response.on('error', () => {})
    read(request)
      .then(answer)
      .catch(refused)
      .then(given => write(response as ServerResponse, given))
  })
  // A client that does not trust us breaks the handshake off.
  server.on('sessionError', () => {})
  return listen(server)
}

async function read(request: Request): Promise<Received> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > MAX_BODY_BYTES) throw new Refusal(413, 'RequestEntityTooLarge', 'the request is too large')
  }
  const { method = 'GET', url: target = '/', headers } = request
  return { method, target, headers, body: Buffer.concat(chunks) }
}

function refused(error: unknown): Answer {
  if (error instanceof Refusal) return error.answer
  return new Refusal(500, 'InternalError', `the lab failed: ${error instanceof Error ? error.stack : error}`)
    .answer
}

function write(response: ServerResponse, { status, body, contentType }: Answer): void {
  const isText = typeof body === 'string'
  const bytes = Buffer.from(isText ? body : `${JSON.stringify(body)}\n`)
  const type = contentType ?? (isText ? 'text/plain; charset=utf-8' : 'application/json')
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length })
  response.end(bytes)
}
