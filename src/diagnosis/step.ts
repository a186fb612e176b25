import { AwsProblem } from '../aws/evidence.ts'
import { BadInput } from '../bad-input.ts'
import { KubeProblem } from '../kube/evidence.ts'
import { redact } from '../redact.ts'
import { Cancelled } from '../run.ts'
import type { About, Diagnoses, Diagnosis, Evidence, Failure } from './failure.ts'

// What a whole step fails with, by the diagnoses that it is given: a program that can meet only some loads no others.

/** Diagnoses of some kinds of evidence. */
export type SomeDiagnoses = Partial<Diagnoses<Evidence>>

/** The evidence that a room threw, or null for an error that no room foresaw. */
export function evidenceOf(error: unknown): Evidence | null {
  return error instanceof AwsProblem || error instanceof KubeProblem ? error.evidence : null
}

/** Failures of the whole step, before or beside any cluster: bad input, evidence, and what nobody foresaw. */
export function failuresBy(diagnoses: SomeDiagnoses, error: unknown): Failure[] {
  if (error instanceof BadInput) {
    return error.mistakes.map(({ input, problem, accepted }) => ({
      code: 'EKS001',
      cause: `input ${input}: ${problem}`,
      evidence: [],
      cure: [`Accepted: ${accepted}`],
    }))
  }
  const evidence = evidenceOf(error)
  const name = evidence && (diagnoses[evidence.kind] as Naming | undefined)
  return [evidence && name ? name(evidence, { cluster: '', region: '' }) : withoutEvidence(error)]
}

type Naming = (evidence: Evidence, about: About) => Diagnosis

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
