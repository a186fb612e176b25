import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, constants, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { cacheDir, find } from '@actions/tool-cache'
import { KubeProblem } from '../kube/evidence.ts'
import { withLock } from '../kube/lock.ts'
import { KubectlProblem, unwritable } from './evidence.ts'
import { OFFICIAL_HOST } from './request.ts'

/** Where a machine's kubectl of one host is kept in the runner's tool cache. */
export interface Shelf {
  /** Absolute path of the tool cache: RUNNER_TOOL_CACHE, which the toolkit's package reads by itself. */
  toolCache: string
  tool: string
  /** As Node names it, which is the tool cache's custom. */
  arch: string
  file: string
}

/** A kubectl that was looked at just now and hashes to what it should. */
export interface Kept {
  version: string
  /** Absolute path of the program. */
  path: string
  sha256: string
}

/**
 * The tool has a name of our own, for what others keep as `kubectl` nobody has checked; and each mirror has one, for what
 * it calls a version is its own affair.
 */
export function shelfFor(host: string, toolCache: string, arch: string, file: string): Shelf {
  const mirror = createHash('sha256').update(host).digest('hex').slice(0, 12)
  const tool = host === OFFICIAL_HOST ? 'eks-login-kubectl' : `eks-login-kubectl-${mirror}`
  return { toolCache, tool, arch, file }
}

/**
 * The newest kubectl that is kept of a version, without any network. One that does not hash to what it did when it was
 * put there, or not to `checksum`, is none.
 *
 * @param spec an exact version, or a range of semver
 */
export async function findKept(
  { tool, arch, file }: Shelf,
  spec: string,
  checksum?: string,
): Promise<Kept | null> {
  const folder = find(tool, spec, arch)
  if (!folder) return null
  const path = join(folder, file)
  try {
    const recorded = (await readFile(recordOf(path), 'utf8')).trim()
    // Before the file is read, as that takes a moment.
    if (recorded !== (checksum ?? recorded)) return null
    const sha256 = await sha256Of(path)
    return sha256 === recorded ? { version: basename(dirname(folder)), path, sha256 } : null
  } catch {
    // What cannot be read is as good as not there.
    return null
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash)
  return hash.digest('hex')
}

/** Beside the program, its hash. */
function recordOf(path: string): string {
  return `${path}.sha256`
}

/**
 * Puts a folder that holds nothing but a checked kubectl into the tool cache. Of several steps that do so at once the
 * first puts it there, and the others find it: nobody takes away what another one runs.
 *
 * @throws KubectlProblem unwritable, locked; nothing of it is in the tool cache then
 */
export async function keep(
  shelf: Shelf,
  version: string,
  folder: string,
  sha256: string,
  timeoutSeconds: number,
): Promise<Kept> {
  const target = join(shelf.toolCache, shelf.tool, version, shelf.arch)
  try {
    await writeFile(recordOf(join(folder, shelf.file)), `${sha256}\n`)
    await mkdir(shelf.toolCache, { recursive: true })
    // A recursive mkdir says of a file system that is read-only that something is missing.
    await access(shelf.toolCache, constants.W_OK)
    await mkdir(dirname(target), { recursive: true })
    return await withLock(target, timeoutSeconds, async () => {
      const there = await findKept(shelf, version, sha256)
      return there ?? (await put(shelf, version, folder, sha256, target))
    })
  } catch (error) {
    throw error instanceof KubeProblem ? locked(error) : unwritable(target, error)
  }
}

/** The tool cache knows a tool by the mark that is set last, so an end amid this leaves none that could be found. */
async function put(
  shelf: Shelf,
  version: string,
  folder: string,
  sha256: string,
  target: string,
): Promise<Kept> {
  try {
    await cacheDir(folder, shelf.tool, version, shelf.arch)
    const kept = await findKept(shelf, version, sha256)
    if (kept) return kept
    throw new Error('what was written is not what is there')
  } catch (error) {
    await rm(target, { recursive: true, force: true })
    await rm(`${target}.complete`, { force: true })
    throw error
  }
}

function locked(error: KubeProblem): KubectlProblem {
  const { lock, holder, since } = error.evidence as Extract<KubeProblem['evidence'], { holder: string }>
  return new KubectlProblem({ kind: 'kubectl-locked', lock, holder, since }, { cause: error })
}
