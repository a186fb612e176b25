import { grantOf } from '../../src/kube/reason.ts'

test('the reason of RBAC names binding, role and subject', () => {
  expect(grantOf('RBAC: allowed by ClusterRoleBinding "demo" of ClusterRole "view" to Group "dev"')).toEqual({
    by: 'rbac',
    binding: { kind: 'ClusterRoleBinding', name: 'demo', namespace: '' },
    role: { kind: 'ClusterRole', name: 'view' },
    subject: { kind: 'Group', name: 'dev' },
  })
})

test('a binding of a namespace is read with it', () => {
  const reason = 'RBAC: allowed by RoleBinding "ops:a/web" of Role "say \\"so\\"" to User "d\\u00e9mo"'
  expect(grantOf(reason)).toEqual({
    by: 'rbac',
    binding: { kind: 'RoleBinding', name: 'ops:a', namespace: 'web' },
    role: { kind: 'Role', name: 'say "so"' },
    subject: { kind: 'User', name: 'démo' },
  })
})

test('an access policy of EKS is told from RBAC', () => {
  const policy = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy'
  const binding = `arn:aws:iam::111122223333:role/runner+${policy}`
  const reason = `EKS Access Policy: allowed by ClusterRoleBinding "${binding}" of ClusterRole "${policy}" to User "AROAX:s"`
  expect(grantOf(reason)).toMatchObject({
    by: 'access-policy',
    binding: { name: binding },
    role: { name: policy },
  })
})

test.each([
  '',
  'allowed by a webhook',
  'RBAC: allowed by ClusterRoleBinding demo of ClusterRole "x" to User "y"',
  'RBAC: allowed by ClusterRoleBinding "\\x80" of ClusterRole "x" to User "y"',
])('%j names none', reason => {
  expect(grantOf(reason)).toBeNull()
})
