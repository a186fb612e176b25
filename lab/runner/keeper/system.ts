import type { ChildProcess, SpawnOptions } from 'node:child_process'
import type { Writable } from 'node:stream'
import { posix } from './posix.ts'
import { windows } from './windows.ts'

/** What a keeper asks of the system, and systems do each in its own way. */
export type System = {
  /**
   * Starts what outlives us, to tidy up: it removes the folder when its stdin ends, which it does when we close it and
   * when we die. It reads lines, `keep PID` and `drop PID`, of the processes that it may have to end before.
   */
  startWatchdog(folder: string): ChildProcess & { readonly stdin: Writable }
  /** Starts a process; with the error told on it, and no number, when it cannot be. */
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess
  /** What the process is to read before its own stdin, once the watchdog knows it. */
  readonly go: string
  /** Sends the signal to a process that has not been seen to end, and to all that it started. */
  signal(child: ChildProcess, signal: NodeJS.Signals): void
  /** Ends what a process has left running that has ended. */
  sweep(child: ChildProcess): void
  /** How a process ended, as a shell says it: 128 + N by signal N. @param sent the last that we sent it */
  exitCode(end: Exit, sent: NodeJS.Signals | undefined): number
}

/** As Node tells it: the code is null for a process that a signal ended. */
export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export const system: System = process.platform === 'win32' ? windows : posix
