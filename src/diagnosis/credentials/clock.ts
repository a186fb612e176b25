import type { About, Diagnosis, Step } from '../failure.ts'
import { shell } from '../shell.ts'

/** How to set the clock of the runner. */
export const SET_CLOCK: Step[] = [
  'Set the clock on the runner, or on its host if it is a container:',
  shell('sudo chronyc makestep || sudo timedatectl set-ntp true'),
  'If it goes wrong again, name the time service of EC2 in chrony.conf: server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4',
]

/**
 * The clock as the one cause of what went wrong.
 *
 * @param seconds that it is ahead of AWS's; negative: behind
 * @param evidence what went wrong
 */
export function clockIsOff(seconds: number, evidence: readonly string[]): Diagnosis {
  const off = `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'}`
  return {
    code: 'EKS111',
    cause: `the clock of the runner is ${off} AWS\u2019s`,
    evidence: [
      ...evidence,
      `the clock here says ${new Date().toISOString()}, AWS\u2019s ${Math.abs(seconds)} s ${seconds > 0 ? 'less' : 'more'}`,
    ],
    cure: SET_CLOCK,
  }
}

/**
 * How far the date of a token may be off: aws-iam-authenticator refuses one that is older (pkg/token,
 * presignedURLExpiration), and STS one that is further ahead.
 */
const TOKEN_SECONDS = 15 * 60

/** The clock as the cause of a 401: a token that is dated so far off is refused, whoever has signed it. */
export function tokenDatedWrong({ clockSkewSeconds = 0 }: About, told: string): Diagnosis | null {
  return Math.abs(clockSkewSeconds) >= TOKEN_SECONDS
    ? clockIsOff(clockSkewSeconds, [told, 'tokens that are dated more than 15 minutes off are refused'])
    : null
}
