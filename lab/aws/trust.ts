import {
  assertEvaluable,
  type Conditions,
  type Decision,
  decide,
  holds,
  list,
  matchesAction,
  type OneOrMore,
} from './policy.ts'

/** Who a trust statement speaks of (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html). */
export type TrustPrincipal =
  | '*'
  | { readonly AWS?: OneOrMore; readonly Service?: OneOrMore; readonly Federated?: OneOrMore }

/** One statement of a role's trust policy. */
export type TrustStatement = {
  readonly Sid?: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Principal: TrustPrincipal
  readonly Action: OneOrMore
  readonly Condition?: Conditions
}

/** Who may assume a role. */
export type TrustPolicy = { readonly Version?: '2012-10-17'; readonly Statement: readonly TrustStatement[] }

/** Who asks to assume a role. */
export type Trustee =
  | { kind: 'identity'; uniqueId: string; arn: string; account: string }
  | { kind: 'service'; name: string }
  | { kind: 'federated'; provider: string }

/**
 * What a trust policy says. In the role's own account, naming the caller itself is enough; naming the account leaves
 * it to the caller's own policies.
 */
export type TrustDecision = { decision: Decision; namesCaller: boolean }

type Matcher =
  | { kind: 'anyone' }
  | { kind: 'account'; account: string }
  | { kind: 'identity'; uniqueId: string }
  | { kind: 'session'; arn: string }
  | { kind: 'service'; name: string }
  | { kind: 'federated'; provider: string }

/** A trust policy whose principals are resolved, as IAM keeps it. */
export type ResolvedTrust = ReadonlyArray<{ statement: TrustStatement; matchers: readonly Matcher[] }>

/**
 * Resolves the role and user ARNs in a trust policy to the unique ids that they mean today, as IAM does when a policy
 * is saved: a role made later under the same name is someone else.
 * @param uniqueIdOf gives the unique id of a role or user ARN; undefined if there is none
 * @throws TypeError for a principal that does not exist, or a part the lab does not evaluate
 */
export function resolveTrust(
  policy: TrustPolicy,
  uniqueIdOf: (arn: string) => string | undefined,
): ResolvedTrust {
  return policy.Statement.map(statement => {
    assertEvaluable(statement)
    return { statement, matchers: matchersOf(statement.Principal, uniqueIdOf) }
  })
}

function matchersOf(principal: TrustPrincipal, uniqueIdOf: (arn: string) => string | undefined): Matcher[] {
  if (principal === '*') return [{ kind: 'anyone' }]
  return [
    ...list(principal.AWS ?? []).map(value => awsMatcher(value, uniqueIdOf)),
    ...list(principal.Service ?? []).map(name => ({ kind: 'service', name }) as const),
    ...list(principal.Federated ?? []).map(provider => ({ kind: 'federated', provider }) as const),
  ]
}

function awsMatcher(value: string, uniqueIdOf: (arn: string) => string | undefined): Matcher {
  if (value === '*') return { kind: 'anyone' }
  if (/^\d{12}$/.test(value)) return { kind: 'account', account: value }
  const root = /^arn:[a-z-]+:iam::(\d{12}):root$/.exec(value)
  if (root?.[1] !== undefined) return { kind: 'account', account: root[1] }
  if (/^arn:[a-z-]+:sts::\d{12}:assumed-role\//.test(value)) return { kind: 'session', arn: value }
  const uniqueId = uniqueIdOf(value)
  if (uniqueId === undefined) throw new TypeError(`Invalid principal in policy: "AWS":"${value}"`)
  return { kind: 'identity', uniqueId }
}

/**
 * Evaluates a trust policy for one who asks to assume the role.
 * @param action sts:AssumeRole or sts:AssumeRoleWithWebIdentity
 * @param context what conditions can test, keys in lower case
 */
export function evaluateTrust(
  trust: ResolvedTrust,
  trustee: Trustee,
  action: string,
  context: Readonly<Record<string, string | undefined>>,
): TrustDecision {
  const applying = trust.filter(
    ({ statement, matchers }) =>
      matchesAction(statement.Action, action) &&
      matchers.some(matcher => matches(matcher, trustee)) &&
      holds(statement.Condition, context),
  )
  return {
    decision: decide(applying.map(({ statement }) => statement)),
    namesCaller: applying.some(({ statement, matchers }) =>
      matchers.some(
        matcher => statement.Effect === 'Allow' && matcher.kind !== 'account' && matches(matcher, trustee),
      ),
    ),
  }
}

function matches(matcher: Matcher, trustee: Trustee): boolean {
  switch (matcher.kind) {
    case 'anyone':
      return trustee.kind === 'identity'
    case 'account':
      return trustee.kind === 'identity' && trustee.account === matcher.account
    case 'identity':
      return trustee.kind === 'identity' && trustee.uniqueId === matcher.uniqueId
    case 'session':
      return trustee.kind === 'identity' && trustee.arn === matcher.arn
    case 'service':
      return trustee.kind === 'service' && trustee.name === matcher.name
    case 'federated':
      return trustee.kind === 'federated' && trustee.provider === matcher.provider
  }
}
