import type { Cluster } from '../aws/cluster.ts'
import type { ApiClient } from '../kube/client.ts'
import { policyObjects, type RbacObject, type Subject } from '../kube/policy.ts'
import { formatResolved, type ResolvedRule, resolveRules } from '../kube/resolve.ts'
import { mistakenRules } from '../kube/verdict.ts'
import type { Work } from './change.ts'
import { CONFIG_MAP } from './config-map.ts'
import { dangersOf } from './danger.ts'
import { GrantProblem, type Obstacle } from './evidence.ts'
import { type GrantInputs, isTemplate } from './inputs.ts'
import { type FoundMapping, findConfigMap, planMapping } from './mapping.ts'
import { Denials, needsOf } from './needs.ts'
import {
  changesOf,
  isOfGrant,
  labelsOf,
  listObjects,
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
  cluster: Cluster,
  found: Omit<FoundMapping, 'map'>,
  api: ApiClient,
): Promise<Plan> {
  const asked = inputs.mode === 'revoke' ? [] : inputs.can
  // A rule that names no namespace is granted in all of them.
  const resolving = resolveRules(api, asked, '')
  const denials = new Denials(api, async () => needsOf(found.method, (await resolving).resolved))
  // Where an access entry maps the role, aws-auth is only looked at.
  const glances = new Denials(api, async () => [])
  const reading = (found.method === 'aws-auth' ? denials : glances).of(
    `get ${CONFIG_MAP}`,
    findConfigMap(cluster, api),
  )
  const [{ resolved: rules, mistakes }, map, ...lists] = await Promise.all([
    resolving,
    reading,
    ...RBAC_KINDS.map(kind => denials.of(`list ${kind}s`, listObjects(api, kind))),
  ])
  await denials.check()

  const all = lists.flatMap(list => list ?? [])
  const objects = all.filter(object => isOfGrant(inputs.name, object))
  const problems: Obstacle[] = [...mistakenRules(mistakes), ...objects.flatMap(ofAnotherRole(inputs))]
  const mapping = await planMapping(inputs, { ...found, map }, api).catch(error => {
    if (!(error instanceof GrantProblem)) throw error
    problems.push(...error.evidence)
    return { works: [], now: [], notes: [] }
  })
  if (!inputs.allowAdmin) problems.push(...dangersOf(inputs, rules, mapping.now, found.entry))
  if (problems.length > 0) throw new GrantProblem(...problems)

  const ofObjects = changesOf(objects, wantedObjects(inputs, rules)).map(change => workOf(api, change))
  const plan: Plan = {
    // Whoever is let in has its rights already, and whoever loses them is out before.
    works: inputs.mode === 'revoke' ? [...mapping.works, ...ofObjects] : [...ofObjects, ...mapping.works],
    rules,
    notes: [
      ...rules.flatMap(notesOf),
      ...mapping.notes,
      ...(glances.isAny
        ? [`${CONFIG_MAP} may not be read: whether it maps the role, too, is not known`]
        : []),
      ...otherGrants(all, inputs),
    ],
    denials,
  }
  await rehearse(plan)
  return plan
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
  return policyObjects(ordered, subjects, { name, labels: labelsOf(name), annotations })
}

function ofAnotherRole({ role, name }: GrantInputs): (object: RbacObject) => Obstacle[] {
  return object => {
    const owner = object.metadata.annotations?.[ROLE_ANNOTATION]
    if (owner === undefined || owner === role.arn) return []
    return [{ kind: 'name-of-another', object: placeOf(object), name, role: owner }]
  }
}

/** What other grants to the role have left, or still give: each has its own name. */
function otherGrants(objects: readonly RbacObject[], { role, name }: GrantInputs): string[] {
  const names = objects
    .filter(object => object.metadata.annotations?.[ROLE_ANNOTATION] === role.arn && !isOfGrant(name, object))
    .map(({ metadata }) => metadata.name)
  return [...new Set(names)].map(
    other =>
      `the role has another grant, ${other}, which is left as it is; to take it away: mode revoke, name ${other}`,
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
