/** The reviews that an API server answers: who asks, and what it may do. */
import type { Attributes, UserInfo } from './objects.ts'
import { authorize, type Policy, rulesOf } from './rbac.ts'
import { type Answer, badRequest, notImplemented } from './status.ts'
import { timestamp } from './store.ts'

/** A review's `spec`, by the name of its resource. */
type Reviewer = (spec: Spec, user: UserInfo, policy: Policy) => Reviewed

/** What of an answer the review decides. */
type Reviewed = { readonly metadata?: object; readonly spec?: object; readonly status: object }

type Spec = Readonly<Record<string, unknown>>

const REVIEWERS: Readonly<Record<string, Reviewer>> = {
  'authentication.k8s.io/selfsubjectreviews': (_spec, user) => ({
    metadata: { creationTimestamp: timestamp() },
    // What is empty is left out (omitempty of k8s.io/api/authentication/v1, UserInfo).
    status: { userInfo: { ...user, username: user.username || undefined } },
  }),
  'authorization.k8s.io/selfsubjectaccessreviews': (spec, user, policy) => access(spec, user, policy),
  'authorization.k8s.io/subjectaccessreviews': (spec, _user, policy) => access(spec, subjectOf(spec), policy),
  'authorization.k8s.io/selfsubjectrulesreviews': (spec, user, policy) => rules(spec, user, policy),
}

/** Whether a resource is a review that this server answers. */
export function isReview(group: string, resource: string): boolean {
  return `${group}/${resource}` in REVIEWERS
}

/**
 * Answers a review that was POSTed.
 *
 * @param given the review
 * @throws Refusal for a review that is none, and 501 for parts of it that the real server would judge
 */
export function review(
  place: { readonly group: string; readonly version: string; readonly resource: string },
  given: unknown,
  user: UserInfo,
  policy: Policy,
): Answer {
  const reviewer = REVIEWERS[`${place.group}/${place.resource}`]
  if (!reviewer || place.version !== 'v1') throw notImplemented(`answer ${place.resource} ${place.version}`)
  const { kind, apiVersion, spec } = record(given, 'the review')
  const reviewed = reviewer(record(spec ?? {}, 'spec'), user, policy)
  return { status: 201, body: { kind, apiVersion, metadata: {}, ...reviewed } }
}

function access(spec: Spec, user: UserInfo, policy: Policy): Reviewed {
  const { allowed, reason } = authorize(user, attributesOf(spec), policy)
  return { spec, status: { allowed, ...(reason ? { reason } : {}) } }
}

function rules({ namespace }: Spec, user: UserInfo, policy: Policy): Reviewed {
  if (typeof namespace !== 'string' || namespace === '') throw badRequest('no namespace on request')
  // What was asked is not in the answer of a real server either.
  return { spec: {}, status: rulesOf(user, namespace, policy) }
}

function subjectOf({ user: username = '', groups = [], uid, extra }: Spec): UserInfo {
  if (!username && (groups as readonly string[]).length === 0)
    throw notImplemented('review the access of nobody')
  return {
    username: String(username),
    groups: groups as readonly string[],
    ...(uid ? { uid: String(uid) } : {}),
    ...(extra ? { extra: extra as NonNullable<UserInfo['extra']> } : {}),
  }
}

const RESOURCE_FIELDS = new Set(['verb', 'group', 'version', 'resource', 'subresource', 'name', 'namespace'])

function attributesOf({ resourceAttributes, nonResourceAttributes }: Spec): Attributes {
  if ((resourceAttributes == null) === (nonResourceAttributes == null)) {
    throw notImplemented('judge a review of both a resource and a path, or of neither')
  }
  if (nonResourceAttributes != null) {
    const { verb = '', path = '' } = record(nonResourceAttributes, 'nonResourceAttributes')
    return { kind: 'path', verb: String(verb), path: String(path) }
  }
  const given = record(resourceAttributes, 'resourceAttributes')
  const strange = Object.keys(given).find(name => !RESOURCE_FIELDS.has(name))
  if (strange) throw notImplemented(`review by ${strange}`)
  const text = (name: string) => String(given[name] ?? '')
  return {
    kind: 'resource',
    verb: text('verb'),
    apiGroup: text('group'),
    resource: text('resource'),
    subresource: text('subresource'),
    name: text('name'),
    namespace: text('namespace'),
  }
}

function record(value: unknown, what: string): Spec {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Spec
  throw badRequest(`${what} is no object`)
}
