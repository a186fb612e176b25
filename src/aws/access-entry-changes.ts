import { isAbsentEntry } from './access-entries.ts'
import type { CallOptions } from './bounds.ts'
import type { Credentials } from './credentials.ts'
import { allPages, openEks } from './eks-client.ts'

/** An access entry, with all that a grant has to know of it (https://docs.aws.amazon.com/eks/latest/APIReference/API_AccessEntry.html). */
export interface TaggedEntry {
  accessEntryArn: string
  username: string
  groups: string[]
  /** STANDARD for people and programs; others are of nodes. */
  type: string
  tags: Record<string, string>
  /** ARNs of the access policies that it has beside. */
  policies: string[]
}

/** Access entries of one cluster, read and written one at a time. */
export interface AccessEntries {
  /** @returns null where the principal has none. @throws AwsProblem */
  read(principalArn: string): Promise<TaggedEntry | null>
  /** @throws AwsProblem */
  create(principalArn: string, entry: Pick<TaggedEntry, 'username' | 'groups' | 'tags'>): Promise<void>
  /** @throws AwsProblem */
  update(principalArn: string, entry: Pick<TaggedEntry, 'username' | 'groups'>): Promise<void>
  /** One that is gone meanwhile is what was wanted. @throws AwsProblem */
  remove(principalArn: string): Promise<void>
}

/** @throws AwsProblem ca-bundle-unreadable */
export async function openAccessEntries(
  clusterName: string,
  credentials: Credentials,
  region: string,
  options: CallOptions,
): Promise<AccessEntries> {
  const eks = await openEks(credentials, region, options)
  const sdk = await import('./sdk-access-entries.ts')
  const policiesOf = (principalArn: string) =>
    eks.ask('ListAssociatedAccessPolicies', clusterName, (client, bound) =>
      allPages(async of => {
        const page = new sdk.ListAssociatedAccessPoliciesCommand({ clusterName, principalArn, ...of })
        const { associatedAccessPolicies = [], nextToken } = await client.send(page, bound)
        return { items: associatedAccessPolicies.flatMap(({ policyArn }) => policyArn ?? []), nextToken }
      }),
    )
  return {
    async read(principalArn) {
      const command = new sdk.DescribeAccessEntryCommand({ clusterName, principalArn })
      const describing = eks.ask('DescribeAccessEntry', clusterName, (client, bound) =>
        client.send(command, bound),
      )
      const described = await describing.catch(orNone)
      if (!described) return null
      const {
        accessEntryArn = '',
        username = '',
        kubernetesGroups = [],
        type = '',
        tags = {},
      } = described.accessEntry ?? {}
      // It may go between the two.
      const policies = (await policiesOf(principalArn).catch(orNone)) ?? []
      return { accessEntryArn, username, groups: kubernetesGroups, type, tags, policies }
    },
    async create(principalArn, { username, groups: kubernetesGroups, tags }) {
      const input = { clusterName, principalArn, username, kubernetesGroups, tags, type: 'STANDARD' }
      await eks.ask('CreateAccessEntry', clusterName, (client, bound) =>
        client.send(new sdk.CreateAccessEntryCommand(input), bound),
      )
    },
    async update(principalArn, { username, groups: kubernetesGroups }) {
      const input = { clusterName, principalArn, username, kubernetesGroups }
      await eks.ask('UpdateAccessEntry', clusterName, (client, bound) =>
        client.send(new sdk.UpdateAccessEntryCommand(input), bound),
      )
    },
    async remove(principalArn) {
      const command = new sdk.DeleteAccessEntryCommand({ clusterName, principalArn })
      await eks
        .ask('DeleteAccessEntry', clusterName, (client, bound) => client.send(command, bound))
        .catch(orNone)
    },
  }
}

function orNone(error: unknown): null {
  if (isAbsentEntry(error)) return null
  throw error
}
