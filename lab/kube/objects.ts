/** The objects of the Kubernetes API that the embedded cluster reads itself, as far as it reads them. */

/** What every object has (ObjectMeta, meta/v1). */
export type Metadata = {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly creationTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly managedFields?: readonly ManagedFields[]
}

/** Which fields of an object somebody manages (ManagedFieldsEntry, meta/v1). */
export type ManagedFields = {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly time?: string
  readonly fieldsType: 'FieldsV1'
  /** A tree of names, each behind `f:`; `.` stands for the map or list itself. */
  readonly fieldsV1: object
}

/** Any object. */
export type KubeObject = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Metadata
}

export type ConfigMap = KubeObject & { readonly data?: Readonly<Record<string, string>> }

/** What a role allows (PolicyRule, rbac.authorization.k8s.io/v1). */
export type PolicyRule = {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

/** ClusterRole or Role. */
export type RbacRole = KubeObject & {
  readonly rules?: readonly PolicyRule[] | null
  /** Of a ClusterRole whose rules are those of others. */
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly object[] | null } | null
}

export type Subject = {
  readonly kind: 'User' | 'Group' | 'ServiceAccount'
  readonly name: string
  /** Of a ServiceAccount. */
  readonly namespace?: string
}

/** ClusterRoleBinding or RoleBinding. */
export type RbacBinding = KubeObject & {
  readonly roleRef: {
    readonly apiGroup: string
    readonly kind: 'ClusterRole' | 'Role'
    readonly name: string
  }
  readonly subjects?: readonly Subject[] | null
}

/** Who asks, as an authenticator says it (UserInfo, authentication.k8s.io/v1). */
export type UserInfo = {
  readonly username: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** What is asked for: a resource, or a path that is none. */
export type Attributes =
  | {
      readonly kind: 'resource'
      readonly verb: string
      readonly apiGroup: string
      readonly resource: string
      /** Empty: none. */
      readonly subresource: string
      /** Empty: a list, or any name. */
      readonly name: string
      /** Empty: the cluster scope, or all namespaces. */
      readonly namespace: string
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string }
