import { isSameArn, type Principal, withoutPath } from '../aws/arn.ts'
import type { Cluster } from '../aws/cluster.ts'
import type { ApiClient } from '../kube/client.ts'
import { policyObjects, type RbacObject, type Subject } from '../kube/policy.ts'
import { formatResolved, type ResolvedRule, resolveRules } from '../kube/resolve.ts'
import { type Identity, whoAmI } from '../kube/reviews.ts'
import { mistakenRules } from '../kube/verdict.ts'
import { CONFIG_MAP, type Work } from './change.ts'
import { readConfigMap } from './config-map.ts'
import { dangersOf } from './danger.ts'
import { GrantProblem, type Obstacle } from './evidence.ts'
import { type GrantInputs, isTemplate } from './inputs.ts'
import { Denials, needsOf } from './needs.ts'
import { type FoundMapping, planMapping } from './plan-mapping.ts'
import {
  changesOf,
  isOfGrant,
  listObjects,
  MANAGED_BY,
  placeOf,
  RBAC_KINDS,
  ROLE_ANNOTATION,
  workOf,
} from './rbac.ts'

/** All that a grant would do, and what it is made of. */
export interface Plan {
  /** In the order in which they are done. */
  works: Work[]
  rules: ResolvedRule[]
  /** Worth knowing of what is given. */
  notes: string[]
  denials: Denials
}

/**
 * Looks at what is there, and holds it against what shall be. Nothing is written; what would be is rehearsed, as far as
 * the API server can say beforehand whether it would take it.
 *
 * @param found of the mapping, as far as AWS was asked
 * @throws GrantProblem with all that stands against it; AwsProblem, KubeProblem
 */
export async function planGrant(
  inputs: GrantInputs,
  { authenticationMode }: Cluster,
  found: Omit<FoundMapping, 'map'>,
  api: ApiClient,
): Promise<Plan> {
  const { mode, can, name, role } = inputs
  // A rule that names no namespace is granted in all of them.
  const resolving = resolveRules(api, mode === 'revoke' ? [] : can, '')
  const places = {
    isRead: authenticationMode !== 'API',
    isWritten: found.method === 'aws-auth' || mode === 'revoke',
  }
  const denials = new Denials(api, name, async () => needsOf(places, (await resolving).resolved))
  const reading = places.isRead ? readConfigMap(api) : Promise.resolve(undefined)
  const [{ resolved: rules, mistakes }, map, ...lists] = await Promise.all([
    resolving,
    // Where an access entry maps the role, too: a role of nodes may be mapped in both.
    denials.of(`get ${CONFIG_MAP}`, reading),
    ...RBAC_KINDS.map(kind => denials.of(`list ${kind}s`, listObjects(api, kind))),
  ])
  await denials.check()

  const all = lists.flatMap(list => list ?? [])
  const objects = all.filter(object => isOfGrant(name, object))
  const others = otherGrants(all, inputs)
  const problems: Obstacle[] = [
    ...mistakenRules(mistakes),
    ...rules.flatMap(ungrantable),
    ...objects.flatMap(ofAnotherRole(inputs)),
  ]
  const mapping = await planMapping(inputs, { ...found, map }, others, api).catch(error => {
    if (!(error instanceof GrantProblem)) throw error
    problems.push(...error.evidence)
    return { works: [], now: [], notes: [] }
  })
  const isChanged = mapping.works.length > 0
  if (!inputs.allowAdmin) {
    const isOwn = isChanged && (await isRoleOf(await whoAmI(api), role))
    problems.push(
      ...dangersOf(inputs, rules, { now: mapping.now, entry: found.access?.entry, isChanged, isOwn }),
    )
  }
  if (problems.length > 0) throw new GrantProblem(...problems)

  const ofObjects = changesOf(objects, wantedObjects(inputs, rules)).map(change => workOf(api, change))
  const plan: Plan = {
    // Whoever is let in has its rights already, and whoever loses them is out before.
    works: mode === 'revoke' ? [...mapping.works, ...ofObjects] : [...ofObjects, ...mapping.works],
    rules,
    notes: [
      ...rules.flatMap(notesOf),
      ...mapping.notes,
      ...others.map(
        other =>
          `the role has another grant, ${other}, which stays; to take it away: mode revoke, name ${other}`,
      ),
      ...sharedUsername(all, inputs),
    ],
    denials,
  }
  await rehearse(plan)
  return plan
}

/** Whether somebody is a session of the role, as the authenticator tells it (aws-iam-authenticator, canonicalArn). */
function isRoleOf(who: Identity | null, role: Principal): boolean {
  const [arn = ''] = who?.extra.canonicalArn ?? []
  return isSameArn(arn, withoutPath(role))
}

