/** What a request to an API server asks for, read from its method and URL. */
import type { Attributes } from './objects.ts'

/** A resource by group, version and plural; the core group's name is empty. */
export type ResourcePath = {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  /** Empty: the cluster scope, or all namespaces. */
  readonly namespace: string
  /** Empty: the collection. */
  readonly name: string
}

export type RequestInfo = {
  readonly verb: string
  readonly path: string
  readonly query: URLSearchParams
  /** Undefined where the path is none of a resource. */
  readonly target: ResourcePath | undefined
}

const VERBS: Readonly<Record<string, readonly [ofOne: string, ofCollection: string]>> = {
  GET: ['get', 'list'],
  HEAD: ['get', 'list'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['delete', 'deletecollection'],
}

/**
 * Reads a request as the API server does before it authorizes it (RequestInfoFactory of k8s.io/apiserver): the verb
 * of the API that its method stands for, and the resource that its path names.
 *
 * @param target path and query, as HTTP sends them
 */
export function readRequest(method: string, target: string): RequestInfo {
  const { pathname: path, searchParams: query } = new URL(target, 'https://api-server')
  const place = resourcePath(path)
  if (place === undefined) return { verb: method.toLowerCase(), path, query, target: undefined }
  const [ofOne, ofCollection] = VERBS[method] ?? ['', '']
  if (place.name !== '' || method === 'POST') return { verb: ofOne, path, query, target: place }
  const watches = ofCollection === 'list' && /^(?:1|true)$/i.test(query.get('watch') ?? '')
  // A collection that is asked for one name is authorized as that name.
  const name = /^metadata\.name=([^,]+)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? ''
  return { verb: watches ? 'watch' : ofCollection, path, query, target: { ...place, name } }
}

/** `/api/VERSION/…` or `/apis/GROUP/VERSION/…`, with at least a resource behind it. */
function resourcePath(path: string): ResourcePath | undefined {
  const [prefix, ...parts] = path.split('/').filter(Boolean).map(decoded)
  if (prefix !== 'api' && prefix !== 'apis') return undefined
  const [group = '', version = '', ...rest] = prefix === 'api' ? ['', ...parts] : parts
  const [first, namespace = '', ...inside] = rest
  if (first === undefined) return undefined
  // `namespaces/web` is the namespace itself, and in it; with more behind it, only in it.
  if (first === 'namespaces' && namespace !== '') {
    const [resource, name = '', subresource = ''] = inside
    if (resource === undefined || NAMESPACE_SUBRESOURCES.has(resource)) {
      return { group, version, resource: first, name: namespace, namespace, subresource: resource ?? '' }
    }
    return { group, version, resource, name, namespace, subresource }
  }
  const [resource = '', name = '', subresource = ''] = rest
  return { group, version, resource, name, namespace: '', subresource }
}

const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize'])

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** What is to be authorized. */
export function attributesOf({ verb, path, target }: RequestInfo): Attributes {
  if (target === undefined) return { kind: 'path', verb, path }
  const { group: apiGroup, resource, subresource, name, namespace } = target
  return { kind: 'resource', verb, apiGroup, resource, subresource, name, namespace }
}
