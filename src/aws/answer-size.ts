/**
 * What AWS says of a cluster, a role or an instance is a few KiB; an answer beyond this is none of its own. To read on
 * would fill the memory with whatever it is.
 */
export const MAX_ANSWER_BYTES = 2 ** 20

/** An answer that was not read to its end. */
export class AnswerTooLarge extends Error {
  readonly code = 'ERR_ANSWER_TOO_LARGE'
  /** What it began with. */
  readonly status: number

  constructor(status: number) {
    super(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`)
    this.status = status
  }
}
