import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type AccessScope, type AssociatedAccessPolicy, accessRulesOf } from './access-policies.ts'
import type { Cluster, Clusters } from './clusters.ts'
import type { Identities, Role, User } from './identities.ts'

/** What an access entry is made from. */
export type AccessEntryOptions = {
  /** Of a role, with its path, or of a user. */
  readonly principalArn: string
  /** May hold `{{SessionName}}` and its like; if left out, the session's ARN for a role, the user's for a user. */
  readonly username?: string
  readonly kubernetesGroups?: readonly string[]
  readonly tags?: Readonly<Record<string, string>>
  /** Only `STANDARD`, which it is if left out, is served. */
  readonly type?: string
  /** What is asked twice with one token is done once. */
  readonly clientRequestToken?: string
}

/** What of an access entry can be changed. */
export type AccessEntryChanges = Pick<AccessEntryOptions, 'username' | 'kubernetesGroups'>

/** An access entry as the API answers it (https://docs.aws.amazon.com/eks/latest/APIReference/API_AccessEntry.html). */
export type AccessEntry = {
  readonly clusterName: string
  readonly principalArn: string
  readonly kubernetesGroups: readonly string[]
  readonly accessEntryArn: string
  /** Seconds since 1970, as is the next. */
  readonly createdAt: number
  readonly modifiedAt: number
  readonly tags: Readonly<Record<string, string>>
  readonly username: string
  readonly type: 'STANDARD'
}

/** Why the API refuses something: a status, a code, and a message in its words where these are known. */
export class AccessEntryRefused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

type Kept = {
  readonly entry: AccessEntry
  readonly uniqueId: string
  readonly asked: AccessEntryOptions
  /** By their ARNs. */
  readonly policies: Map<string, AssociatedAccessPolicy>
}

/**
 * The access entries of all clusters (https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html). An entry
 * is for the principal that had its ARN when it was made, and not for one that gets the ARN later.
 */
export class AccessEntries {
  readonly #clusters: Clusters
  readonly #identities: Identities
  /** By the cluster's ARN, then by the principal's. */
  readonly #byCluster = new Map<string, Map<string, Kept>>()

  constructor(clusters: Clusters, identities: Identities) {
    this.#clusters = clusters
    this.#identities = identities
  }

  /**
   * Makes an access entry.
   * @throws AccessEntryRefused as the API refuses it, and 501 for what the lab does not serve
   */
  create(clusterArn: string, options: AccessEntryOptions): AccessEntry {
    const { name: clusterName } = this.#cluster(clusterArn)
    const principal = this.#principal(options.principalArn)
    const { username = usernameOf(principal), kubernetesGroups = [], tags = {} } = options
    checkType(options.type)
    checkUsername(username)
    kubernetesGroups.forEach(checkGroup)
    const existing = this.#of(clusterArn).get(principal.arn)
    if (existing !== undefined) return again(existing, options)
    const now = Date.now() / 1000
    const entry: AccessEntry = {
      clusterName,
      principalArn: principal.arn,
      kubernetesGroups,
      accessEntryArn: accessEntryArn(clusterArn, principal.arn, randomUUID()),
      createdAt: now,
      modifiedAt: now,
      tags,
      username,
      type: 'STANDARD',
    }
    const { uniqueId } = principal
    this.#of(clusterArn).set(principal.arn, { entry, uniqueId, asked: options, policies: new Map() })
    return entry
  }

  /** The access entry of a principal. @throws AccessEntryRefused when there is none */
  describe(clusterArn: string, principalArn: string): AccessEntry {
    return this.#kept(clusterArn, principalArn).entry
  }

  /** Changes what is given of an access entry. @throws AccessEntryRefused as the API refuses it */
  update(clusterArn: string, principalArn: string, changes: AccessEntryChanges): AccessEntry {
    const kept = this.#kept(clusterArn, principalArn)
    const { username = kept.entry.username, kubernetesGroups = kept.entry.kubernetesGroups } = changes
    checkUsername(username)
    kubernetesGroups.forEach(checkGroup)
    const entry = { ...kept.entry, username, kubernetesGroups, modifiedAt: Date.now() / 1000 }
    this.#of(clusterArn).set(principalArn, { ...kept, entry })
    return entry
  }

