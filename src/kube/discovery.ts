import {
  ApiProblem,
  ask,
  isObject,
  type JsonObject,
  objects,
  statusOf,
  text,
  texts,
  unexpected,
} from './answers.ts'
import type { ApiClient } from './client.ts'
import type { ResourceRule, Rule } from './rules.ts'

/** One resource in one version of its group. */
export interface ApiResource {
  group: string
  version: string
  /** the plural, as in URLs and roles */
  name: string
  /** empty where the server names none */
  singular: string
  /**
   * empty where only subresources are served (as KubeVirt's subresources.kubevirt.io): kubectl knows no such
   * resource
   */
  kind: string
  shortNames: readonly string[]
  namespaced: boolean
  verbs: readonly string[]
  subresources: readonly { name: string; verbs: readonly string[] }[]
}

/**
 * The cluster's API, in the order in which kubectl prefers: core first, then groups and versions as the
 * server lists them.
 */
export interface Discovery {
  resources: readonly ApiResource[]
  /**
   * group/version whose server did not answer (an aggregated API that is down): kubectl goes on without it,
   * and so do we
   */
  unavailable: readonly string[]
}

/* What is asked of the server. */

/** v2beta1 for servers before 1.30; the plain form for those before 1.26. */
const ACCEPT = [
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
  'application/json',
].join(',')

/**
 * Reads as much of the cluster's API as the rules need: nothing for URLs and `*`; /api alone where each name
 * is the plural or singular of a core resource, which kubectl prefers to any other group's (client-go v0.37,
 * restmapper/discovery.go); /api and /apis for anything else. A core short name is not enough: kubectl would
 * take a resource of another group that has it for its full name (restmapper/shortcut.go).
 *
 * @throws ApiProblem where the server refuses, or answers what is no discovery document
 */
export async function discover(api: ApiClient, rules: readonly Rule[]): Promise<Discovery> {
  const asking = rules.filter(needsDiscovery)
  if (asking.length === 0) return { resources: [], unavailable: [] }
  if (!asking.every(looksLikeCore)) return join(await Promise.all([readCore(api), readGroups(api)]))
  const core = await readCore(api)
  return asking.every(rule => isSettledBy(core, rule)) ? core : join([core, await readGroups(api)])
}

function needsDiscovery(rule: Rule): rule is ResourceRule {
  if (rule.kind === 'url') return false
  return !(rule.resource === '*' || rule.resource === '*.*') || isNamed(rule.subresource)
}

function isNamed(subresource: string | null): boolean {
  return subresource !== null && subresource !== '*'
}

/**
 * Core's own names: only a hint whether /apis is asked along with /api or after it, never what is known of a
 * resource.
 */
const CORE = new Set(
  (
    'bindings componentstatuses configmaps endpoints events limitranges namespaces nodes persistentvolumeclaims ' +
    'persistentvolumes pods podtemplates replicationcontrollers resourcequotas secrets serviceaccounts services ' +
    'binding componentstatus configmap event limitrange namespace node persistentvolumeclaim persistentvolume pod ' +
    'podtemplate replicationcontroller resourcequota secret serviceaccount service'
  ).split(' '),
)

function looksLikeCore(rule: ResourceRule): boolean {
  return CORE.has(rule.resource.toLowerCase())
}

function isSettledBy(core: Discovery, rule: ResourceRule): boolean {
  const name = rule.resource.toLowerCase()
  return core.resources.some(resource => resource.name === name || resource.singular === name)
}

function join(parts: Discovery[]): Discovery {
  return {
    resources: parts.flatMap(part => part.resources),
    unavailable: parts.flatMap(part => part.unavailable),
  }
}

/**
 * kubectl takes a server without /api for one without core resources (discovery_client.go, downloadLegacy).
 */
async function readCore(api: ApiClient): Promise<Discovery> {
  const answer = await ask(api, 'GET', '/api', { accept: ACCEPT }).catch(ifMissing({ versions: [] }))
  if (answer.kind === AGGREGATED) return aggregated('/api', answer)
  if (!Array.isArray(answer.versions)) throw unexpected('/api', 'no API versions')
  return readVersions(
    api,
    answer.versions.map(version => ({ group: '', version: String(version) })),
  )
}

