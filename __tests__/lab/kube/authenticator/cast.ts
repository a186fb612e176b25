import type { LabAws } from '../../../../lab/aws/aws.ts'
import type { AccessKey, Role, SessionCredentials, User } from '../../../../lab/aws/identities.ts'

/** Someone with keys. */
export type Player = { principal: Role | User; credentials: AccessKey | SessionCredentials }

/** Those whom the mappings of these tests speak of. */
export type Cast = Record<PlayerName, Player>
export type PlayerName =
  /** The role `runner`, by a session that is named after the lab's instance. */
  | 'runner'
  /** The role `/team/apps/Deployer`, by a session that is named after a mail address. */
  | 'deployer'
  /** A role `runner`, too, in the account 012345678901. */
  | 'stranger'
  /** The user `ci`. */
  | 'ci'
  /** The user `/people/bob`. */
  | 'bob'

/** Makes them all. */
export function createCast({ identities, instance }: LabAws): Cast {
  const expires = new Date(Date.now() + 3_600_000)
  const trust = {
    Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  } as const
  const session = (name: string, options: { name: string; path?: string; account?: string }): Player => {
    const principal = identities.createRole({ trust, ...options })
    return { principal, credentials: identities.issueSession(principal, { name, expires }) }
  }
  const user = (options: { name: string; path?: string }): Player => {
    const principal = identities.createUser(options)
    return { principal, credentials: identities.createAccessKey(principal.arn) }
  }
  return {
    runner: session(instance.id, { name: 'runner' }),
    deployer: session('alice@example.com', { name: 'Deployer', path: '/team/apps/' }),
    stranger: session('visit', { name: 'runner', account: '012345678901' }),
    ci: user({ name: 'ci' }),
    bob: user({ name: 'bob', path: '/people/' }),
  }
}
