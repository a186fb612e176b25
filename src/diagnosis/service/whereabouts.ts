import { isRegion } from '../../aws/arn.ts'
import { within } from '../../aws/bounds.ts'
import { describeCluster } from '../../aws/cluster.ts'
import { clusterNames } from '../../aws/cluster-names.ts'
import type { Credentials } from '../../aws/credentials.ts'
import { AwsProblem } from '../../aws/evidence.ts'
import { readInstanceMetadata } from '../../aws/instance-metadata.ts'
import { hasSharedFiles } from '../../aws/shared-files.ts'
import { whoSigns } from '../../aws/sts.ts'
import type { Run } from '../../run.ts'
import type { About, Elsewhere, Findings } from '../failure.ts'
import type { Scene } from '../investigate.ts'

// Where a cluster is that DescribeCluster did not find: under a name like it, or in another region. Each question has
// its own outcome; what cannot be learned is absent.

/** Looks for the cluster in its region by other names, and in other regions by its own. Never rejects. */
export async function lookForCluster(about: About, scene: Scene): Promise<Findings> {
  const run = leavingTime(scene.run)
  const describer = within('whoever may describe the cluster', run, scene.describer())
  const [names, elsewhere, caller] = await Promise.all([
    learned(describer.then(credentials => clusterNames(about.region, credentials, run))),
    lookElsewhere(about, describer, run),
    learned(whoDescribes(about, { ...scene, run })),
  ])
  return {
    ...(names ? { clusterNames: names } : {}),
    ...(elsewhere.length > 0 ? { elsewhere } : {}),
    ...(caller ? { caller } : {}),
  }
}

/** Who describes the cluster: the role that is assumed for it, else whoever the runner is. */
export async function whoDescribes(about: About, { run, credentials }: Scene): Promise<string> {
  return about.assumeRoleArn ?? whoSigns(await credentials(), about.region, run)
}

/** So that what one question learned is not lost with another that is not answered. */
function leavingTime(run: Run): Run {
  const enough = AbortSignal.timeout(run.timeoutSeconds * 800)
  return { ...run, signal: AbortSignal.any([run.signal, enough]) }
}

async function learned<T>(asking: Promise<T>): Promise<T | null> {
  return asking.catch(() => null)
}

/** The regions that a person may have meant: of the variables, of the instance, of the profile. */
async function lookElsewhere(about: About, describer: Promise<Credentials>, run: Run): Promise<Elsewhere[]> {
  const { env } = run
  const asked = new Map<string, Promise<Elsewhere | null>>()
  const lookIn = async (finding: Promise<string | undefined>) => {
    const region = await learned(within('a region', run, finding))
    if (!region || !isRegion(region) || region === about.region) return null
    const looking =
      asked.get(region) ??
      learned(describer.then(credentials => lookInRegion(about.cluster, region, credentials, run)))
    asked.set(region, looking)
    return looking
  }
  const found = await Promise.all([
    ...[env.AWS_REGION, env.AWS_DEFAULT_REGION].map(region => lookIn(Promise.resolve(region))),
    lookIn(readInstanceMetadata('/latest/meta-data/placement/region', env)),
    lookIn(profileRegion(env)),
  ])
  return [...new Set(found)].filter(elsewhere => elsewhere !== null)
}

/** The region of the profile that the environment names, as the AWS CLI reads it. */
async function profileRegion(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (!hasSharedFiles(env)) return undefined
  const profile = env.AWS_DEFAULT_PROFILE || env.AWS_PROFILE || 'default'
  const { parseKnownFiles } = await import('@smithy/core/config')
  return (await parseKnownFiles({ profile }))[profile]?.region
}

/** Whether the region has a cluster by the name: only as far as the API there says so. */
async function lookInRegion(
  name: string,
  region: string,
  credentials: Credentials,
  run: Run,
): Promise<Elsewhere | null> {
  try {
    const { arn } = await describeCluster({ name, region }, credentials, run)
    return { region, arn }
  } catch (error) {
    if (!(error instanceof AwsProblem)) throw error
    const { evidence } = error
    if (evidence.kind === 'cluster-not-ready' || evidence.kind === 'cluster-without-endpoint')
      return { region, arn: evidence.cluster }
    if (evidence.kind !== 'refused' || evidence.code !== 'AccessDeniedException') return null
    // Who may not describe it may be let list it.
    return (await clusterNames(region, credentials, run)).includes(name) ? { region } : null
  }
}
