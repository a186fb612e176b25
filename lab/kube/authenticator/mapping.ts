import type { Identity } from './identity.ts'

/** What a mapping says of a user, with placeholders like `{{SessionName}}`. */
export type UserPattern = { readonly username: string; readonly groups: readonly string[] }

/** Finds what is said of an identity. @returns undefined when nothing is */
export type MappingSource = (identity: Identity) => UserPattern | undefined

/** Who an identity is in the cluster. */
export type MappedUser = { readonly username: string; readonly groups: readonly string[] }

/** Gives an instance's private DNS name. @returns undefined for an instance that EC2 does not know */
export type PrivateDnsNames = (instanceId: string) => string | undefined

/**
 * Maps an identity: the first source that has a mapping for it counts, even if that mapping comes to nothing
 * (aws-iam-authenticator 0.6.13, pkg/server, doMapping and renderTemplates).
 *
 * @returns undefined when no source has one, or a placeholder in it cannot be filled
 */
export function mapIdentity(
  identity: Identity,
  sources: readonly MappingSource[],
  privateDnsNames: PrivateDnsNames,
): MappedUser | undefined {
  for (const source of sources) {
    const pattern = source(identity)
    if (pattern === undefined) continue
    const [username, ...groups] = [pattern.username, ...pattern.groups].map(text =>
      fill(text, identity, privateDnsNames),
    )
    if (username === undefined || !groups.every(group => group !== undefined)) return undefined
    return { username, groups }
  }
  return undefined
}

const PRIVATE_DNS_NAME = '{{EC2PrivateDNSName}}'

function fill(pattern: string, identity: Identity, privateDnsNames: PrivateDnsNames): string | undefined {
  const { accountId, sessionName, accessKeyId } = identity
  const filled = pattern
    .replaceAll('{{AccountID}}', accountId)
    // An @ in a user's name was once refused.
    .replaceAll('{{SessionName}}', sessionName.replaceAll('@', '-'))
    .replaceAll('{{SessionNameRaw}}', sessionName)
    .replaceAll('{{AccessKeyID}}', accessKeyId)
  if (!filled.includes(PRIVATE_DNS_NAME)) return filled
  // A session that EC2 began is named after its instance.
  const name = /^i-(\w{8}|\w{17})$/.test(sessionName) ? privateDnsNames(sessionName) : undefined
  return name === undefined ? undefined : filled.replaceAll(PRIVATE_DNS_NAME, name)
}
