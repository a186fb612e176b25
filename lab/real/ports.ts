import { createServer } from 'node:net'

const given = new Set<number>()

/**
 * A TCP port of 127.0.0.1 that nobody listens on and that this process has not given out before.
 *
 * It is drawn from below the range that the system takes for outgoing connections (32768 and up on Linux), so that
 * none of those takes it before its server is up.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000)
    if (given.has(port) || port === authenticatorHealth) continue
    given.add(port)
    if (await isFree(port)) return port
  }
}

/** Every authenticator tries to serve its health here, and ignores it when another has the port. */
const authenticatorHealth = 21_363

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
