/** A gate in front of an API server, real or embedded, at which tests order faults. */
import { createSecureServer } from 'node:http2'
import { ask, type ServerAddress } from '../admin.ts'
import { CAPTIVE_PORTAL, type Incoming, type LoggedRequest, type Reading, serve } from '../aws/exchange.ts'
import { type AnsweredFault, type Fault, type FaultOrder, Faults } from '../aws/faults.ts'
import { listen } from '../aws/server.ts'
import type { Answer } from '../aws/wire.ts'
import { createAuthority } from '../certificates.ts'

export type Gate = {
  /** `https://127.0.0.1:PORT`, as DescribeCluster shall give it. */
  endpoint: string
  /** PEM of the authority that issued its certificate. */
  caPem: string
  /** Every request so far, the oldest first; its operation is its path. */
  requests: LoggedRequest[]
  /**
   * What is done with each request before it is handed on, or, with its answer's status, before that is handed back; a
   * wait holds it up. null: nothing.
   */
  between: ((request: { method: string; path: string }, status: number | null) => Promise<void>) | null
  /** Orders a fault of all paths, or of one. */
  fail(target: { path?: string; times?: number }, fault: Fault): FaultOrder
  stop(): Promise<void>
}

/**
 * Opens a gate that hands requests on to an API server, each with its own Authorization.
 *
 * @param http2 whether it speaks HTTP/2 beside 1.1, as API servers do
 */
export async function openGate(apiServer: ServerAddress, { http2 = true } = {}): Promise<Gate> {
  const authority = await createAuthority('Gate CA')
  const certificate = await authority.issue(['127.0.0.1'])
  const faults = new Faults()
  const requests: LoggedRequest[] = []
  const service = {
    name: 'kubernetes',
    read: (request: Incoming): Reading => ({
      operation: request.path,
      region: null,
      identity: null,
      answer: async () => {
        await gate.between?.(request, null)
        const answer = await handOn(request, apiServer)
        await gate.between?.(request, answer.status)
        return answer
      },
      answerFault,
    }),
  } as const
  const options = {
    ...certificate,
    allowHTTP1: true,
    ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
  }
  const server = createSecureServer(options, serve(service, faults, requests) as never)
  // A client may break off the handshake, or the session.
  server.on('sessionError', () => {})
  const { port, stop } = await listen(server)
  const gate: Gate = {
    endpoint: `https://127.0.0.1:${port}`,
    caPem: authority.certificatePem,
    requests,
    between: null,
    fail: ({ path, ...target }, fault) =>
      faults.order({ service: 'kubernetes', ...(path ? { operation: path } : {}), ...target }, fault),
    stop,
  }
  return gate
}

async function handOn(
  { method, target, headers, body }: Incoming,
  apiServer: ServerAddress,
): Promise<Answer> {
  const { authorization, accept, 'content-type': contentType } = headers
  const sent = body.length > 0 ? JSON.parse(body.toString()) : undefined
  const answer = await ask(apiServer, method, target, sent, {
    ...(authorization ? { authorization } : {}),
    ...(accept ? { accept } : {}),
    ...(contentType ? { 'content-type': contentType } : {}),
  })
  return json(answer.status, answer.body)
}

function answerFault(fault: AnsweredFault): Answer {
  switch (fault.kind) {
    case 'throttle':
      return status(
        429,
        'TooManyRequests',
        'the server has received too many requests and has asked us to try again later',
      )
    case 'server-error':
      return status(
        fault.status,
        'InternalError',
        'an error on the server has prevented the request from succeeding',
      )
    case 'denied':
      return status(403, 'Forbidden', 'forbidden: User "demo" may not do this')
    case 'malformed':
      return { ...json(200, null), body: '{"kind":"SelfSubjectReview","sta' }
    case 'html':
      return CAPTIVE_PORTAL
  }
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
function status(code: number, reason: string, message: string): Answer {
  return json(code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
  })
}

function json(status: number, body: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}
