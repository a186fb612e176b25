import { setTimeout as sleep } from 'node:timers/promises'
import { ask, demand, type ServerAddress } from '../../lab/admin.ts'
import type { KubeObject, UserInfo } from '../../lab/kube/objects.ts'
import type { SubjectRules } from '../../lab/kube/rbac.ts'
import type { Question } from './policies.ts'

// A real API server's judge, asked as an administrator.

const RBAC = 'rbac.authorization.k8s.io'
const AUTHORIZATION = 'authorization.k8s.io/v1'
const AUTHENTICATION = 'authentication.k8s.io/v1'

/** The status of a SubjectAccessReview. */
export type Verdict = {
  readonly allowed: boolean
  readonly reason?: string
  readonly evaluationError?: string
}

export function judge(server: ServerAddress, { user, attributes }: Question): Promise<Verdict> {
  const subject = { user: user.username, groups: user.groups }
  const kind = 'SubjectAccessReview'
  if (attributes.kind === 'path') {
    const { verb, path } = attributes
    return review(server, AUTHORIZATION, kind, { ...subject, nonResourceAttributes: { verb, path } })
  }
  const { kind: _, apiGroup: group, ...asked } = attributes
  return review(server, AUTHORIZATION, kind, { ...subject, resourceAttributes: { ...asked, group } })
}

/** What a user may do in a namespace, and who the server says that user is. */
export async function rulesAs(
  server: ServerAddress,
  user: UserInfo,
  namespace: string,
): Promise<{ userInfo: UserInfo; rules: SubjectRules }> {
  const [{ userInfo }, rules] = await Promise.all([
    review<{ userInfo: UserInfo }>(server, AUTHENTICATION, 'SelfSubjectReview', {}, user),
    review<SubjectRules>(server, AUTHORIZATION, 'SelfSubjectRulesReview', { namespace }, user),
  ])
  return { userInfo, rules }
}

/** Headers that make a request one of somebody else. */
export function impersonating({ username, groups }: UserInfo) {
  return { 'impersonate-user': username, 'impersonate-group': [...groups] }
}

/** The status of a review. */
async function review<Status>(
  server: ServerAddress,
  apiVersion: string,
  kind: string,
  spec: object,
  as?: UserInfo,
): Promise<Status> {
  const path = `/apis/${apiVersion}/${kind.toLowerCase()}s`
  const answer = await ask(server, 'POST', path, { apiVersion, kind, spec }, as && impersonating(as))
  return (demand(answer, 201) as { status: Status }).status
}

/**
 * Makes objects, namespaces before what is in them, and returns once the server judges by them: it learns of each kind
 * in the order in which its objects were made, so that it knows all when it knows the last of each.
 *
 * @param run a word that is in no name yet
 */
export async function apply(
  server: ServerAddress,
  objects: readonly KubeObject[],
  run: string,
): Promise<void> {
  const isNamespace = ({ kind }: KubeObject) => kind === 'Namespace'
  const others = objects.filter(object => !isNamespace(object))
  await Promise.all(objects.filter(isNamespace).map(object => make(server, object)))
  await Promise.all(others.map(object => make(server, object)))
  const name = `marker${run}`
  await Promise.all([mark(server, { name }), mark(server, { name, namespace: 'default' })])
}

/** Makes the last role and the last binding of the cluster or of all namespaces, and waits until they count. */
async function mark(server: ServerAddress, metadata: KubeObject['metadata']): Promise<void> {
  const { name, namespace = '' } = metadata
  const apiVersion = `${RBAC}/v1`
  const kind = namespace === '' ? 'ClusterRole' : 'Role'
  const rules = [{ verbs: ['use'], apiGroups: [''], resources: [name] }]
  const binding = {
    roleRef: { apiGroup: RBAC, kind, name },
    subjects: [{ apiGroup: RBAC, kind: 'User', name }],
  }
  await make(server, { apiVersion, kind, metadata, ...{ rules } })
  await make(server, { apiVersion, kind: `${kind}Binding`, metadata, ...binding })

  const asked = { verb: 'use', apiGroup: '', resource: name, subresource: '', name: '', namespace }
  const question: Question = {
    user: { username: name, groups: [] },
    attributes: { kind: 'resource', ...asked },
  }
  const deadline = Date.now() + 10_000
  while (!(await judge(server, question)).allowed) {
    if (Date.now() > deadline) throw new Error(`${name} does not count after 10 s`)
    await sleep(5)
  }
}

async function make(server: ServerAddress, object: KubeObject): Promise<void> {
  const { apiVersion, kind, metadata } = object
  const prefix = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`
  const place = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`
  demand(await ask(server, 'POST', `${prefix}${place}/${kind.toLowerCase()}s`, object), 201)
}
