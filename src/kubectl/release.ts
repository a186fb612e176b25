import { KubectlProblem } from './evidence.ts'
import type { ReleaseHost } from './host.ts'
import { minorNumber, parseChecksum } from './request.ts'

/** A machine as Node names it (process.platform, process.arch). */
export interface Machine {
  platform: string
  arch: string
}

/** A machine's kubectl, as a release host names it. */
export interface Binary {
  /** Like `linux/amd64` */
  folder: string
  /** `kubectl`, on Windows `kubectl.exe` */
  file: string
}

const SYSTEMS: Record<string, string> = { linux: 'linux', darwin: 'darwin', win32: 'windows' }
const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' }

/** @throws KubectlProblem kubectl-unsupported */
export function binaryFor({ platform, arch }: Machine): Binary {
  const system = SYSTEMS[platform]
  const architecture = ARCHITECTURES[arch]
  if (!system || !architecture) throw new KubectlProblem({ kind: 'kubectl-unsupported', platform, arch })
  return { folder: `${system}/${architecture}`, file: system === 'windows' ? 'kubectl.exe' : 'kubectl' }
}

/** Below the host's URL. */
export function binaryPath(version: string, { folder, file }: Binary): string {
  return `release/v${version}/bin/${folder}/${file}`
}

/**
 * The newest patch of a minor, like `1.37.2` of `1.37`.
 *
 * @throws KubectlProblem of the host; kubectl-unexpected
 */
export async function newestPatch(host: ReleaseHost, minor: string): Promise<string> {
  const path = `release/stable-${minor}.txt`
  const text = await host.text(path, `any kubectl ${minor}`)
  const [, version = ''] = /^v(\d+\.\d+\.\d+)\s*$/.exec(text) ?? []
  if (version && minorNumber(version) === minorNumber(minor)) return version
  const wanted = `a version of ${minor}, like v${minor}.1`
  throw new KubectlProblem({ kind: 'kubectl-unexpected', url: host.url(path), wanted, found: quoted(text) })
}

/**
 * What the host says that a file of it hashes to: the bare hash, or a line as sha256sum writes it, which some mirrors
 * make of it.
 *
 * @throws KubectlProblem of the host; kubectl-unexpected
 */
export async function publishedChecksum(host: ReleaseHost, path: string, wanted: string): Promise<string> {
  const text = await host.text(`${path}.sha256`, wanted)
  const [, hash = ''] = /^(\S+)(?: [ *]\S+)?\s*$/.exec(text) ?? []
  const checksum = parseChecksum(hash)
  if (checksum) return checksum
  const url = host.url(`${path}.sha256`)
  throw new KubectlProblem({ kind: 'kubectl-unexpected', url, wanted: 'a sha256', found: quoted(text) })
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
