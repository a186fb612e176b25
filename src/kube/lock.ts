import { randomUUID } from 'node:crypto'
import { link, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isBusy, removeFile } from './busy.ts'
import { KubeProblem } from './evidence.ts'

interface Holder {
  pid: number
  host: string
  /** Tells two locks of the same process apart. */
  nonce: string
  since: string
}

/**
 * Runs `work` while holding the lock of a kubeconfig: the file `<file>.lock`, made only if it does not exist, which
 * is the lock that kubectl takes and respects (client-go, tools/clientcmd/config.go, lockFile).
 *
 * The lock appears with its content in one step, so whoever finds it can read who holds it. One whose process is
 * gone from this host is taken over; any other is waited for.
 *
 * @param timeoutSeconds how long to wait for another holder
 * @throws KubeProblem kubeconfig-locked
 */
export async function withLock<T>(file: string, timeoutSeconds: number, work: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`
  const mine: Holder = {
    pid: process.pid,
    host: hostname(),
    nonce: randomUUID(),
    since: new Date().toISOString(),
  }
  const draft = draftOf(lock, mine)
  try {
    await writeFile(draft, JSON.stringify(mine), { flag: 'wx', mode: 0o600 })
    await acquire(lock, draft, mine, Date.now() + timeoutSeconds * 1000)
  } finally {
    await removeFile(draft)
  }
  try {
    await removeAbandoned(lock)
    return await work()
  } finally {
    await removeFile(lock)
  }
}

/** Names its process, so that one which was killed before it wrote a word can be told from one that waits. */
function draftOf(lock: string, { host, pid, nonce }: Holder): string {
  return `${lock}.${host}.${pid}.${nonce}`
}

/** Drafts of processes that were killed while they waited; those of the living are still needed. */
async function removeAbandoned(lock: string): Promise<void> {
  const prefix = `${basename(lock)}.${hostname()}.`
  for (const name of await readdir(dirname(lock))) {
    const [pid = ''] = name.startsWith(prefix) ? name.slice(prefix.length).split('.') : []
    if (pid && !isAlive(Number(pid))) await removeFile(join(dirname(lock), name))
  }
}

async function acquire(lock: string, draft: string, mine: Holder, deadline: number): Promise<void> {
  for (;;) {
    if (await linked(draft, lock)) return
    const holder = await holderOf(lock)
    if (holder !== 'gone' && isDead(holder) && (await takeOver(lock, holder, mine))) return
    if (Date.now() > deadline) throw await locked(lock, holder)
    await sleep(10 + Math.random() * 20)
  }
}

async function linked(draft: string, lock: string): Promise<boolean> {
  try {
    await link(draft, lock)
    return true
  } catch (error) {
    // A lock that was removed while somebody reads it is in the way on Windows until he has.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' || isBusy(error)) return false
    throw error
  }
}

/** `unknown` for a lock of kubectl's, which is empty. */
async function holderOf(lock: string): Promise<Holder | 'unknown' | 'gone'> {
  try {
    const holder = JSON.parse(await readFile(lock, 'utf8'))
    return typeof holder?.pid === 'number' && typeof holder.nonce === 'string' ? holder : 'unknown'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : 'unknown'
  }
}

function isDead(holder: Holder | 'unknown'): holder is Holder {
  return holder !== 'unknown' && holder.host === hostname() && !isAlive(holder.pid)
}

function isAlive(pid: number): boolean {
  try {
    // Sends nothing, and asks on Windows, too.
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/**
 * Puts our lock in a dead one's place. Of several that try at once the last to rename holds it: each looks again
 * after long enough that every other, who had seen the dead one too, has renamed.
 */
async function takeOver(lock: string, dead: Holder, mine: Holder): Promise<boolean> {
  const claim = `${draftOf(lock, mine)}.claim`
  await writeFile(claim, JSON.stringify(mine), { flag: 'wx', mode: 0o600 })
  const now = await holderOf(lock)
  const stillDead = now !== 'gone' && now !== 'unknown' && now.nonce === dead.nonce
  if (!stillDead || !(await replaced(claim, lock))) {
    await removeFile(claim)
    return false
  }
  await sleep(TAKE_OVER_MS)
  const holder = await holderOf(lock)
  return holder !== 'gone' && holder !== 'unknown' && holder.nonce === mine.nonce
}

const TAKE_OVER_MS = 200

/** Not tried again where somebody reads it: that would come after another one's look, and take the lock from it. */
async function replaced(claim: string, lock: string): Promise<boolean> {
  try {
    await rename(claim, lock)
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
}

async function locked(lock: string, holder: Holder | 'unknown' | 'gone'): Promise<KubeProblem> {
  const since = await stat(lock).then(
    ({ mtime }) => mtime.toISOString(),
    () => '',
  )
  if (typeof holder !== 'object') {
    return new KubeProblem({
      kind: 'kubeconfig-locked',
      lock,
      holder: 'another program, such as kubectl',
      since,
    })
  }
  const { pid, host } = holder
  const elsewhere = host === hostname() ? {} : { host }
  return new KubeProblem({
    kind: 'kubeconfig-locked',
    lock,
    holder: `process ${pid} on ${host}`,
    since,
    pid,
    ...elsewhere,
  })
}