  /** Adds tags to an access entry. @throws AccessEntryRefused when there is no such entry; 501 for another resource */
  tag(accessEntryArn: string, tags: Readonly<Record<string, string>>): void {
    if (!accessEntryArn.includes(':access-entry/')) absent(`tags of ${accessEntryArn}`)
    for (const entries of this.#byCluster.values()) {
      for (const [principalArn, kept] of entries) {
        if (kept.entry.accessEntryArn !== accessEntryArn) continue
        const entry = { ...kept.entry, tags: { ...kept.entry.tags, ...tags } }
        entries.set(principalArn, { ...kept, entry })
        return
      }
    }
    const message = 'The specified resource could not be found.'
    throw new AccessEntryRefused(404, 'NotFoundException', message)
  }

  /** ARNs of the principals that have an access entry, in order. @throws AccessEntryRefused as the API refuses it */
  list(clusterArn: string): string[] {
    this.#cluster(clusterArn)
    return [...this.#of(clusterArn).keys()].sort()
  }

  /** Takes an access entry away. @throws AccessEntryRefused when there is none */
  delete(clusterArn: string, principalArn: string): void {
    this.#kept(clusterArn, principalArn)
    this.#of(clusterArn).delete(principalArn)
  }

  /** Gives an access entry an access policy, or another scope of it. @throws AccessEntryRefused as the API refuses it */
  associate(
    clusterArn: string,
    principalArn: string,
    policyArn = '',
    { type, namespaces = [] }: AccessScope = {},
  ): AssociatedAccessPolicy {
    if (accessRulesOf(policyArn) === undefined) absent(`access policy ${policyArn}`)
    const kept = this.#kept(clusterArn, principalArn)
    if (type !== 'cluster' && type !== 'namespace')
      invalid('The type of the access scope must be cluster or namespace')
    if (namespaces.some(namespace => namespace.includes('*'))) absent('access scopes with a wildcard')
    const now = Date.now() / 1000
    const before = kept.policies.get(policyArn)
    const policy: AssociatedAccessPolicy = {
      policyArn,
      accessScope: { type, namespaces },
      associatedAt: before?.associatedAt ?? now,
      modifiedAt: now,
    }
    kept.policies.set(policyArn, policy)
    return policy
  }

  /** The access policies of an access entry. @throws AccessEntryRefused when there is no such entry */
  policiesOf(clusterArn: string, principalArn: string): AssociatedAccessPolicy[] {
    return [...this.#kept(clusterArn, principalArn).policies.values()]
  }

  /** Takes an access policy from an access entry. @throws AccessEntryRefused when it has it not */
  disassociate(clusterArn: string, principalArn: string, policyArn: string): void {
    if (this.#kept(clusterArn, principalArn).policies.delete(policyArn)) return
    const message = 'The specified policyArn is not associated with the access entry.'
    throw new AccessEntryRefused(404, 'ResourceNotFoundException', message)
  }

  /** The access policies of a role or user, and the ARN of its access entry. @param uniqueId AROA… or AIDA… */
  holderOf(
    clusterArn: string,
    uniqueId: string,
  ): { principalArn: string; policies: AssociatedAccessPolicy[] } | undefined {
    const all = [...(this.#byCluster.get(clusterArn)?.values() ?? [])]
    const kept = all.find(one => one.uniqueId === uniqueId)
    return kept && { principalArn: kept.entry.principalArn, policies: [...kept.policies.values()] }
  }

  /** Takes away all of a cluster, as its deletion does. */
  forget(clusterArn: string): void {
    this.#byCluster.delete(clusterArn)
  }

  /** The ARN of a principal's access entry; with `*` for its last part where there is none. */
  arnOf(clusterArn: string, principalArn: string): string {
    const kept = this.#byCluster.get(clusterArn)?.get(principalArn)
    return kept?.entry.accessEntryArn ?? accessEntryArn(clusterArn, principalArn, '*')
  }

  /** Whom a role or user is mapped to. @param uniqueId AROA… or AIDA… */
  mappingOf(
    clusterArn: string,
    uniqueId: string,
  ): { username: string; groups: readonly string[] } | undefined {
    const all = [...(this.#byCluster.get(clusterArn)?.values() ?? [])]
    const entry = all.find(kept => kept.uniqueId === uniqueId)?.entry
    return entry && { username: entry.username, groups: entry.kubernetesGroups }
  }

  #of(clusterArn: string): Map<string, Kept> {
    const entries = this.#byCluster.get(clusterArn) ?? new Map<string, Kept>()
    this.#byCluster.set(clusterArn, entries)
    return entries
  }

  #cluster(clusterArn: string): Cluster {
    const cluster = this.#clusters.find(clusterArn)
    if (cluster === undefined) {
      const name = clusterArn.slice(clusterArn.indexOf('/') + 1)
      throw new AccessEntryRefused(404, 'ResourceNotFoundException', `No cluster found for name: ${name}.`)
    }
    if (cluster.accessConfig.authenticationMode !== 'CONFIG_MAP') return cluster
    const modes = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP]"
    throw new AccessEntryRefused(400, 'InvalidRequestException', `${modes} to perform this operation.`)
  }

  #principal(arn: string): Role | User {
    checkPrincipal(arn)
    if (arn.includes(':role/aws-service-role/')) {
      const whose = 'access entries with a principalArn value of a Service Linked Role'
      invalid(`The caller is not allowed to modify ${whose}`)
    }
    const principal = this.#identities.findPrincipal(arn)
    return principal ?? invalid('The specified principalArn is invalid: invalid principal.')
  }

  #kept(clusterArn: string, principalArn: string): Kept {
    this.#cluster(clusterArn)
    checkPrincipal(principalArn)
    const kept = this.#of(clusterArn).get(principalArn)
    if (kept !== undefined) return kept
    const where = "You can view your available access entries with 'list-access-entries'."
    const message = `The specified principalArn could not be found. ${where}`
    throw new AccessEntryRefused(404, 'ResourceNotFoundException', message)
  }
}

const PRINCIPAL = /^arn:[\w-]+:iam::(?<account>\d{12}):(?<type>role|user)\/(?:.*\/)?(?<name>[^/]+)$/

/**
 * The ARN of an access entry
 * (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html).
 */
function accessEntryArn(clusterArn: string, principalArn: string, id: string): string {
  const { type = '', account = '', name = '' } = PRINCIPAL.exec(principalArn)?.groups ?? {}
  return `${clusterArn.replace(':cluster/', ':access-entry/')}/${type}/${account}/${name}/${id}`
}

/** https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html */
function usernameOf({ kind, arn, partition, account, name }: Role | User): string {
  // A path of the role is left out, as sessions do not have it either.
  return kind === 'user' ? arn : `arn:${partition}:sts::${account}:assumed-role/${name}/{{SessionName}}`
}

function again({ entry, asked }: Kept, options: AccessEntryOptions): AccessEntry {
  if (options.clientRequestToken !== undefined && isDeepStrictEqual(asked, options)) return entry
  const message = 'The specified access entry resource is already in use on this cluster.'
  throw new AccessEntryRefused(409, 'ResourceInUseException', message)
}

function checkPrincipal(arn: string): void {
  if (/^arn:[\w-]+:iam::\d{12}:root$/.test(arn)) absent('access entries of the root user')
  if (!PRINCIPAL.test(arn)) invalid('The principalArn parameter format is not valid')
}

const NODE_TYPES = ['EC2', 'EC2_LINUX', 'EC2_WINDOWS', 'FARGATE_LINUX', 'HYBRID_LINUX', 'HYPERPOD_LINUX']

function checkType(type = 'STANDARD'): void {
  if (NODE_TYPES.includes(type)) absent(`access entries of the type ${type}`)
  if (type !== 'STANDARD')
    invalid(`The type ${type} is invalid, it must be one of STANDARD, ${NODE_TYPES.join(', ')}`)
}

const RESERVED = ['system:', 'eks:', 'aws:', 'amazon:', 'iam:']

function checkUsername(username: string): void {
  const reserved = RESERVED.find(prefix => username.startsWith(prefix))
  if (reserved !== undefined) invalid(`The username must not begin with ${reserved}`)
  const [before = '', ...after] = username.split(/\{\{SessionName(?:Raw)?\}\}/)
  if (after.length > 0 && !before.includes(':'))
    invalid('The username must contain a colon before {{SessionName}}')
}

// Of the prefixes that a username must not have, the service names but this one for a group.
function checkGroup(group: string): void {
  if (!group.startsWith('system:')) return
  invalid(`The kubernetes group name ${group} is invalid, it cannot start with system:`)
}

function invalid(message: string): never {
  throw new AccessEntryRefused(400, 'InvalidParameterException', message)
}

function absent(what: string): never {
  throw new AccessEntryRefused(501, 'NotImplementedException', `the lab has no ${what}`)
}
