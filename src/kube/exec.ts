import type { ChildProcess } from 'node:child_process'
import { win32 } from 'node:path'
import { redact } from '../redact.ts'
import { KubeProblem } from './evidence.ts'
import { EXEC_API_VERSION, type ExecCredential, readExecCredential } from './exec-credential.ts'
import { findProgram } from './program.ts'

/** A user entry's `exec` of a kubeconfig (client.authentication.k8s.io/v1beta1). */
export interface ExecConfig {
  command: string
  args: string[]
  env: { name: string; value: string }[]
}

/**
 * Runs an exec block as kubectl would (client-go, plugin/pkg/client/auth/exec): the given environment, then the
 * block's own on top, KUBERNETES_EXEC_INFO, no standard input; and reads the ExecCredential that it prints.
 *
 * The command leads a process group of its own, so that what it started ends with it when `timeoutSeconds` are
 * over or `signal` fires.
 *
 * @throws KubeProblem exec-not-found, exec-failed, exec-timed-out, exec-not-a-credential
 */
export async function runExec(
  exec: ExecConfig,
  env: NodeJS.ProcessEnv,
  { timeoutSeconds, signal }: { timeoutSeconds: number; signal: AbortSignal },
): Promise<ExecCredential> {
  const words = [exec.command, ...exec.args]
  const bound = AbortSignal.timeout(timeoutSeconds * 1000)
  const { stdout, ...ended } = await run(exec, env, AbortSignal.any([signal, bound]))
  if (bound.aborted && ended.exitCode !== 0) {
    throw new KubeProblem({ kind: 'exec-timed-out', words, seconds: timeoutSeconds })
  }
  signal.throwIfAborted()
  if (ended.exitCode !== 0)
    throw new KubeProblem({ kind: 'exec-failed', words, ...ended, stderr: redact(ended.stderr) })
  return readExecCredential(stdout, words.join(' '))
}

/**
 * The file that a program's name means, and the first line of what it says of its version.
 *
 * @throws KubeProblem exec-not-found, exec-failed where it cannot be started
 */
export async function versionOf(
  program: string,
  env: NodeJS.ProcessEnv,
  { timeoutSeconds, signal }: { timeoutSeconds: number; signal: AbortSignal },
): Promise<string> {
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)])
  const { stdout, stderr } = await run({ command: program, args: ['--version'], env: [] }, env, bound)
  // Of version 1 under Python 2 it is on the other one.
  const [line = ''] = (stdout.trim() || stderr.trim()).split('\n')
  return `${findProgram(program, env) ?? program}: ${redact(line).slice(0, 200) || 'it tells no version'}`
}

interface Ended {
  exitCode: number | null
  signal: string | null
  stdout: string
  stderr: string
}

async function run(exec: ExecConfig, env: NodeJS.ProcessEnv, bound: AbortSignal): Promise<Ended> {
  const child = await start(exec, env)
  let endedByUs = false
  const end = () => {
    // Windows tells some exit code of what was ended, which may be 0 if its console went first; POSIX tells none.
    endedByUs = process.platform === 'win32' && child.exitCode === null
    endTree(child)
    // What left the process group may hold them open for as long as it likes.
    child.stdout.destroy()
    child.stderr.destroy()
  }
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] = (output[name] + text).slice(0, MAX_OUTPUT_CHARACTERS)
    })
  }
  return new Promise((resolve, reject) => {
    bound.addEventListener('abort', end)
    if (bound.aborted) end()
    child.once('error', error => {
      bound.removeEventListener('abort', end)
      reject(notStarted(exec, env, error))
    })
    child.once('close', (exitCode, signal) => {
      bound.removeEventListener('abort', end)
      resolve({ exitCode: endedByUs ? null : exitCode, signal, ...output })
    })
  })
}

/** @throws KubeProblem exec-not-found, exec-failed */
async function start(exec: ExecConfig, env: NodeJS.ProcessEnv) {
  const { file, spawn } = await starter(exec.command, env)
  try {
    return spawn(file, exec.args, {
      env: {
        ...env,
        ...Object.fromEntries(exec.env.map(({ name, value }) => [name, value])),
        KUBERNETES_EXEC_INFO: EXEC_INFO,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Windows has no process groups: `endTree` needs none there, and a detached process would get a console.
      detached: process.platform !== 'win32',
      windowsHide: true,
    })
  } catch (error) {
    // Node tells most of why a program does not start as an event, and the rest at once: a path through a file, say.
    throw notStarted(exec, env, error as NodeJS.ErrnoException)
  }
}

interface Starter {
  file: string
  spawn: typeof import('node:child_process').spawn
}

/**
 * What starts a command.
 *
 * @throws KubeProblem exec-not-found
 */
async function starter(command: string, env: NodeJS.ProcessEnv): Promise<Starter> {
  // Here and not above: the builtin token provider starts no process.
  const { spawn } = process.getBuiltinModule('node:child_process')
  if (process.platform !== 'win32') return { file: command, spawn }
  const file = findProgram(command, env)
  if (!file) throw notFound(command, env)
  // The AWS CLI of pip is a batch file. Node runs none without a shell (CVE-2024-27980), and escapes nothing for one.
  if (/\.(?:bat|cmd)$/i.test(file))
    return { file, spawn: (await import('cross-spawn')).default as typeof spawn }
  return { file, spawn }
}

/** Ends a command with all that it started. */
function endTree(child: ChildProcess): void {
  if (child.pid === undefined) return
  if (process.platform === 'win32') {
    // Windows ends no children with their parent; a program of its own knows the tree.
    const { spawnSync } = process.getBuiltinModule('node:child_process')
    const taskkill = win32.join(process.env.SystemRoot ?? 'C:\\Windows', 'System32', 'taskkill.exe')
    const { status } = spawnSync(taskkill, ['/PID', String(child.pid), '/T', '/F'], { windowsHide: true })
    if (status !== 0) child.kill()
    return
  }
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It had ended by itself.
  }
}

/** A presigned URL in base64 is about 2 KiB; more than this is no credential. */
const MAX_OUTPUT_CHARACTERS = 2 ** 20

const EXEC_INFO = JSON.stringify({
  kind: 'ExecCredential',
  apiVersion: EXEC_API_VERSION,
  spec: { interactive: false },
})

function notStarted(exec: ExecConfig, env: NodeJS.ProcessEnv, cause: NodeJS.ErrnoException): KubeProblem {
  const { command } = exec
  const found = findProgram(command, env)
  if (cause.code === 'ENOENT' && !found) return notFound(command, env, cause)
  // A script is found, and its interpreter is not: the system has one word for both.
  const stderr = found ? `${found} cannot be started: ${cause.message}` : cause.message
  return new KubeProblem(
    { kind: 'exec-failed', words: [command], exitCode: null, signal: null, stderr },
    { cause },
  )
}

function notFound(command: string, env: NodeJS.ProcessEnv, cause?: Error): KubeProblem {
  return new KubeProblem({ kind: 'exec-not-found', command, path: env.PATH ?? '' }, { cause })
}
