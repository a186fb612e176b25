import { credentialsDiagnoses } from '../diagnosis/credentials/credentials.ts'
import { serviceDiagnoses } from '../diagnosis/service/service.ts'
import { failuresBy } from '../diagnosis/step.ts'
import { failureGroup, harmless } from './log.ts'
import { plainFailure } from './plain.ts'

/**
 * What an error amounts to, in lines for a terminal: where there is no job to tell. It knows what a program meets that
 * seeks credentials and signs.
 * It may be a step's log all the same, in which no text from outside shall be a command.
 */
export function explain(error: unknown): string {
  const failures = failuresBy({ ...credentialsDiagnoses, ...serviceDiagnoses }, error)
  const groups = failures.map(plainFailure).map(failureGroup)
  return harmless(groups.flatMap(({ title, lines }) => [title, ...lines, '']).join('\n'))
}
