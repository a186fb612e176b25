/** What is, or would be, done to one thing. */
export interface Change {
  action: 'create' | 'update' | 'delete'
  /** `ClusterRole NAME`, `ConfigMap kube-system/aws-auth`, `access entry of ARN` */
  what: string
  /** YAML, as it was and as it is wanted; of aws-auth, its mapRoles to the byte. Empty where there is nothing. */
  before: string
  after: string
}

/** A change, and how it is made. */
export interface Work extends Change {
  /** Asks whether it would be done, where that can be asked beforehand. @throws GrantProblem, ApiProblem */
  rehearse?(): Promise<void>
  /** @throws GrantProblem, AwsProblem, ApiProblem */
  apply(): Promise<void>
}
