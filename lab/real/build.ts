/**
 * Builds what a real cluster on one machine needs and no package of ours brings: the Kubernetes API server, etcd
 * and kubectl, the authenticator that EKS runs, act, and the AWS CLI.
 *
 * Each part lands whole in `.cache/real/PART-KEY/` of the project, where KEY is a hash of all that decides what is
 * in it. So a part that is there is the right one, a second call starts no process, and two builds at once can only
 * bring the same thing.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const room = import.meta.dirname
const cache = join(dirname(dirname(room)), '.cache', 'real')

/** Where the programs of a real cluster lie: absolute paths. */
export type RealPrograms = {
  readonly etcd: string
  readonly kubeApiserver: string
  readonly kubectl: string
  readonly authenticator: string
  readonly act: string
  readonly aws: string
}

/** What cannot be built, in one line that says what the machine lacks or which command failed. */
export class BuildError extends Error {}

type Part = {
  readonly name: string
  /** What a person reads while it builds. */
  readonly label: string
  /** Everything that decides what the part's files hold; the key is its hash. */
  readonly recipe: string
  /** @throws BuildError when the machine lacks what the build needs */
  check(): Promise<void>
  /** Fills `folder`, which becomes `target` when all went well. */
  build(folder: string, target: string): Promise<void>
}

/**
 * Builds what is missing and tells where everything is.
 *
 * @param say takes a line of progress; by default nothing is said
 * @returns the programs' paths, at once and without any process when all are there
 * @throws BuildError when Go, Python or one of the builds fails
 */
export async function buildRealCluster(say: (line: string) => void = () => {}): Promise<RealPrograms> {
  const kubernetes = await goPart(
    'kubernetes',
    'Kubernetes, etcd and kubectl (about 6 minutes the first time)',
    {
      'k8s.io/kubernetes/cmd/kube-apiserver': 'kube-apiserver',
      'k8s.io/kubernetes/cmd/kubectl': 'kubectl',
      // go names a program after its folder, and etcd's is called "server".
      'go.etcd.io/etcd/server/v3': 'etcd',
    },
  )
  const authenticator = await goPart('authenticator', 'aws-iam-authenticator (about a minute)', {
    'sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator': 'aws-iam-authenticator',
  })
  const act = await goPart('act', 'act (under a minute)', { 'github.com/nektos/act': 'act' })
  const awsCli = await awsCliPart()

  const missing = [awsCli, act, authenticator, kubernetes].filter(part => !existsSync(folderOf(part)))
  // All before the first build: nobody wants to hear after minutes what was known at once.
  for (const part of missing) await part.check()
  // One after the other, as each uses all cores by itself.
  for (const part of missing) await provide(part, say)
  return {
    etcd: join(folderOf(kubernetes), 'etcd'),
    kubeApiserver: join(folderOf(kubernetes), 'kube-apiserver'),
    kubectl: join(folderOf(kubernetes), 'kubectl'),
    authenticator: join(folderOf(authenticator), 'aws-iam-authenticator'),
    act: join(folderOf(act), 'act'),
    aws: join(folderOf(awsCli), 'bin', 'aws'),
  }
}

function folderOf(part: Part): string {
  return join(cache, `${part.name}-${createHash('sha256').update(part.recipe).digest('hex').slice(0, 12)}`)
}

async function provide(part: Part, say: (line: string) => void): Promise<void> {
  const target = folderOf(part)
  const started = Date.now()
  const elapsed = () => `${Math.round((Date.now() - started) / 1000)} s`
  say(`Building ${part.label} …`)
  const reminder = setInterval(() => say(`… still building ${part.name}, ${elapsed()} so far`), 30_000)
  const folder = join(cache, `.building-${process.pid}-${part.name}`)
  try {
    await mkdir(folder, { recursive: true })
    await part.build(folder, target)
    await moveInto(target, folder)
    await removeOthers(part, target)
  } finally {
    clearInterval(reminder)
    await rm(folder, { recursive: true, force: true })
  }
  say(`Built ${part.name} in ${elapsed()}`)
}

