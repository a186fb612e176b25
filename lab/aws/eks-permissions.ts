import type { AccessEntries } from './access-entries.ts'
import { clusterArn } from './clusters.ts'
import type { Input, Served } from './eks-operations.ts'
import type { Caller } from './identities.ts'
import type { Ask } from './policy.ts'

/** What a policy must allow: an action, on a resource, under values of the service's condition keys. */
export type Permission = { action: string; resource: string; about: Ask['context'] }

/**
 * The permissions that the caller of an operation needs, all of them
 * (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html).
 */
export function permissionsOf(
  operation: Served,
  input: Input,
  { caller, region }: { caller: Caller; region: string },
  accessEntries: AccessEntries,
): [Permission, ...Permission[]] {
  const action = `eks:${operation.name}`
  if (operation.kind === 'tags') return [{ action, resource: operation.resourceArn, about: {} }]
  const cluster = clusterArn(region, caller.account, operation.kind === 'clusters' ? '*' : operation.cluster)
  if (operation.kind === 'clusters') return [{ action, resource: cluster, about: {} }]
  const entry = (principalArn: string) => accessEntries.arnOf(cluster, principalArn)
  if (operation.kind === 'entry') {
    const about = aboutEntry({ ...input, principalArn: operation.principalArn }, operation.cluster)
    return [{ action, resource: entry(operation.principalArn), about }]
  }
  const about = operation.name === 'CreateAccessEntry' ? aboutEntry(input, undefined) : {}
  const tagging = { action: 'eks:TagResource', resource: entry(input.principalArn ?? ''), about }
  return [{ action, resource: cluster, about }, ...(input.tags === undefined ? [] : [tagging])]
}

function aboutEntry({ principalArn, username, type }: Input, cluster: string | undefined): Ask['context'] {
  return {
    'eks:principalarn': principalArn,
    'eks:username': username,
    'eks:accessentrytype': type,
    'eks:clustername': cluster,
  }
}
