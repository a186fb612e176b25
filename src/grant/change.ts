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
  /** Makes it; `before` and `after` are then what they really were. @throws GrantProblem, AwsProblem, ApiProblem */
  apply(): Promise<unknown>
}

/** As much of what is done as there is to tell. */
export function changesIn(works: readonly Work[]): Change[] {
  return works.map(({ action, what, before, after }) => ({ action, what, before, after }))
}

/** How aws-auth is called as a thing that is changed. */
export const CONFIG_MAP = 'ConfigMap kube-system/aws-auth'
