import type { AwsEvidence } from '../../aws/evidence.ts'
import type { Diagnosis, Step } from '../failure.ts'
import { withPaste } from '../workflow.ts'

// What may pass by itself, and did not within the time and tries that there were.

type Refused = Extract<AwsEvidence, { kind: 'refused' }>

/** Calls are counted by account, region and operation, whoever makes them. */
export function throttledService({ asked }: Refused, evidence: string[]): Diagnosis {
  return {
    code: 'EKS206',
    cause: `${asked} was throttled until its retries or timeout ran out`,
    evidence,
    cure: [
      'AWS counts such calls of all who make them in the account and region. Give the retries more time:',
      longer(),
      'If it goes on, let fewer jobs start at once (strategy.max-parallel, concurrency), and look for what else calls it as often.',
    ],
  }
}

/** An error on the side of AWS, or of what stands before it. */
export function failingService({ asked, status }: Refused, evidence: string[]): Diagnosis {
  return {
    code: 'EKS213',
    cause: `${asked} answered ${status} until its retries or timeout ran out`,
    evidence,
    cure: [
      'The error is on the side of the service, or of a proxy or gateway that answers in its place. Run the job again; give the retries more time:',
      longer(),
      'If it goes on, see whether AWS knows of it: https://health.aws.amazon.com/health/status',
    ],
  }
}

/** Twice the default, in which all retries have room. */
function longer(): Step {
  return withPaste({ timeout: '60' })
}
