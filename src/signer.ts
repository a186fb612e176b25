import { randomUUID } from 'node:crypto'
import { type Dirent, realpathSync, type Stats } from 'node:fs'
import { lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { whenFree } from './kube/busy.ts'
import { writeSynced } from './kube/file.ts'
import { execArguments } from './kube/kubeconfig.ts'

/**
 * The builtin signer as an exec block names it: for as long as the kubeconfig that names it is there.
 *
 * The action's own folder does not live that long. A runner empties the folder of actions at the start of each job,
 * and a kubeconfig may be kept (`cleanup: false`). So the signer is copied to a folder beside the kubeconfig, which
 * goes where that goes: it is in RUNNER_TEMP if that is, it is seen inside a container if that is, and the post step
 * takes both away. The digest of its files is in the folder's name, so that two versions of the action stand side by
 * side in one kubeconfig.
 */
export interface Signer {
  /** The runtime, as `lastingNode` has it. */
  command: string
  /** Absolute path of the script, once it is installed. */
  script: string
  folder: string
  /** Where it came from: beside the entry that runs. */
  bundle: string
}

/** Finds the signer that came with this action; nothing is written yet. */
export async function loadSigner(kubeconfig: string): Promise<Signer> {
  const bundle = join(dirname(process.argv[1] ?? ''), '..', 'token')
  // Of all its files, written by the build.
  const digest = (await readFile(join(bundle, 'digest'), 'utf8')).trim()
  const folder = `${kubeconfig}.token-${digest}`
  return { command: lastingNode(process.execPath), script: join(folder, 'index.js'), folder, bundle }
}

/**
 * Puts the signer where the exec block will look for it, whole or not at all. To be called under the kubeconfig's
 * lock, by which two steps do not meet here.
 */
export async function installSigner({ folder, bundle }: Signer): Promise<void> {
  if (await holds(folder, bundle)) return
  const draft = draftOf(folder)
  try {
    await mkdir(draft, { mode: 0o700 })
    const copy = async (name: string) => writeSynced(join(draft, name), await readFile(join(bundle, name)))
    // All have ended when one has failed: none comes to a draft that is taken away.
    const copies = await Promise.allSettled((await readdir(bundle)).map(copy))
    const failed = copies.find(({ status }) => status === 'rejected')
    if (failed) throw (failed as PromiseRejectedResult).reason
    const replaced = draftOf(folder)
    // Mostly there is nothing of that name.
    await whenFree(() => rename(folder, replaced)).catch(() => {})
    await whenFree(() => rename(draft, folder))
    await remove(replaced)
  } catch (error) {
    await remove(draft)
    throw error
  }
}

function draftOf(folder: string): string {
  return `${folder}.${randomUUID()}.tmp`
}

function remove(folder: string): Promise<void> {
  return whenFree(() => rm(folder, { recursive: true, force: true }))
}

/**
 * Takes away all signers beside a kubeconfig that it does not name: the one of a login that was taken back or failed,
 * that of an older version, and drafts of processes that were killed. Under the kubeconfig's lock. What cannot be
 * taken away, or may be named by a text that cannot be read, stays; it is code, and holds nothing of the login.
 *
 * @param text what the kubeconfig holds, null for nothing
 * @param known a signer's folder that the text is known to name: mostly the only one, so that nothing needs reading
 */
export async function sweepSigners(kubeconfig: string, text: string | null, known?: string): Promise<void> {
  const prefix = `${basename(kubeconfig)}.token-`
  const names = await readdir(dirname(kubeconfig)).catch(() => [])
  const signers = names
    .filter(name => name.startsWith(prefix) && SIGNER.test(name.slice(prefix.length)))
    .filter(name => name !== basename(known ?? ''))
  if (signers.length === 0) return
  try {
    // By its name alone: two steps may have come to the kubeconfig by two paths (a link, a drive in lower case).
    const named = (await execArguments(kubeconfig, text)).map(([script = '']) => basename(dirname(script)))
    const unnamed = signers.filter(name => !named.includes(name))
    await Promise.all(unnamed.map(name => remove(join(dirname(kubeconfig), name))))
  } catch {
    // Left for the next one.
  }
}

/** A digest, and what follows it in the name of a draft. */
const SIGNER = /^[0-9a-f]{12}(?:\.[0-9a-f-]{36}\.tmp)?$/

/** A folder of that name may hold anything: only our own with these very files, and no link to elsewhere, will do. */
async function holds(folder: string, bundle: string): Promise<boolean> {
  try {
    if (!isOurs(await lstat(folder))) return false
    const [there, here] = await Promise.all([filesOf(folder), filesOf(bundle)])
    return (
      there.size === here.size &&
      Array.from(here).every(([name, content]) => content && there.get(name)?.equals(content))
    )
  } catch {
    return false
  }
}

/** Whether it is a folder that nobody else can change. Windows knows neither such owners nor such modes. */
function isOurs(stats: Stats): boolean {
  const uid = process.getuid?.()
  return stats.isDirectory() && (uid === undefined || (stats.uid === uid && (stats.mode & 0o022) === 0))
}

/** By name; null is what is no file itself, like a link or a folder. */
async function filesOf(folder: string): Promise<Map<string, Buffer | null>> {
  const entries = await readdir(folder, { withFileTypes: true })
  const read = async (entry: Dirent) => (entry.isFile() ? readFile(join(folder, entry.name)) : null)
  return new Map(await Promise.all(entries.map(async entry => [entry.name, await read(entry)] as const)))
}

/**
 * A path of this process' own runtime that a runner's update leaves valid. The runner updates itself by unpacking
 * `externals.VERSION` beside the old one, leading the link `externals` there, on Windows a junction, and removing old
 * versions later (actions/runner, update.sh.template, update.cmd.template and SelfUpdater.cs), while a process knows
 * itself by its path without links.
 */
export function lastingNode(execPath: string): string {
  const linked = execPath.replace(/([\\/]externals)\.\d+(?:\.\d+)+(?=[\\/])/, '$1')
  return linked !== execPath && isSameFile(linked, execPath) ? linked : execPath
}

function isSameFile(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other)
  } catch {
    return false
  }
}
