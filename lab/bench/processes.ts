import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

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
  return join(PATH.split(':').find(Boolean) ?? '', name)
}

/** What a process of Node used of the machine, itself, without what it started. */
export interface Usage {
  /** The most memory at any moment, in megabytes (10^6 bytes). */
  megabytes: number
  /** Time of processors, user and system. */
  cpuMilliseconds: number
}

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
  const tell = `require('node:fs').writeFileSync(${JSON.stringify(file)}, JSON.stringify(process.resourceUsage()))`
  await writeFile(script, `process.on('exit', () => ${tell})\n`)
  return {
    env: { NODE_OPTIONS: `--require=${script}` },
    async told() {
      const { maxRSS, userCPUTime, systemCPUTime } = JSON.parse(await readFile(file, 'utf8'))
      // In kibibytes and microseconds (https://nodejs.org/api/process.html#processresourceusage).
      return {
        megabytes: Math.round((maxRSS * 1024) / 1e6),
        cpuMilliseconds: Math.round((userCPUTime + systemCPUTime) / 1000),
      }
    },
  }
}
