/** An embedded API server: who asks, whether it may, and what it gets. */
import { load } from 'js-yaml'
import { apiDocument } from './documents.ts'
import type { Received } from './endpoint.ts'
import { demandNoEscalation } from './escalation.ts'
import { impersonated } from './impersonation.ts'
import { CLUSTER_ROLE, CLUSTER_ROLE_BINDING, findKind, ROLE, ROLE_BINDING } from './kinds.ts'
import type { Attributes, RbacBinding, RbacRole, UserInfo } from './objects.ts'
import { serveObjects } from './objects-api.ts'
import { APPLY } from './patch.ts'
import { decodeProtobuf, PROTOBUF } from './protobuf.ts'
import { authorize, forbiddenMessage, type Policy } from './rbac.ts'
import { attributesOf, type RequestInfo, readRequest } from './request.ts'
import { isReview, review } from './reviews.ts'
import {
  type Answer,
  badRequest,
  forbidden,
  notImplemented,
  unauthorized,
  unsupportedFormat,
} from './status.ts'
import type { Store } from './store.ts'

/** Says whose a bearer token is; undefined: nobody's. */
export type Authenticate = (token: string) => Promise<UserInfo | undefined>

/**
 * Answers one request as an API server with RBAC does: authenticates it, authorizes it, and then looks at what it
 * asks for.
 *
 * @param beside the authorizer that is asked when RBAC allows nothing, if there is one
 * @throws Refusal
 */
export async function answerRequest(
  received: Received,
  store: Store,
  authenticate: Authenticate,
  beside: Policy['beside'] = () => undefined,
): Promise<Answer> {
  const policy = { ...policyOf(store), beside }
  const asking = await userOf(received, authenticate)
  const user = impersonated(
    asking,
    received.headers,
    attributes => authorize(asking, attributes, policy).allowed,
  )
  const info = readRequest(received.method, received.target)
  demand(user, attributesOf(info), policy)
  return serve(info, received, user, store, policy)
}

/** @throws Refusal when a user may not */
function demand(user: UserInfo, attributes: Attributes, policy: Policy): void {
  const { allowed, reason } = authorize(user, attributes, policy)
  if (allowed) return
  const place = attributes.kind === 'path' ? undefined : { ...attributes, group: attributes.apiGroup }
  throw forbidden(forbiddenMessage(user, attributes, reason), place)
}

async function userOf({ headers }: Received, authenticate: Authenticate): Promise<UserInfo> {
  const authorization = headers.authorization
  if (typeof authorization !== 'string' || authorization === '') {
    return { username: 'system:anonymous', groups: ['system:unauthenticated'] }
  }
  const token = /^bearer +(\S+)$/i.exec(authorization)?.[1]
  const user = token === undefined ? undefined : await authenticate(token)
  if (user === undefined) throw unauthorized()
  return { ...user, groups: [...user.groups, 'system:authenticated'] }
}

function policyOf(store: Store): Policy {
  return {
    clusterRole: name => store.find(CLUSTER_ROLE, '', name) as RbacRole | undefined,
    role: (namespace, name) => store.find(ROLE, namespace, name) as RbacRole | undefined,
    clusterRoleBindings: () => store.list(CLUSTER_ROLE_BINDING) as RbacBinding[],
    roleBindings: namespace => store.list(ROLE_BINDING, namespace) as RbacBinding[],
  }
}

async function serve(
  info: RequestInfo,
  received: Received,
  user: UserInfo,
  store: Store,
  policy: Policy,
): Promise<Answer> {
  const { target, verb, query } = info
  const accept = String(received.headers.accept ?? '')
  if (target === undefined) return apiDocument(info, accept)
  const contentType = String(received.headers['content-type'] ?? '').split(';')[0] ?? ''
  const { group, version, resource } = target
  if (isReview(group, resource) && verb === 'create') {
    return review(target, await objectOf(received, contentType), user, policy)
  }
  const kind = findKind(group, version, resource)
  if (kind === undefined) throw notImplemented(`serve ${resource}${group ? ` of ${group}` : ''}`)
  return serveObjects(store, {
    ...{ verb, query, kind, target, accept, contentType },
    // What a DELETE is sent along says how to go about it with what depends on the object: nothing does.
    body: verb === 'delete' ? undefined : await objectOf(received, contentType),
    userAgent: String(received.headers['user-agent'] ?? ''),
    demandCreate: () => demand(user, { ...attributesOf(info), verb: 'create' }, policy),
    demandNoEscalation: write => demandNoEscalation(user, attributesOf(info), write, policy),
  })
}

async function objectOf({ body }: Received, contentType: string): Promise<unknown> {
  if (body.length === 0) return undefined
  if (contentType === PROTOBUF) return decodeProtobuf(body)
  if (contentType === APPLY) return appliedYaml(body)
  if (!/^application\/(?:[\w-]+\+)?json$/.test(contentType)) throw unsupportedFormat(contentType)
  try {
    return JSON.parse(body.toString())
  } catch {
    throw badRequest('the body of the request is no JSON')
  }
}

/** JSON is YAML, too, and what most clients send. */
function appliedYaml(body: Buffer): unknown {
  try {
    return load(body.toString())
  } catch (error) {
    throw badRequest(`error decoding YAML: ${(error as Error).message}`)
  }
}
