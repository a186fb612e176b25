import type { ResolvedRule } from '../../src/kube/resolve.ts'
import type { Identity, Review, Verdict } from '../../src/kube/reviews.ts'
import { parseRules } from '../../src/kube/rules.ts'
import { differingIdentity, failedProbes, mistakenRules, probe } from '../../src/kube/verdict.ts'

const YES: Verdict = {
  answer: 'yes',
  allowed: true,
  denied: false,
  reason: 'RBAC: allowed',
  evaluationError: 'not looked at',
}
const NO: Verdict = { answer: 'no', allowed: false, denied: false, reason: '', evaluationError: '' }
const UNPROVEN: Verdict = {
  answer: 'unproven',
  allowed: false,
  denied: false,
  reason: 'x',
  evaluationError: 'role not found',
}

function reviewOf(verdict: Verdict): Review {
  const [rule] = parseRules('get /healthz').rules
  return {
    rule: {
      kind: 'url',
      rule,
      attributes: { path: '/healthz', verb: 'get' },
      notes: [],
    } as never as ResolvedRule,
    verdict,
  }
}

test.each([
  [YES, 'yes', true, 'RBAC: allowed'],
  [YES, 'no', false, 'RBAC: allowed'],
  [NO, 'no', true, ''],
  [NO, 'yes', false, ''],
  [UNPROVEN, 'no', false, 'role not found'],
  [UNPROVEN, 'yes', false, 'role not found'],
] as const)('%j where %s is expected: passed is %s', (verdict, expected, passed, reason) => {
  expect(probe(reviewOf(verdict), expected)).toMatchObject({
    rule: 'get /healthz',
    asked: 'get /healthz',
    expected,
    answer: verdict.answer,
    passed,
    reason,
  })
})

test('each probe that did not pass is evidence of its own kind, and the others are none', () => {
  const asked: [Verdict, 'yes' | 'no'][] = [
    [YES, 'yes'],
    [YES, 'no'],
    [NO, 'yes'],
    [NO, 'no'],
    [UNPROVEN, 'no'],
  ]
  const reviews = asked.map(([verdict]) => reviewOf(verdict))
  const probes = asked.map(([verdict, expected]) => probe(reviewOf(verdict), expected))
  const right = reviewOf(YES).rule
  expect(failedProbes(probes, reviews)).toEqual([
    {
      kind: 'rule-allowed',
      rule: 'get /healthz',
      reason: 'RBAC: allowed',
      needed: [{ rule: 'get /healthz', right }],
    },
    { kind: 'rule-denied', rule: 'get /healthz', reason: '', denied: false, right },
    { kind: 'rule-unproven', rule: 'get /healthz', message: 'role not found' },
  ])
})

test('what is allowed for another reason is not needed beside what is allowed too much', () => {
  const other = { ...YES, reason: 'RBAC: by another' }
  const reviews = [reviewOf(other), reviewOf(YES)]
  const probes = [probe(reviewOf(other), 'yes'), probe(reviewOf(YES), 'no')]
  expect(failedProbes(probes, reviews)).toEqual([
    { kind: 'rule-allowed', rule: 'get /healthz', reason: 'RBAC: allowed', needed: [] },
  ])
})

test('a rule that the cluster knows nothing of is evidence', () => {
  expect(
    mistakenRules([{ kind: 'mistake', rule: 'get pds', problem: 'no such resource', message: 'm' }]),
  ).toEqual([{ kind: 'rule-mistaken', rule: 'get pds', problem: 'no such resource' }])
})

describe('who we are', () => {
  const found: Identity = { username: 'demo', uid: '', groups: ['b', 'a', 'system:authenticated'], extra: {} }

  test.each([
    ['nothing is expected', undefined, undefined],
    ['the name is', 'demo', undefined],
    ['the groups are, in any order and number', undefined, ['a', 'b', 'a']],
    ['system:authenticated is among them', 'demo', ['a', 'system:authenticated', 'b']],
  ])('is as expected: %s', (_what, username, groups) => {
    expect(differingIdentity(found, { username, groups })).toEqual([])
  })

  test.each([
    ['another name', 'Demo', undefined, [{ kind: 'username-differs', expected: 'Demo', found: 'demo' }]],
    ['a group more', undefined, ['a'], [{ kind: 'groups-differ', expected: ['a'], found: found.groups }]],
    [
      'a group less',
      undefined,
      ['a', 'b', 'c'],
      [{ kind: 'groups-differ', expected: ['a', 'b', 'c'], found: found.groups }],
    ],
    [
      'groups where there should be none',
      undefined,
      [],
      [{ kind: 'groups-differ', expected: [], found: found.groups }],
    ],
    [
      'both',
      'x',
      ['y'],
      [
        expect.objectContaining({ kind: 'username-differs' }),
        expect.objectContaining({ kind: 'groups-differ' }),
      ],
    ],
  ])('differs: %s', (_what, username, groups, evidence) => {
    expect(differingIdentity(found, { username, groups })).toEqual(evidence)
  })

  test('is not known to an old server: that matters only where something is expected', () => {
    expect(differingIdentity(null, { username: undefined, groups: undefined })).toEqual([])
    expect(differingIdentity(null, { username: 'demo', groups: ['a'] })).toEqual([
      { kind: 'identity-unknown', expected: 'demo, a' },
    ])
  })
})
