/** The authorizer that EKS has beside RBAC: what the access policies of access entries allow. */
import { type AssociatedAccessPolicy, accessRulesOf } from '../aws/access-policies.ts'
import type { RbacBinding, RbacRole } from './objects.ts'
import { authorize, type Policy } from './rbac.ts'

const RBAC = 'rbac.authorization.k8s.io'

/** An access entry's principal, and the access policies that it has. */
export type PolicyHolder = {
  readonly principalArn: string
  readonly policies: readonly AssociatedAccessPolicy[]
}

/**
 * Makes the authorizer. It judges as RBAC does, by bindings that are named after an entry and a policy, and whose subject
 * is the principal's unique id: so the audit log of a cluster shows its reasons.
 *
 * @param holderOf finds the entry of a principal by its unique id
 */
export function accessPolicies(
  holderOf: (uniqueId: string) => PolicyHolder | undefined,
): NonNullable<Policy['beside']> {
  return ({ extra = {} }, attributes) => {
    const [uniqueId] = extra.principalId ?? []
    const holder = uniqueId === undefined ? undefined : holderOf(uniqueId)
    if (uniqueId === undefined || holder === undefined) return undefined
    const user = { username: uniqueId, groups: [] }
    const { allowed, reason } = authorize(user, attributes, policyOf(holder, uniqueId))
    return allowed ? { allowed, reason: reason.replace(/^RBAC/, 'EKS Access Policy') } : undefined
  }
}

function policyOf({ principalArn, policies }: PolicyHolder, uniqueId: string): Policy {
  const bindings = (namespace: string) =>
    policies
      .filter(({ accessScope: { type, namespaces } }) =>
        namespace === '' ? type === 'cluster' : namespaces.includes(namespace),
      )
      .map(({ policyArn }) => bindingOf(`${principalArn}+${policyArn}`, policyArn, uniqueId, namespace))
  return {
    clusterRole: roleOf,
    role: () => undefined,
    clusterRoleBindings: () => bindings(''),
    roleBindings: bindings,
  }
}

function roleOf(name: string): RbacRole | undefined {
  const rules = accessRulesOf(name)
  return rules && { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name }, rules }
}

function bindingOf(name: string, role: string, uniqueId: string, namespace: string): RbacBinding {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: namespace ? 'RoleBinding' : 'ClusterRoleBinding',
    metadata: { name, ...(namespace ? { namespace } : {}) },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'User', name: uniqueId }],
  }
}
