/** What an API server says of itself: its API, its version, its health. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiVersionOf, KINDS, type Kind } from './kinds.ts'
import type { RequestInfo } from './request.ts'
import { type Answer, notImplemented } from './status.ts'

/** One resource of APIGroupDiscoveryList (apidiscovery.k8s.io/v2). */
type DiscoveredResource = {
  readonly resource: string
  readonly responseKind: { readonly group?: string; readonly version?: string; readonly kind: string }
  readonly scope: 'Namespaced' | 'Cluster'
  readonly singularResource?: string
  readonly verbs: readonly string[]
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly subresources?: readonly (Omit<DiscoveredResource, 'resource' | 'scope'> & {
    readonly subresource: string
  })[]
}
type DiscoveredGroup = {
  readonly metadata: { readonly name?: string }
  readonly versions: readonly {
    readonly version: string
    readonly resources: readonly DiscoveredResource[]
  }[]
}
type Discovered = { readonly items: readonly DiscoveredGroup[] }

/** As a real API server gave it: the whole API of Kubernetes, also what the embedded one does not keep. */
const recorded: { readonly api: Discovered; readonly apis: Discovered; readonly version: object } =
  JSON.parse(readFileSync(join(import.meta.dirname, 'recorded', 'discovery.json'), 'utf8'))

/** Where a real API server has more, which is not told here; the empty one is its list of paths. */
const ELSEWHERE = new Set([
  '',
  '.well-known',
  'openid',
  'metrics',
  'logs',
  'debug',
  'configz',
  'flagz',
  'statusz',
])

const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const AGGREGATED = /application\/json;(?=[^,]*as=APIGroupDiscoveryList)(?=[^,]*v=v2(?:[;,]|$))/

/**
 * Answers a path that is none of a resource.
 *
 * @param accept as the client sent it: discovery has an aggregated form and a plain one
 * @throws Refusal with 501 for what a real server has there; a path that is nowhere is 404, as there
 */
export function apiDocument({ verb, path, query }: RequestInfo, accept: string): Answer {
  if (verb !== 'get' && verb !== 'head') throw notImplemented(`${verb} ${path}`)
  const [first = '', ...rest] = path.split('/').filter(Boolean)
  const isDiscovery = (first === 'api' || first === 'apis') && rest.length === 0
  const aggregated = isDiscovery && AGGREGATED.test(accept.replaceAll(' ', ''))
  const body = documentOf(first, rest, query, aggregated)
  if (body === undefined) return { status: 404, body: '404 page not found\n' }
  if (aggregated) return { status: 200, body, contentType: AGGREGATED_TYPE }
  return { status: 200, body, ...(first === 'version' ? { contentType: 'application/json' } : {}) }
}

function documentOf(
  first: string,
  rest: readonly string[],
  query: URLSearchParams,
  aggregated: boolean,
): object | string | undefined {
  switch (first) {
    case 'api':
      return rest.length === 0 ? core(aggregated) : resources(recorded.api, '', rest[0])
    case 'apis':
      return rest.length === 0 ? groups(aggregated) : named(rest)
    case 'version':
      // The one document that an API server indents.
      return JSON.stringify(recorded.version, null, 2)
    case 'healthz':
    case 'livez':
    case 'readyz':
      if (rest.length > 0 || query.size > 0) throw notImplemented('tell its checks one by one')
      return 'ok'
    case 'openapi':
      return openApi(rest)
    default:
      if (ELSEWHERE.has(first)) throw notImplemented(`serve /${first}`)
      return undefined
  }
}

/* Discovery. */

function core(aggregated: boolean): object {
  if (aggregated) return recorded.api
  const versions = recorded.api.items.flatMap(({ versions }) => versions.map(({ version }) => version))
  return { kind: 'APIVersions', versions, serverAddressByClientCIDRs: [] }
}

function groups(aggregated: boolean): object {
  if (aggregated) return recorded.apis
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: recorded.apis.items.map(group) }
}

function named([name = '', version]: readonly string[]): object | undefined {
  if (version !== undefined) return resources(recorded.apis, name, version)
  const found = recorded.apis.items.find(({ metadata }) => metadata.name === name)
  return found && { kind: 'APIGroup', apiVersion: 'v1', ...group(found) }
}

function group({ metadata: { name = '' }, versions }: DiscoveredGroup) {
  const all = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: all, preferredVersion: all[0] }
}

function resources({ items }: Discovered, name: string, version: string | undefined): object | undefined {
  const found = items
    .find(({ metadata }) => (metadata.name ?? '') === name)
    ?.versions.find(each => each.version === version)
  return (
    found && {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: name === '' ? version : `${name}/${version}`,
      resources: found.resources.flatMap(resource => [
        plain(resource.resource, resource),
        ...(resource.subresources ?? []).map(sub =>
          plain(`${resource.resource}/${sub.subresource}`, { ...sub, scope: resource.scope }),
        ),
      ]),
    }
  )
}

/** APIResource (meta/v1). */
function plain(name: string, resource: Omit<DiscoveredResource, 'resource'>): object {
  const { responseKind, scope, singularResource: singularName = '', verbs, shortNames, categories } = resource
  return {
    name,
    singularName,
    namespaced: scope === 'Namespaced',
    kind: responseKind?.kind ?? '',
    verbs,
    ...(shortNames ? { shortNames } : {}),
    ...(categories ? { categories } : {}),
  }
}

/* OpenAPI: kubectl looks there whether the server itself refuses unknown fields, as this one does. */

function openApi([version, ...rest]: readonly string[]): object | undefined {
  if (version !== 'v3') throw notImplemented(`describe itself by OpenAPI ${version}`)
  const documents: Partial<Record<string, Kind[]>> = Object.groupBy(KINDS, (kind): string =>
    kind.group ? `apis/${apiVersionOf(kind)}` : `api/${kind.version}`,
  )
  if (rest.length === 0) {
    const paths = Object.keys(documents).map(path => [path, { serverRelativeURL: `/openapi/v3/${path}` }])
    return { paths: Object.fromEntries(paths) }
  }
  const prefix = rest.join('/')
  const kinds = documents[prefix]
  if (!kinds) throw notImplemented(`describe ${prefix}`)
  const paths = kinds.map(({ group, version, kind, resource, namespaced }) => {
    const gvk = { group, version, kind }
    const parameters = [{ name: 'fieldValidation', in: 'query', schema: { type: 'string' } }]
    const patch = { 'x-kubernetes-action': 'patch', 'x-kubernetes-group-version-kind': gvk, parameters }
    return [`/${prefix}/${namespaced ? 'namespaces/{namespace}/' : ''}${resource}/{name}`, { patch }]
  })
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'embedded' },
    paths: Object.fromEntries(paths),
  }
}
