import { request } from 'node:https'

/** What a server of the cluster answered: its status and its JSON body, or the text of a body that is not JSON. */
export type Answer = {
  readonly status: number
  readonly body: unknown
}

export type ServerAddress = {
  readonly port: number
  /** PEM of the authority that issued the server's certificate. */
  readonly caPem: string
  /** Bearer token, where the server asks for one. */
  readonly token?: string
}

/**
 * One request to a server of the cluster on 127.0.0.1, with a JSON body if one is given.
 *
 * @throws the connection's error when there is no answer within 10 seconds
 */
export function ask(server: ServerAddress, method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = {
    accept: 'application/json',
    ...(server.token === undefined ? {} : { authorization: `Bearer ${server.token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.port, ca: server.caPem, agent: false, timeout: 10_000 }
    const asking = request({ ...options, method, path, headers }, answer => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', chunk => (text += chunk))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: parsed(text) }))
      answer.on('error', reject)
    })
    asking.on('timeout', () => asking.destroy(new Error(`no answer to ${method} ${path} in 10 s`)))
    asking.on('error', reject)
    asking.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
