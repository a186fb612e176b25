import type { CredentialSource } from './credential-source.ts'
import type { Credentials } from './credentials.ts'
import { AwsProblem } from './evidence.ts'

const PREFIX = 'k8s-aws-v1.'

/**
 * The access key id that signed a token of EKS: `k8s-aws-v1.` and the base64url of a presigned STS GetCallerIdentity
 * URL (aws-iam-authenticator, pkg/token). Null when the text is no such token.
 */
export function accessKeyOf(token: string): string | null {
  if (!token.startsWith(PREFIX)) return null
  const url = URL.parse(Buffer.from(token.slice(PREFIX.length), 'base64url').toString('utf8'))
  return url?.searchParams.get('X-Amz-Credential')?.split('/')[0] ?? null
}

/** Keys of a user; a role's begin with ASIA (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html). */
export function isLongLived(accessKeyId: string): boolean {
  return accessKeyId.startsWith('AKIA')
}

/**
 * That a token was signed by the credentials that were checked, as far as the access key can tell, and never by
 * long-lived keys where a role was asked for. The exec block's command finds its credentials by itself: what is
 * checked here must be what it uses.
 *
 * @param roleArn the role that the command was told to assume: its keys are new each time, and nobody else's
 * @param again finds the credentials anew: the instance's are renewed every few hours, perhaps between the two looks
 * @throws AwsProblem identity-differs, credentials-refused
 */
export async function checkAccessKey(
  accessKeyId: string,
  { credentialSource: wanted, roleArn }: { credentialSource: CredentialSource; roleArn: string | undefined },
  { source, identity, shared }: Credentials,
  again: () => Promise<Credentials>,
): Promise<void> {
  if (wanted !== 'any' && isLongLived(accessKeyId)) {
    throw new AwsProblem({
      kind: 'credentials-refused',
      wanted,
      source: 'the exec block\u2019s command',
      accessKeyId,
    })
  }
  if (roleArn || !shared || accessKeyId === identity.accessKeyId) return
  const { identity: renewed } = await again()
  if (accessKeyId === renewed.accessKeyId) return
  throw new AwsProblem({
    kind: 'identity-differs',
    source,
    checked: identity.accessKeyId,
    token: accessKeyId,
  })
}
