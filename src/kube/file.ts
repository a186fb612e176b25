import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rmdir,
  stat,
} from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { removeFile, whenFree } from './busy.ts'
import { KubeProblem } from './evidence.ts'
import { contextsOf, type KubeconfigEntry, merge, type Undo, unmerge } from './kubeconfig.ts'
import { withLock } from './lock.ts'

/**
 * Merges the entries into the kubeconfig at `file`, which is written whole or not at all: a temporary file in the
 * same folder, synced, renamed over it; mode 0600; under the lock that kubectl respects.
 *
 * @param file absolute path; its folder is made when it is missing
 * @param beforeCommit told what will be written and what takes it back; when it throws, nothing is written
 * @param settled told what the file holds in the end, null for nothing, written or not, while it is still locked
 * @throws KubeProblem any of its kubeconfig kinds; the file is then byte for byte as it was
 */
export async function writeKubeconfig(
  file: string,
  entries: KubeconfigEntry[],
  timeoutSeconds: number,
  beforeCommit: (text: string, undo: Undo) => Promise<void>,
  settled: Settled = async () => {},
): Promise<void> {
  return told(file, async () => {
    const createdFolder = (await mkdir(dirname(file), { recursive: true, mode: 0o700 })) !== undefined
    const target = await resolveInside(file)
    return withLock(target, timeoutSeconds, async () => {
      const before = await read(target)
      const after = await merge(file, before, entries)
      const contexts = await contextsOf(file, before)
      const created = before === null
      let text = before
      try {
        await beforeCommit(after, { file, created, createdFolder, entries, before: contexts })
        await replace(target, after)
        text = after
      } finally {
        await settled(text)
      }
    })
  })
}

type Settled = (text: string | null) => Promise<void>

/** What there is, where a kubeconfig will be written. */
export interface Found {
  file: boolean
  folder: boolean
}

/**
 * Reads a kubeconfig early, so that one that cannot be merged into is known before anything is asked for.
 *
 * @throws KubeProblem any of its kubeconfig kinds
 */
export async function checkKubeconfig(file: string): Promise<Found> {
  return told(file, async () => {
    const folder = existsSync(dirname(file))
    const text = await read(await resolveInside(file))
    await contextsOf(file, text)
    return { file: text !== null, folder }
  })
}

/**
 * Takes a login's entries out again, and the file with them when they were all it held and the login had made it.
 *
 * @param settled told what is left of the text, null for nothing, while the file is still locked
 * @returns what is left of the file: `removed`, `kept` without our entries, or `gone` when it was not there any more
 * @throws KubeProblem any of its kubeconfig kinds
 */
export async function undoKubeconfig(
  undo: Undo,
  timeoutSeconds: number,
  settled: Settled = async () => {},
): Promise<'removed' | 'kept' | 'gone'> {
  return told(undo.file, async () => {
    const target = await resolveInside(undo.file)
    // Without its folder there is nothing to lock, and nothing beside the file either.
    if (!existsSync(dirname(target))) return 'gone'
    const left = await withLock(target, timeoutSeconds, async () => {
      const text = await read(target)
      const after = text === null ? null : await unmerge(text, undo)
      if (after !== null) await replace(target, after)
      else await removeFile(target)
      await settled(after)
      if (text === null) return 'gone'
      return after === null ? 'removed' : 'kept'
    })
    // Only an empty folder goes; one with anything in it refuses.
    if (left !== 'kept' && undo.createdFolder) await rmdir(dirname(target)).catch(() => {})
    return left
  })
}

async function read(target: string): Promise<string | null> {
  try {
    // A pipe would be read for ever, and a device replaced by a file.
    if ((await stat(target)).isFile()) return await whenFree(() => readFile(target, 'utf8'))
    throw new KubeProblem({ kind: 'kubeconfig-unexpected', file: target, message: 'it is no regular file' })
  } catch (cause) {
    if (cause instanceof KubeProblem) throw cause
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw await unreadable(target, cause as NodeJS.ErrnoException)
  }
}

/**
 * The file that a path means. A symlink is followed only inside the folder that was asked for: one that leads out
 * of it could make us overwrite any file that the runner may write.
 */
async function resolveInside(file: string): Promise<string> {
  const folder = await realpath(dirname(file)).catch(() => dirname(file))
  const target = join(folder, basename(file))
  const isLink = await lstat(target).then(
    found => found.isSymbolicLink(),
    () => false,
  )
  if (!isLink) return target
  const real = await realpath(target).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    // What is in the way is where the link leads.
    throw await unreadable(target, error, resolve(folder, await readlink(target)))
  })
  const inside = real !== null && isBelow(relative(folder, real))
  if (!inside) throw new KubeProblem({ kind: 'kubeconfig-symlink', file, target: real })
  return real
}

/** @param wanted what could not be reached, where that is another file */
async function unreadable(file: string, cause: NodeJS.ErrnoException, wanted = file): Promise<KubeProblem> {
  const { code = '', message } = cause
  const { obstacleTo } = await import('./obstacle.ts')
  const found = await obstacleTo(wanted, code, 'reading')
  return new KubeProblem({ kind: 'kubeconfig-unreadable', file, code, message, ...found }, { cause })
}

/** Of a relative path: on Windows the one to another drive is absolute. */
function isBelow(path: string): boolean {
  return path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path)
}

async function replace(target: string, text: string): Promise<void> {
  const prefix = `.${basename(target)}.`
  const temporary = join(dirname(target), `${prefix}${randomUUID()}.tmp`)
  await removeLeftovers(dirname(target), prefix)
  try {
    await writeSynced(temporary, text)
    await whenFree(() => rename(temporary, target))
  } catch (error) {
    await removeFile(temporary)
    throw error
  }
}

/**
 * Writes a new file, for its owner alone, and waits until the disk has it. On Windows, which has no modes, it is for those
 * who may read its folder.
 */
export async function writeSynced(path: string, content: string | Buffer): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Temporary files of writers that were killed: nobody else writes while we hold the lock. */
async function removeLeftovers(folder: string, prefix: string): Promise<void> {
  const names = await readdir(folder)
  const leftovers = names.filter(name => name.startsWith(prefix) && TEMPORARY.test(name.slice(prefix.length)))
  await Promise.all(leftovers.map(name => removeFile(join(folder, name))))
}

/** The whole of what follows the prefix: `.config.` also begins the temporary files of `config.old`. */
const TEMPORARY = /^[0-9a-f-]{36}\.tmp$/

/** What the file system says, as evidence. */
async function told<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof KubeProblem) throw cause
    const { code = '', message } = cause as NodeJS.ErrnoException
    // Here and not above: what a login that passes does not need.
    const { obstacleTo } = await import('./obstacle.ts')
    const found = await obstacleTo(file, code, 'writing')
    throw new KubeProblem({ kind: 'kubeconfig-unwritable', file, code, message, ...found }, { cause })
  }
}
