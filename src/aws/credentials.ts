import type { AwsCredentialIdentity } from '@smithy/types'
import type { CredentialSource } from './credential-source.ts'
import { AwsProblem } from './evidence.ts'
import { isMetadataDisabled, readInstanceCredentials } from './instance-metadata.ts'
import { hasSharedFiles } from './shared-files.ts'

export interface Credentials {
  identity: AwsCredentialIdentity
  /** Where they came from, for a person: `environment`, `profile ci`, `instance role`, … */
  source: string
  /** Whether every process finds the same keys there. An assumed role has new ones each time. */
  shared: boolean
}

type Env = NodeJS.ProcessEnv

/** One place where credentials can come from: null when nothing there speaks of credentials. */
type Link = (env: Env, region: string) => Promise<Credentials | null> | null

/**
 * The credentials that the AWS CLI would use in this environment, found in its order (botocore, credentials.py,
 * create_credential_resolver): environment; a profile that assumes a role; web identity; any other profile;
 * container; instance metadata. The first that is configured is the one; when it fails, the search ends there.
 *
 * This is not the SDK's own default chain, because the two differ: with AWS_PROFILE and access keys both set, the
 * SDK takes the profile and the CLI the keys, and the CLI is what makes the token.
 *
 * @param region for the STS calls that a profile or web identity needs
 * @throws AwsProblem no-credentials, credentials-failed, credentials-refused, credentials-expired
 */
export async function findCredentials(
  wanted: CredentialSource,
  env: Env,
  region: string,
): Promise<Credentials> {
  for (const link of LINKS) {
    const found = await link(env, region)
    if (!found) continue
    refuseUnwanted(wanted, found)
    return found
  }
  throw new AwsProblem({
    kind: 'no-credentials',
    tried: ['environment', 'profile', 'web identity', 'container', 'instance role (metadata is disabled)'],
  })
}

const INSTANCE_ROLE = 'instance role'

function refuseUnwanted(wanted: CredentialSource, { identity, source }: Credentials): void {
  const { accessKeyId, sessionToken, expiration } = identity
  const allowed = wanted === 'any' || (wanted === 'role' ? Boolean(sessionToken) : source === INSTANCE_ROLE)
  if (!allowed) throw new AwsProblem({ kind: 'credentials-refused', wanted, source, accessKeyId })
  if (expiration && expiration.getTime() < Date.now()) {
    throw new AwsProblem({ kind: 'credentials-expired', source, expiration: expiration.toISOString() })
  }
}

const fromEnvironment: Link = env => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CREDENTIAL_EXPIRATION } = env
  if (!AWS_ACCESS_KEY_ID) return null
  const source = 'environment'
  if (!AWS_SECRET_ACCESS_KEY) {
    const message = 'AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not'
    throw new AwsProblem({ kind: 'credentials-failed', source, message })
  }
  const expiration = AWS_CREDENTIAL_EXPIRATION ? new Date(AWS_CREDENTIAL_EXPIRATION) : undefined
  if (Number.isNaN(expiration?.getTime())) {
    const message = `AWS_CREDENTIAL_EXPIRATION is no time: ${JSON.stringify(AWS_CREDENTIAL_EXPIRATION)}`
    throw new AwsProblem({ kind: 'credentials-failed', source, message })
  }
  return Promise.resolve({
    source,
    shared: true,
    identity: {
      accessKeyId: AWS_ACCESS_KEY_ID,
      secretAccessKey: AWS_SECRET_ACCESS_KEY,
      ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
      ...(expiration ? { expiration } : {}),
    },
  })
}

/** A profile with it assumes its role by that, and comes later (botocore, AssumeRoleProvider). */
const WEB_IDENTITY = 'web_identity_token_file'

const fromAssumingProfile: Link = (env, region) =>
  fromProfile(env, region, profile => 'role_arn' in profile && !(WEB_IDENTITY in profile))

const fromWebIdentity: Link = (env, region) => {
  if (!env.AWS_WEB_IDENTITY_TOKEN_FILE || !env.AWS_ROLE_ARN) return null
  return obtain(`web identity of ${env.AWS_ROLE_ARN}`, async () => {
    const { fromTokenFile } = await import('@aws-sdk/credential-provider-web-identity')
    return fromTokenFile({ parentClientConfig: await stsConfig(env, region) })()
  })
}

const fromAnyProfile: Link = (env, region) =>
  fromProfile(env, region, profile => CREDENTIAL_KEYS.some(key => key in profile))

const CREDENTIAL_KEYS = [
  WEB_IDENTITY,
  'aws_access_key_id',
  'credential_process',
  'sso_start_url',
  'sso_session',
  'login_session',
]

const fromContainer: Link = env => {
  const uri = env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI || env.AWS_CONTAINER_CREDENTIALS_FULL_URI
  if (!uri) return null
  return obtain(`container credentials (${uri})`, async () => {
    const { fromHttp } = await import('@aws-sdk/credential-provider-http')
    return fromHttp({})()
  })
}

const fromInstance: Link = env =>
  isMetadataDisabled(env) ? null : obtain(INSTANCE_ROLE, () => readInstanceCredentials(env))

const LINKS = [
  fromEnvironment,
  fromAssumingProfile,
  fromWebIdentity,
  fromAnyProfile,
  fromContainer,
  fromInstance,
]

/** A profile of the shared files, when it is there and `speaks` of what is looked for. */
async function fromProfile(
  env: Env,
  region: string,
  speaks: (profile: Record<string, string | undefined>) => boolean,
): Promise<Credentials | null> {
  // The CLI's order (botocore, configprovider.py), which is not the SDK's.
  const name = env.AWS_DEFAULT_PROFILE || env.AWS_PROFILE || 'default'
  const source = `profile ${name}`
  const variable = env.AWS_DEFAULT_PROFILE ? 'AWS_DEFAULT_PROFILE' : env.AWS_PROFILE ? 'AWS_PROFILE' : null
  if (!variable && !hasSharedFiles(env)) return null
  const { parseKnownFiles } = await import('@smithy/core/config')
  const profile = (await parseKnownFiles({ profile: name }))[name]
  if (!profile && variable) {
    const message = `${variable} names ${name}, which is in none of the AWS config files`
    throw new AwsProblem({ kind: 'credentials-failed', source, message })
  }
  if (!profile || !speaks(profile)) return null
  return obtain(source, async () => {
    const { fromIni } = await import('@aws-sdk/credential-provider-ini')
    return fromIni({ profile: name, parentClientConfig: await stsConfig(env, region) })()
  })
}

async function obtain(source: string, provide: () => Promise<AwsCredentialIdentity>): Promise<Credentials> {
  try {
    return { source, shared: source === INSTANCE_ROLE, identity: await provide() }
  } catch (cause) {
    if (cause instanceof AwsProblem) throw cause
    const { message } = cause as Error
    // The SDK quotes the whole command line of a credential_process, and what it printed.
    const told = message.startsWith('Command failed') ? 'its credential_process failed' : message
    throw new AwsProblem({ kind: 'credentials-failed', source, message: told }, { cause })
  }
}

async function stsConfig(env: Env, region: string) {
  const [{ trustedAgent }, { NodeHttpHandler }] = await Promise.all([
    import('./calls.ts'),
    import('@smithy/node-http-handler'),
  ])
  return {
    region,
    requestHandler: new NodeHttpHandler({ httpsAgent: trustedAgent(env), connectionTimeout: 5000 }),
  }
}
