import type { Failure, Possibility, Step } from '../diagnosis/failure.ts'

/** What steers a terminal or turns the direction of a text, in place of being seen; a line feed and a tab do no harm. */
const UNSEEN = /[^\P{Cc}\n\t]|[\u2028-\u202e\u2066-\u2069]/gu

/** A text from outside in which nothing is hidden. */
export function plain(text: string): string {
  return text.toWellFormed().replace(/\r\n?/g, '\n').replace(UNSEEN, '\ufffd')
}

/** The same, as one line. */
export function oneLine(text: string): string {
  return plain(text).replace(/\s+/g, ' ').trim()
}

/** More than this of one text helps nobody, and a job summary has a bound of its own (1 MiB). */
const MAX_CHARACTERS = 4000

function shortened(text: string): string {
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS).toWellFormed()}\u2026` : text
}

/**
 * A failure that can be shown anywhere, whoever had a hand in its texts. What is to be pasted stays whole: half of it
 * would be another command.
 */
export function plainFailure({ otherwise, ...failure }: Failure): Failure {
  return {
    ...failure,
    cause: plainCause(failure.cause),
    evidence: failure.evidence.map(text => shortened(plain(text))),
    cure: failure.cure.map(plainStep),
    ...(otherwise ? { otherwise: otherwise.map(plainPossibility) } : {}),
  }
}

function plainCause(cause: string): string {
  return shortened(oneLine(cause))
}

function plainStep(step: Step): Step {
  return typeof step === 'string' ? shortened(plain(step)) : { ...step, text: plain(step.text) }
}

function plainPossibility({ cause, tell, cure }: Possibility): Possibility {
  return { cause: plainCause(cause), tell: tell.map(plainStep), cure: cure.map(plainStep) }
}
