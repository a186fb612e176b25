import { type Ask, assertEvaluable, type Decision, evaluate, type PolicyDocument } from './policy.ts'

/** Kinds of policies that take from what a role's or user's own policies give, and give nothing. */
export type Guardrail =
  | 'permissions boundary'
  | 'session policy'
  | 'service control policy'
  | 'resource control policy'
  | 'VPC endpoint policy'

type Judged =
  | { decision: 'allow' }
  | { decision: Exclude<Decision, 'allow'>; policy: 'identity-based policy' | Guardrail }

/**
 * What limits roles and users beside their own policies: boundaries, one each, and for all of them the policies of the
 * organization and of the VPC endpoint that every call goes through. Sessions have their policy with them.
 */
export class Guardrails {
  readonly #boundaries = new Map<string, PolicyDocument>()
  readonly #common = new Map<Guardrail, PolicyDocument>()

  /** Limits a role or user, or no longer. */
  setBoundary(principalArn: string, policy: PolicyDocument | null): void {
    if (policy === null) return void this.#boundaries.delete(principalArn)
    this.#boundaries.set(principalArn, checked(policy))
  }

  /** Limits everybody, or no longer. What is not set allows all, as AWS's own default policies do. */
  setCommon(
    kind: Exclude<Guardrail, 'permissions boundary' | 'session policy'>,
    policy: PolicyDocument | null,
  ): void {
    if (policy === null) return void this.#common.delete(kind)
    this.#common.set(kind, checked(policy))
  }

  /**
   * What all policies say together (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).
   * Of several kinds that deny, the one that AWS's flow chart comes to first is named.
   * @param own the caller's identity-based policies
   */
  judge(
    ask: Ask,
    principalArn: string,
    own: readonly PolicyDocument[],
    sessionPolicy: PolicyDocument | undefined,
  ): Judged {
    const kinds: [policy: 'identity-based policy' | Guardrail, documents: readonly PolicyDocument[]][] = [
      ...[...this.#common].map(([kind, policy]): [Guardrail, PolicyDocument[]] => [kind, [policy]]),
      ['identity-based policy', own],
      ...limit('permissions boundary', this.#boundaries.get(principalArn)),
      ...limit('session policy', sessionPolicy),
    ]
    const said = kinds.map(([policy, documents]) => ({ policy, decision: evaluate(documents, ask) }))
    const denying =
      said.find(({ decision }) => decision === 'explicit-deny') ??
      said.find(({ decision }) => decision === 'implicit-deny')
    return (denying as Judged | undefined) ?? { decision: 'allow' }
  }
}

function limit(kind: Guardrail, policy: PolicyDocument | undefined): [Guardrail, PolicyDocument[]][] {
  return policy ? [[kind, [policy]]] : []
}

/** Of principals, all: what is common here is so for everybody. */
function checked(policy: PolicyDocument): PolicyDocument {
  for (const statement of policy.Statement as readonly { Effect: 'Allow' | 'Deny'; Principal?: unknown }[]) {
    assertEvaluable(statement)
    if ((statement.Principal ?? '*') !== '*')
      throw new TypeError('the lab does not evaluate a Principal here other than *')
  }
  return policy
}
