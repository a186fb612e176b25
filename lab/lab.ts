/** The lab: an AWS and one or several clusters on this machine, and the environment of a runner that meets them. */
import { mkdir, symlink } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { type AwsOptions, type LabAws, startAws } from './aws/aws.ts'
import type { Role } from './aws/identities.ts'
import type { ClusterSpec, ClusterStart, LabCluster } from './cluster.ts'
import type { RealCluster } from './real/cluster.ts'
import { createKeeper } from './runner/keeper.ts'

/** `embedded`: in this process, at once. `real`: etcd, the API server and the authenticator that EKS runs. */
export type Kubernetes = 'embedded' | 'real'

export type LabOptions = {
  /** What is missing of a real one's programs is built first, in minutes. */
  readonly kubernetes: Kubernetes
  /** How many clusters, or what each is made from; one called `demo` if left out. */
  readonly clusters?: number | readonly ClusterSpec[]
  readonly aws?: AwsOptions
  /** Paths of programs for the runner's PATH, by name; beside a real cluster, its kubectl and AWS CLI if left out. */
  readonly programs?: Readonly<Record<string, string>>
}

export type Lab<Cluster extends LabCluster = LabCluster> = {
  readonly aws: LabAws
  readonly clusters: readonly Cluster[]
  /** The environment of a process on the runner: the lab's programs and Node come first on its PATH, HOME is its own. */
  readonly env: Readonly<Record<string, string>>
  /**
   * The administrator's half of the story: a role `runner` on the instance which may call DescribeCluster, and which
   * every cluster knows as user `demo`, who may list namespaces.
   */
  admitRunner(): Promise<Role>
  /** Ends everything and removes its files. */
  stop(): Promise<void>
}

export type RealLab = Lab<RealCluster>

/** What stands behind a lab's clusters. */
type Backing<Cluster extends LabCluster> = {
  startCluster(options: ClusterStart): Promise<Cluster>
  programs(): Promise<Readonly<Record<string, string>>>
}

/**
 * Starts the lab. Stop it when done; what it started also ends when this process does.
 *
 * @throws when a part does not start; nothing is left running then
 */
export function startLab(options: LabOptions & { readonly kubernetes: 'real' }): Promise<RealLab>
export function startLab(options: LabOptions): Promise<Lab>
export async function startLab(options: LabOptions): Promise<Lab> {
  return options.kubernetes === 'real'
    ? startWith(options, await realBacking())
    : startWith(options, await embeddedBacking())
}

async function realBacking(): Promise<Backing<RealCluster>> {
  const [{ startCluster }, { buildRealCluster }] = await Promise.all([
    import('./real/cluster.ts'),
    import('./real/build.ts'),
  ])
  return {
    startCluster,
    async programs() {
      const { aws, kubectl } = await buildRealCluster()
      return { aws, kubectl }
    },
  }
}

async function embeddedBacking(): Promise<Backing<LabCluster>> {
  const { startCluster } = await import('./kube/cluster.ts')
  return { startCluster, programs: async () => ({}) }
}

async function startWith<Cluster extends LabCluster>(
  options: LabOptions,
  backing: Backing<Cluster>,
): Promise<Lab<Cluster>> {
  const aws = await startAws(options.aws)
  const keeper = createKeeper('lab')
  // All have started or failed before we look, as one that came up later would be forgotten.
  const outcomes = await Promise.allSettled(
    specs(options.clusters).map(spec => backing.startCluster({ ...spec, aws })),
  )
  const clusters = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const stop = async () => {
    await Promise.all(clusters.map(cluster => cluster.stop()))
    await aws.stop()
    await keeper.close()
  }
  try {
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    const programs = options.programs ?? (await backing.programs())
    const env = { ...(await furnish(keeper.folder, programs)), ...aws.env() }
    return { aws, clusters, env, admitRunner: () => admitRunner(aws, clusters), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function specs(clusters: LabOptions['clusters'] = 1): readonly ClusterSpec[] {
  if (typeof clusters !== 'number') return clusters
  return Array.from({ length: clusters }, (_, index) => ({
    name: index === 0 ? 'demo' : `demo-${index + 1}`,
  }))
}

/** A home and a PATH for the processes of a runner. */
async function furnish(folder: string, programs: Readonly<Record<string, string>>) {
  const home = join(folder, 'home')
  await mkdir(home)
  const folders = await foldersOf(programs, join(folder, 'bin'))
  const PATH = [...folders, dirname(process.execPath), ...SYSTEM_PATH].join(delimiter)
  return { PATH, HOME: home, LANG: 'C.UTF-8' }
}

/** Where the programs are found by their names, of which their folders may hold more. */
async function foldersOf(programs: Readonly<Record<string, string>>, bin: string): Promise<string[]> {
  // Windows makes links for few users, and looks for a program's libraries beside the link.
  if (onWindows) return Object.values(programs).map(dirname)
  await mkdir(bin)
  await Promise.all(Object.entries(programs).map(([name, target]) => symlink(target, join(bin, name))))
  return [bin]
}

const onWindows = process.platform === 'win32'
const SYSTEM_PATH = onWindows
  ? [join(process.env.SystemRoot ?? 'C:\\Windows', 'System32')]
  : ['/usr/local/bin', '/usr/bin', '/bin']

async function admitRunner(aws: LabAws, clusters: readonly LabCluster[]): Promise<Role> {
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
