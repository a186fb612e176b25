import type { Agent, IncomingMessage } from 'node:http'
import { AnswerTooLarge, MAX_ANSWER_BYTES } from './answer-size.ts'

export interface HttpAnswer {
  status: number
  headers: IncomingMessage['headers']
  text: string
}

/**
 * One request without a body, by Node's own client. Node's fetch would do, and takes longer to load than to ask.
 *
 * @param agent false for a connection that serves this request alone, and knows no proxy
 * @throws what the connection failed with; AnswerTooLarge; the signal's reason once that fires
 */
export function exchange(
  url: URL,
  {
    method,
    headers,
    agent,
    signal,
  }: { method: string; headers: Record<string, string>; agent: Agent | false; signal: AbortSignal },
): Promise<HttpAnswer> {
  // Here and not above, so that who asks nobody loads nothing.
  const { request } = process.getBuiltinModule(url.protocol === 'https:' ? 'node:https' : 'node:http')
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => reject(signal.aborted ? signal.reason : error)
    // A request that has no socket yet, for a proxy has not answered, tells nobody that it was called off.
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    const receive = (answer: IncomingMessage) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', part => {
        text += part
        if (text.length > MAX_ANSWER_BYTES) answer.destroy(new AnswerTooLarge(answer.statusCode ?? 0))
      })
      answer.once('error', refuse)
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
    }
    request(url, { method, headers, agent, signal }, receive).once('error', refuse).end()
  })
}
