import { isDeepStrictEqual } from 'node:util'
import type { AccessEntries, TaggedEntry } from '../aws/access-entry-changes.ts'
import type { Principal } from '../aws/arn.ts'
import { yamlLines } from '../kube/yaml-text.ts'
import type { Work } from './change.ts'
import { GrantProblem } from './evidence.ts'
import type { Mapping } from './mapping.ts'
import { labelsOf, MANAGED_BY } from './rbac.ts'

/**
 * What maps a role by an access entry, or takes its entry away. The entry of somebody else, which has not the tags of a
 * grant, is left as it is: where it says what is wanted that will do, and else it is a problem.
 *
 * @param found its entry as it is; null: it has none
 * @param wanted whom the role shall be mapped to; null: to nobody
 * @returns null where there is nothing to do
 * @throws GrantProblem entry-of-another, name-reserved
 */
export function mapByAccessEntry(
  entries: AccessEntries,
  found: TaggedEntry | null,
  { arn }: Principal,
  wanted: Mapping | null,
  name: string,
): Work | null {
  const what = `access entry of ${arn}`
  const before = found ? entryText(found) : ''
  if (found && !isOfGrant(found) && !(wanted && says(found, wanted))) {
    const { accessEntryArn } = found
    const words = (mapping: Mapping | null) => (mapping ? mappingWords(mapping) : 'none')
    throw new GrantProblem({
      kind: 'entry-of-another',
      principalArn: arn,
      accessEntryArn,
      found: words(found),
      wanted: words(wanted),
    })
  }
  if (!wanted) {
    if (!found) return null
    return { what, action: 'delete', before, after: '', apply: () => entries.remove(arn) }
  }
  checkNames(wanted)
  if (found && says(found, wanted)) return null
  const after = entryText(wanted)
  if (found) return { what, action: 'update', before, after, apply: () => entries.update(arn, wanted) }
  const tags = labelsOf(name)
  return {
    what,
    action: 'create',
    before,
    after,
    apply: () => entries.create(arn, { ...wanted, tags }),
  }
}

/** Whether a grant has made it. */
export function isOfGrant({ tags }: TaggedEntry): boolean {
  return Object.entries(MANAGED_BY).every(([key, value]) => tags[key] === value)
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
 * Beginnings that EKS keeps for itself, of a username
 * (https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html); of a group it names the first alone.
 */
const RESERVED = ['system:', 'eks:', 'aws:', 'amazon:', 'iam:']

function checkNames({ username, groups }: Mapping): void {
  const reservedBy = (name: string, starts: string[]) => starts.find(start => name.startsWith(start))
  const names = [
    { what: 'username' as const, name: username, reserved: reservedBy(username, RESERVED) },
    ...groups.map(name => ({ what: 'group' as const, name, reserved: reservedBy(name, ['system:']) })),
  ]
  const problems = names.flatMap(({ what, name, reserved }) =>
    reserved ? [{ kind: 'name-reserved' as const, what, name, reserved }] : [],
  )
  if (problems.length > 0) throw new GrantProblem(...problems)
}
