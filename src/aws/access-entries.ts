import { principalOf } from './arn.ts'
import type { CallOptions } from './bounds.ts'
import type { Credentials } from './credentials.ts'
import { allPages, openEks } from './eks-client.ts'
import { AwsProblem } from './evidence.ts'

/** An access entry of a cluster (https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html). */
export interface AccessEntry {
  /** With the role's path, which no session tells. */
  principalArn: string
  /** As it stands in the entry, placeholders like `{{SessionName}}` included. */
  username: string
  groups: string[]
  /** ISO 8601, in UTC; absent where the answer has none. */
  createdAt?: string
  modifiedAt?: string
}

/** What could be learned of a principal's access entry. */
export type AccessEntrySearch =
  | { kind: 'found'; entry: AccessEntry; asked: readonly string[] }
  /** There is one, and it may not be read. */
  | { kind: 'listed'; principalArn: string; asked: readonly string[] }
  /** `sure` unless it may have been sought without the path of the role. */
  | { kind: 'none'; sure: boolean; asked: readonly string[] }
  | { kind: 'unknown'; asked: readonly string[] }

/**
 * Looks for the access entry of a principal: by ListAccessEntries, which also finds a role by its name alone, as names
 * are unique in an account whatever the path (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create.html),
 * and by DescribeAccessEntry. Either may be denied.
 *
 * @param principal.arn of a role or user; a role's may lack its path
 * @param principal.whole whether the ARN is known to have its path
 * @param describer those who may describe the cluster, as they are of its account
 * @returns with a line for each question and its answer
 */
export async function findAccessEntry(
  cluster: string,
  principal: { arn: string; whole: boolean },
  describer: Credentials,
  region: string,
  options: CallOptions,
): Promise<AccessEntrySearch> {
  const api = await openApi(cluster, describer, region, options)
  try {
    const [listed, described] = await Promise.allSettled([api.list(), api.describe(principal.arn)])
    const asked = [
      answered('eks:ListAccessEntries', listed, arns => `${arns.length} in all`),
      answered(`eks:DescribeAccessEntry of ${principal.arn}`, described, entryLine),
    ]
    if (described.status === 'fulfilled')
      return { kind: 'found', entry: described.value, asked: asked.slice(1) }
    if (listed.status === 'fulfilled') return amongListed(listed.value, principal.arn, api, asked)
    return isAbsentEntry(described.reason)
      ? { kind: 'none', sure: principal.whole, asked }
      : { kind: 'unknown', asked }
  } finally {
    api.close()
  }
}

async function amongListed(
  arns: string[],
  arn: string,
  api: Api,
  asked: string[],
): Promise<AccessEntrySearch> {
  const principalArn = arns.find(listed => isSamePrincipal(listed, arn))
  const name = arn.slice(arn.lastIndexOf('/') + 1)
  if (!principalArn)
    return { kind: 'none', sure: true, asked: [`${asked[0]}, none of them for ${name} of this account`] }
  try {
    const entry = await api.describe(principalArn)
    return {
      kind: 'found',
      entry,
      asked: [`eks:DescribeAccessEntry of ${principalArn}: ${entryLine(entry)}`],
    }
  } catch {
    return { kind: 'listed', principalArn, asked: [`${asked[0]}, one of them for ${principalArn}`] }
  }
}

/** By all but the path of a role. */
function isSamePrincipal(one: string, other: string): boolean {
  const [a, b] = [principalOf(one), principalOf(other)]
  return a !== null && b !== null && a.account === b.account && a.kind === b.kind && a.name === b.name
}

function answered<T>(asked: string, outcome: PromiseSettledResult<T>, say: (value: T) => string): string {
  if (outcome.status === 'fulfilled') return `${asked}: ${say(outcome.value)}`
  const { reason } = outcome
  const evidence = reason instanceof AwsProblem ? reason.evidence : null
  if (evidence?.kind === 'refused')
    return `${asked} answered ${evidence.status} ${evidence.code}: ${evidence.message}`
  return `${asked}: no answer`
}

function entryLine({ username, groups, createdAt, modifiedAt }: AccessEntry): string {
  return [
    `username ${username || 'none'}`,
    `groups ${groups.join(', ') || 'none'}`,
    ...(createdAt ? [`created ${createdAt}`] : []),
    ...(modifiedAt ? [`changed ${modifiedAt}`] : []),
  ].join('; ')
}

/** Whether an error says that a principal has no access entry; the same code says that there is no such cluster. */
export function isAbsentEntry(error: unknown): boolean {
  const evidence = error instanceof AwsProblem ? error.evidence : null
  return (
    evidence?.kind === 'refused' &&
    evidence.code === 'ResourceNotFoundException' &&
    /principal/i.test(evidence.message)
  )
}

interface Api {
  list(): Promise<string[]>
  describe(principalArn: string): Promise<AccessEntry>
  close(): void
}

async function openApi(
  clusterName: string,
  describer: Credentials,
  region: string,
  options: CallOptions,
): Promise<Api> {
  const eks = await openEks(describer, region, options)
  const { DescribeAccessEntryCommand, ListAccessEntriesCommand } = await import('./sdk.ts')
  return {
    list: () =>
      eks.ask('ListAccessEntries', clusterName, (client, bound) =>
        allPages(async of => {
          const page = new ListAccessEntriesCommand({ clusterName, ...of })
          const { accessEntries: items = [], nextToken } = await client.send(page, bound)
          return { items, nextToken }
        }),
      ),
    describe: principalArn =>
      eks.ask('DescribeAccessEntry', clusterName, async (client, bound) => {
        const command = new DescribeAccessEntryCommand({ clusterName, principalArn })
        const { accessEntry = {} } = await client.send(command, bound)
        const { username = '', kubernetesGroups = [], createdAt, modifiedAt } = accessEntry
        return {
          principalArn,
          username,
          groups: kubernetesGroups,
          ...(createdAt ? { createdAt: createdAt.toISOString() } : {}),
          ...(modifiedAt ? { modifiedAt: modifiedAt.toISOString() } : {}),
        }
      }),
    close: () => eks.close(),
  }
}
