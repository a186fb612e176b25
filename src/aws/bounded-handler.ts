import { type Readable, Transform } from 'node:stream'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { AnswerTooLarge, MAX_ANSWER_BYTES } from './answer-size.ts'

/** The SDK's way to the network, which reads an answer to its end however large it is, with a bound on that. */
export class BoundedHandler extends NodeHttpHandler {
  override async handle(...request: Parameters<NodeHttpHandler['handle']>) {
    const handled = await super.handle(...request)
    const body: Readable = handled.response.body
    const bounded = bound(handled.response.statusCode)
    // Not stream.pipeline, which would end our side without saying how the other did.
    body.once('error', error => bounded.destroy(error))
    bounded.once('close', () => body.destroy())
    handled.response.body = body.pipe(bounded)
    return handled
  }
}

function bound(status: number): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes > MAX_ANSWER_BYTES) done(new AnswerTooLarge(status))
      else done(null, chunk)
    },
  })
}
