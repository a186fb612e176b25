/** The administrator's way to an API server. */
import type { OutgoingHttpHeaders } from 'node:http'
import { type Agent, request } from 'node:https'

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
  /** Keeps connections, for one who asks often; without it, each request has its own. */
  readonly agent?: Agent
}

/**
 * One request to a server of the cluster on 127.0.0.1, with a JSON body if one is given.
 *
 * @param headers further ones, or others than it sends by itself
 * @throws the connection's error when there is no answer within 10 seconds
 */
export function ask(
  { port, caPem: ca, token, agent }: ServerAddress,
  method: string,
  path: string,
  body?: unknown,
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  const sent = {
    accept: 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...headers,
  }
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, ca, agent: agent ?? false, timeout: 10_000 }
    const asking = request({ ...options, method, path, headers: sent }, answer => {
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

/** The body of an answer that has the status it must have. */
export function demand(answer: Answer, status: number): unknown {
  if (answer.status === status) return answer.body
  throw new Error(`the API server answered ${answer.status}: ${JSON.stringify(answer.body)}`)
}

/** A kubeconfig of one user, in JSON, which is YAML too. */
export function kubeconfigOf(
  name: string,
  server: string,
  { caPem, token }: Omit<ServerAddress, 'port'>,
): string {
  const ca = Buffer.from(caPem).toString('base64')
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': ca } }],
    users: [{ name: 'admin', user: token === undefined ? {} : { token } }],
    contexts: [{ name, context: { cluster: name, user: 'admin' } }],
    'current-context': name,
  })
}

/** The server of a kubeconfig that {@link kubeconfigOf} gave, and its user. @param text the file's content */
export function serverOf(text: string): ServerAddress {
  const { clusters, users } = JSON.parse(text)
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster
  return { port: Number(new URL(server).port), caPem: Buffer.from(ca, 'base64').toString(), ...users[0].user }
}
