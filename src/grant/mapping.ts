import { type AccessEntries, openAccessEntries, type TaggedEntry } from '../aws/access-entry-changes.ts'
import type { Principal } from '../aws/arn.ts'
import type { Cluster } from '../aws/cluster.ts'
import type { Credentials } from '../aws/credentials.ts'
import { AwsProblem } from '../aws/evidence.ts'
import type { ApiClient } from '../kube/client.ts'
import type { Run } from '../run.ts'
import { mapByAccessEntry, mappingWords, says, unmapByAccessEntry } from './access-entry.ts'
import type { Work } from './change.ts'
import { type ConfigMap, entryOf, mapInConfigMap, readConfigMap } from './config-map.ts'
import { GrantProblem } from './evidence.ts'
import type { GrantInputs } from './inputs.ts'

/** Whom a role is mapped to. */
export interface Mapping {
  username: string
  groups: string[]
}

/** How a role is mapped. */
export type Method = Exclude<GrantInputs['method'], 'auto'>

/** What there is of the mapping of a role. */
export interface FoundMapping {
  /** By which the role is, or shall be, mapped. */
  method: Method
  /** null: it has none; undefined: it was not looked for. */
  entry: TaggedEntry | null | undefined
  /** undefined: it does not count, or may not be read. */
  map: ConfigMap | undefined
  entries: AccessEntries | undefined
}

/**
 * The method that an input asks for and a cluster allows
 * (https://docs.aws.amazon.com/eks/latest/userguide/setting-up-access-entries.html).
 *
 * @throws GrantProblem method-unavailable
 */
export function methodOf({ method }: GrantInputs, { authenticationMode }: Cluster): Method {
  const allowed = {
    'access-entry': authenticationMode !== 'CONFIG_MAP',
    'aws-auth': authenticationMode !== 'API',
  }
  if (method === 'auto') return allowed['access-entry'] ? 'access-entry' : 'aws-auth'
  if (allowed[method]) return method
  throw new GrantProblem({ kind: 'method-unavailable', method, authenticationMode })
}

/**
 * The role's access entry, where the cluster has access entries. One that may not be read is a problem only where it
 * would be written.
 *
 * @throws AwsProblem
 */
export async function findEntry(
  inputs: GrantInputs,
  method: Method,
  cluster: Cluster,
  credentials: Credentials,
  run: Run,
): Promise<Pick<FoundMapping, 'entry' | 'entries'>> {
  if (cluster.authenticationMode === 'CONFIG_MAP') return { entry: undefined, entries: undefined }
  const entries = await openAccessEntries(cluster.name, credentials, cluster.region, run)
  const reading = run.time('read access entry', entries.read(inputs.role.arn))
  const entry = await reading.catch(error => {
    if (method === 'access-entry' || !isDenied(error)) throw error
    return undefined
  })
  return { entry, entries }
}

function isDenied(error: unknown): boolean {
  return (
    error instanceof AwsProblem &&
    error.evidence.kind === 'refused' &&
    error.evidence.code === 'AccessDeniedException'
  )
}

/**
 * aws-auth, where it counts in the cluster: even where the role is mapped by an access entry it may be mapped there, too.
 *
 * @throws ApiProblem
 */
export async function findConfigMap(
  { authenticationMode }: Cluster,
  api: ApiClient,
): Promise<ConfigMap | undefined> {
  return authenticationMode === 'API' ? undefined : readConfigMap(api)
}

/** What is to be done to the mapping of a role, and what there is of it. */
export interface MappingPlan {
  works: Work[]
  /** Whom the role is mapped to now, in whatever place. */
  now: Mapping[]
  notes: string[]
}

/**
 * What makes the mapping that is there the one that shall be.
 *
 * @throws GrantProblem
 */
export async function planMapping(
  inputs: GrantInputs,
  found: FoundMapping,
  api: ApiClient,
): Promise<MappingPlan> {
  const { method, entry, entries, map } = found
  const { role, username, groups } = inputs
  const mapped = (map && (await entryOf(map, role))) ?? null
  const now = [entry ?? null, mapped].filter(one => one !== null)
  if (inputs.mode === 'revoke') return { ...(await planRevoke(inputs, found, mapped, api)), now }
  const wanted = { username, groups }
  const work =
    method === 'access-entry'
      ? entries && mapByAccessEntry(entries, entry ?? null, inputs)
      : map && (await mapInConfigMap(api, map, role, unshadowed(wanted, entry, role)))
  return { works: work ? [work] : [], now, notes: [] }
}

/** What takes away what a grant has made, in each place that the method leaves; the rest is told, and stays. */
async function planRevoke(
  inputs: GrantInputs,
  { method, entry, entries, map }: FoundMapping,
  mapped: Mapping | null,
  api: ApiClient,
): Promise<Omit<MappingPlan, 'now'>> {
  const { role, username } = inputs
  const works: Work[] = []
  const left: string[] = []
  if (entry && entries && inputs.method !== 'aws-auth') {
    const work = unmapByAccessEntry(entries, entry, inputs)
    if (work) works.push(work)
    else left.push(`the access entry of ${role.arn} (${mappingWords(entry)})`)
  }
  if (map && mapped && (method === 'aws-auth' || inputs.method === 'auto')) {
    // An entry does not tell who made it: it is a grant's if it says what this one would have it say.
    const work = mapped.username === username && (await mapInConfigMap(api, map, role, null))
    if (work) works.push(work)
    else left.push(`the entry of ${role.arn} in aws-auth (${mappingWords(mapped)})`)
  }
  return { works, notes: left.map(what => `${what} is not of this grant, and is left as it is`) }
}

/** @throws GrantProblem mapping-shadowed, where an access entry counts before what would be written */
function unshadowed(wanted: Mapping, entry: TaggedEntry | null | undefined, { arn }: Principal): Mapping {
  if (!entry || says(entry, wanted)) return wanted
  throw new GrantProblem({
    kind: 'mapping-shadowed',
    principalArn: arn,
    found: mappingWords(entry),
    wanted: mappingWords(wanted),
  })
}
