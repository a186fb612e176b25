import { randomBytes, randomInt } from 'node:crypto'
import { Clock } from './clock.ts'
import { type Guardrail, Guardrails } from './guardrails.ts'
import { type Ask, assertEvaluable, type Decision, type PolicyDocument } from './policy.ts'
import type { Partition } from './regions.ts'
import { type ResolvedTrust, resolveTrust, type TrustPolicy } from './trust.ts'

const ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Named policies of a role or user. */
export type NamedPolicies = Readonly<Record<string, PolicyDocument>>

/** What a role is made from. */
export type RoleOptions = {
  name: string
  /** Twelve digits; the lab's account if left out. */
  account?: string
  /** Begins and ends with a slash; `/` if left out. */
  path?: string
  partition?: Partition
  trust: TrustPolicy
  policies?: NamedPolicies
  /** 3600 to 43200; 3600 if left out. */
  maxSessionSeconds?: number
}

/** What a user is made from. */
export type UserOptions = Pick<RoleOptions, 'name' | 'account' | 'path' | 'partition' | 'policies'>

/** A role, as one looks at it. Methods of {@link Identities} change it. */
export type Role = {
  readonly kind: 'role'
  readonly arn: string
  readonly name: string
  readonly account: string
  readonly partition: Partition
  /** AROA…; another for each role, also for one made again under the same name. */
  readonly uniqueId: string
  readonly maxSessionSeconds: number
}

/** A user, as one looks at it. */
export type User = Omit<Role, 'kind' | 'maxSessionSeconds'> & { readonly kind: 'user' }

/** A user's long-lived key. */
export type AccessKey = { accessKeyId: string; secretAccessKey: string }

/** Temporary credentials. */
export type SessionCredentials = AccessKey & { sessionToken: string; expires: Date }

/** Who a key belongs to. */
export type Caller = {
  /** The ARN that GetCallerIdentity answers. */
  arn: string
  /** AROA…:SESSION or AIDA… */
  userId: string
  account: string
  partition: Partition
  principal: Role | User
  /** What the session may do at most. */
  sessionPolicy?: PolicyDocument
}

/** What a caller's policies say, and of which kind is the one that denies. */
export type Verdict =
  | { decision: 'allow' }
  | { decision: Exclude<Decision, 'allow'>; policy: 'identity-based policy' | Guardrail }

type Key = AccessKey & {
  sessionToken: string | null
  expires: Date | null
  sessionName: string | null
  sessionPolicy?: PolicyDocument
  ownerId: string
}
type Entry<Principal> = { principal: Principal; policies: Map<string, PolicyDocument> }
type RoleEntry = Entry<Role> & { options: RoleOptions; trust: ResolvedTrust }

/** Roles, users, their keys and sessions: IAM as far as the lab needs it. */
export class Identities {
  /** By which sessions end and signatures are judged. */
  readonly clock = new Clock()
  /** What stands above the policies of roles and users. */
  readonly guardrails = new Guardrails()
  readonly #account: string
  readonly #roles = new Map<string, RoleEntry>()
  readonly #users = new Map<string, Entry<User>>()
  readonly #keys = new Map<string, Key>()

  /** @param account the account of roles and users that name none */
  constructor(account: string) {
    this.#account = account
  }

