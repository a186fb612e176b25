import type { AccessEntries, TaggedEntry } from '../aws/access-entry-changes.ts'
import { refusalCode } from '../aws/evidence.ts'
import { yamlLines } from '../kube/yaml-text.ts'
import type { Work } from './change.ts'
import { GrantProblem } from './evidence.ts'
import { type Mapping, mappingWords, says } from './mapping.ts'
import { MANAGED_BY } from './rbac.ts'

/**
 * What maps a role by an access entry. One that no grant has made is left as it is: where it says what is wanted that
 * will do, and else it is a problem.
 *
 * @param found its entry as it is; null: it has none
 * @param arn of the role, with its path
 * @returns null where there is nothing to do
 * @throws GrantProblem entry-of-another, name-unusable
 */
export function mapByAccessEntry(
  entries: AccessEntries,
  found: TaggedEntry | null,
  wanted: Mapping,
  arn: string,
): Work | null {
  checkNames(wanted)
  if (found && says(found, wanted)) return null
  const [what, after] = [placeOf(arn), entryText(wanted)]
  if (!found) return { what, action: 'create', before: '', after, apply: () => create(entries, wanted, arn) }
  if (!isOfGrants(found)) throw new GrantProblem(ofAnother(found, wanted, arn))
  return { what, action: 'update', before: entryText(found), after, apply: () => entries.update(arn, wanted) }
}

/** Makes an entry. Where somebody else has made one since it was looked for, that one is dealt with as with a found one. */
async function create(entries: AccessEntries, wanted: Mapping, arn: string): Promise<void> {
  try {
    await entries.create(arn, { ...wanted, tags: MANAGED_BY })
  } catch (error) {
    const found = isInUse(error) ? await entries.read(arn) : null
    if (!found) throw error
    await mapByAccessEntry(entries, found, wanted, arn)?.apply()
  }
}

/** https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAccessEntry.html#API_CreateAccessEntry_Errors */
function isInUse(error: unknown): boolean {
  return refusalCode(error) === 'ResourceInUseException'
}

/** What takes a role's access entry away. */
export function unmapByAccessEntry(entries: AccessEntries, found: TaggedEntry, arn: string): Work {
  const apply = () => entries.remove(arn)
  return { what: placeOf(arn), action: 'delete', before: entryText(found), after: '', apply }
}

/** Whether a grant has made an entry, or it was handed over to grants. */
export function isOfGrants({ tags }: TaggedEntry): boolean {
  return Object.entries(MANAGED_BY).every(([key, value]) => tags[key] === value)
}

function ofAnother(found: TaggedEntry, wanted: Mapping, principalArn: string) {
  const { accessEntryArn } = found
  return {
    kind: 'entry-of-another' as const,
    ...{ principalArn, accessEntryArn, found: mappingWords(found), wanted: mappingWords(wanted) },
  }
}

function placeOf(arn: string): string {
  return `access entry of ${arn}`
}

function entryText({ username, groups, policies = [] }: Mapping & { policies?: string[] }): string {
  const lines = yamlLines({
    username,
    ...(groups.length > 0 ? { kubernetesGroups: groups } : {}),
    ...(policies.length > 0 ? { accessPolicies: policies } : {}),
  })
  return `${lines.join('\n')}\n`
}

/**
 * What EKS does not take: beginnings that it keeps for itself, and a session's name without a colon before it
 * (https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html).
 */
function checkNames({ username, groups }: Mapping): void {
  const reserved = RESERVED.find(start => username.startsWith(start))
  const [before = '', ...after] = username.split(/\{\{SessionName(?:Raw)?\}\}/)
  const ofUsername = [
    ...(reserved ? [`${reserved} is EKS\u2019s own`] : []),
    ...(after.length > 0 && !before.includes(':') ? ['it needs a colon before {{SessionName}}'] : []),
  ]
  const ofGroups = groups.filter(group => group.startsWith('system:'))
  const problems = [
    ...ofUsername.map(why => ({ what: 'username' as const, name: username, why })),
    ...ofGroups.map(name => ({ what: 'group' as const, name, why: 'system: is Kubernetes\u2019 own' })),
  ]
  if (problems.length > 0)
    throw new GrantProblem(...problems.map(problem => ({ kind: 'name-unusable' as const, ...problem })))
}

const RESERVED = ['system:', 'eks:', 'aws:', 'amazon:', 'iam:']
