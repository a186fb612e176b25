/** A real cluster on this machine, which the lab's AWS knows of. */
import { join } from 'node:path'
import { partitionOf } from '../aws/regions.ts'
import { AwsAuth } from '../aws-auth.ts'
import { createAuthority } from '../certificates.ts'
import { type ClusterStart, grantDemo, type LabCluster } from '../cluster.ts'
import { createKeeper, type Finished, type Keeper } from '../runner/keeper.ts'
import { buildRealCluster } from './build.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'

export type RealCluster = LabCluster & {
  /** Path of kubectl. */
  readonly kubectlPath: string
  /** The processes of the cluster. */
  readonly pids: readonly number[]
  /** Runs kubectl as the administrator, for at most a minute. */
  kubectl(args: readonly string[], stdin?: string): Promise<Finished>
}

/**
 * Starts etcd, API server and authenticators, registers the cluster with the lab's AWS and returns when it is ready:
 * when the API server is, and each authenticator listens.
 *
 * What is missing of its programs is built first, which takes minutes.
 *
 * @throws BuildError when that fails; Error with the end of a log when a process ends before its time
 */
export async function startCluster(options: ClusterStart): Promise<RealCluster> {
  const { aws, region = aws.instance.region, neighbours = [], creator, ...described } = options
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
    const authenticatorEnv = aws.controlPlaneEnv(region)
    const plane = await startControlPlane({
      keeper,
      authority,
      name,
      neighbours,
      creator,
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
    grantDemo: () => grantDemo(plane.apiServer),
  }
}