/** A build that ran beside ours may have been first; what it brought has the same key, so is the same. */
async function moveInto(target: string, folder: string): Promise<void> {
  try {
    await rename(folder, target)
  } catch (error) {
    if (!existsSync(target)) throw error
  }
}

/** Builds of older recipes are hundreds of megabytes that nobody asks for again, as are those that were broken off. */
async function removeOthers(part: Part, target: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    const path = join(cache, entry)
    const pid = /^\.building-(\d+)-/.exec(entry)?.[1]
    const outdated = entry.startsWith(`${part.name}-`) && path !== target
    if (outdated || (pid !== undefined && !isRunning(Number(pid)))) {
      await rm(path, { recursive: true, force: true })
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A part made of Go programs that the go.mod in its folder names and its go.sum pins: package → file name. */
async function goPart(name: string, label: string, programs: Record<string, string>): Promise<Part> {
  const module = join(room, name)
  const [mod, sum] = await Promise.all(['go.mod', 'go.sum'].map(file => readFile(join(module, file), 'utf8')))
  const ldflags = `-s -w ${versionFlags(mod ?? '')}`.trim()
  const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', ldflags]
  return {
    name,
    label,
    recipe: JSON.stringify([mod, sum, flags, programs, process.arch]),
    check: () => checkGo(mod ?? ''),
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

async function checkGo(mod: string): Promise<void> {
  const wanted = /^go (\S+)/m.exec(mod)?.[1] ?? '1'
  const where = 'see https://go.dev/doc/install'
  const env = { ...process.env, GOTOOLCHAIN: 'local' }
  const found = await run('go', ['env', 'GOVERSION'], { cwd: room, env }).catch(() => undefined)
  if (found === undefined) throw new BuildError(`Go ${wanted} or newer is missing: ${where}`)
  const version = found.trim().replace(/^go/, '')
  if (version.localeCompare(wanted, 'en', { numeric: true }) < 0) {
    throw new BuildError(`Go ${wanted} or newer is needed, this is ${version}: ${where}`)
  }
}

/** The AWS CLI in a virtual environment of its own, each package pinned by hash. */
async function awsCliPart(): Promise<Part> {
  const requirements = join(room, 'aws-cli', 'requirements.txt')
  const text = await readFile(requirements, 'utf8')
  const here = { cwd: room, env: process.env }
  return {
    name: 'aws-cli',
    label: 'the AWS CLI (under a minute)',
    recipe: JSON.stringify([text, process.arch]),
    async check() {
      const found = await run('python3', ['-c', 'import ensurepip, venv'], here).catch(() => undefined)
      const lacks = 'Python 3 with its modules venv and ensurepip is missing'
      if (found === undefined) throw new BuildError(`${lacks}: on Debian install python3-venv`)
    },
    async build(folder, target) {
      await run('python3', ['-m', 'venv', folder], here)
      const pip = ['-m', 'pip', 'install', '--quiet', '--require-hashes', '--no-deps', '-r', requirements]
      await run(join(folder, 'bin', 'python'), pip, here)
      // The script names its interpreter by the path it was installed under, and that path is about to change.
      const script = join(folder, 'bin', 'aws')
      await writeFile(script, (await readFile(script, 'utf8')).replaceAll(folder, target))
    },
  }
}

type RunOptions = {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/** Runs a command to its end: what it wrote to stdout, or a BuildError with the end of what it said on stderr. */
function run(command: string, args: readonly string[], { cwd, env }: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', chunk => (stdout += chunk))
    child.stderr?.on('data', chunk => (stderr = (stderr + chunk).slice(-2000)))
    child.on('error', error => reject(new BuildError(`${command}: ${error.message}`)))
    child.on('close', code => {
      if (code === 0) resolve(stdout)
      else reject(new BuildError(`${command} ${args[0]} ended with ${code}: ${stderr.trim()}`))
    })
  })
}

if (import.meta.main) {
  try {
    await buildRealCluster(line => console.log(line))
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
