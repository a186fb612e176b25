import type { Subject } from './policy.ts'

/** Why the API server allowed something: the binding by which its authorizer came to it. */
export interface Grant {
  /** RBAC of the cluster itself, or an access policy of an EKS access entry, which has the form of RBAC. */
  by: 'rbac' | 'access-policy'
  binding: { kind: 'ClusterRoleBinding' | 'RoleBinding'; name: string; namespace: string }
  role: { kind: 'ClusterRole' | 'Role'; name: string }
  subject: Omit<Subject, 'kind'> & { kind: Subject['kind'] | 'ServiceAccount' }
}

const QUOTED = '"(?:[^"\\\\]|\\\\.)*"'
const GRANT = new RegExp(
  `^(RBAC|EKS Access Policy): allowed by ((?:Cluster)?RoleBinding) (${QUOTED}) of ((?:Cluster)?Role) (${QUOTED}) to (User|Group|ServiceAccount) (${QUOTED})$`,
)

/**
 * Reads the reason of an access review that allowed something. RBAC words it so (kubernetes,
 * plugin/pkg/auth/authorizer/rbac/rbac.go and pkg/registry/rbac/validation/rule.go: the binding of a namespace is
 * `NAME/NAMESPACE`), and the authorizer of EKS likewise, with `EKS Access Policy` in front.
 *
 * @returns null for any other reason, such as none: whoever is in system:masters is asked nothing
 */
export function grantOf(reason: string): Grant | null {
  const [, authorizer, bindingKind, binding, roleKind, role, subjectKind, subject] = GRANT.exec(reason) ?? []
  try {
    const [bindingName, roleName, subjectName] = [binding, role, subject].map(unquoted)
    if (bindingName === undefined || roleName === undefined || subjectName === undefined) return null
    const local = bindingKind === 'RoleBinding'
    const slash = local ? bindingName.lastIndexOf('/') : -1
    return {
      by: authorizer === 'RBAC' ? 'rbac' : 'access-policy',
      binding: {
        kind: local ? 'RoleBinding' : 'ClusterRoleBinding',
        name: slash < 0 ? bindingName : bindingName.slice(0, slash),
        namespace: slash < 0 ? '' : bindingName.slice(slash + 1),
      },
      role: { kind: roleKind as Grant['role']['kind'], name: roleName },
      subject: { kind: subjectKind as Grant['subject']['kind'], name: subjectName },
    }
  } catch {
    // A string of Go that is none of JSON, as with a byte that is no UTF-8.
    return null
  }
}

/** Go quotes (`%q`) as JSON does, but for what hardly anybody has in a name. */
function unquoted(text: string | undefined): string | undefined {
  return text === undefined ? undefined : JSON.parse(text)
}