/** The roles and bindings that shall be there. */
function wantedObjects(
  { mode, username, groups, name, role }: GrantInputs,
  rules: ResolvedRule[],
): RbacObject[] {
  if (mode === 'revoke') return []
  // One of many names cannot be bound: those who have it are bound by their groups.
  const subjects: Subject[] = isTemplate(username)
    ? groups.map(group => ({ kind: 'Group', name: group }))
    : [{ kind: 'User', name: username }]
  const annotations = { [ROLE_ANNOTATION]: role.arn }
  // In whatever order they are given, they are the same.
  const ordered = rules.toSorted((one, other) => (formatResolved(one) < formatResolved(other) ? -1 : 1))
  return policyObjects(ordered, subjects, { name, labels: MANAGED_BY, annotations })
}

function ofAnotherRole({ role, name }: GrantInputs): (object: RbacObject) => Obstacle[] {
  return object => {
    const owner = object.metadata.annotations?.[ROLE_ANNOTATION]
    if (owner === undefined || owner === role.arn) return []
    return [{ kind: 'name-of-another', object: placeOf(object), name, role: owner }]
  }
}

/** RBAC has no name for all subresources of one resource. */
function ungrantable(rule: ResolvedRule): Obstacle[] {
  if (rule.kind === 'url' || rule.attributes.subresource !== '*' || rule.attributes.resource === '*')
    return []
  const problem = 'RBAC cannot give all subresources of one resource; name them, a rule each'
  return [{ kind: 'rule-mistaken', rule: rule.rule.text, problem }]
}

/** Names of the other grants to the role. */
function otherGrants(objects: readonly RbacObject[], { role, name }: GrantInputs): string[] {
  const names = objects
    .filter(({ metadata }) => metadata.annotations?.[ROLE_ANNOTATION] === role.arn && metadata.name !== name)
    .map(({ metadata }) => metadata.name)
  return [...new Set(names)]
}

/** Two roles that are one user have the rights of both. */
function sharedUsername(objects: readonly RbacObject[], { role, username }: GrantInputs): string[] {
  const shared = objects.filter(
    ({ metadata, subjects = [] }) =>
      subjects.some(({ kind, name }) => kind === 'User' && name === username) &&
      metadata.annotations?.[ROLE_ANNOTATION] !== role.arn,
  )
  const others = new Set(shared.flatMap(({ metadata }) => metadata.annotations?.[ROLE_ANNOTATION] ?? []))
  return [...others].map(
    other => `${other} is granted to as user ${username}, too: each of the two has the rights of both`,
  )
}

function notesOf(rule: ResolvedRule): string[] {
  const told = rule.notes.map(({ text }) => text)
  if (rule.kind === 'url') return told
  const { name, verb, subresource, namespace } = rule.attributes
  const asked = formatResolved(rule)
  const unbounded = name !== '' && (verb === 'deletecollection' || (verb === 'create' && subresource === ''))
  return [
    ...told,
    ...(unbounded ? [`${asked}: it is given for all names, as a request to ${verb} tells none`] : []),
    ...(rule.namespaced && namespace === '' && rule.rule.scope.kind === 'default'
      ? [`${asked}: it is given in all namespaces, as the rule names none (-n)`]
      : []),
  ]
}

/** Asks of every write whether it would be taken, so that all that stands against them is told before the first. */
async function rehearse({ works, denials }: Plan): Promise<void> {
  const asking = works.map(({ action, what, rehearse }) =>
    denials.of(`${action} ${what}`, Promise.resolve(rehearse?.())),
  )
  const problems = new Map<string, Obstacle>()
  for (const outcome of await Promise.allSettled(asking)) {
    if (outcome.status === 'fulfilled') continue
    if (!(outcome.reason instanceof GrantProblem)) throw outcome.reason
    // A role and its binding may meet the same one.
    for (const found of outcome.reason.evidence) problems.set(JSON.stringify(found), found)
  }
  if (problems.size > 0) throw new GrantProblem(...problems.values())
  await denials.check()
}

/**
 * Does all of it, one after the other: what is done when it ends midway the next run finds done, and goes on from there.
 *
 * @param tell is told each time that one more is done
 * @throws GrantProblem, AwsProblem, KubeProblem
 */
export async function applyPlan({ works, denials }: Plan, tell: (done: number) => void): Promise<void> {
  for (const [index, { action, what, apply }] of works.entries()) {
    await denials.of(`${action} ${what}`, apply())
    await denials.check()
    tell(index + 1)
  }
}
