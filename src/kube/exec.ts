import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { KubeProblem } from './evidence.ts'
import { EXEC_API_VERSION, type ExecCredential, readExecCredential } from './exec-credential.ts'
import { redact } from './secrets.ts'

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
  const command = [exec.command, ...exec.args].join(' ')
  const bound = AbortSignal.timeout(timeoutSeconds * 1000)
  const { stdout, ...ended } = await run(exec, env, AbortSignal.any([signal, bound]))
  if (bound.aborted && ended.exitCode !== 0) {
    throw new KubeProblem({ kind: 'exec-timed-out', command, seconds: timeoutSeconds })
  }
  signal.throwIfAborted()
  if (ended.exitCode !== 0)
    throw new KubeProblem({ kind: 'exec-failed', command, ...ended, stderr: redact(ended.stderr) })
  return readExecCredential(stdout, command)
}

interface Ended {
  exitCode: number | null
  signal: string | null
  stdout: string
  stderr: string
}

function run(exec: ExecConfig, env: NodeJS.ProcessEnv, bound: AbortSignal): Promise<Ended> {
  const posix = process.platform !== 'win32'
  // Here and not above: the builtin token provider starts no process.
  const { spawn } = process.getBuiltinModule('node:child_process')
  const child = spawn(exec.command, exec.args, {
    env: {
      ...env,
      ...Object.fromEntries(exec.env.map(({ name, value }) => [name, value])),
      KUBERNETES_EXEC_INFO: EXEC_INFO,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Windows has no process groups to signal; there the command alone is ended.
    detached: posix,
    windowsHide: true,
  })
  const end = () => {
    if (child.pid === undefined) return
    try {
      if (posix) process.kill(-child.pid, 'SIGKILL')
      else child.kill()
    } catch {
      // It had ended by itself.
    }
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
      resolve({ exitCode, signal, ...output })
    })
  })
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
  const found = onPath(command, env)
  if (cause.code === 'ENOENT' && !found) {
    return new KubeProblem({ kind: 'exec-not-found', command, path: env.PATH ?? '' }, { cause })
  }
  // A script is found, and its interpreter is not: the system has one word for both.
  const stderr = found ? `${found} cannot be started: ${cause.message}` : cause.message
  return new KubeProblem({ kind: 'exec-failed', command, exitCode: null, signal: null, stderr }, { cause })
}

function onPath(command: string, env: NodeJS.ProcessEnv): string | undefined {
  const folders = command.includes('/') ? [''] : (env.PATH ?? '').split(delimiter)
  return folders.map(folder => join(folder, command)).find(file => existsSync(file))
}
