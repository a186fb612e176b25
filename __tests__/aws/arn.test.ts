import { isRegion, isRoleArn, parseClusterReference, principalOf, withoutPath } from '../../src/aws/arn.ts'

test.each([
  ['arn:aws:eks:eu-central-1:111122223333:cluster/prod', 'prod', 'eu-central-1'],
  ['arn:aws-cn:eks:cn-north-1:111122223333:cluster/a_b-C', 'a_b-C', 'cn-north-1'],
  ['arn:aws-us-gov:eks:us-gov-west-1:111122223333:cluster/1', '1', 'us-gov-west-1'],
  ['arn:aws-iso-b:eks:us-isob-east-1:111122223333:cluster/x', 'x', 'us-isob-east-1'],
])('%s is a cluster with its region', (arn, name, region) => {
  expect(parseClusterReference(arn)).toEqual({ arn, name, region })
})

test.each(['a', 'demo', '1-demo_X', 'x'.repeat(100)])('%s is a cluster by its name', name => {
  expect(parseClusterReference(name)).toEqual({ name })
})

test.each(
  [
    ['', '-a', '_a', 'a.b', 'a b', 'a/b', 'ä', 'x'.repeat(101), 'demo\n'],
    ['arn:aws:eks:eu-central-1:111122223333:cluster/', 'arn:aws:eks:eu-central-1:111122223333:cluster/a/b'],
    ['arn:aws:eks:eu-central-1:11112222333:cluster/a', 'arn:aws:eks:EU:111122223333:cluster/a'],
    ['arn:gcp:eks:eu-central-1:111122223333:cluster/a', 'arn:aws:eks:eu-central-1:111122223333:cluster/a '],
  ].flat(),
)('%j is no cluster', text => {
  expect(parseClusterReference(text)).toBeNull()
})

test.each(['us-east-1', 'ap-southeast-7', 'us-gov-east-1', 'mx-central-1', 'us-iso-west-1'])(
  '%s is a region',
  text => {
    expect(isRegion(text)).toBe(true)
  },
)

test.each(['', 'us', 'us-east', 'us-east-1a', 'US-EAST-1', 'us-east-1 ', 'useast1'])(
  '%j is no region',
  text => {
    expect(isRegion(text)).toBe(false)
  },
)

test.each([
  ['arn:aws:iam::111122223333:role/a', true],
  ['arn:aws-cn:iam::111122223333:role/path/to/a+=,.@-_', true],
  ['arn:aws:iam::111122223333:role/', false],
  ['arn:aws:iam::111122223333:role/a b', false],
  ['arn:aws:iam::111122223333:user/a', false],
  ['arn:aws:iam:eu-west-1:111122223333:role/a', false],
  ['arn:aws:sts::111122223333:assumed-role/a/b', false],
  [`arn:aws:iam::111122223333:role/${'x'.repeat(65)}`, false],
])('whether %s is a role: %s', (text, expected) => {
  expect(isRoleArn(text)).toBe(expected)
})

const IAM = 'arn:aws:iam::111122223333'
const STS = 'arn:aws:sts::111122223333'

test.each([
  [`${IAM}:role/runner`, 'role', '/', 'runner', `${IAM}:role/runner`],
  [`${IAM}:role/ci/x/runner`, 'role', '/ci/x/', 'runner', `${IAM}:role/ci/x/runner`],
  [`${STS}:assumed-role/runner/i-1`, 'role', '/', 'runner', `${IAM}:role/runner`],
  [`${STS}:assumed-role/runner/a/b`, 'role', '/', 'runner', `${IAM}:role/runner`],
  [`${IAM}:user/ci/ada@x.y`, 'user', '/ci/', 'ada@x.y', `${IAM}:user/ci/ada@x.y`],
])('%s is the %s %s%s', (text, kind, path, name, arn) => {
  expect(principalOf(text)).toEqual({ kind, path, name, arn, partition: 'aws', account: '111122223333' })
})

test.each([
  [`${IAM}:role/ci/x/runner`, `${IAM}:role/runner`],
  [`${IAM}:user/ci/ada`, `${IAM}:user/ci/ada`],
])('%s is mapped as %s', (text, mapped) => {
  const principal = principalOf(text)
  expect(principal && withoutPath(principal)).toBe(mapped)
})

test('one of another partition is of that partition', () => {
  expect(principalOf('arn:aws-cn:sts::111122223333:assumed-role/runner/i-1')).toMatchObject({
    partition: 'aws-cn',
    arn: 'arn:aws-cn:iam::111122223333:role/runner',
  })
})

test.each([
  'arn:aws:iam::111122223333:root',
  'arn:aws:sts::111122223333:federated-user/ada',
  'arn:aws:iam::111122223333:role/',
  "arn:aws:iam::111122223333:role/x'; rm -rf /",
  'arn:aws:sts::111122223333:assumed-role/$(id)/i-1',
  'arn:aws:iam::1:role/runner',
  '',
])('%j is neither a role nor a user', text => {
  expect(principalOf(text)).toBeNull()
})
