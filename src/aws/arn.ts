/** A cluster as a person names it: by its name alone, or by its ARN. */
export type ClusterReference = { name: string } | { name: string; arn: string; region: string }

// Names and ARNs as the EKS API reference gives them for CreateCluster and DescribeCluster
// (https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html).
const NAME = '[0-9A-Za-z][A-Za-z0-9_-]{0,99}'
const REGION = '[a-z]{2,}(?:-[a-z]+)+-\\d+'
const CLUSTER_ARN = new RegExp(`^arn:(aws[a-z-]*):eks:(${REGION}):(\\d{12}):cluster/(${NAME})$`)
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/(?:[!-~]+\/)?[\w+=,.@-]{1,64}$/

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

export function isRoleArn(text: string): boolean {
  return ROLE_ARN.test(text)
}

/**
 * The IAM role behind an assumed-role session's ARN. STS drops the role's path, so the result has none.
 * Null for a user, a federated user or the root.
 */
export function roleOfSession(arn: string): string | null {
  const [, partition, account, role] =
    /^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role\/([^/]+)\//.exec(arn) ?? []
  return role ? `arn:${partition}:iam::${account}:role/${role}` : null
}
