import fc from 'fast-check'
import { readDenial } from '../../src/aws/denial.ts'

const WHO = 'User: arn:aws:sts::111122223333:assumed-role/runner/i-1 is not authorized to perform:'
const CLUSTER = 'arn:aws:eks:eu-west-1:111122223333:cluster/demo'
const told = (rest: string) => readDenial(`${WHO} eks:DescribeCluster${rest}`)

test.each([
  [
    'because no identity-based policy allows the eks:DescribeCluster action',
    'implicit',
    'identity-based policy',
  ],
  ['with an explicit deny in an identity-based policy', 'explicit', 'identity-based policy'],
  [
    'because no permissions boundary allows the eks:DescribeCluster action',
    'implicit',
    'permissions boundary',
  ],
  ['with an explicit deny in a permissions boundary', 'explicit', 'permissions boundary'],
  ['because no session policy allows the eks:DescribeCluster action', 'implicit', 'session policy'],
  ['with an explicit deny in a session policy', 'explicit', 'session policy'],
  ['with an explicit deny in a sessions policy', 'explicit', 'session policy'],
  [
    'because no service control policy allows the eks:DescribeCluster action',
    'implicit',
    'service control policy',
  ],
  ['with an explicit deny in a service control policy', 'explicit', 'service control policy'],
  ['with an explicit deny in a resource control policy', 'explicit', 'resource control policy'],
  ['because no VPC endpoint policy allows the eks:DescribeCluster action', 'implicit', 'VPC endpoint policy'],
  ['with an explicit deny in a VPC endpoint policy', 'explicit', 'VPC endpoint policy'],
  ['because no resource-based policy allows the x action', 'implicit', 'resource-based policy'],
  ['with an explicit deny in a resource-based policy', 'explicit', 'resource-based policy'],
  ['because no role trust policy allows the sts:AssumeRole action', 'implicit', 'role trust policy'],
  ['with an explicit deny in the role trust policy', 'explicit', 'role trust policy'],
  [
    'with an explicit deny in a VPC endpoint policy transitively through a service control policy',
    'explicit',
    'service control policy',
  ],
])('"%s" is an %s denial by: %s', (reason, kind, policy) => {
  const expected = { reason: kind, policy, principal: { name: 'runner' } }
  expect(told(` on resource: ${CLUSTER} ${reason}`)).toMatchObject({ ...expected, resource: CLUSTER })
  // The documentation leaves the resource out of some, and breaks the line.
  expect(told(`\n${reason}`)).toMatchObject(expected)
})

test.each([
  ['arn:aws:organizations::999988887777:policy/o-abc/service_control_policy/p-abc', ''],
  ['arn:aws:organizations::999988887777:policy/o-abc/service_control_policy/p-abc', '. Encoded message: x'],
  ['arn:aws:iam::111122223333:policy/team/no-eks_1.2', '.'],
])('the policy that denies is named: %s', (arn, end) => {
  expect(
    told(` on resource: ${CLUSTER} with an explicit deny in a service control policy: ${arn}${end}`),
  ).toMatchObject({ policyArn: arn })
})

test.each([
  ['nothing but no', ` on resource: ${CLUSTER}`, {}],
  ['a deny of no kind', ` on resource: ${CLUSTER} with an explicit deny`, { reason: 'explicit' }],
  ['a kind that nobody knows', ' because no lunar policy allows it', {}],
])('%s leaves the rest open', (_what, rest, reason) => {
  const { principal, resource, ...denial } = told(rest)
  expect(principal?.name).toBe('runner')
  expect(denial).toEqual(reason)
})

test('a message of another form says nothing', () => {
  expect(readDenial('Access denied')).toEqual({})
  expect(readDenial('User: nobody is not authorized to perform: a:b')).toEqual({})
})

test('no text is too odd to be read', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => void readDenial(text)))
})
