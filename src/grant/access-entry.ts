import { isDeepStrictEqual } from 'node:util'
import type { AccessEntries, TaggedEntry } from '../aws/access-entry-changes.ts'
import { yamlLines } from '../kube/yaml-text.ts'
import type { Work } from './change.ts'
import { GrantProblem } from './evidence.ts'
import type { GrantInputs } from './inputs.ts'
import type { Mapping } from './mapping.ts'
import { labelsOf, MANAGED_BY } from './rbac.ts'

/**
 * What maps a role by an access entry. One that no grant of this name has made is left as it is: where it says what is
 * wanted that will do, and else it is a problem.
 *
 * @param found its entry as it is; null: it has none
 * @returns null where there is nothing to do
 * @throws GrantProblem entry-of-another, name-unusable
 */
export function mapByAccessEntry(
  entries: AccessEntries,
  found: TaggedEntry | null,
  { role, username, groups, name }: Pick<GrantInputs, 'role' | 'username' | 'groups' | 'name'>,
): Work | null {
  const { arn } = role
  const wanted = { username, groups }
  checkNames(wanted)
  if (found && says(found, wanted)) return null
  const [what, after] = [placeOf(arn), entryText(wanted)]
  if (!found) {
    const apply = () => entries.create(arn, { ...wanted, tags: labelsOf(name) })
    return { what, action: 'create', before: '', after, apply }
  }
  if (isOfGrant(found, name))
    return {
      what,
      action: 'update',
      before: entryText(found),
      after,
      apply: () => entries.update(arn, wanted),
    }
  throw new GrantProblem({
    kind: 'entry-of-another',
    principalArn: arn,
    accessEntryArn: found.accessEntryArn,
    found: mappingWords(found),
    wanted: mappingWords(wanted),
  })
}

/** What takes a role's access entry away; null for one that no grant of this name has made. */
export function unmapByAccessEntry(
  entries: AccessEntries,
  found: TaggedEntry,
  { role: { arn }, name }: Pick<GrantInputs, 'role' | 'name'>,
): Work | null {
  if (!isOfGrant(found, name)) return null
  const apply = () => entries.remove(arn)
  return { what: placeOf(arn), action: 'delete', before: entryText(found), after: '', apply }
}

function placeOf(arn: string): string {
  return `access entry of ${arn}`
}

/** Whether a grant of the name has made it, or it was handed over to grants without saying to which. */
function isOfGrant({ tags }: TaggedEntry, name: string): boolean {
  return Object.entries(labelsOf(name)).every(
    ([key, value]) => tags[key] === value || (tags[key] === undefined && !(key in MANAGED_BY)),
  )
}

/** Whether it maps to the same user. */
export function says(entry: Mapping, wanted: Mapping): boolean {
  const of = ({ username, groups }: Mapping) => [username, [...groups].sort()]
  return isDeepStrictEqual(of(entry), of(wanted))
}

/** Whom a mapping maps to, in words. */
export function mappingWords({ username, groups }: Mapping): string {
  return `username ${username || 'none'}, groups ${groups.join(', ') || 'none'}`
}

function entryText({ username, groups }: Mapping): string {
  return `${yamlLines({ username, ...(groups.length > 0 ? { kubernetesGroups: groups } : {}) }).join('\n')}\n`
}

/**
 * What EKS does not take: beginnings that it keeps for itself, and for a session's name something before it that ends
 * with a colon (https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html).
 */
function checkNames({ username, groups }: Mapping): void {
  const reserved = RESERVED.find(start => username.startsWith(start))
  const [before = '', ...after] = username.split(/\{\{SessionName(?:Raw)?\}\}/)
  const problems = [
    ...(reserved
      ? [{ what: 'username' as const, name: username, why: `${reserved} is EKS\u2019s own` }]
      : []),
    ...(after.length > 0 && !before.includes(':')
      ? [{ what: 'username' as const, name: username, why: 'it needs a colon before {{SessionName}}' }]
      : []),
    ...groups
      .filter(group => group.startsWith('system:'))
      .map(name => ({ what: 'group' as const, name, why: 'system: is Kubernetes\u2019 own' })),
  ]
  if (problems.length > 0)
    throw new GrantProblem(...problems.map(problem => ({ kind: 'name-unusable' as const, ...problem })))
}

const RESERVED = ['system:', 'eks:', 'aws:', 'amazon:', 'iam:']
