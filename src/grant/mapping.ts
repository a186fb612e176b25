import { type AccessEntries, openAccessEntries, type TaggedEntry } from '../aws/access-entry-changes.ts'
import type { Cluster } from '../aws/cluster.ts'
import type { Credentials } from '../aws/credentials.ts'
import { AwsProblem } from '../aws/evidence.ts'
import type { ApiClient } from '../kube/client.ts'
import type { Run } from '../run.ts'
import { mapByAccessEntry, mappingWords, says } from './access-entry.ts'
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
  /** undefined: it was not looked at. */
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
 * aws-auth, where the role is mapped in it, or where it may be and is to be mapped nowhere.
 *
 * @throws ApiProblem
 */
export async function findConfigMap(
  { mode, method: asked }: GrantInputs,
  method: Method,
  { authenticationMode }: Cluster,
  api: ApiClient,
): Promise<ConfigMap | undefined> {
  const everywhere = mode === 'revoke' && asked === 'auto' && authenticationMode === 'API_AND_CONFIG_MAP'
  return method === 'aws-auth' || everywhere ? readConfigMap(api) : undefined
}

/**
 * What makes the mapping that is there the one that shall be.
 *
 * @returns with whom the role is mapped to now, by the method
 * @throws GrantProblem
 */
export async function planMapping(
  { mode, role, username, groups, name }: GrantInputs,
  { method, entry, entries, map }: FoundMapping,
  api: ApiClient,
): Promise<{ works: Work[]; now: Mapping | null }> {
  const wanted = mode === 'revoke' ? null : { username, groups }
  if (method === 'aws-auth' && wanted && entry && !says(entry, wanted)) {
    throw new GrantProblem({
      kind: 'mapping-shadowed',
      principalArn: role.arn,
      found: mappingWords(entry),
      wanted: mappingWords(wanted),
    })
  }
  const byEntry =
    method === 'access-entry' && entries ? mapByAccessEntry(entries, entry ?? null, role, wanted, name) : null
  const inMap = map ? await mapInConfigMap(api, map, role, wanted) : null
  const mapped = map && (await entryOf(map, role))
  return {
    works: [byEntry, inMap].filter(work => work !== null),
    now: (method === 'access-entry' ? entry : mapped) ?? mapped ?? null,
  }
}
