import { setTimeout as sleep } from 'node:timers/promises'
import { isSameArn, type Principal, withoutPath } from '../aws/arn.ts'
import { ask, isObject, statusOf, text } from '../kube/answers.ts'
import type { ApiClient } from '../kube/client.ts'
import { mappingsOf, type RoleMapping, Untouchable, withoutRole, withRole } from './aws-auth.ts'
import { CONFIG_MAP, type Work } from './change.ts'
import { GrantProblem } from './evidence.ts'
import type { Mapping } from './mapping.ts'
import { FIELD_MANAGER } from './rbac.ts'

// The ConfigMap kube-system/aws-auth, of which one key is changed, and only while it is as it was read.

const CONFIG_MAPS = '/api/v1/namespaces/kube-system/configmaps'
const AWS_AUTH = `${CONFIG_MAPS}/aws-auth`

/** mapRoles, and the version of the ConfigMap that it was read from; null: there is no ConfigMap. */
export interface ConfigMap {
  mapRoles: string
  resourceVersion: string | null
}

/** @throws ApiProblem */
export async function readConfigMap(api: ApiClient): Promise<ConfigMap> {
  try {
    const { metadata, data } = await ask(api, 'GET', AWS_AUTH)
    return {
      mapRoles: isObject(data) ? text(data.mapRoles) : '',
      resourceVersion: isObject(metadata) ? text(metadata.resourceVersion) : '',
    }
  } catch (error) {
    if (statusOf(error) === 404) return { mapRoles: '', resourceVersion: null }
    throw error
  }
}

/** The entry of a role that counts: the last of several. */
export async function entryOf(map: ConfigMap, role: Principal): Promise<RoleMapping | undefined> {
  const arn = withoutPath(role)
  const mappings = await mappingsOf(map.mapRoles).catch(untouchable)
  return mappings.findLast(({ rolearn }) => isSameArn(rolearn, arn))
}

/**
 * What maps a role in aws-auth, or takes its entries away.
 *
 * @param wanted whom the role shall be mapped to; null: to nobody
 * @returns null where aws-auth says so already
 * @throws GrantProblem aws-auth-untouchable
 */
export async function mapInConfigMap(
  api: ApiClient,
  map: ConfigMap,
  role: Principal,
  wanted: Mapping | null,
): Promise<Work | null> {
  const edit = (mapRoles: string) =>
    (wanted
      ? withRole(mapRoles, { rolearn: withoutPath(role), ...wanted })
      : withoutRole(mapRoles, withoutPath(role))
    ).catch(untouchable)
  const after = await edit(map.mapRoles)
  if (after === map.mapRoles) return null
  const work: Work = {
    what: CONFIG_MAP,
    action: map.resourceVersion === null ? 'create' : 'update',
    before: map.mapRoles,
    after,
    rehearse: () => write(api, map, after, true).catch(unlessMeanwhile),
    apply: async () => Object.assign(work, await writeUntilHeard(api, map, edit)),
  }
  return work
}

const MAX_TRIES = 20

/**
 * Writes what `edit` makes of mapRoles, and reads and edits anew as long as somebody else writes between the two.
 *
 * @throws GrantProblem aws-auth-contended, aws-auth-untouchable; ApiProblem
 */
async function writeUntilHeard(
  api: ApiClient,
  found: ConfigMap,
  edit: (mapRoles: string) => Promise<string>,
): Promise<{ before: string; after: string }> {
  let map = found
  let sent: { before: string; after: string } | null = null
  for (let tries = 1; ; tries++) {
    const after = await edit(map.mapRoles)
    // It may be ours already: an answer can be lost, and what is sent again finds itself.
    if (after === map.mapRoles) return sent?.after === after ? sent : { before: map.mapRoles, after }
    sent = { before: map.mapRoles, after }
    try {
      await write(api, map, after, false)
      return sent
    } catch (error) {
      unlessMeanwhile(error)
      if (tries === MAX_TRIES) throw new GrantProblem({ kind: 'aws-auth-contended', tries })
      await sleep(Math.random() * Math.min(500, 20 * tries))
      map = await readConfigMap(api)
    }
  }
}

/** Of a ConfigMap that is there, nothing but mapRoles is sent, and the version that it is a change of. */
async function write(api: ApiClient, map: ConfigMap, mapRoles: string, rehearsal: boolean): Promise<void> {
  const query = `?fieldManager=${FIELD_MANAGER}${rehearsal ? '&dryRun=All' : ''}`
  const { resourceVersion } = map
  if (resourceVersion === null) {
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'aws-auth', namespace: 'kube-system' },
      data: { mapRoles },
    }
    await ask(api, 'POST', CONFIG_MAPS + query, { body })
    return
  }
  const body = { metadata: { resourceVersion }, data: { mapRoles } }
  await ask(api, 'PATCH', AWS_AUTH + query, { body, contentType: 'application/merge-patch+json' })
}

/** Rethrows what is not that somebody else wrote between reading and writing: changed it, made it, or took it away. */
function unlessMeanwhile(error: unknown): void {
  if (statusOf(error) !== 409 && statusOf(error) !== 404) throw error
}

function untouchable(error: unknown): never {
  if (!(error instanceof Untouchable)) throw error
  throw new GrantProblem({ kind: 'aws-auth-untouchable', list: 'mapRoles', problem: error.message })
}
