import type { AwsCredentialIdentity } from '@smithy/types'
import { withoutUserinfo } from '../concealed.ts'
import type { CredentialSource } from './credential-source.ts'
import { type AwsEvidence, AwsProblem } from './evidence.ts'
import { isMetadataDisabled, MetadataProblem, readInstanceCredentials } from './instance-metadata.ts'
import { hasSharedFiles, sharedFiles } from './shared-files.ts'

export interface Credentials {
  identity: AwsCredentialIdentity
  /** Where they came from, for a person: `environment`, `profile ci`, `instance role`, … */
  source: string
  /** Whether every process finds the same keys there. An assumed role has new ones each time. */
  shared: boolean
}

type Env = NodeJS.ProcessEnv

/** One place where credentials can come from: null when nothing there speaks of credentials. */
type Link = (env: Env, region: string, asking: Asking) => Promise<Credentials | null> | null

/** Hears of each source that is asked. */
type Asking = (source: string) => void

/**
 * The credentials that the AWS CLI would use in this environment, found in its order (botocore, credentials.py,
 * create_credential_resolver): environment; a profile that assumes a role; web identity; any other profile;
 * container; instance metadata. The first that is configured is the one; when it fails, the search ends there.
 *
 * This is not the SDK's own default chain, because the two differ: with AWS_PROFILE and access keys both set, the
 * SDK takes the profile and the CLI the keys, and the CLI is what makes the token.
 *
 * @param region for the STS calls that a profile or web identity needs
 * @param asking hears of each source that is asked, for who bounds the search
 * @throws AwsProblem no-credentials, credentials-failed, container-failed, credentials-refused, credentials-expired, metadata-failed,
 *   profile-missing, token-file-unusable; refused, where AWS was asked for them
 */
