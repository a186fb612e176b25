import type { StepResult } from '../runner/runner.ts'

/** Something went otherwise than the story says. */
export class Difference extends Error {
  override readonly name = 'Difference'
}

/**
 * What must hold.
 * @throws Difference
 */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Difference(what)
}

/**
 * That a step ended with this code, and that its log says each of these texts.
 * @throws Difference with the log
 */
export function checkStep(step: StepResult, name: string, code: number, says: readonly string[] = []): void {
  const missing = says.filter(text => !step.log.includes(text))
  const wrong = [
    ...(step.code === code ? [] : [`it should end with exit code ${code}, and ended with ${step.code}`]),
    ...missing.map(text => `its log should say: ${text}`),
  ]
  check(wrong.length === 0, [`${name}:`, ...wrong, 'Its log:', step.log].join('\n'))
}
