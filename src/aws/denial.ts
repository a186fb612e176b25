import { type Principal, principalOf } from './arn.ts'

/** The kinds of policies that AWS names as the one that denies. */
export type PolicyKind =
  | 'identity-based policy'
  | 'permissions boundary'
  | 'session policy'
  | 'service control policy'
  | 'resource control policy'
  | 'VPC endpoint policy'
  | 'resource-based policy'
  | 'role trust policy'

/** What an access denied message of AWS says; what is absent it does not say. */
export interface Denial {
  principal?: Principal
  resource?: string
  /** `explicit`: a Deny forbids it. `implicit`: nothing allows it. */
  reason?: 'explicit' | 'implicit'
  /** Of several kinds of policies that deny, AWS names one. */
  policy?: PolicyKind
  policyArn?: string
}

const KINDS: PolicyKind[] = [
  'identity-based policy',
  'permissions boundary',
  'session policy',
  'service control policy',
  'resource control policy',
  'VPC endpoint policy',
  'resource-based policy',
  'role trust policy',
]

const KIND = `(${KINDS.join('|')}|sessions policy)`
const WHO = /\bUser: (\S+) is not authorized to perform: /
const WHAT = /\bon resource: "?([^\s"]+)/
const IMPLICIT = new RegExp(`because no ${KIND} allows`)
const EXPLICIT = new RegExp(
  `with an explicit deny(?: in (?:an?|the) ${KIND}(?:: (arn:[\\w:/+=,.@-]*[\\w/]))?)?`,
)
const TRANSITIVE = new RegExp(`transitively through an? ${KIND}`)

/**
 * Reads an access denied message. Within an account, and within an organization, it says which kind of policy denies,
 * and of an explicit deny often which policy; across accounts, and from services that do not know the form, it does not.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
 * @see https://aws.amazon.com/blogs/security/enhanced-access-denied-error-messages-with-policy-arns
 */
export function readDenial(message: string): Denial {
  const text = message.replace(/\s+/g, ' ')
  const [, who = ''] = WHO.exec(text) ?? []
  const [, resource] = WHAT.exec(text) ?? []
  const principal = principalOf(who)
  return {
    ...(principal ? { principal } : {}),
    ...(resource ? { resource } : {}),
    ...reasonIn(text),
  }
}

function reasonIn(text: string): Pick<Denial, 'reason' | 'policy' | 'policyArn'> {
  const [implicit, lacking] = IMPLICIT.exec(text) ?? []
  if (implicit) return { reason: 'implicit', ...named(lacking) }
  const [explicit, denying, policyArn] = EXPLICIT.exec(text) ?? []
  if (!explicit) return {}
  const [, through] = TRANSITIVE.exec(text) ?? []
  return { reason: 'explicit', ...named(through ?? denying), ...(policyArn ? { policyArn } : {}) }
}

/** The documentation has one of them in the plural, too. */
function named(kind: string | undefined): Pick<Denial, 'policy'> {
  return kind ? { policy: kind.replace('sessions', 'session') as PolicyKind } : {}
}
