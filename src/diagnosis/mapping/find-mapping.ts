import { type AccessEntrySearch, findAccessEntry } from '../../aws/access-entries.ts'
import { principalOf } from '../../aws/arn.ts'
import { within } from '../../aws/bounds.ts'
import { makeToken } from '../../aws/get-token.ts'
import { whoSigns } from '../../aws/sts.ts'
import { ask, isObject, statusOf, text } from '../../kube/answers.ts'
import type { About, Findings } from '../failure.ts'
import type { Scene } from '../investigate.ts'
import { type AwsAuthReading, readAwsAuth } from './aws-auth.ts'
import { mappedPrincipal } from './mapping.ts'

/** Who made the token, and what maps them, as far as anybody may tell. */
export async function findMapping(about: About, scene: Scene): Promise<Findings> {
  const caller = about.caller ?? about.tokenRole ?? (await inHalfTheTime(scene, own => callerOf(about, own)))
  if (!caller) return {}
  const [accessEntry, awsAuth] = await Promise.all([
    hasEntries(about) && inHalfTheTime(scene, half => entryOf(about, caller, half)),
    hasAwsAuth(about) && inHalfTheTime(scene, half => awsAuthOf(about, caller, half)),
  ])
  return { caller, ...(accessEntry ? { accessEntry } : {}), ...(awsAuth ? { awsAuth } : {}) }
}

/** By what a login has of its own. */
const entries = new WeakMap<Scene['describer'], Promise<Findings>>()

/** What maps one whom the cluster knows: asked once, however much of one login wants to know it. */
export function findEntry(about: About, scene: Scene): Promise<Findings> {
  const found = entries.get(scene.describer) ?? askForEntry(about, scene)
  entries.set(scene.describer, found)
  return found
}

async function askForEntry(about: About, scene: Scene): Promise<Findings> {
  const caller = about.tokenRole ?? about.roleArn
  if (!caller || !hasEntries(about)) return {}
  return { accessEntry: await entryOf(about, caller, scene) }
}

/** Whether access entries count; where the mode is not known, they are not asked for. */
function hasEntries({ authenticationMode }: About): boolean {
  return authenticationMode === 'API' || authenticationMode === 'API_AND_CONFIG_MAP'
}

function hasAwsAuth({ authenticationMode }: About): boolean {
  return authenticationMode !== 'API'
}

/** The first answer shall not be lost because the second takes too long. */
async function inHalfTheTime<T>(scene: Scene, work: (scene: Scene) => Promise<T>): Promise<T | undefined> {
  const run = { ...scene.run, timeoutSeconds: scene.run.timeoutSeconds / 2 - 0.1 }
  return within('what maps the role', run, work({ ...scene, run })).catch(() => undefined)
}

async function callerOf({ region }: About, { run, credentials }: Scene): Promise<string> {
  return whoSigns(await credentials(), region, run)
}

async function entryOf(about: About, arn: string, { run, describer }: Scene): Promise<AccessEntrySearch> {
  const whole = arn === about.tokenRole || principalOf(arn)?.kind === 'user'
  return findAccessEntry(about.cluster, { arn, whole }, await describer(), about.region, run)
}

/**
 * What aws-auth says. A token that the cluster refuses reads nothing; but where that was made with another role
 * (`role-arn`), the runner's own may be let in, and may be allowed to read.
 *
 * @returns undefined where it may not be read
 */
async function awsAuthOf(
  about: About,
  caller: string,
  { run, credentials, cluster }: Scene,
): Promise<AwsAuthReading | undefined> {
  if (!about.tokenRole || !cluster) return undefined
  const token = makeToken({ region: about.region, cluster: cluster.named }, await credentials(), run.env)
  await run.mask([token.token])
  const api = cluster.connect(run).as(token.token)
  try {
    const { data } = await ask(api, 'GET', AWS_AUTH)
    const texts = Object.entries(isObject(data) ? data : {}).map(([name, value]) => [name, text(value)])
    return await readAwsAuth(Object.fromEntries(texts), mappedPrincipal({ ...about, caller }).mappedArn)
  } catch (error) {
    if (statusOf(error) === 404) return { kind: 'missing' }
    throw error
  } finally {
    api.close()
  }
}

const AWS_AUTH = '/api/v1/namespaces/kube-system/configmaps/aws-auth'
