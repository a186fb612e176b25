import { AwsProblem } from './evidence.ts'

/** What a call to AWS needs to know of its surroundings. */
export interface CallOptions {
  env: NodeJS.ProcessEnv
  /** Bound on one call, its retries included. */
  timeoutSeconds: number
  signal: AbortSignal
}

/**
 * Bounds work that has no bound of its own. It may go on, but nobody waits for it.
 *
 * @throws AwsProblem timed-out; the signal's reason when that fires first
 */
export async function within<T>(
  asked: string,
  { timeoutSeconds, signal }: Pick<CallOptions, 'timeoutSeconds' | 'signal'>,
  work: Promise<T>,
): Promise<T> {
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)])
  const over = new Promise<never>((_, reject) => {
    const end = () => {
      const evidence = { kind: 'timed-out', asked, endpoint: asked, seconds: timeoutSeconds } as const
      reject(signal.aborted ? signal.reason : new AwsProblem(evidence))
    }
    bound.addEventListener('abort', end)
    if (bound.aborted) end()
  })
  return Promise.race([work, over])
}
