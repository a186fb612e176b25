import type { AccessEntrySearch } from '../aws/access-entries.ts'
import type { EndpointAccess } from '../aws/cluster.ts'
import type { AwsEvidence } from '../aws/evidence.ts'
import type { InstanceNetwork } from '../aws/instance-network.ts'
import type { KubeEvidence } from '../kube/evidence.ts'
import type { VerdictEvidence } from '../kube/verdict.ts'
import type { RunnerInstance } from './credentials/instance.ts'
import type { KeyFile } from './credentials/keys.ts'
import type { AwsAuthReading } from './mapping/aws-auth.ts'

/** Something to paste as it stands: into a terminal, into a policy, into a manifest. */
export interface Paste {
  language: 'sh' | 'json' | 'yaml'
  text: string
}

/** A sentence for a person, or something to paste. */
export type Step = string | Paste

/** A cause that the evidence does not rule out. */
export interface Possibility {
  /** Half a sentence: "the mapping has the role's path left in". */
  cause: string
  /** How to tell it from the others. */
  tell: Step[]
  cure: Step[]
}

/** One thing that is wrong: what it is, how we know, and what to do. */
export interface Failure {
  /** Stable; what documentation and later steps go by. */
  code: `EKS${number}`
  /** The cluster that it is about; absent when it is about the whole step. */
  cluster?: string
  /** One line that names the cause, or, where the evidence fits several, what they have in common. */
  cause: string
  /** What was asked of whom and what came back; identifiers, never a secret. */
  evidence: string[]
  /** What a person does about it. Where the evidence fits several causes: about the likeliest. */
  cure: Step[]
  /** What else it may be, the likeliest first; absent where the evidence fits one cause only. */
  otherwise?: Possibility[]
  /** URL of the page on the code, where the runner tells which version of the action it runs. */
  page?: string
}

export type Evidence = AwsEvidence | KubeEvidence | VerdictEvidence

/** What is known of the login that failed, as far as it came. */
export interface About extends Findings {
  cluster: string
  region: string
  /** Where the cluster was given by it, and once DescribeCluster has answered. */
  arn?: string
  /** Once DescribeCluster has answered. */
  authenticationMode?: string
  /** Once DescribeCluster has answered. */
  access?: EndpointAccess
  /** The role that the token was asked for (`role-arn`), with its path. */
  tokenRole?: string
  /** The role that the token was made with, once the cluster has told; without its path. */
  roleArn?: string
  /** Once the cluster has told, as are the next two. */
  username?: string
  groups?: string[]
  /** Of the role's session, which a mapping may put into the username. */
  sessionName?: string
  /** What the workflow wants the cluster to call us. */
  expectUsername?: string
  expectGroups?: string[]
  /** The role that describes the cluster in place of the runner's own. */
  assumeRoleArn?: string
  /** It is an administrator's grant that failed, and no login. */
  isGrant?: boolean
}

/** What was asked after a failure, to tell causes apart. What is absent could not be learned. */
export type Findings = {
  /** Who AWS says the credentials belong to: the role's ARN without its path, or a user's. */
  caller?: string
  /** The access entry of who made the token. */
  accessEntry?: AccessEntrySearch
  /** What aws-auth says of who made the token. */
  awsAuth?: AwsAuthReading
  /** Where the runner is, where it is an EC2 instance whose metadata can be asked. */
  runner?: InstanceNetwork
  /** What `aws --version` says of the AWS CLI that the exec block runs. */
  cliVersion?: string
  /** Where the exec block's command is, though no folder of PATH holds it. */
  foundAt?: string
  /** By how many seconds the clock here is ahead of AWS's: 0 while they agree; absent where nobody told. */
  clockSkewSeconds?: number | undefined
  /** The EC2 instance below the runner. */
  instance?: RunnerInstance
  /** The file that holds the keys of a profile, and the variable that can name another. */
  keyFile?: KeyFile
  /** The config file has a section of the profile's name without the word `profile`. */
  bareSection?: boolean
  /** Names of the account's clusters in the region. */
  clusterNames?: string[]
  /** Where else the account has a cluster by the name. */
  elsewhere?: Elsewhere[]
  /** What the web identity token says of itself. */
  webIdentity?: { issuer: string; subject: string; audience: string }
  /** How a service of AWS is reached from here. */
  route?: Route
}

/** A region that has a cluster by the name; its ARN where it may be described. */
export interface Elsewhere {
  region: string
  arn?: string
}

/** The way to a service: by a proxy, or to addresses. */
export interface Route {
  /** Without its password. */
  proxy?: string
  noProxy?: string
  /** What the name of the service resolves to; empty where it does not. */
  addresses?: string[]
}

/** A failure but for the cluster, which is the same for all of a login. */
export type Diagnosis = Omit<Failure, 'cluster'>

/** A diagnosis for each kind of evidence in `Area`. */
export type Diagnoses<Area extends { kind: string }> = {
  [Kind in Area['kind']]: (evidence: Extract<Area, { kind: Kind }>, about: About) => Diagnosis
}
