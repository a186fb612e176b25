import type { KubeObject, RbacBinding, RbacRole } from '../../../lab/kube/objects.ts'
import type { Policy } from '../../../lab/kube/rbac.ts'

/** The policy of a cluster that holds these objects and nothing else. */
export function policyOf(...objects: readonly KubeObject[]): Policy {
  const of = (kind: string, namespace?: string) =>
    objects.filter(object => object.kind === kind && object.metadata.namespace === namespace)
  const named = (name: string, roles: readonly KubeObject[]) =>
    roles.find(({ metadata }) => metadata.name === name) as RbacRole | undefined
  return {
    clusterRole: name => named(name, of('ClusterRole')),
    role: (namespace, name) => named(name, of('Role', namespace)),
    clusterRoleBindings: () => of('ClusterRoleBinding') as RbacBinding[],
    roleBindings: namespace => of('RoleBinding', namespace) as RbacBinding[],
  }
}
