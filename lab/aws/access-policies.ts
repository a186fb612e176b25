/** Where an access policy counts (https://docs.aws.amazon.com/eks/latest/APIReference/API_AccessScope.html). */
export type AccessScope = { readonly type?: string; readonly namespaces?: readonly string[] }

/** An access policy of an access entry (…/API_AssociatedAccessPolicy.html). */
export type AssociatedAccessPolicy = {
  readonly policyArn: string
  readonly accessScope: { readonly type: 'cluster' | 'namespace'; readonly namespaces: readonly string[] }
  /** Seconds since 1970, as is the next. */
  readonly associatedAt: number
  readonly modifiedAt: number
}

/** What a policy allows, as a rule of RBAC. */
export type AccessRule = {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly verbs: readonly string[]
}

/**
 * The access policies that the lab knows, by name: those whose rules are few
 * (https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html).
 */
const RULES: Readonly<Record<string, readonly AccessRule[]>> = {
  AmazonEKSClusterAdminPolicy: [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ],
  AmazonEKSAdminViewPolicy: [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
}

/** What a policy allows; undefined for one that the lab does not know. */
export function accessRulesOf(policyArn: string): readonly AccessRule[] | undefined {
  const [, name = ''] = /^arn:aws[\w-]*:eks::aws:cluster-access-policy\/(\w+)$/.exec(policyArn) ?? []
  return Object.hasOwn(RULES, name) ? RULES[name] : undefined
}
