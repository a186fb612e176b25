import { accessPolicies } from '../../../lab/kube/access-policies.ts'
import type { Attributes } from '../../../lab/kube/objects.ts'

const PRINCIPAL = 'arn:aws:iam::111122223333:role/runner'
const POLICY = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy'
const USER = { username: 'demo', groups: ['dev'], extra: { principalId: ['AROAX'] } }

const asked = (namespace: string, verb = 'list'): Attributes => ({
  ...{ kind: 'resource', verb, apiGroup: '', resource: 'pods', subresource: '', name: '', namespace },
})
const judge = (type: 'cluster' | 'namespace', ...namespaces: string[]) =>
  accessPolicies(uniqueId =>
    uniqueId === 'AROAX'
      ? {
          principalArn: PRINCIPAL,
          policies: [
            { policyArn: POLICY, accessScope: { type, namespaces }, associatedAt: 0, modifiedAt: 0 },
          ],
        }
      : undefined,
  )

test('a policy allows what it has in its scope, and says so as EKS does', () => {
  expect(judge('cluster')(USER, asked('web'))).toEqual({
    allowed: true,
    reason: `EKS Access Policy: allowed by ClusterRoleBinding "${PRINCIPAL}+${POLICY}" of ClusterRole "${POLICY}" to User "AROAX"`,
  })
  expect(judge('namespace', 'web')(USER, asked('web'))?.reason).toContain('RoleBinding')
})

test.each([
  ['another namespace', judge('namespace', 'web')(USER, asked('ops'))],
  ['all namespaces', judge('namespace', 'web')(USER, asked(''))],
  ['what the policy has not', judge('cluster')(USER, asked('web', 'delete'))],
  ['another principal', judge('cluster')({ ...USER, extra: { principalId: ['AROAY'] } }, asked('web'))],
  ['one who has none', judge('cluster')({ username: 'demo', groups: [] }, asked('web'))],
])('it has no opinion on %s', (_what, verdict) => {
  expect(verdict).toBeUndefined()
})
