import { type Guardrail, Guardrails } from '../../../lab/aws/guardrails.ts'
import type { PolicyDocument, PolicyStatement } from '../../../lab/aws/policy.ts'

const ROLE = 'arn:aws:iam::111122223333:role/runner'
const ALLOW: PolicyStatement = { Effect: 'Allow', Action: 'eks:*', Resource: '*' }
const DENY: PolicyStatement = { Effect: 'Deny', Action: 'eks:*', Resource: '*' }
const OTHERS: PolicyStatement = { Effect: 'Allow', Action: 's3:*', Resource: '*' }
const ASK = { action: 'eks:DescribeCluster', resource: 'x', context: { 'aws:principalarn': ROLE } }
const policyOf = (...Statement: PolicyStatement[]): PolicyDocument => ({ Statement })

const COMMON = ['service control policy', 'resource control policy', 'VPC endpoint policy'] as const
const KINDS: Guardrail[] = ['permissions boundary', 'session policy', ...COMMON]

/** What is decided for a role that may all of EKS, under one guardrail. */
function judge(kind: Guardrail, policy: PolicyDocument, own = [policyOf(ALLOW)]) {
  const guardrails = new Guardrails()
  if (kind === 'permissions boundary') guardrails.setBoundary(ROLE, policy)
  else if (kind !== 'session policy') guardrails.setCommon(kind, policy)
  return guardrails.judge(ASK, ROLE, own, kind === 'session policy' ? policy : undefined)
}

test('without guardrails a role may what its own policies say', () => {
  const guardrails = new Guardrails()
  expect(guardrails.judge(ASK, ROLE, [policyOf(ALLOW)], undefined)).toEqual({ decision: 'allow' })
  expect(guardrails.judge(ASK, ROLE, [], undefined)).toEqual({
    decision: 'implicit-deny',
    policy: 'identity-based policy',
  })
})

describe.each(KINDS)('a %s', kind => {
  test('lets pass what it allows', () => {
    expect(judge(kind, policyOf(ALLOW))).toEqual({ decision: 'allow' })
  })

  test('denies what it does not allow, and what it denies', () => {
    expect(judge(kind, policyOf(OTHERS))).toMatchObject({ decision: 'implicit-deny', policy: kind })
    expect(judge(kind, policyOf(ALLOW, DENY))).toMatchObject({ decision: 'explicit-deny', policy: kind })
  })

  test('gives nothing', () => {
    const verdict = judge(kind, policyOf(ALLOW), [])
    expect(verdict).toMatchObject({ decision: 'implicit-deny', policy: 'identity-based policy' })
  })
})

test('a boundary is one role\u2019s, and goes away; what is common is everybody\u2019s, and goes away', () => {
  const guardrails = new Guardrails()
  const may = (arn: string) => guardrails.judge(ASK, arn, [policyOf(ALLOW)], undefined).decision
  guardrails.setBoundary(ROLE, policyOf(OTHERS))
  expect([may(ROLE), may(`${ROLE}2`)]).toEqual(['implicit-deny', 'allow'])
  guardrails.setBoundary(ROLE, null)
  guardrails.setCommon('VPC endpoint policy', policyOf(OTHERS))
  expect([may(ROLE), may(`${ROLE}2`)]).toEqual(['implicit-deny', 'implicit-deny'])
  guardrails.setCommon('VPC endpoint policy', null)
  expect(may(ROLE)).toBe('allow')
})

test('an explicit deny is told before what is only not allowed', () => {
  const guardrails = new Guardrails()
  guardrails.setCommon('service control policy', policyOf(OTHERS))
  guardrails.setBoundary(ROLE, policyOf(DENY))
  expect(guardrails.judge(ASK, ROLE, [policyOf(ALLOW)], undefined)).toMatchObject({
    policy: 'permissions boundary',
  })
})

test('principals other than all are refused', () => {
  const guardrails = new Guardrails()
  const of = (Principal: unknown) => policyOf({ ...ALLOW, Principal } as PolicyStatement)
  expect(() => guardrails.setCommon('VPC endpoint policy', of('*'))).not.toThrow()
  expect(() => guardrails.setCommon('VPC endpoint policy', of({ AWS: ROLE }))).toThrow(TypeError)
})
