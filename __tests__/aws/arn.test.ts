import { isRegion, isRoleArn, parseClusterReference, roleOfSession } from '../../src/aws/arn.ts'

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

test.each([
  ['arn:aws:sts::111122223333:assumed-role/runner/i-1', 'arn:aws:iam::111122223333:role/runner'],
  ['arn:aws-cn:sts::111122223333:assumed-role/r/a/b', 'arn:aws-cn:iam::111122223333:role/r'],
  ['arn:aws:iam::111122223333:user/ada', null],
  ['arn:aws:sts::111122223333:federated-user/ada', null],
  ['arn:aws:iam::111122223333:root', null],
  ['', null],
])('the role behind %s is %s', (arn, role) => {
  expect(roleOfSession(arn)).toBe(role)
})
