import { type ChildProcess, spawn } from 'node:child_process'
import { BuildError } from './part.ts'

export type RunOptions = {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/** Runs a command to its end: what it wrote to stdout, or a BuildError with the end of what it said on stderr. */
export function run(command: string, args: readonly string[], { cwd, env }: RunOptions): Promise<string> {
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
