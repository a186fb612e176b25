import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AnsweredFault, Fault, Faults, ServiceName } from './faults.ts'
import type { SignedRequest } from './signature.ts'
import { type Answer, isWireFault, send } from './wire.ts'

export type { Answer } from './wire.ts'

const MAX_BODY_BYTES = 1024 * 1024

/** A request, read whole. */
export type Incoming = SignedRequest & { path: string; query: URLSearchParams; headers: IncomingHttpHeaders }

/** A request as its service understands it, before anything is done about it. */
export type Reading = {
  operation: string
  region: string | null
  /** Whose signature it bears, if that is a valid one. */
  identity: string | null
  /** Does what is asked; `silence` leaves the client waiting. */
  answer(): Answer | 'silence' | Promise<Answer | 'silence'>
  /** Says in the service's own words what a test has ordered it to say. */
  answerFault(fault: AnsweredFault): Answer
}

/** A service: understands requests. `region` is the one its endpoint is of, or null where any may come. */
export type Service = {
  name: ServiceName
  read(request: Incoming, region: string | null): Reading
}

/** One request in the lab's log. Nothing in it is secret. */
export type LoggedRequest = {
  at: Date
  service: ServiceName
  method: string
  operation: string
  region: string | null
  /** ARN of who signed it; null where nobody did, or nobody whom we know. */
  identity: string | null
  /** null: there was no answer. */
  status: number | null
  userAgent: string | null
}

/** A web page where a document was expected. */
export const CAPTIVE_PORTAL: Answer = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Accept the terms</body></html>',
}

/**
 * Makes a request listener of a service: reads the request, lets an ordered fault come between, answers, logs.
 * @param regionOf the region of the endpoint that a request came to
 */
export function serve(
  service: Service,
  faults: Faults,
  log: LoggedRequest[],
  regionOf: (request: IncomingMessage) => string | null = () => null,
): RequestListener {
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await readBody(request).catch(() => null)
    if (body === null) return void request.destroy()
    const reading = service.read(incoming(request, body), regionOf(request))
    const entry = logged(service.name, reading, request)
    log.push(entry)
    const fault = faults.take(service.name, reading.operation)
    if (fault?.kind === 'reset') return void request.socket.destroy()
    const answer = await answerOf(reading, fault)
    if (answer === 'silence') return
    entry.status = answer.status
    send(response, answer, fault && isWireFault(fault) ? fault : undefined)
  }
  return (request, response) => {
    // A client may hang up at any time; its error must not end the process.
    response.on('error', () => {})
    handle(request, response).catch(error => {
      send(response, {
        status: 500,
        body: `the lab failed: ${error instanceof Error ? error.stack : error}`,
      })
    })
  }
}

async function answerOf(reading: Reading, fault: Fault | undefined): Promise<Answer | 'silence'> {
  if (fault === undefined || isWireFault(fault)) return reading.answer()
  if (fault.kind === 'other') return fault.answer
  if (fault.kind !== 'slow') return reading.answerFault(fault)
  // A test may end before a slow answer is due.
  await sleep(fault.milliseconds, undefined, { ref: false })
  return reading.answer()
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > MAX_BODY_BYTES) throw new RangeError('request body too large')
  }
  return Buffer.concat(chunks)
}

function incoming(request: IncomingMessage, body: Buffer): Incoming {
  const { method = 'GET', url: target = '/', headers, rawHeaders } = request
  const [path = '/', ...query] = target.split('?')
  return { method, target, path, query: new URLSearchParams(query.join('?')), headers, rawHeaders, body }
}

function logged(service: ServiceName, reading: Reading, request: IncomingMessage): LoggedRequest {
  const { operation, region, identity } = reading
  const userAgent = request.headers['user-agent'] ?? null
  const { method = 'GET' } = request
  return { at: new Date(), service, method, operation, region, identity, status: null, userAgent }
}
