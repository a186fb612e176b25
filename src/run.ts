import type { CallOptions } from './aws/bounds.ts'

/** The runner ends the step: somebody cancelled the job, or it took too long. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled'
}

/** What every part of a run needs: its environment, its bounds, its stopwatch, and a way to tell secrets. */
export interface Run extends CallOptions {
  time<T>(name: string, work: Promise<T>, cluster?: string): Promise<T>
  /** Told every secret before anything can print it. */
  mask(secrets: (string | undefined)[]): Promise<void>
}

/**
 * Aborts once the runner ends the step. A runner that cancels sends the first signal; on Windows it presses Ctrl+C, which
 * Node tells as that one.
 */
export function hearCancellation(): AbortController {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => stop.abort(new Cancelled(signal)))
  return stop
}
