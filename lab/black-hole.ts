import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

/** An address where connections are dropped, as by a security group that does not let them in: never answered. */
export type BlackHole = { readonly port: number; stop(): Promise<void> }

/** Listens, and then never accepts: its thread waits for something that does not come. */
const LISTENER = `
const { createServer } = require('node:net')
const { parentPort, workerData } = require('node:worker_threads')
const server = createServer().listen({ ...workerData, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
})
server.on('error', error => { throw error })`

/** Long enough for a connection on this machine to be accepted by the system, also where it is busy. */
const DROPPED_AFTER_MS = 1000

/**
 * Starts dropping connections to a port of an address of this machine: the queue of those that nobody has accepted yet
 * is full, and the system leaves all others unanswered (listen(2), of the backlog; POSIX systems only).
 *
 * @param address of 127.0.0.0/8, other than 127.0.0.1 where a server of the lab has the port there
 * @param port a free one if left out
 */
export async function startBlackHole(address: string, port = 0): Promise<BlackHole> {
  const worker = new Worker(LISTENER, { eval: true, workerData: { host: address, port } })
  const bound = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  const waiting: Socket[] = []
  do waiting.push(connect({ host: address, port: bound }).on('error', () => {}))
  while (await isConnected(waiting.at(-1) as Socket))
  return {
    port: bound,
    async stop() {
      for (const socket of waiting) socket.destroy()
      await worker.terminate()
    },
  }
}

function isConnected(socket: Socket): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(false), DROPPED_AFTER_MS)
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
