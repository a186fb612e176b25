import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../kube/client.ts'
import { reviewRules, type Somebody } from '../kube/reviews.ts'
import { type Probe, probe } from '../kube/verdict.ts'
import { GrantProblem } from './evidence.ts'
import { type GrantInputs, isTemplate } from './inputs.ts'
import type { Plan } from './plan.ts'

/** A role or binding counts once the authorizer has heard of it, which takes it a moment. */
const PATIENCE_SECONDS = 10

/**
 * Asks the API server whether each rule is allowed to whom the role is mapped (SubjectAccessReview, as
 * SelfSubjectAccessReview cannot be asked for another).
 *
 * @throws GrantProblem rule-not-granted, calls-denied; ApiProblem
 */
export async function checkRules(
  { rules, denials }: Pick<Plan, 'rules' | 'denials'>,
  inputs: GrantInputs,
  api: ApiClient,
): Promise<Probe[]> {
  const seconds = Math.min(PATIENCE_SECONDS, inputs.timeoutSeconds)
  const end = performance.now() + seconds * 1000
  for (let wait = 20; ; wait = Math.min(wait * 2, 500)) {
    const asking = reviewRules(api, rules, subjectOf(inputs))
    const reviews = (await denials.of('create SubjectAccessReviews', asking)) ?? []
    await denials.check()
    const probes = reviews.map(review => probe(review, 'yes'))
    const denied = probes.filter(({ passed }) => !passed)
    if (denied.length === 0) return probes
    if (performance.now() + wait > end) {
      throw new GrantProblem(
        ...denied.map(({ asked, reason }) => ({
          kind: 'rule-not-granted' as const,
          ...{ rule: asked, reason, seconds },
        })),
      )
    }
    await sleep(wait)
  }
}

/** Of the many that a placeholder stands for, what they have in common. */
function subjectOf({ username, groups }: GrantInputs): Somebody {
  return { username: isTemplate(username) ? '' : username, groups: [...groups, 'system:authenticated'] }
}
