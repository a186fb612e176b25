import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, type ServerAddress } from '../admin.ts'
import type { KeptProcess } from '../runner/keeper.ts'

/**
 * Asks until the answer is 200. Nothing tells us of that moment, so we ask every 20 ms.
 *
 * @param kept the server's process
 * @param log path of its log
 * @throws Error with the end of its log when it ends before, or after 60 seconds
 */
export async function answers(
  server: ServerAddress,
  path: string,
  kept: KeptProcess,
  log: string,
): Promise<void> {
  let ended: number | undefined
  kept.exited.then(code => (ended = code))
  const deadline = Date.now() + 60_000
  for (;;) {
    const answer = await ask(server, 'GET', path).catch(() => undefined)
    if (answer?.status === 200) return
    if (ended !== undefined || Date.now() > deadline) {
      const what = ended === undefined ? 'is not ready after 60 s' : `ended with ${ended}`
      const end = (await readFile(log, 'utf8')).slice(-2_000)
      throw new Error(`the server behind port ${server.port} ${what}; the end of its log:\n${end}`)
    }
    await sleep(20)
  }
}
