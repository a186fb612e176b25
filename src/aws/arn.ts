/** A cluster as a person names it: by its name alone, or by its ARN. */
export type ClusterReference = { name: string } | { name: string; arn: string; region: string }

// Names and ARNs as the EKS API reference gives them for CreateCluster and DescribeCluster
// (https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html).
const NAME = '[0-9A-Za-z][A-Za-z0-9_-]{0,99}'
const REGION = '[a-z]{2,}(?:-[a-z]+)+-\\d+'
const CLUSTER_ARN = new RegExp(`^arn:(aws[a-z-]*):eks:(${REGION}):(\\d{12}):cluster/(${NAME})$`)
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
const PRINCIPAL = '[\\w+=,.@-]{1,64}'
const IDENTITY = new RegExp(`^arn:(aws[a-z-]*):iam::(\\d{12}):(role|user)(/(?:[!-~]+/)?)(${PRINCIPAL})$`)
const SESSION = new RegExp(`^arn:(aws[a-z-]*):sts::(\\d{12}):assumed-role/(${PRINCIPAL})(?:/|$)`)

/** Reads a cluster's name or ARN; null when the text is neither. */
export function parseClusterReference(text: string): ClusterReference | null {
  const [, , region, , name] = CLUSTER_ARN.exec(text) ?? []
  if (region && name) return { name, arn: text, region }
  return new RegExp(`^${NAME}$`).test(text) ? { name: text } : null
}

/** Whether the text has the form of a region's name, like `eu-central-1` or `us-gov-west-1`. */
export function isRegion(text: string): boolean {
  return new RegExp(`^${REGION}$`).test(text)
}

/** A role or user of IAM, by the parts of its ARN. */
export interface Principal {
  partition: string
  account: string
  kind: 'role' | 'user'
  /** Begins and ends with a slash; `/` for none, and of a role behind a session, which does not tell it. */
  path: string
  name: string
  /** Of a role behind a session without its path. */
  arn: string
}

/**
 * Reads the ARN of a role, a role's session or a user. Null for anybody else, such as a federated user or the root
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
 */
export function principalOf(text: string): Principal | null {
  const [, partition, account, kind, path, name] = IDENTITY.exec(text) ?? []
  if (partition && account && path && name)
    return { partition, account, kind: kind as Principal['kind'], path, name, arn: text }
  const [, realm, owner, role] = SESSION.exec(text) ?? []
  if (!realm || !owner || !role) return null
  const arn = `arn:${realm}:iam::${owner}:role/${role}`
  return { partition: realm, account: owner, kind: 'role', path: '/', name: role, arn }
}

/** Whether the text is the ARN of a role itself, which a session's is not. */
export function isRoleArn(text: string): boolean {
  const principal = principalOf(text)
  return principal?.kind === 'role' && principal.arn === text
}

/** Whether two name the same: the authenticator heeds no case (aws-iam-authenticator, pkg/mapper/configmap). */
export function isSameArn(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

/**
 * As aws-auth has to name a principal: a role without its path, which a session does not have either
 * (https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html).
 */
export function withoutPath({ partition, account, kind, name, arn }: Principal): string {
  return kind === 'role' ? `arn:${partition}:iam::${account}:role/${name}` : arn
}
