import { AwsProblem } from '../aws/evidence.ts'
import { BadInput } from '../bad-input.ts'
import { KubeProblem } from '../kube/evidence.ts'
import { Cancelled } from '../run.ts'
import { awsDiagnoses } from './aws.ts'
import { apiDiagnoses, execDiagnoses, serverDiagnoses, verdictDiagnoses } from './cluster.ts'
import type { About, Evidence, Failure } from './failure.ts'
import { kubeconfigDiagnoses } from './kubeconfig.ts'

const DIAGNOSES = {
  ...awsDiagnoses,
  ...execDiagnoses,
  ...serverDiagnoses,
  ...apiDiagnoses,
  ...verdictDiagnoses,
  ...kubeconfigDiagnoses,
}

/** The one cause of a piece of evidence, and its cure. */
export function diagnose(evidence: Evidence, about: About): Failure {
  const name = DIAGNOSES[evidence.kind] as (evidence: Evidence, about: About) => Omit<Failure, 'cluster'>
  return { ...name(evidence, about), ...(about.cluster ? { cluster: about.cluster } : {}) }
}

/** The failure of one cluster that an error amounts to. */
export function failureOf(error: unknown, about: About): Failure {
  const evidence = evidenceOf(error)
  return evidence ? diagnose(evidence, about) : { ...withoutEvidence(error), cluster: about.cluster }
}

/** The evidence that a room threw, or null for an error that no room foresaw. */
function evidenceOf(error: unknown): Evidence | null {
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

function withoutEvidence(error: unknown): Failure {
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
    evidence: [error instanceof Error ? `${error.name}: ${error.message}` : String(error)],
    cure: ['Please report it, with the lines above.'],
  }
}