export async function findCredentials(
  wanted: CredentialSource,
  env: Env,
  region: string,
  asking: Asking = () => {},
): Promise<Credentials> {
  for (const link of LINKS) {
    const found = await link(env, region, asking)
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
const byWebIdentity = { asked: 'sts:AssumeRoleWithWebIdentity' } as const

const fromAssumingProfile: Link = (env, region, asking) =>
  fromProfile(env, region, asking, profile => 'role_arn' in profile && !(WEB_IDENTITY in profile))

const fromWebIdentity: Link = (env, region, asking) => {
  if (!env.AWS_WEB_IDENTITY_TOKEN_FILE || !env.AWS_ROLE_ARN) return null
  const { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: file } = env
  const provide = async () => {
    const { fromTokenFile } = await import('@aws-sdk/credential-provider-web-identity')
    return fromTokenFile({ parentClientConfig: await stsConfig(env, region) })()
  }
  const tokenFile = { named: 'AWS_WEB_IDENTITY_TOKEN_FILE', file }
  return obtain(`web identity of ${role}`, asking, provide, { ...byWebIdentity, resource: role, tokenFile })
}

const fromAnyProfile: Link = (env, region, asking) =>
  fromProfile(env, region, asking, profile => CREDENTIAL_KEYS.some(key => key in profile))

const CREDENTIAL_KEYS = [
  WEB_IDENTITY,
  'aws_access_key_id',
  'credential_process',
  'sso_start_url',
  'sso_session',
  'login_session',
]

const fromContainer: Link = (env, _region, asking) => {
  const uri = env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI || env.AWS_CONTAINER_CREDENTIALS_FULL_URI
  if (!uri) return null
  return obtain(`container credentials (${withoutUserinfo(uri)})`, asking, async () => {
    const { readContainerCredentials } = await import('./container.ts')
    return readContainerCredentials(env)
  })
}

const fromInstance: Link = (env, _region, asking) =>
  isMetadataDisabled(env) ? null : obtain(INSTANCE_ROLE, asking, () => readInstanceCredentials(env))

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
  asking: Asking,
  speaks: (profile: Record<string, string | undefined>) => boolean,
): Promise<Credentials | null> {
  // The CLI's order (botocore, configprovider.py), which is not the SDK's.
  const name = env.AWS_DEFAULT_PROFILE || env.AWS_PROFILE || 'default'
  const source = `profile ${name}`
  const variable = env.AWS_DEFAULT_PROFILE ? 'AWS_DEFAULT_PROFILE' : env.AWS_PROFILE ? 'AWS_PROFILE' : null
  if (!variable && !hasSharedFiles(env)) return null
  const { parseKnownFiles } = await import('@smithy/core/config')
  const known = await parseKnownFiles({ profile: name })
  const profile = known[name]
  if (!profile && variable) throw new AwsProblem(missingProfile(variable, name, known, env))
  if (!profile || !speaks(profile)) return null
  const base = profile.source_profile
  if (base && !known[base])
    throw new AwsProblem({ ...missingProfile('source_profile', base, known, env), of: name })
  const provide = async () => {
    const { fromIni } = await import('@aws-sdk/credential-provider-ini')
    return fromIni({ profile: name, parentClientConfig: await stsConfig(env, region) })()
  }
  return obtain(source, asking, provide, assumptionOf(profile, source))
}

function missingProfile(
  variable: string,
  profile: string,
  known: object,
  env: Env,
): Extract<AwsEvidence, { kind: 'profile-missing' }> {
  const { config, credentials } = sharedFiles(env)
  // Sections that are no profiles keep their word: sso-session.NAME, services.NAME.
  const profiles = Object.keys(known).filter(key => !/^(sso-session|services)\./.test(key))
  return { kind: 'profile-missing', variable, profile, files: [config, credentials], profiles }
}

/** What STS is asked for a role's credentials, for who has to say that it refused. */
interface Assumption {
  asked: string
  /** ARN of the role. */
  resource: string
  /** Where the web identity stands; what names the file. */
  tokenFile?: { named: string; file: string }
}

function assumptionOf(
  { role_arn: resource, [WEB_IDENTITY]: file }: Record<string, string | undefined>,
  named: string,
): Assumption | undefined {
  if (!resource) return undefined
  return file
    ? { ...byWebIdentity, resource, tokenFile: { named, file } }
    : { asked: 'sts:AssumeRole', resource }
}

async function obtain(
  source: string,
  asking: Asking,
  provide: () => Promise<AwsCredentialIdentity>,
  assumption?: Assumption,
): Promise<Credentials> {
  asking(source)
  try {
    return { source, shared: source === INSTANCE_ROLE, identity: await provide() }
  } catch (cause) {
    throw cause instanceof AwsProblem
      ? cause
      : new AwsProblem(await evidenceOf(cause, source, assumption), { cause })
  }
}

async function evidenceOf(
  cause: unknown,
  source: string,
  assumption: Assumption | undefined,
): Promise<AwsEvidence> {
  const { message } = cause as Error
  if (cause instanceof MetadataProblem) {
    const { endpoint, answers } = cause
    return { kind: 'metadata-failed', endpoint, answers, message }
  }
  if (source.startsWith('container')) {
    const { ContainerProblem } = await import('./container.ts')
    if (cause instanceof ContainerProblem)
      return { kind: 'container-failed', source, ...cause.answer, message }
  }
  if (assumption) {
    const { asked, resource, tokenFile } = assumption
    const problem = tokenFile && (await problemOf(tokenFile.file))
    if (problem) return { kind: 'token-file-unusable', ...tokenFile, problem }
    const { refusalOf } = await import('./calls.ts')
    const refusal = refusalOf(cause, asked, resource)
    if (refusal) return refusal
  }
  // The SDK quotes the whole command line of a credential_process, and what it printed.
  const told = message.startsWith('Command failed') ? 'its credential_process failed' : message
  return { kind: 'credentials-failed', source, message: told }
}

/** Why a file holds no token that could be sent; undefined when it holds something. */
async function problemOf(file: string): Promise<string | undefined> {
  const { readFile } = await import('node:fs/promises')
  try {
    return (await readFile(file, 'utf8')).trim() === '' ? 'it is empty' : undefined
  } catch (error) {
    return (error as Error).message
  }
}

async function stsConfig(env: Env, region: string) {
  const [{ trustedAgent }, { BoundedHandler }] = await Promise.all([
    import('./calls.ts'),
    import('./bounded-handler.ts'),
  ])
  return {
    region,
    requestHandler: new BoundedHandler({ httpsAgent: trustedAgent(env), connectionTimeout: 5000 }),
  }
}
