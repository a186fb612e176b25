import { StandardRetryStrategy } from '@smithy/core/retry'

/** The SDK counts a refused connection among what may pass; where nobody listens, asking again only hides it. */
export class RefusalEndsRetries extends StandardRetryStrategy {
  /** The latest failure that was not the end. */
  last: unknown

  override async refreshRetryTokenForRetry(
    ...[token, info]: Parameters<StandardRetryStrategy['refreshRetryTokenForRetry']>
  ) {
    this.last = info.error
    if ((info.error as { code?: string } | undefined)?.code === 'ECONNREFUSED') throw info.error
    return super.refreshRetryTokenForRetry(token, info)
  }
}
