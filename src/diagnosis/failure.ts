import type { AwsEvidence } from '../aws/evidence.ts'
import type { KubeEvidence } from '../kube/evidence.ts'
import type { VerdictEvidence } from '../kube/verdict.ts'

/** One thing that is wrong: what it is, how we know, and what to do. */
export interface Failure {
  /** Stable; what documentation and later steps go by. */
  code: `EKS${number}`
  /** The cluster that it is about; absent when it is about the whole step. */
  cluster?: string
  /** One line that names the cause. */
  cause: string
  /** What was asked of whom and what came back; identifiers, never a secret. */
  evidence: string[]
  /** What a person does about it, to paste where it can be pasted. */
  cure: string[]
}

export type Evidence = AwsEvidence | KubeEvidence | VerdictEvidence

/** What is known of the login that failed, as far as it came. */
export interface About {
  cluster: string
  region: string
  /** Where the cluster was given by it. */
  arn?: string
  /** Once DescribeCluster has answered. */
  authenticationMode?: string
  /** The role that the token was made with; known once somebody told. */
  roleArn?: string
  /** Once the cluster has told. */
  username?: string
}

/** A diagnosis for each kind of evidence in `Area`. */
export type Diagnoses<Area extends Evidence> = {
  [Kind in Area['kind']]: (evidence: Extract<Area, { kind: Kind }>, about: About) => Omit<Failure, 'cluster'>
}
