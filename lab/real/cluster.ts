/** A real cluster on this machine, which the lab's AWS knows of. */
import { join } from 'node:path'
import type { LabAws } from '../aws/aws.ts'
import type { ClusterOptions } from '../aws/clusters.ts'
import { partitionOf } from '../aws/regions.ts'
import { createAuthority } from '../certificates.ts'
import { createKeeper, type Finished, type Keeper } from '../runner/keeper.ts'
import { ask } from './admin.ts'
import { AwsAuth, demand } from './aws-auth.ts'
import { buildRealCluster } from './build.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'

/** What a cluster is made from; what is left out is as the lab's AWS has it by default. */
export type RealClusterOptions = Omit<ClusterOptions, 'region' | 'endpoint' | 'certificateAuthorityPem'> & {
  readonly aws: LabAws
  /** The region of the lab's instance, if left out. */
  readonly region?: string
  /**
   * Names of further clusters behind the same API server, of which a machine has room for a few only. The lab's AWS
   * describes each as this one, and each has an authenticator of its own, which takes no token but those signed for it.
   */
  readonly neighbours?: readonly string[]
}

export type RealCluster = {
  readonly name: string
  readonly region: string
  readonly arn: string
  /** The clusters behind the same API server, as the lab's AWS knows them. */
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
  /** Path of kubectl. */
  readonly kubectlPath: string
  /** The processes of the cluster. */
  readonly pids: readonly number[]
  /** Runs kubectl as the administrator, for at most a minute. */
  kubectl(args: readonly string[], stdin?: string): Promise<Finished>
  /** Applies manifests as the administrator. @throws Error with what kubectl said when it refused one */
  apply(manifests: string): Promise<void>
  /** Adds a role to aws-auth, and returns when every authenticator serves it. */
  mapRole(roleArn: string, username: string, groups?: readonly string[]): Promise<void>
  /** Makes aws-auth's mapRoles what is given, well-formed or not, and returns when every authenticator has read it. */
  writeMapRoles(text: string): Promise<void>
  /** Lets the user `demo` list namespaces, by a ClusterRole and a ClusterRoleBinding of that name. */
  grantDemo(): Promise<void>
  /** Ends the processes and removes their files. The lab's AWS still describes the cluster. Twice is fine. */
  stop(): Promise<void>
}

/**
 * Starts etcd, API server and authenticators, registers the cluster with the lab's AWS and returns when it is ready:
 * when the API server is, and each authenticator listens.
 *
 * What is missing of its programs is built first, which takes minutes.
 *
 * @throws BuildError when that fails; Error with the end of a log when a process ends before its time
 */
export async function startCluster(options: RealClusterOptions): Promise<RealCluster> {
  const { aws, region = aws.instance.region, neighbours = [], ...described } = options
  const { name } = described
  const hostName = `${name}.${region}.eks.lab.test`.toLowerCase()
  const authority = await createAuthority(`${name} CA`)
  const keeper = createKeeper('cluster')
  // What ends the cluster, the latest first; whatever one of them throws, the others have their turn.
  const ends: (() => Promise<void>)[] = [() => keeper.close()]
  const stop = async (): Promise<void> => {
    const end = ends.pop()
    if (!end) return
    try {
      await end()
    } finally {
      await stop()
    }
  }
  const arns: string[] = []
  try {
    const authenticatorEnv = aws.serverEnv(region)
    const plane = await startControlPlane({
      keeper,
      authority,
      name,
      neighbours,
      partition: partitionOf(region) ?? 'aws',
      hostNames: [hostName],
      authenticatorEnv,
      findKey: id => aws.identities.findKey(id),
    })
    ends.push(() => plane.stop())
    const { port } = plane.apiServer
    const endpoint = `https://127.0.0.1:${port}`
    const certificateAuthorityPem = authority.certificatePem
    const put = (name: string) => {
      const { arn } = aws.putCluster({ ...described, name, region, endpoint, certificateAuthorityPem })
      arns.push(arn)
      return { name, arn }
    }
    const { arn } = put(name)
    aws.proxy.route(hostName, port)
    ends.push(async () => aws.proxy.unroute(hostName))
    const { kubectl } = await buildRealCluster()
    return {
      name,
      region,
      arn,
      neighbours: neighbours.map(put),
      endpoint,
      port,
      hostName,
      caPem: certificateAuthorityPem,
      adminKubeconfig: plane.adminKubeconfig,
      kubectlPath: kubectl,
      pids: plane.pids,
      ...administration(keeper, plane, kubectl),
      stop,
    }
  } catch (error) {
    for (const arn of arns) aws.removeCluster(arn)
    await stop().catch(() => {})
    throw error
  }
}

type Administration = Pick<RealCluster, 'kubectl' | 'apply' | 'mapRole' | 'writeMapRoles' | 'grantDemo'>

function administration(keeper: Keeper, plane: ControlPlane, program: string): Administration {
  const awsAuth = new AwsAuth(
    plane.apiServer,
    plane.authenticators.map(({ log }) => log),
  )
  const env = { HOME: join(keeper.folder, 'home'), KUBECONFIG: plane.adminKubeconfig }
  const kubectl = (args: readonly string[], stdin?: string) =>
    keeper.run({ command: program, args, env }, 60_000, stdin)
  return {
    kubectl,
    async apply(manifests) {
      const { code, stderr } = await kubectl(['apply', '-f', '-'], manifests)
      if (code !== 0) throw new Error(`kubectl apply ended with ${code}: ${stderr}`)
    },
    mapRole: (rolearn, username, groups = []) => awsAuth.add({ rolearn, username, groups }),
    writeMapRoles: text => awsAuth.write(text),
    async grantDemo() {
      for (const [kind, object] of Object.entries(demoGrant)) {
        const path = `/apis/rbac.authorization.k8s.io/v1/${kind}`
        demand(await ask(plane.apiServer, 'POST', path, object), 201)
      }
    },
  }
}

const demoGrant = {
  clusterroles: {
    metadata: { name: 'demo' },
    rules: [{ apiGroups: [''], resources: ['namespaces'], verbs: ['list'] }],
  },
  clusterrolebindings: {
    metadata: { name: 'demo' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'demo' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'demo' }],
  },
}
