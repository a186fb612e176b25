/** One wrong input: which, what was wrong with it, and what is accepted. */
export interface Mistake {
  input: string
  problem: string
  accepted: string
}

/** All that is wrong with the inputs, at once. */
export class BadInput extends Error {
  override readonly name = 'BadInput'
  readonly mistakes: Mistake[]

  constructor(mistakes: Mistake[]) {
    super(
      mistakes
        .map(({ input, problem, accepted }) => `${input}: ${problem}; accepted: ${accepted}`)
        .join('\n'),
    )
    this.mistakes = mistakes
  }
}
