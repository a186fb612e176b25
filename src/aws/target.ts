import { type ClusterReference, isRegion } from './arn.ts'
import { AwsProblem } from './evidence.ts'
import { readInstanceMetadata } from './instance-metadata.ts'

/** A cluster that can be asked for: name and region, and the ARN where it was given by one. */
export interface Target {
  name: string
  region: string
  arn?: string
}

/**
 * Gives every cluster its region: its ARN's, else `region`, else the instance's own, which is asked only then.
 *
 * @throws AwsProblem no-region
 */
export async function locate(
  references: ClusterReference[],
  region: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Target[]> {
  const needed = references.some(reference => !('region' in reference))
  const home = needed ? (region ?? (await instanceRegion(env))) : ''
  return references.map(reference => ({ region: home, ...reference }))
}

/** The same for one cluster. @throws AwsProblem no-region */
export async function locateOne(
  reference: ClusterReference,
  region: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Target> {
  const [target] = await locate([reference], region, env)
  return target as Target
}

async function instanceRegion(env: NodeJS.ProcessEnv): Promise<string> {
  const path = '/latest/meta-data/placement/region'
  try {
    const region = await readInstanceMetadata(path, env)
    // Whatever answers in the place of metadata may say anything, with status 200.
    if (!isRegion(region)) throw new Error(`the answer is no region: ${JSON.stringify(region.slice(0, 60))}`)
    return region
  } catch (cause) {
    throw new AwsProblem({ kind: 'no-region', asked: path, message: (cause as Error).message }, { cause })
  }
}
