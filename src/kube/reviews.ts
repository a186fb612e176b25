import { ask, isObject, statusOf, text, texts, unexpected } from './answers.ts'
import type { ApiClient } from './client.ts'
import type { ResolvedRule } from './resolve.ts'

/** Who the cluster says we are. */
export interface Identity {
  username: string
  uid: string
  groups: string[]
  extra: Record<string, string[]>
}

/**
 * The authorizer's word on one rule. `unproven` is its "no" with an error on the way to it, as from an
 * authorization webhook that did not answer: whoever wants proof that something is not allowed has none. (A
 * binding whose role is missing is no such error: RBAC says so in `reason`, and the no is a no.)
 */
export type Verdict =
  | { answer: 'yes'; allowed: true; denied: false; reason: string; evaluationError: string }
  | { answer: 'no'; allowed: false; denied: boolean; reason: string; evaluationError: string }
  | { answer: 'unproven'; allowed: false; denied: false; reason: string; evaluationError: string }

export interface Review {
  rule: ResolvedRule
  verdict: Verdict
}

const SUBJECT_REVIEWS = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const OWN_ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews'

/**
 * The API server takes 100 streams a connection by default (kube-apiserver,
 * --http2-max-streams-per-connection) and queues what is over a user's fair share, so more at once would only
 * wait, and count against others.
 */
const IN_FLIGHT = 100

/**
 * Asks who we are (SelfSubjectReview, authentication.k8s.io/v1), what `kubectl auth whoami` asks.
 *
 * @returns null for a server without it (before 1.28)
 * @throws ApiProblem `unauthorized` for a token that the cluster maps to nobody
 */
export async function whoAmI(api: ApiClient): Promise<Identity | null> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const review = await ask(api, 'POST', SUBJECT_REVIEWS, { body }).catch(error => {
    if (statusOf(error) === 404) return null
    throw error
  })
  if (review === null) return null
  const info = isObject(review.status) ? review.status.userInfo : undefined
  if (!isObject(info)) throw unexpected(SUBJECT_REVIEWS, 'a review without status.userInfo')
  const extra = isObject(info.extra) ? Object.entries(info.extra) : []
  return {
    username: text(info.username),
    uid: text(info.uid),
    groups: texts(info.groups),
    extra: Object.fromEntries(extra.map(([key, value]) => [key, texts(value)])),
  }
}

/** Somebody else, as the API server knows who has authenticated. An empty username stands for one of many. */
export interface Somebody {
  username: string
  groups: readonly string[]
}

/**
 * Asks the authorizer about all rules (SelfSubjectAccessReview, authorization.k8s.io/v1), side by side over
 * the one connection. Rules that mean the same are asked once.
 *
 * @param of whose access it is about; ours, if left out (else SubjectAccessReview, which not everybody may create)
 * @returns a review for each rule, in their order
 * @throws ApiProblem for the first answer that is no review; what is not yet asked is then left
 */
export async function reviewRules(
  api: ApiClient,
  rules: readonly ResolvedRule[],
  of?: Somebody,
): Promise<Review[]> {
  const questions = new Map(rules.map(rule => [questionOf(rule), rule]))
  const waiting = [...questions]
  const verdicts = new Map<string, Verdict>()
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [question, rule] = next
      verdicts.set(question, await reviewRule(api, rule, of))
    }
  }
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, waiting.length) }, work)).catch(error => {
    waiting.length = 0
    throw error
  })
  return rules.map(rule => ({ rule, verdict: verdicts.get(questionOf(rule)) as Verdict }))
}

function questionOf({ kind, attributes }: ResolvedRule): string {
  return JSON.stringify([kind, attributes])
}

async function reviewRule(api: ApiClient, rule: ResolvedRule, of: Somebody | undefined): Promise<Verdict> {
  const [kind, path] = of
    ? (['SubjectAccessReview', ACCESS_REVIEWS] as const)
    : (['SelfSubjectAccessReview', OWN_ACCESS_REVIEWS] as const)
  const spec = {
    ...(rule.kind === 'url'
      ? { nonResourceAttributes: rule.attributes }
      : { resourceAttributes: rule.attributes }),
    ...(of?.username ? { user: of.username } : {}),
    ...(of ? { groups: of.groups } : {}),
  }
  const body = { apiVersion: 'authorization.k8s.io/v1', kind, spec }
  const { status } = await ask(api, 'POST', path, { body })
  if (!isObject(status) || typeof status.allowed !== 'boolean') {
    throw unexpected(path, 'a review without status.allowed')
  }
  const said = { reason: text(status.reason), evaluationError: text(status.evaluationError) }
  if (status.allowed) return { answer: 'yes', allowed: true, denied: false, ...said }
  // An authorizer that denies outright has the last word, whatever happened to the others.
  if (status.denied === true || !said.evaluationError) {
    return { answer: 'no', allowed: false, denied: status.denied === true, ...said }
  }
  return { answer: 'unproven', allowed: false, denied: false, ...said }
}
