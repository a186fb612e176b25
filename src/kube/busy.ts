import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Does something to a file that another program may have open: kubectl for a moment, a virus scanner for as long as it
 * looks through a new file. On Windows such a file can be neither replaced nor removed, and a folder with one in it not
 * renamed, so there it is tried until it succeeds, for as long as such programs take. Elsewhere nobody is in the way.
 *
 * @throws what the last try failed with
 */
export async function whenFree<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw error
    }
    await sleep(10 + Math.random() * 20)
  }
}

const PATIENCE_MS = 3000

/**
 * Whether the file system may have refused because somebody has the file open. Windows says so (EBUSY), or that access
 * is denied, as it does where it really is (libuv, src/win/error.c), or that a folder is not empty from which it has just
 * been removed; elsewhere these errors mean what they say.
 */
export function isBusy(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException
  return process.platform === 'win32' && /^(?:EBUSY|EPERM|EACCES|ENOTEMPTY)$/.test(code)
}

/** Removes a file, if it is there. */
export function removeFile(path: string): Promise<void> {
  return whenFree(() => rm(path, { force: true }))
}
