import { rmSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { whenFree } from '../kube/busy.ts'
import { findKept, type Kept, keep, shelfFor } from './cache.ts'
import { KubectlProblem, unwritable } from './evidence.ts'
import { type HostOptions, openHost, type ReleaseHost } from './host.ts'
import {
  type Binary,
  binaryFor,
  binaryPath,
  type Machine,
  newestPatch,
  publishedChecksum,
} from './release.ts'
import type { ExactVersion, MinorVersion } from './request.ts'

/** A kubectl in the tool cache, checked. */
export interface Installed extends Kept {
  /** `cache` for one that was there already, else the URL that it came from. */
  source: string
}

/** Where kubectl is installed. */
export interface Place {
  machine: Machine
  /** Absolute path of the runner's tool cache. */
  toolCache: string
  /** Absolute path of a folder for what is not checked yet. */
  temp: string
}

/**
 * Finds a kubectl in the tool cache, where any patch of a minor will do and no network is asked; or else downloads it,
 * checks its hash, and only then puts it there.
 *
 * @param host URL of the release host
 * @throws KubectlProblem any of its kinds; nothing is left in the tool cache or in `temp` then
 */
export async function installKubectl(
  wanted: ExactVersion | MinorVersion,
  host: string,
  { machine, toolCache, temp }: Place,
  options: HostOptions,
): Promise<Installed> {
  const binary = binaryFor(machine)
  const shelf = shelfFor(host, toolCache, machine.arch, binary.file)
  const checksum = wanted.kind === 'exact' ? wanted.checksum : undefined
  const kept = await findKept(shelf, wanted.kind === 'exact' ? wanted.version : `${wanted.minor}.x`, checksum)
  if (kept) return { ...kept, source: 'cache' }
  const releases = openHost(host, options)
  try {
    const version = wanted.kind === 'exact' ? wanted.version : await newestPatch(releases, wanted.minor)
    return await inTemporaryFolder(temp, async folder => {
      const checked = await download(releases, version, binary, checksum, folder)
      const { url: source, sha256 } = checked
      return { ...(await keep(shelf, version, checked.folder, sha256, options.timeoutSeconds)), source }
    })
  } finally {
    releases.close()
  }
}

/** A folder that goes whatever happens, also when the step is ended amid the work. */
async function inTemporaryFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(parent, 'eks-login-kubectl-')).catch(cause => {
    throw unwritable(parent, cause)
  })
  const removeNow = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', removeNow)
  try {
    return await work(folder)
  } finally {
    process.off('exit', removeNow)
    await whenFree(() => rm(folder, { recursive: true, force: true }))
  }
}

interface Checked {
  /** Holds the program, by its name, and nothing else. */
  folder: string
  url: string
  sha256: string
}

/** Until its hash is known to be right, the file has neither the name nor the mode of a program. */
async function download(
  releases: ReleaseHost,
  version: string,
  binary: Binary,
  given: string | undefined,
  temporary: string,
): Promise<Checked> {
  const path = binaryPath(version, binary)
  const wanted = `kubectl ${version} for ${binary.folder}`
  // First, as it is small, and all that a version needs to be unknown.
  const expected = given ?? (await publishedChecksum(releases, path, wanted))
  const file = join(temporary, 'download')
  const { sha256, came } = await releases.save(path, wanted, file)
  const url = releases.url(path)
  if (sha256 !== expected) {
    const from = given ? 'kubectl-checksum' : `${url}.sha256`
    throw new KubectlProblem({ kind: 'kubectl-mismatch', url, from, expected, found: sha256, came })
  }
  const folder = join(temporary, 'checked')
  const program = join(folder, binary.file)
  try {
    await mkdir(folder)
    await whenFree(() => rename(file, program))
    await chmod(program, 0o755)
  } catch (cause) {
    throw unwritable(temporary, cause)
  }
  return { folder, url, sha256 }
}