  /**
   * Makes a role.
   * @throws TypeError if there is one of that ARN, or a policy names a principal that does not exist or has a part
   *   that the lab does not evaluate
   */
  createRole(options: RoleOptions): Role {
    const role: Role = {
      kind: 'role',
      ...this.#named('role', options),
      uniqueId: newId('AROA'),
      maxSessionSeconds: options.maxSessionSeconds ?? 3600,
    }
    if (this.#roles.has(role.arn)) throw new TypeError(`Role with name ${role.name} already exists.`)
    const trust = this.#resolve(options.trust)
    this.#roles.set(role.arn, { principal: role, options, trust, policies: checked(options.policies) })
    return role
  }

  /** Takes a role away; its sessions' keys are unknown from then on. */
  deleteRole(arn: string): void {
    this.#roleEntry(arn)
    this.#roles.delete(arn)
  }

  /** Deletes a role and makes one of the same name, trust and policies, which is someone else: a new unique id. */
  replaceRole(arn: string): Role {
    const { options, policies } = this.#roleEntry(arn)
    this.deleteRole(arn)
    return this.createRole({ ...options, policies: Object.fromEntries(policies) })
  }

  /** Replaces who may assume a role. */
  setTrust(roleArn: string, trust: TrustPolicy): void {
    const entry = this.#roleEntry(roleArn)
    const resolved = this.#resolve(trust)
    this.#roles.set(roleArn, { ...entry, options: { ...entry.options, trust }, trust: resolved })
  }

  /** Makes a user, who has no key yet. */
  createUser(options: UserOptions): User {
    const user: User = { kind: 'user', ...this.#named('user', options), uniqueId: newId('AIDA') }
    if (this.#users.has(user.arn)) throw new TypeError(`User with name ${user.name} already exists.`)
    this.#users.set(user.arn, { principal: user, policies: checked(options.policies) })
    return user
  }

  /** Takes a user away; its keys are unknown from then on. */
  deleteUser(arn: string): void {
    this.#entry(arn)
    this.#users.delete(arn)
  }

  /** Makes a long-lived key (AKIA…) of a user. */
  createAccessKey(userArn: string): AccessKey {
    const entry = this.#users.get(userArn)
    if (entry === undefined) throw new TypeError(`there is no user ${userArn}`)
    const pair = newPair('AKIA')
    const ownerId = entry.principal.uniqueId
    this.#keys.set(pair.accessKeyId, {
      ...pair,
      sessionToken: null,
      expires: null,
      sessionName: null,
      ownerId,
    })
    return pair
  }

  /** Takes a key away, long-lived or of a session. */
  deleteAccessKey(accessKeyId: string): void {
    if (!this.#keys.delete(accessKeyId)) throw new TypeError('there is no such access key')
  }

  /** Attaches a policy to a role or user, or replaces the one of that name. */
  putPolicy(principalArn: string, name: string, policy: PolicyDocument): void {
    for (const [key, value] of checked({ [name]: policy })) this.#entry(principalArn).policies.set(key, value)
  }

  /** Detaches a policy of a role or user. */
  deletePolicy(principalArn: string, name: string): void {
    if (this.#entry(principalArn).policies.delete(name)) return
    throw new TypeError(`${principalArn} has no policy ${name}`)
  }

  /** Issues credentials for a session of a role, without asking its trust policy. */
  issueSession(
    role: Role,
    session: { name: string; expires: Date; policy?: PolicyDocument },
  ): SessionCredentials {
    const pair = newPair('ASIA')
    // As long as those that STS gives, and begins as they do.
    const sessionToken = `IQoJb3JpZ2luX2Vj${randomBytes(384).toString('base64')}`
    const { name: sessionName, expires, policy } = session
    this.#keys.set(pair.accessKeyId, {
      ...pair,
      sessionToken,
      expires,
      sessionName,
      ...(policy ? { sessionPolicy: policy } : {}),
      ownerId: role.uniqueId,
    })
    return { ...pair, sessionToken, expires }
  }

  /** Makes a session's credentials end now. */
  expireSession(accessKeyId: string): void {
    const key = this.#keys.get(accessKeyId)
    if (key?.expires == null) throw new TypeError('there is no such session')
    key.expires = this.clock.now()
  }

  /** Every secret that was ever issued: what a scenario looks for where no secret may be. */
  secrets(): string[] {
    return [...this.#keys.values()].flatMap(({ secretAccessKey, sessionToken }) => [
      secretAccessKey,
      ...(sessionToken === null ? [] : [sessionToken]),
    ])
  }

  /** What a key is verified against; undefined if nobody has it, or who had it is gone. */
  findKey(accessKeyId: string): Readonly<Key> | undefined {
    const key = this.#keys.get(accessKeyId)
    return key !== undefined && this.#owner(key) !== undefined ? key : undefined
  }

  /** Who a key belongs to. */
  callerOf(accessKeyId: string): Caller | undefined {
    const key = this.findKey(accessKeyId)
    const principal = key && this.#owner(key)
    if (principal === undefined || key === undefined) return undefined
    const { account, partition, uniqueId } = principal
    if (principal.kind === 'user' || key.sessionName === null) {
      return { arn: principal.arn, userId: uniqueId, account, partition, principal }
    }
    const arn = `arn:${partition}:sts::${account}:assumed-role/${principal.name}/${key.sessionName}`
    const userId = `${uniqueId}:${key.sessionName}`
    const { sessionPolicy } = key
    return { arn, userId, account, partition, principal, ...(sessionPolicy ? { sessionPolicy } : {}) }
  }

