import { constants } from 'node:os'

/** Somebody wants the demo to end: Ctrl-C, the end of its terminal, or of what reads its output. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  /** As a shell says it. */
  readonly exitCode: number

  constructor(signal: NodeJS.Signals) {
    super(`Interrupted (${signal}).`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

export type Interruption = {
  /** Aborted with an {@link Interrupted}. */
  readonly signal: AbortSignal
  /** Until the next signal, which then ends no more than this waiting; those after it are not heard at all. */
  wait(): Promise<void>
}

/** Hears signals from now on; none of them ends the process by itself. */
export function hearSignals(): Interruption {
  const abort = new AbortController()
  let hear = (signal: NodeJS.Signals) => abort.abort(new Interrupted(signal))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => hear(signal))
  process.stdout.on('error', () => hear('SIGPIPE'))
  process.stderr.on('error', () => {})
  return {
    signal: abort.signal,
    wait() {
      abort.signal.throwIfAborted()
      return new Promise(resolve => {
        hear = () => resolve()
      })
    },
  }
}
