import { type AccessEntries, openAccessEntries, type TaggedEntry } from '../aws/access-entry-changes.ts'
import type { Cluster } from '../aws/cluster.ts'
import type { Credentials } from '../aws/credentials.ts'
import { refusalCode } from '../aws/evidence.ts'
import type { ApiClient } from '../kube/client.ts'
import type { Run } from '../run.ts'
import { isOfGrants, mapByAccessEntry, unmapByAccessEntry } from './access-entry.ts'
import type { Work } from './change.ts'
import { type ConfigMap, entryOf, mapInConfigMap } from './config-map.ts'
import { GrantProblem } from './evidence.ts'
import type { GrantInputs } from './inputs.ts'
import { type Mapping, mappingWords, says } from './mapping.ts'

/** How a role is mapped. */
export type MappingMethod = Exclude<GrantInputs['method'], 'auto'>

/** What there is of the mapping of a role. */
export interface FoundMapping {
  /** By which the role is, or shall be, mapped. */
  method: MappingMethod
  /** Where access entries count; the role's is null where it has none, undefined where it may not be read. */
  access?: { entries: AccessEntries; entry: TaggedEntry | null | undefined }
  /** Where aws-auth counts. */
  map?: ConfigMap | undefined
}

/**
 * The method that an input asks for and a cluster allows
 * (https://docs.aws.amazon.com/eks/latest/userguide/setting-up-access-entries.html).
 *
 * @throws GrantProblem method-unavailable
 */
export function methodOf(
  { method }: Pick<GrantInputs, 'method'>,
  { authenticationMode }: Pick<Cluster, 'authenticationMode'>,
): MappingMethod {
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
  { role }: GrantInputs,
  method: MappingMethod,
  cluster: Cluster,
  credentials: Credentials,
  run: Run,
): Promise<Pick<FoundMapping, 'access'>> {
  if (cluster.authenticationMode === 'CONFIG_MAP') return {}
  const entries = await openAccessEntries(cluster.name, credentials, cluster.region, run)
  const reading = run.time('read access entry', entries.read(role.arn))
  const entry = await reading.catch(error => {
    if (method === 'access-entry' || refusalCode(error) !== 'AccessDeniedException') throw error
    return undefined
  })
  return { access: { entries, entry } }
}

/** What is to be done to the mapping of a role, and what there is of it. */
export interface MappingPlan {
  works: Work[]
  /** Whom the role is mapped to now, in each place that counts. */
  now: Mapping[]
  notes: string[]
}

/**
 * What makes the mapping that is there the one that shall be, or takes away the one that a grant has made.
 *
 * @param others names of other grants to the role: with each of them the role needs its mapping
 * @throws GrantProblem
 */
export async function planMapping(
  inputs: GrantInputs,
  found: FoundMapping,
  others: readonly string[],
  api: ApiClient,
): Promise<MappingPlan> {
  const { mapped, notes } = await lookIntoMap(inputs, found)
  const now = [found.access?.entry, mapped].filter(one => one !== null && one !== undefined)
  const plan = inputs.mode === 'revoke' ? planRevoke : planApply
  const { works, notes: more } = await plan(inputs, found, mapped, others, api)
  return { works, now, notes: [...notes, ...more] }
}

type Planned = Pick<MappingPlan, 'works' | 'notes'>

/** The entry of aws-auth that counts for the role. Where an access entry maps it, a text that nobody can read is none. */
async function lookIntoMap({ role }: GrantInputs, { method, access, map }: FoundMapping) {
  const unread =
    access && access.entry === undefined
      ? [
          `the access entry of ${role.arn} may not be read: whether it has one, which would count first, is not known`,
        ]
      : []
  try {
    return { mapped: (map && (await entryOf(map, role))) ?? null, notes: unread }
  } catch (error) {
    if (method === 'aws-auth' || !(error instanceof GrantProblem)) throw error
    return { mapped: null, notes: [...unread, 'mapRoles of aws-auth does not parse, so that it maps nobody'] }
  }
}

async function planApply(
  inputs: GrantInputs,
  { method, access, map }: FoundMapping,
  mapped: Mapping | null,
  _others: readonly string[],
  api: ApiClient,
): Promise<Planned> {
  const { role, username, groups } = inputs
  const wanted = { username, groups }
  const differs = mapped && !says(mapped, wanted) ? mappingWords(mapped) : null
  if (method === 'access-entry') {
    const work = access && mapByAccessEntry(access.entries, access.entry ?? null, wanted, role.arn)
    const notes = differs
      ? [`aws-auth maps the role to ${differs}: beside an access entry it does not count`]
      : []
    return { works: work ? [work] : [], notes }
  }
  const { entry } = access ?? {}
  if (entry && !says(entry, wanted)) {
    throw new GrantProblem({
      kind: 'mapping-shadowed',
      principalArn: role.arn,
      found: mappingWords(entry),
      wanted: mappingWords(wanted),
    })
  }
  const work = map && (await mapInConfigMap(api, map, role, wanted))
  return {
    works: work ? [work] : [],
    notes: differs ? [`aws-auth mapped the role to ${differs} before`] : [],
  }
}

/** In each place that the method leaves; what is not of a grant, or is needed by another one, is told, and stays. */
async function planRevoke(
  { role, username, method: asked }: GrantInputs,
  { method, access, map }: FoundMapping,
  mapped: Mapping | null,
  others: readonly string[],
  api: ApiClient,
): Promise<Planned> {
  if (others.length > 0)
    return {
      works: [],
      notes: [`the mapping of the role stays, as other grants need it: ${others.join(', ')}`],
    }
  const [works, notes]: [Work[], string[]] = [[], []]
  const stays = (what: string) => notes.push(`${what} is not of a grant, and stays as it is`)
  if (access?.entry && asked !== 'aws-auth') {
    const { entry, entries } = access
    if (isOfGrants(entry)) works.push(unmapByAccessEntry(entries, entry, role.arn))
    else stays(`the access entry of the role (${mappingWords(entry)})`)
    if (isOfGrants(entry) && entry.policies.length > 0)
      notes.push(`with the access entry go its access policies: ${entry.policies.join(', ')}`)
  }
  if (map && mapped && (method === 'aws-auth' || asked === 'auto')) {
    // An entry does not tell who made it: it is a grant's if it maps to the user of this one.
    const work = mapped.username === username && (await mapInConfigMap(api, map, role, null))
    if (work) works.push(work)
    else stays(`the entry of the role in aws-auth (${mappingWords(mapped)})`)
  }
  return { works, notes }
}
