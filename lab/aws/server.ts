import type { AddressInfo, Server, Socket } from 'node:net'

/** A server of the lab, listening on a free port of 127.0.0.1. */
export type LocalServer = {
  port: number
  /** Stops listening and tears down every connection that is open. */
  stop(): Promise<void>
}

/** Lets a server listen on a free port of 127.0.0.1. */
export async function listen(server: Server): Promise<LocalServer> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const stop = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      // server.closeAllConnections() knows nothing of sockets that CONNECT has taken over.
      for (const socket of sockets) socket.destroy()
    })
  return { port: (server.address() as AddressInfo).port, stop }
}
