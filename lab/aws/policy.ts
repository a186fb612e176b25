/** One value or several, as policies write them. */
export type OneOrMore = string | readonly string[]

/** `{operator: {key: values}}`, as in https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html */
export type Conditions = Readonly<Record<string, Readonly<Record<string, OneOrMore>>>>

/** One statement of an identity-based policy. */
export type PolicyStatement = {
  readonly Sid?: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: OneOrMore
  readonly Resource: OneOrMore
  readonly Condition?: Conditions
}

/** A policy attached to a role or a user. */
export type PolicyDocument = {
  readonly Version?: '2012-10-17'
  readonly Statement: readonly PolicyStatement[]
}

/** What a request is about, as policies see it. Context keys are lower case. */
export type Ask = { action: string; resource: string; context: Readonly<Record<string, string | undefined>> }

/** What policies say together: an explicit deny wins over any allow, and saying nothing denies. */
export type Decision = 'allow' | 'explicit-deny' | 'implicit-deny'

type Operator = (pattern: string, value: string) => boolean

const OPERATORS: Readonly<Record<string, { matches: Operator; negated: boolean }>> = {
  StringEquals: { matches: (pattern, value) => pattern === value, negated: false },
  StringNotEquals: { matches: (pattern, value) => pattern === value, negated: true },
  StringLike: { matches: matchesPattern, negated: false },
  StringNotLike: { matches: matchesPattern, negated: true },
  ArnEquals: { matches: matchesPattern, negated: false },
  ArnLike: { matches: matchesPattern, negated: false },
  ArnNotEquals: { matches: matchesPattern, negated: true },
  ArnNotLike: { matches: matchesPattern, negated: true },
}

const STATEMENT_KEYS = new Set(['Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition'])

/**
 * Evaluates identity-based policies for one request
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).
 */
export function evaluate(policies: Iterable<PolicyDocument>, ask: Ask): Decision {
  const applying = [...policies]
    .flatMap(policy => policy.Statement)
    .filter(
      statement =>
        matchesAction(statement.Action, ask.action) &&
        list(statement.Resource).some(pattern => matchesPattern(pattern, ask.resource)) &&
        holds(statement.Condition, ask.context),
    )
  return decide(applying)
}

/** The decision that statements which all apply to a request come to. */
export function decide(applying: ReadonlyArray<{ Effect: 'Allow' | 'Deny' }>): Decision {
  if (applying.some(statement => statement.Effect === 'Deny')) return 'explicit-deny'
  return applying.length > 0 ? 'allow' : 'implicit-deny'
}

/**
 * Refuses a statement with a part that the lab cannot evaluate, so that no test passes because a part was ignored.
 * @throws TypeError naming the part
 */
export function assertEvaluable(statement: object & { Condition?: Conditions }): void {
  const unknown = Object.keys(statement).find(key => !STATEMENT_KEYS.has(key))
  if (unknown !== undefined) throw new TypeError(`the lab does not evaluate ${unknown} in a policy statement`)
  for (const operator of Object.keys(statement.Condition ?? {})) {
    if (OPERATORS[operator.replace(/IfExists$/, '')] === undefined) {
      throw new TypeError(`the lab does not evaluate the condition operator ${operator}`)
    }
  }
  if (JSON.stringify(statement).includes('${')) {
    throw new TypeError('the lab does not evaluate policy variables')
  }
}

/** Whether an action is among a statement's actions; actions are compared without regard to case. */
export function matchesAction(patterns: OneOrMore, action: string): boolean {
  return list(patterns).some(pattern => matchesPattern(pattern.toLowerCase(), action.toLowerCase()))
}

/** Whether all conditions of a statement hold; a key that a request does not have holds only negated. */
export function holds(conditions: Conditions | undefined, context: Ask['context']): boolean {
  return Object.entries(conditions ?? {}).every(([name, keys]) => {
    const operator = OPERATORS[name.replace(/IfExists$/, '')]
    if (operator === undefined) return false
    return Object.entries(keys).every(([key, patterns]) => {
      const value = context[key.toLowerCase()]
      if (value === undefined) return operator.negated || name.endsWith('IfExists')
      return list(patterns).some(pattern => operator.matches(pattern, value)) !== operator.negated
    })
  })
}

/** Whether a value is like a pattern, in which `*` is any text and `?` any one character. */
export function matchesPattern(pattern: string, value: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's').test(value)
}

/** A policy's one value or several, as several. */
export function list(values: OneOrMore): readonly string[] {
  return typeof values === 'string' ? [values] : values
}
