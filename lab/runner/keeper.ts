/**
 * A temporary folder and the processes started in it, which both go when their owner goes, whatever ends the owner.
 *
 * Beside them stands a watchdog, which reads a pipe from us. The pipe closes when we close it and when we die, by
 * SIGKILL too; then the watchdog tidies up. How it does that is the system's own affair: keeper/posix.ts and
 * keeper/windows.ts.
 */
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { system } from './keeper/system.ts'

/** What to start, and in which environment: the whole of it, as nothing is inherited. */
export type Command = {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The working directory; the keeper's folder if none is given. */
  readonly cwd?: string
}

/** How a process ended. A process ended by signal N has code 128 + N, as in a shell. */
export type Finished = {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Both together, line by line, in the order in which the lines were completed. */
  readonly lines: readonly string[]
  readonly timedOut: boolean
  readonly milliseconds: number
}

/** A process that runs until it is told to end. */
export type KeptProcess = {
  readonly pid: number
  /** Settles when the process has ended and nothing that it started is left; never rejects. */
  readonly exited: Promise<number>
  /** Sends the signal to the process and all it started, and SIGKILL `patience` milliseconds later. */
  end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL', patience?: number): Promise<number>
}

export type Keeper = {
  /** The folder's real path; it exists until `close`. */
  readonly folder: string
  /** Starts a process that writes stdout and stderr to the file `log`. */
  start(command: Command, log: string): KeptProcess
  /** Runs a command to its end, killed after `timeout` milliseconds with all that it started. */
  run(command: Command, timeout: number, stdin?: string): Promise<Finished>
  /** Ends what still runs, removes the folder, and returns when both are done. Twice is as good as once. */
  close(): Promise<void>
}

/**
 * Makes the folder and its watchdog.
 *
 * @param name begins the folder's name, under the system's temporary folder
 */
export function createKeeper(name: string): Keeper {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `${name}-`)))
  const guard = system.startWatchdog(folder)
  const guardEnded = new Promise<void>(resolve => guard.once('exit', () => resolve()))
  // A watchdog that someone killed is not worth failing for.
  guard.stdin.on('error', () => {})
  letGo(guard)

  const launch = ({ command, args, env, cwd = folder }: Command, out: 'pipe' | number, stdin: string) => {
    const child = system.spawn(command, args, { cwd, env, stdio: ['pipe', out, out] })
    // Told by the missing number below, and thrown where it was asked for.
    child.once('error', () => {})
    const pid = child.pid
    if (pid === undefined) throw new Error(`${command} could not be started in ${cwd}`)
    guard.stdin.write(`keep ${pid}\n`)
    // A program need not read what it is given.
    child.stdin?.on('error', () => {})
    child.stdin?.end(system.go + stdin)
    let sent: NodeJS.Signals | undefined
    const signal = (name: NodeJS.Signals) => {
      sent = name
      system.signal(child, name)
    }
    const exited = new Promise<number>(resolve => {
      child.once('exit', (code, signal) => {
        system.sweep(child)
        guard.stdin.write(`drop ${pid}\n`)
        resolve(system.exitCode({ code, signal }, sent))
      })
    })
    return { child, pid, signal, exited }
  }

  let closing: Promise<void> | undefined
  return {
    folder,
    start(command, log) {
      const file = openSync(log, 'a', 0o600)
      try {
        const launched = launch(command, file, '')
        letGo(launched.child)
        return { pid: launched.pid, exited: launched.exited, end: (...how) => end(launched, ...how) }
      } finally {
        closeSync(file)
      }
    },
    run(command, timeout, stdin = '') {
      return finish(launch(command, 'pipe', stdin), timeout)
    },
    close() {
      closing ??= (async () => {
        guard.ref()
        guard.stdin.end()
        await guardEnded
      })()
      return closing
    },
  }
}

type Launched = {
  readonly child: ChildProcess
  readonly pid: number
  /** To it and all that it started, while it runs. */
  signal(name: NodeJS.Signals): void
  readonly exited: Promise<number>
}

/** A process must not keep its owner alive: an owner that only waits for it has forgotten to end it. */
function letGo(child: ChildProcess): void {
  child.unref()
  const stdin = child.stdin as (ChildProcess['stdin'] & { unref?: () => void }) | null
  stdin?.unref?.()
}

async function end(
  { child, signal, exited }: Launched,
  name: NodeJS.Signals,
  patience = 5_000,
): Promise<number> {
  if (child.exitCode !== null || child.signalCode !== null) return exited
  child.ref()
  signal(name)
  const timer = setTimeout(() => signal('SIGKILL'), patience)
  const code = await exited
  clearTimeout(timer)
  return code
}

function finish({ child, signal, exited }: Launched, timeout: number): Promise<Finished> {
  const started = performance.now()
  return new Promise(resolve => {
    const lines: string[] = []
    const stdout = collect(child.stdout, lines)
    const stderr = collect(child.stderr, lines)
    let timedOut = false
    const timer = setTimeout(async () => {
      timedOut = true
      signal('SIGKILL')
      await exited
      await sleep(1_000, undefined, { ref: false })
      // What has left the process' group or tree may hold them open for as long as it likes.
      child.stdout?.destroy()
      child.stderr?.destroy()
    }, timeout)
    child.once('close', async () => {
      clearTimeout(timer)
      const milliseconds = performance.now() - started
      resolve({ code: await exited, stdout: stdout(), stderr: stderr(), lines, timedOut, milliseconds })
    })
  })
}

/** Gathers a stream's text, and puts each of its lines behind `lines`. */
function collect(stream: Readable | null, lines: string[]): () => string {
  let text = ''
  let line = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (chunk: string) => {
    text += chunk
    const [first = '', ...more] = chunk.split('\n')
    line += first
    for (const next of more) {
      lines.push(line.replace(/\r$/, ''))
      line = next
    }
  })
  stream?.on('end', () => {
    if (line !== '') lines.push(line)
  })
  return () => text
}
