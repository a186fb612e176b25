/** A cluster of the lab, whether the embedded one or a real one stands behind it. */
import { ask, demand, type ServerAddress } from './admin.ts'
import type { LabAws } from './aws/aws.ts'
import type { ClusterOptions } from './aws/clusters.ts'

/** What a cluster is made from; what is left out is as the lab's AWS has it by default. */
export type ClusterSpec = Omit<ClusterOptions, 'region' | 'endpoint' | 'certificateAuthorityPem'> & {
  /** The region of the lab's instance, if left out. */
  readonly region?: string
  /**
   * Names of further clusters with the same objects, of which a machine has room for a few only if each is real. The
   * lab's AWS describes each as this one, and each takes no token but those signed for it.
   */
  readonly neighbours?: readonly string[]
  /**
   * ARN of the role that made the cluster: an administrator in it, whatever aws-auth says, whom no list of mappings
   * shows (https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html).
   */
  readonly creator?: string
}

/** Whom EKS maps the creator of a cluster to. */
export const CREATOR = { username: 'kubernetes-admin', groups: ['system:masters'] } as const

export type ClusterStart = ClusterSpec & { readonly aws: LabAws }

export type LabCluster = {
  readonly name: string
  readonly region: string
  readonly arn: string
  /** The clusters with the same objects, as the lab's AWS knows them. */
  readonly neighbours: readonly { readonly name: string; readonly arn: string }[]
  /** `https://127.0.0.1:PORT`, as DescribeCluster gives it. */
  readonly endpoint: string
  readonly port: number
  /** A name that is in the API server's certificate, and that the lab's proxy leads to it. */
  readonly hostName: string
  /** PEM of the authority that issued the API server's certificate. */
  readonly caPem: string
  /** Path of the administrator's kubeconfig. */
  readonly adminKubeconfig: string
  /** Applies manifests as the administrator. @throws Error with what the API server said when it refused one */
  apply(manifests: string): Promise<void>
  /** Adds a role to aws-auth, and returns when every authenticator serves it. */
  mapRole(roleArn: string, username: string, groups?: readonly string[]): Promise<void>
  /** Makes aws-auth's mapRoles what is given, well-formed or not, and returns when every authenticator has read it. */
  writeMapRoles(text: string): Promise<void>
  /** Lets the user `demo` list namespaces, by a ClusterRole and a ClusterRoleBinding of that name. */
  grantDemo(): Promise<void>
  /** Ends it and removes its files. The lab's AWS still describes the cluster. Twice is fine. */
  stop(): Promise<void>
}

const RBAC = 'rbac.authorization.k8s.io'
const apiVersion = `${RBAC}/v1`
const metadata = { name: 'demo' }

/** What lets the user `demo` list namespaces, and nothing else. */
export const demoGrant = {
  clusterroles: {
    apiVersion,
    kind: 'ClusterRole',
    metadata,
    rules: [{ apiGroups: [''], resources: ['namespaces'], verbs: ['list'] }],
  },
  clusterrolebindings: {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'demo' },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: 'demo' }],
  },
}

/** Makes the ClusterRole and the ClusterRoleBinding `demo`, as an administrator. */
export async function grantDemo(apiServer: ServerAddress): Promise<void> {
  for (const [resource, object] of Object.entries(demoGrant)) {
    demand(await ask(apiServer, 'POST', `/apis/${RBAC}/v1/${resource}`, object), 201)
  }
}