async function readGroups(api: ApiClient): Promise<Discovery> {
  const answer = await ask(api, 'GET', '/apis', { accept: ACCEPT })
  if (answer.kind === AGGREGATED) return aggregated('/apis', answer)
  if (!Array.isArray(answer.groups)) throw unexpected('/apis', 'no API groups')
  return readVersions(api, objects(answer.groups).flatMap(versionsOf))
}

const AGGREGATED = 'APIGroupDiscoveryList'

function ifMissing(instead: JsonObject) {
  return (error: unknown): JsonObject => {
    if (statusOf(error) === 404) return instead
    throw error
  }
}

interface GroupVersion {
  group: string
  version: string
}

/** The preferred version first, as kubectl prefers. */
function versionsOf(group: JsonObject): GroupVersion[] {
  const preferred = isObject(group.preferredVersion) ? text(group.preferredVersion.version) : ''
  return objects(group.versions)
    .map(({ version }) => ({ group: text(group.name), version: text(version) }))
    .sort((a, b) => Number(b.version === preferred) - Number(a.version === preferred))
}

/**
 * Unaggregated discovery: a document for each version, all at once; one that fails is left out, as kubectl
 * does.
 */
async function readVersions(api: ApiClient, versions: GroupVersion[]): Promise<Discovery> {
  return join(
    await Promise.all(
      versions.map(async ({ group, version }): Promise<Discovery> => {
        const path = group ? `/apis/${group}/${version}` : `/api/${version}`
        try {
          const answer = await ask(api, 'GET', path)
          return { resources: unaggregated(group, version, objects(answer.resources)), unavailable: [] }
        } catch (error) {
          if (!(error instanceof ApiProblem)) throw error
          return { resources: [], unavailable: [group ? `${group}/${version}` : version] }
        }
      }),
    ),
  )
}

/* What the server's documents say. */

/** API reference: apidiscovery.k8s.io/v2, APIGroupDiscoveryList. */
function aggregated(path: string, document: JsonObject): Discovery {
  if (!Array.isArray(document.items)) throw unexpected(path, 'an API discovery list without items')
  const versions = objects(document.items).flatMap(item => {
    const group = isObject(item.metadata) ? text(item.metadata.name) : ''
    return objects(item.versions).map(version => ({ group, ...version }) as JsonObject & { group: string })
  })
  return {
    resources: versions
      .filter(version => version.freshness !== 'Stale')
      .flatMap(version =>
        objects(version.resources).map(resource =>
          aggregatedResource(version.group, text(version.version), resource),
        ),
      ),
    unavailable: versions
      .filter(version => version.freshness === 'Stale')
      .map(version => (version.group ? `${version.group}/${text(version.version)}` : text(version.version))),
  }
}

function aggregatedResource(group: string, version: string, resource: JsonObject): ApiResource {
  return {
    group,
    version,
    name: text(resource.resource),
    singular: text(resource.singularResource),
    kind: isObject(resource.responseKind) ? text(resource.responseKind.kind) : '',
    shortNames: texts(resource.shortNames),
    namespaced: resource.scope === 'Namespaced',
    verbs: texts(resource.verbs),
    subresources: objects(resource.subresources).map(({ subresource, verbs }) => ({
      name: text(subresource),
      verbs: texts(verbs),
    })),
  }
}

/**
 * API reference: v1, APIResourceList, where `pods/log` is an entry of its own beside `pods`, or without it.
 */
function unaggregated(group: string, version: string, entries: JsonObject[]): ApiResource[] {
  const names = new Set(entries.map(entry => text(entry.name).split('/')[0] ?? ''))
  return [...names].map(name => {
    const own = entries.find(entry => entry.name === name)
    const below = entries.filter(entry => text(entry.name).startsWith(`${name}/`))
    return {
      group,
      version,
      name,
      singular: text(own?.singularName),
      kind: text(own?.kind),
      shortNames: texts(own?.shortNames),
      namespaced: (own ?? below[0])?.namespaced === true,
      verbs: texts(own?.verbs),
      subresources: below.map(entry => ({
        name: text(entry.name).slice(name.length + 1),
        verbs: texts(entry.verbs),
      })),
    }
  })
}
