import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jest } from '@jest/globals'
import { type KubectlMirror, startKubectlMirror } from '../../lab/kubectl-mirror.ts'
import { KubectlProblem } from '../../src/kubectl/evidence.ts'
import { type Installed, installKubectl, type Place } from '../../src/kubectl/install.ts'
import type { ExactVersion, MinorVersion } from '../../src/kubectl/request.ts'

/** A release's file: long enough to be cut, and like no other. */
export const content = () => randomBytes(300_000)

export const sha256 = (file: Buffer) => createHash('sha256').update(file).digest('hex')

/** A release host, and a runner's folders that are new for each test. */
export interface Stage {
  readonly mirror: KubectlMirror
  readonly place: Place
  /** Asks for a version, like `1.37.2` or `1.37`, on Linux on x64 if nothing else is said. */
  install(version: string, options?: InstallOptions): Promise<Installed>
  /** All files of the tool cache and the temporary folder, relative to what holds both. */
  left(): Promise<string[]>
}

export interface InstallOptions {
  checksum?: string
  host?: string
  timeoutSeconds?: number
  signal?: AbortSignal
  place?: Partial<Place>
}

const LINUX = { platform: 'linux', arch: 'x64' }

export function stage(): Stage {
  let mirror: KubectlMirror
  let folder: string
  let place: Place
  const before = process.env.RUNNER_TOOL_CACHE
  beforeEach(async () => {
    // What the toolkit's package says for the runner's debug log.
    jest.spyOn(process.stdout, 'write').mockReturnValue(true)
    mirror = await startKubectlMirror()
    folder = await mkdtemp(join(tmpdir(), 'kubectl-'))
    place = { machine: LINUX, toolCache: join(folder, 'tools'), temp: join(folder, 'temp') }
    await Promise.all([mkdir(place.toolCache), mkdir(place.temp)])
    // The toolkit's package reads it by itself.
    process.env.RUNNER_TOOL_CACHE = place.toolCache
  })
  afterEach(async () => {
    jest.restoreAllMocks()
    await mirror.stop()
    await rm(folder, { recursive: true, force: true })
  })
  afterAll(() => {
    if (before === undefined) delete process.env.RUNNER_TOOL_CACHE
    else process.env.RUNNER_TOOL_CACHE = before
  })
  return {
    get mirror() {
      return mirror
    },
    get place() {
      return place
    },
    install(version, options = {}) {
      const { host = mirror.url, timeoutSeconds = 20, signal = new AbortController().signal } = options
      const there = { ...place, ...options.place }
      return installKubectl(wanted(version, options.checksum), host, there, { timeoutSeconds, signal })
    },
    async left() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true })
      const files = entries.filter(entry => entry.isFile())
      return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).sort()
    },
  }
}

function wanted(version: string, checksum?: string): ExactVersion | MinorVersion {
  if (!/\..*\./.test(version)) return { kind: 'minor', minor: version }
  return { kind: 'exact', version, ...(checksum ? { checksum } : {}) }
}

/** The evidence with which an installation was refused; fails where it was not. */
export async function evidenceOf(installing: Promise<unknown>) {
  const error = await installing.then(
    () => new Error('it was installed'),
    error => error,
  )
  if (error instanceof KubectlProblem) return error.evidence
  throw error
}