  /** The role of an ARN. */
  findRole(arn: string): Role | undefined {
    return this.#roles.get(arn)?.principal
  }

  /** The role or user of an ARN. */
  findPrincipal(arn: string): Role | User | undefined {
    return (this.#roles.get(arn) ?? this.#users.get(arn))?.principal
  }

  /** A role's trust policy. */
  trustOf(role: Role): ResolvedTrust {
    return this.#roleEntry(role.arn).trust
  }

  /**
   * Whether a caller's policies, and what stands above them, let it do an action on a resource.
   * @param about condition keys of the service and their values; the keys are lower case
   */
  decide(caller: Caller, action: string, resource: string, about: Ask['context'] = {}): Decision {
    return this.verdict(caller, action, resource, about).decision
  }

  /** The same, with the kind of policy that denies. */
  verdict(caller: Caller, action: string, resource: string, about: Ask['context'] = {}): Verdict {
    const { principal, account, sessionPolicy } = caller
    const context = { ...about, 'aws:principalarn': principal.arn, 'aws:principalaccount': account }
    const own = [...this.#entry(principal.arn).policies.values()]
    return this.guardrails.judge({ action, resource, context }, principal.arn, own, sessionPolicy)
  }

  #named(kind: 'role' | 'user', options: UserOptions) {
    const { name, account = this.#account, path = '/', partition = 'aws' } = options
    if (!/^[\w+=,.@-]{1,64}$/.test(name)) throw new TypeError(`${name} is no name of a ${kind}`)
    if (!/^\d{12}$/.test(account)) throw new TypeError(`${account} is no account`)
    if (!/^\/([!-~]+\/)?$/.test(path)) throw new TypeError(`${path} is no path of a ${kind}`)
    return { arn: `arn:${partition}:iam::${account}:${kind}${path}${name}`, name, account, partition }
  }

  #resolve(trust: TrustPolicy): ResolvedTrust {
    return resolveTrust(trust, arn => this.findPrincipal(arn)?.uniqueId)
  }

  #owner(key: Key): Role | User | undefined {
    const entries = [...this.#roles.values(), ...this.#users.values()]
    return entries.find(({ principal }) => principal.uniqueId === key.ownerId)?.principal
  }

  #roleEntry(arn: string): RoleEntry {
    const entry = this.#roles.get(arn)
    if (entry === undefined) throw new TypeError(`there is no role ${arn}`)
    return entry
  }

  #entry(arn: string): Entry<Role | User> {
    const entry = this.#roles.get(arn) ?? this.#users.get(arn)
    if (entry === undefined) throw new TypeError(`there is no role or user ${arn}`)
    return entry
  }
}

/**
 * Why an action is refused, as AWS words it
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
 */
export function notAuthorized(
  callerArn: string,
  action: string,
  resource: string,
  decision: Exclude<Decision, 'allow'>,
  policy: 'identity-based policy' | Guardrail = 'identity-based policy',
): string {
  const reason =
    decision === 'explicit-deny'
      ? `with an explicit deny in ${policy === 'identity-based policy' ? 'an' : 'a'} ${policy}`
      : `because no ${policy} allows the ${action} action`
  return `User: ${callerArn} is not authorized to perform: ${action} on resource: ${resource} ${reason}`
}

function checked(policies: NamedPolicies = {}): Map<string, PolicyDocument> {
  for (const statement of Object.values(policies).flatMap(policy => policy.Statement))
    assertEvaluable(statement)
  return new Map(Object.entries(policies))
}

/** A new unique id of IAM: a prefix and 17 letters and digits for identities, 16 for keys. */
function newId(prefix: 'AROA' | 'AIDA' | 'AKIA' | 'ASIA'): string {
  const length = prefix === 'AKIA' || prefix === 'ASIA' ? 16 : 17
  return prefix + Array.from({ length }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join('')
}

function newPair(prefix: 'AKIA' | 'ASIA'): AccessKey {
  return { accessKeyId: newId(prefix), secretAccessKey: randomBytes(30).toString('base64') }
}
