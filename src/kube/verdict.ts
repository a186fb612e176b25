import type { Right } from './policy.ts'
import { formatResolved } from './resolve.ts'
import type { Identity, Review } from './reviews.ts'
import type { RuleMistake } from './rules.ts'

/** What the cluster says of us that is not what was asked for. */
export type VerdictEvidence =
  /** @property denied outright, by an authorizer that has the last word */
  | { kind: 'rule-denied'; rule: string; reason: string; denied: boolean; right: Right }
  /** @property needed what `can` asks for, and is allowed for the same reason */
  | { kind: 'rule-allowed'; rule: string; reason: string; needed: Needed[] }
  | { kind: 'rule-unproven'; rule: string; message: string }
  | { kind: 'rule-mistaken'; rule: string; problem: string }
  | { kind: 'username-differs'; expected: string; found: string }
  | { kind: 'groups-differ'; expected: string[]; found: string[] }
  | { kind: 'identity-unknown'; expected: string }

/** A right that is to stay. */
export interface Needed {
  rule: string
  right: Right
}

/** One rule, what it shall be and what it is. */
export interface Probe {
  /** As the workflow wrote it. */
  rule: string
  /** In full, as arguments of `kubectl auth can-i`. */
  asked: string
  expected: 'yes' | 'no'
  answer: 'yes' | 'no' | 'unproven'
  passed: boolean
  reason: string
  notes: string[]
}

/** Holds an answer against what was expected of it. An unproven "no" is neither. */
export function probe({ rule, verdict }: Review, expected: Probe['expected']): Probe {
  return {
    rule: rule.rule.text,
    asked: formatResolved(rule),
    expected,
    answer: verdict.answer,
    passed: verdict.answer === expected,
    reason: verdict.answer === 'unproven' ? verdict.evaluationError : verdict.reason,
    notes: rule.notes.map(({ text }) => text),
  }
}

/**
 * Evidence of every probe that did not pass.
 *
 * @param reviews what the probes were made of, in their order
 */
export function failedProbes(probes: readonly Probe[], reviews: readonly Review[]): VerdictEvidence[] {
  return probes.flatMap(({ asked: rule, passed, reason }, index): VerdictEvidence[] => {
    const review = reviews[index]
    if (passed || !review) return []
    const { rule: right, verdict } = review
    if (verdict.answer === 'unproven') return [{ kind: 'rule-unproven', rule, message: reason }]
    if (verdict.answer === 'no') return [{ kind: 'rule-denied', rule, reason, denied: verdict.denied, right }]
    return [{ kind: 'rule-allowed', rule, reason, needed: neededBeside(reason, probes, reviews) }]
  })
}

function neededBeside(reason: string, probes: readonly Probe[], reviews: readonly Review[]): Needed[] {
  return probes.flatMap((probe, index) => {
    const right = reviews[index]?.rule
    const isNeeded = probe.expected === 'yes' && probe.passed && probe.reason === reason
    return isNeeded && right ? [{ rule: probe.asked, right }] : []
  })
}

/** Evidence of every rule that the cluster's discovery cannot make sense of. */
export function mistakenRules(
  mistakes: RuleMistake[],
): Extract<VerdictEvidence, { kind: 'rule-mistaken' }>[] {
  return mistakes.map(({ rule, problem }) => ({ kind: 'rule-mistaken', rule, problem }))
}

/** Every authenticated user is in it, so it says nothing of a mapping. */
const EVERYONE = 'system:authenticated'

/**
 * Holds who the cluster says we are against who we should be. Groups are compared as sets, without
 * system:authenticated, which the API server adds to every user.
 *
 * @param found null where the server has no SelfSubjectReview
 */
export function differingIdentity(
  found: Identity | null,
  expected: { username: string | undefined; groups: string[] | undefined },
): VerdictEvidence[] {
  const { username, groups } = expected
  if (!found) {
    const asked = [username, ...(groups ?? [])].filter(Boolean).join(', ')
    return asked ? [{ kind: 'identity-unknown', expected: asked }] : []
  }
  const evidence: VerdictEvidence[] = []
  if (username !== undefined && username !== found.username) {
    evidence.push({ kind: 'username-differs', expected: username, found: found.username })
  }
  if (groups !== undefined && groupSet(groups) !== groupSet(found.groups)) {
    evidence.push({ kind: 'groups-differ', expected: groups, found: found.groups })
  }
  return evidence
}

function groupSet(groups: string[]): string {
  return JSON.stringify([...new Set(groups)].filter(group => group !== EVERYONE).sort())
}
