/**
 * From this many seconds on AWS refuses what is signed by a clock that is off
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html); the SDKs take it for the
 * bound, too.
 */
const TOLERANCE_SECONDS = 300

/**
 * By how many seconds the clock here is ahead of AWS's; negative where it is behind.
 *
 * @param date the Date header of an answer that came just now
 * @returns 0 while the clocks agree, by what AWS takes for that; undefined where the header is no date
 */
export function clockSkewSeconds(date: string | undefined): number | undefined {
  const milliseconds = Date.now() - Date.parse(date ?? '')
  return Number.isNaN(milliseconds) ? undefined : skewOf(milliseconds)
}

/**
 * The same of what an SDK client has found out by an answer that it had: 0 while the clocks agree, as AWS takes no
 * signature of a clock that is off.
 *
 * @param systemClockOffset milliseconds that AWS's clock is ahead
 */
export function skewOfClient({ systemClockOffset }: { systemClockOffset: number }): number {
  return skewOf(-systemClockOffset)
}

function skewOf(milliseconds: number): number {
  const seconds = Math.round(milliseconds / 1000)
  return Math.abs(seconds) >= TOLERANCE_SECONDS ? seconds : 0
}
