import { stepFailures } from '../diagnosis/diagnose.ts'
import { failureGroup, harmless } from './log.ts'
import { plainFailure } from './plain.ts'

/**
 * What an error amounts to, in lines for a terminal: where there is no job to tell.
 * It may be a step's log all the same, in which no text from outside shall be a command.
 */
export function explain(error: unknown): string {
  const groups = stepFailures(error).map(plainFailure).map(failureGroup)
  return harmless(groups.flatMap(({ title, lines }) => [title, ...lines, '']).join('\n'))
}
