import { credentialsDiagnoses } from './credentials/credentials.ts'
import { execDiagnoses } from './exec/exec.ts'
import type { About, Diagnoses, Evidence, Failure } from './failure.ts'
import { kubeconfigDiagnoses } from './kubeconfig.ts'
import { networkDiagnoses } from './network/network.ts'
import { apiDiagnoses } from './rules/api.ts'
import { verdictDiagnoses } from './rules/verdict.ts'
import { serviceDiagnoses } from './service/service.ts'
import { failuresBy } from './step.ts'

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

/** Failures of the whole step, before or beside any cluster. */
export function stepFailures(error: unknown): Failure[] {
  return failuresBy(DIAGNOSES, error)
}
