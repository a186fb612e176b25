/** The lab: an AWS and one or several clusters on this machine, and the environment of a runner that meets them. */
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type AwsOptions, type LabAws, startAws } from './aws/aws.ts'
import type { Role } from './aws/identities.ts'
import { buildRealCluster } from './real/build.ts'
import { type RealCluster, type RealClusterOptions, startCluster } from './real/cluster.ts'
import { createKeeper, type Keeper } from './runner/keeper.ts'

export type LabOptions = {
  /** `real`: etcd, the API server and the authenticator that EKS runs; built first where missing, in minutes. */
  readonly kubernetes: 'real'
  /** How many clusters, or what each is made from; one called `demo` if left out. */
  readonly clusters?: number | readonly Omit<RealClusterOptions, 'aws'>[]
  readonly aws?: AwsOptions
}

export type Lab = {
  readonly aws: LabAws
  readonly clusters: readonly RealCluster[]
  /** The environment of a process on the runner: AWS CLI, kubectl and Node come first on its PATH, HOME is its own. */
  readonly env: Readonly<Record<string, string>>
  /** Path of kubectl. */
  readonly kubectl: string
  /**
   * The administrator's half of the story: a role `runner` on the instance which may call DescribeCluster, and which
   * every cluster knows as user `demo`, who may list namespaces.
   */
  admitRunner(): Promise<Role>
  /** Ends everything and removes its files. */
  stop(): Promise<void>
}

/**
 * Starts the lab. Stop it when done; what it started also ends when this process does.
 *
 * @throws when a part does not start; nothing is left running then
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const aws = await startAws(options.aws)
  const keeper = createKeeper('lab')
  // All have started or failed before we look, as one that came up later would be forgotten.
  const outcomes = await Promise.allSettled(
    specs(options.clusters).map(spec => startCluster({ ...spec, aws })),
  )
  const clusters = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const stop = async () => {
    await Promise.all(clusters.map(cluster => cluster.stop()))
    await aws.stop()
    await keeper.close()
  }
  try {
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    const { env, kubectl } = await furnish(keeper, aws)
    return { aws, clusters, env, kubectl, admitRunner: () => admitRunner(aws, clusters), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function specs(clusters: LabOptions['clusters'] = 1): readonly Omit<RealClusterOptions, 'aws'>[] {
  if (typeof clusters !== 'number') return clusters
  return Array.from({ length: clusters }, (_, index) => ({
    name: index === 0 ? 'demo' : `demo-${index + 1}`,
  }))
}

/** A home and a folder of programs for the processes of a runner. */
async function furnish(keeper: Keeper, aws: LabAws): Promise<Pick<Lab, 'env' | 'kubectl'>> {
  const home = join(keeper.folder, 'home')
  const bin = join(keeper.folder, 'bin')
  const programs = await buildRealCluster()
  await Promise.all([mkdir(home), mkdir(bin)])
  const links = { aws: programs.aws, kubectl: programs.kubectl, node: process.execPath }
  await Promise.all(Object.entries(links).map(([name, target]) => symlink(target, join(bin, name))))
  const PATH = [bin, '/usr/local/bin', '/usr/bin', '/bin'].join(':')
  return { env: { PATH, HOME: home, LANG: 'C.UTF-8', ...aws.env() }, kubectl: join(bin, 'kubectl') }
}

async function admitRunner(aws: LabAws, clusters: readonly RealCluster[]): Promise<Role> {
  const arns = clusters.flatMap(({ arn, neighbours }) => [arn, ...neighbours.map(neighbour => neighbour.arn)])
  const role = aws.identities.createRole({
    name: 'runner',
    trust: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
    policies: {
      describe: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: arns }],
      },
    },
  })
  aws.instance.roleArn = role.arn
  for (const cluster of clusters) {
    await cluster.grantDemo()
    await cluster.mapRole(role.arn, 'demo')
  }
  return role
}
