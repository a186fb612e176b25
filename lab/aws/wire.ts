import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'

/** What is answered. */
export type Answer = { status: number; headers?: Readonly<Record<string, string>>; body: string }

/** What happens to an answer on its way. */
export type WireFault =
  /** The connection is torn down without an answer. */
  | { kind: 'reset' }
  /** Half of its body comes, though its length promises more, or its chunks end without their end. */
  | { kind: 'cut'; framing: 'length' | 'chunks' }
  /** It comes a byte at a time. */
  | { kind: 'drip'; milliseconds: number }
  /** Blanks come in place of its body, until the client hangs up. */
  | { kind: 'flood' }

const WIRE_FAULTS = ['reset', 'cut', 'drip', 'flood']

export function isWireFault(fault: { kind: string }): fault is WireFault {
  return WIRE_FAULTS.includes(fault.kind)
}

type Response = ServerResponse | Http2ServerResponse

/** Sends an answer over HTTP/1.1 or 2, whole or as a fault has it. */
export function send(
  response: Response,
  answer: Answer,
  fault?: Exclude<WireFault, { kind: 'reset' }>,
): void {
  const body = Buffer.from(answer.body)
  const unmeasured = fault?.kind === 'flood' || (fault?.kind === 'cut' && fault.framing === 'chunks')
  const length = unmeasured ? {} : { 'content-length': body.length }
  ;(response as ServerResponse).writeHead(answer.status, { ...answer.headers, ...length })
  if (fault?.kind === 'cut') cut(response, body.subarray(0, body.length / 2))
  else if (fault?.kind === 'drip') drip(response, body, fault.milliseconds)
  else if (fault?.kind === 'flood') flood(response)
  else response.end(body)
}

function cut(response: Response, half: Buffer): void {
  // What was written arrives before the end of the connection, or of the stream.
  ;(response as ServerResponse).write(half, () => {
    if ('stream' in response) response.stream.close(INTERNAL_ERROR)
    else response.socket?.end()
  })
}

/** RFC 9113, 7 */
const INTERNAL_ERROR = 2

function drip(response: Response, body: Buffer, milliseconds: number): void {
  let sent = 0
  const timer = setInterval(() => {
    ;(response as ServerResponse).write(body.subarray(sent, ++sent))
    if (sent >= body.length) response.end()
  }, milliseconds)
  // A test may end before the last byte is due.
  timer.unref()
  response.once('close', () => clearInterval(timer))
}

const BLANKS = Buffer.alloc(64 * 1024, ' ')

function flood(response: Response): void {
  const pour = () => {
    while (!response.destroyed && (response as ServerResponse).write(BLANKS)) {}
  }
  response.on('drain', pour)
  pour()
}
