import { AwsProblem } from '../aws/evidence.ts'
import { BadInput } from '../bad-input.ts'
import { KubeProblem } from '../kube/evidence.ts'
import { redact } from '../kube/secrets.ts'
import { Cancelled } from '../run.ts'
import { credentialsDiagnoses } from './credentials/credentials.ts'
import { execDiagnoses } from './exec/exec.ts'
import type { About, Diagnoses, Evidence, Failure } from './failure.ts'
import { kubeconfigDiagnoses } from './kubeconfig.ts'
import { networkDiagnoses } from './network/network.ts'
import { apiDiagnoses } from './rules/api.ts'
import { verdictDiagnoses } from './rules/verdict.ts'
import { serviceDiagnoses } from './service/service.ts'

/** Every diagnosis but those of an installation of kubectl (kubectl.ts), by kind of evidence. */
export const DIAGNOSES: Diagnoses<Evidence> = {
  ...credentialsDiagnoses,
  ...serviceDiagnoses,
  ...networkDiagnoses,
  ...execDiagnoses,
  ...apiDiagnoses,
  ...verdictDiagnoses,
  ...kubeconfigDiagnoses,
}

/** The cause of a piece of evidence, and its cure. */
export function diagnose(evidence: Evidence, about: About): Failure {
  const { code, ...rest } = (DIAGNOSES[evidence.kind] as (typeof DIAGNOSES)['unauthorized'])(
    evidence as never,
    about,
  )
  return { code, ...(about.cluster ? { cluster: about.cluster } : {}), ...rest }
}

/** The evidence that a room threw, or null for an error that no room foresaw. */
export function evidenceOf(error: unknown): Evidence | null {
  return error instanceof AwsProblem || error instanceof KubeProblem ? error.evidence : null
}

/** Failures of the whole step, before or beside any cluster: bad input, and what nobody foresaw. */
export function stepFailures(error: unknown): Failure[] {
  if (error instanceof BadInput) {
    return error.mistakes.map(({ input, problem, accepted }) => ({
      code: 'EKS001',
      cause: `input ${input}: ${problem}`,
      evidence: [],
      cure: [`Accepted: ${accepted}`],
    }))
  }
  const evidence = evidenceOf(error)
  if (evidence) return [diagnose(evidence, { cluster: '', region: '' })]
  return [withoutEvidence(error)]
}

/** An error that no room foresaw, or none at all: somebody cancelled. */
export function withoutEvidence(error: unknown): Failure {
  return error instanceof Cancelled ? cancelled(error) : unforeseen(error)
}

function cancelled({ message }: Cancelled): Failure {
  return {
    code: 'EKS003',
    cause: 'the step was cancelled',
    evidence: [`the runner sent ${message}; nothing was written`],
    cure: ['Run the job again.'],
  }
}

/** A defect of this action: said as one, without a stack trace. */
function unforeseen(error: unknown): Failure {
  return {
    code: 'EKS002',
    cause: 'this action met something that it does not know',
    evidence: [redact(error instanceof Error ? `${error.name}: ${error.message}` : String(error))],
    cure: ['Please report it, with the lines above.'],
  }
}
