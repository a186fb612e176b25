import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { principalOf } from '../../../src/aws/arn.ts'
import type { Paste, Step } from '../../../src/diagnosis/failure.ts'
import {
  describePolicyName,
  exemption,
  grant,
  showManagedPolicy,
  showPolicies,
} from '../../../src/diagnosis/service/iam.ts'
import { commandLine, shellWord } from '../../../src/diagnosis/shell.ts'

const ROLE = principalOf('arn:aws:iam::111122223333:role/runner')
const USER = principalOf('arn:aws:iam::111122223333:user/team/ada')
const ALLOW = { Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: 'arn:x' } as const

const pasted = (steps: Step[], language: Paste['language']) =>
  steps.flatMap(step => (typeof step === 'object' && step.language === language ? [step.text] : []))

/** What a shell calls `aws` with. */
function called(lines: string): string[] {
  const script = `aws() { printf '%s\\0' "$@"; }\n${lines}`
  return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.split('\0').slice(0, -1)
}

test.each([
  [ROLE, 'role', 'runner'],
  [USER, 'user', 'ada'],
])('a permission is a policy, and the command that puts that policy', (principal, kind, name) => {
  const steps = grant(principal, 'p', ALLOW)
  const [policy = ''] = pasted(steps, 'json')
  expect(JSON.parse(policy)).toEqual({ Version: '2012-10-17', Statement: [ALLOW] })
  const [command = ''] = pasted(steps, 'sh')
  const [document = '', ...words] = called(command).reverse()
  expect(words.reverse()).toEqual([
    ...['iam', `put-${kind}-policy`, `--${kind}-name`, name, '--policy-name', 'p', '--policy-document'],
  ])
  expect(JSON.parse(document)).toEqual(JSON.parse(policy))
})

test('a permission of somebody unknown is the policy alone', () => {
  const steps = grant(null, 'p', ALLOW)
  expect(pasted(steps, 'json')).toHaveLength(1)
  expect(pasted(steps, 'sh')).toEqual([])
})

test('a policy of its own for each cluster, whose name IAM takes', () => {
  expect(describePolicyName('eu-west-1', 'demo')).toBe('eks-login-eu-west-1-demo')
  expect(describePolicyName('ap-southeast-1', 'c'.repeat(100)).length).toBeLessThanOrEqual(128)
})

test('policies are shown by commands of the kind that they are of', () => {
  expect(called(showPolicies(USER as never).text)).toEqual([
    ...['iam', 'list-user-policies', '--user-name', 'ada'],
    ...['iam', 'list-attached-user-policies', '--user-name', 'ada'],
  ])
  const arn = 'arn:aws:iam::111122223333:policy/no-eks'
  expect(called(showManagedPolicy(arn).text).slice(0, 5)).toEqual([
    ...['iam', 'get-policy-version', '--policy-arn', arn, '--version-id'],
  ])
})

test.each([
  [
    'a role whose path is not known',
    ROLE,
    ['arn:aws:iam::111122223333:role/runner', 'arn:aws:iam::111122223333:role/*/runner'],
  ],
  ['a user', USER, ['arn:aws:iam::111122223333:user/team/ada']],
])('an exemption of %s names it', (_what, principal, arns) => {
  const { Condition } = JSON.parse(exemption(principal as never).text)
  expect(Condition).toEqual({ ArnNotLike: { 'aws:PrincipalArn': arns } })
})

test('any word comes through a shell as it is', () => {
  const word = fc.string().filter(text => !text.includes('\0'))
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), words => {
      expect(called(commandLine('aws', ...words))).toEqual(words)
    }),
    { numRuns: 40 },
  )
  expect(shellWord('')).toBe("''")
})
