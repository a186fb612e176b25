/** Where the one token webhook of an API server leads when several authenticators check its tokens. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { ServerAddress } from '../admin.ts'
import { type LocalServer, listen } from '../aws/server.ts'
import { findSignedValue, type VerificationKey } from '../aws/signature.ts'

/** What checks the tokens that are signed for a name. */
export type TokenChecker = { readonly name: string; readonly address: ServerAddress }

export type TokenRelayOptions = {
  /** The first is asked about every token that fits no name, and refuses it as any would. */
  readonly checkers: readonly [TokenChecker, ...TokenChecker[]]
  /** Gives the key that a token was signed with. */
  readonly findKey: (accessKeyId: string) => VerificationKey | undefined
}

/**
 * Starts a server that passes each TokenReview on to the checker of the name that its token was signed for, and the
 * answer back, both as they are. It speaks plain HTTP, as nothing but the API server beside it is to reach it.
 */
export async function startTokenRelay({ checkers, findKey }: TokenRelayOptions): Promise<LocalServer> {
  const agent = new Agent({ keepAlive: true })
  const names = checkers.map(({ name }) => name)
  const server = createServer(async (incoming, outgoing) => {
    try {
      const review = await buffer(incoming)
      const name = nameSignedFor(tokenOf(review), names, findKey)
      const { address } = checkers.find(checker => checker.name === name) ?? checkers[0]
      const answer = await pass(incoming, review, address, agent)
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      await pipeline(answer, outgoing)
    } catch {
      fail(outgoing)
    }
  })
  // The API server takes a connection that closes while it sends a review for a token that is refused.
  server.keepAliveTimeout = 0
  const { port, stop } = await listen(server)
  return {
    port,
    async stop() {
      agent.destroy()
      await stop()
    },
  }
}

function pass(
  { method, url, headers }: IncomingMessage,
  review: Buffer,
  { port, caPem }: ServerAddress,
  agent: Agent,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, ca: caPem, agent, method, path: url, headers })
    asking.once('response', resolve)
    asking.once('error', reject)
    asking.end(review)
  })
}

function fail(outgoing: ServerResponse): void {
  if (outgoing.headersSent) outgoing.destroy()
  else outgoing.writeHead(502).end()
}

function tokenOf(review: Buffer): string {
  try {
    return String(JSON.parse(review.toString()).spec.token)
  } catch {
    return ''
  }
}

/** The name is nowhere in a token but in the signature of its URL, under a header that whoever checks it must add. */
function nameSignedFor(
  token: string,
  names: readonly string[],
  findKey: TokenRelayOptions['findKey'],
): string | undefined {
  const encoded = /^k8s-aws-v1\.([\w-]+)$/.exec(token)?.[1] ?? ''
  const url = URL.parse(Buffer.from(encoded, 'base64url').toString())
  if (url === null) return undefined
  const target = `${url.pathname}${url.search}`
  const signed = { method: 'GET', target, rawHeaders: ['host', url.host], body: Buffer.alloc(0) }
  return findSignedValue(signed, 'x-k8s-aws-id', names, findKey)
}
