import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** A command line and the whole of its environment. */
export interface Process {
  command: string
  args: string[]
  env: Record<string, string>
  /** Other than 0, where a "no" is one. */
  code?: number
}

/** Runs a process to its end. @throws Error with all that it said when it ends with another code than it should */
export async function run({ command, args, env, code: wanted = 0 }: Process): Promise<void> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Buffer[] = []
  child.stdout.on('data', part => said.push(part))
  child.stderr.on('data', part => said.push(part))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== wanted)
    throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${Buffer.concat(said)}`)
}

/** Path of a program of the lab, which come first on its PATH; the bench's own PATH is another. */
export function programOf({ PATH = '' }: Record<string, string>, name: string): string {
  return join(PATH.split(delimiter).find(Boolean) ?? '', name)
}

/** What a process of Node used of the machine, itself, without what it started. */
export interface Usage {
  /** The most memory at any moment, in megabytes (10^6 bytes). */
  megabytes: number
  /** Time of processors, user and system. */
  cpuMilliseconds: number
}

/**
 * What a process writes of itself at its end. On Linux maxRSS is no measure of it: it begins with the most memory
 * that the process which started it had (exec_mmap in fs/exec.c of the kernel), a test's worker, say. VmHWM
 * counts from the start of the program.
 */
const TELL_USAGE = `
const { existsSync, readFileSync, writeFileSync } = require('node:fs')
const own = '/proc/self/status'
process.on('exit', () => {
  const status = existsSync(own) ? readFileSync(own, 'utf8') : ''
  writeFileSync(process.env.USAGE_FILE, JSON.stringify({ status, ...process.resourceUsage() }))
})
`

/**
 * Lets a process of Node tell at its end what it used.
 *
 * @param folder for the files through which it tells
 * @returns what it needs in its environment, and what it told once it has ended
 */
export async function tellingUsage(
  folder: string,
): Promise<{ env: Record<string, string>; told(): Promise<Usage> }> {
  const script = join(folder, 'tell-usage.cjs')
  const file = join(folder, 'usage')
  await writeFile(script, TELL_USAGE)
  return {
    env: { NODE_OPTIONS: `--require=${script}`, USAGE_FILE: file },
    async told() {
      const { status, maxRSS, userCPUTime, systemCPUTime } = JSON.parse(await readFile(file, 'utf8'))
      const highWater = /^VmHWM:\s+(\d+) kB$/mu.exec(status)?.[1]
      // Kibibytes and microseconds (proc_pid_status(5), https://nodejs.org/api/process.html#processresourceusage).
      return {
        megabytes: Math.round((Number(highWater ?? maxRSS) * 1024) / 1e6),
        cpuMilliseconds: Math.round((userCPUTime + systemCPUTime) / 1000),
      }
    },
  }
}
