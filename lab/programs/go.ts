import { readFile, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BuildError, type Part } from './part.ts'
import { run } from './run.ts'

/**
 * A part made of Go programs.
 *
 * @param module a folder, whose name is the part's; its go.mod names the programs and its go.sum pins them
 * @param programs package → file name
 */
export async function goPart(module: string, label: string, programs: Record<string, string>): Promise<Part> {
  const [mod = '', sum] = await Promise.all(
    ['go.mod', 'go.sum'].map(file => readFile(join(module, file), 'utf8')),
  )
  const ldflags = `-s -w ${versionFlags(mod)}`.trim()
  const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', ldflags]
  return {
    name: basename(module),
    label,
    recipe: JSON.stringify([mod, sum, flags, programs, process.arch]),
    check: () => checkGo(mod, dirname(module)),
    async build(folder) {
      // GOTOOLCHAIN: never fetch another Go. CGO: no C compiler needed, and the programs run on any Linux.
      const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '', GOWORK: 'off', CGO_ENABLED: '0' }
      const packages = Object.keys(programs)
      await run('go', ['build', ...flags, '-o', `${folder}/`, ...packages], { cwd: module, env })
      for (const [path, file] of Object.entries(programs)) {
        await rename(join(folder, goName(path)), join(folder, file))
      }
    },
  }
}

/** The name go gives a program: its folder's, which a last element like v3 is not. */
function goName(path: string): string {
  const elements = path.split('/').filter(element => !/^v\d+$/.test(element))
  return elements.at(-1) ?? path
}

/**
 * Without these, Kubernetes' programs call themselves v0.0.0-master and `kubectl version` fails. Kubernetes' own
 * build sets the same variables (hack/lib/version.sh of kubernetes/kubernetes).
 */
function versionFlags(mod: string): string {
  const [version, major, minor] = /^\s*k8s\.io\/kubernetes v(\d+)\.(\d+)\.\S+/m.exec(mod) ?? []
  if (version === undefined) return ''
  const gitVersion = version.trim().split(' ')[1]
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
    .flatMap(path => [
      `${path}.gitVersion=${gitVersion}`,
      `${path}.gitMajor=${major}`,
      `${path}.gitMinor=${minor}`,
    ])
    .map(variable => `-X ${variable}`)
    .join(' ')
}

async function checkGo(mod: string, cwd: string): Promise<void> {
  const wanted = /^go (\S+)/m.exec(mod)?.[1] ?? '1'
  const where = 'see https://go.dev/doc/install'
  const env = { ...process.env, GOTOOLCHAIN: 'local' }
  const found = await run('go', ['env', 'GOVERSION'], { cwd, env }).catch(() => undefined)
  if (found === undefined) throw new BuildError(`Go ${wanted} or newer is missing: ${where}`)
  const version = found.trim().replace(/^go/, '')
  if (version.localeCompare(wanted, 'en', { numeric: true }) < 0) {
    throw new BuildError(`Go ${wanted} or newer is needed, this is ${version}: ${where}`)
  }
}
