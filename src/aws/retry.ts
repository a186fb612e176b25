import {
  isClockSkewCorrectedError,
  isClockSkewError,
  isThrottlingError,
  StandardRetryStrategy,
} from '@smithy/core/retry'
import type { SdkError } from '@smithy/types'

/** Ends what the SDK would ask again, though it stands. */
export class RefusalEndsRetries extends StandardRetryStrategy {
  /** What the latest attempt that was not the last came to. */
  last: unknown

  override async refreshRetryTokenForRetry(
    ...[token, info]: Parameters<StandardRetryStrategy['refreshRetryTokenForRetry']>
  ) {
    this.last = info.error
    if (stands((info.error ?? {}) as SdkError & { code?: string })) throw info.error
    return super.refreshRetryTokenForRetry(token, info)
  }
}

/**
 * The SDK counts a refused connection among what may pass; where nobody listens, asking again only hides it. And while
 * it corrects a clock that is far off, it takes every refusal for one of the clock.
 */
function stands(error: SdkError & { code?: string }): boolean {
  if (error.code === 'ECONNREFUSED' || error.code === 'ERR_ANSWER_TOO_LARGE') return true
  const { httpStatusCode: status = 500 } = error.$metadata ?? {}
  // The SDK counts that one among them, too.
  const isDenial = error.name === 'AccessDeniedException'
  const ofTheClock = (isClockSkewError(error) && !isDenial) || !isClockSkewCorrectedError(error)
  return !ofTheClock && status < 500 && !isThrottlingError(error)
}
