import { findCredentials } from '../../aws/credentials.ts'
import type { AwsEvidence } from '../../aws/evidence.ts'
import { sharedFiles } from '../../aws/shared-files.ts'
import { whoSigns } from '../../aws/sts.ts'
import type { Run } from '../../run.ts'
import type { Findings } from '../failure.ts'

/** One of the files that the AWS CLI and the SDKs share. */
export interface KeyFile {
  path: string
  variable: 'AWS_CONFIG_FILE' | 'AWS_SHARED_CREDENTIALS_FILE'
}

/** The profile in a source of credentials; undefined for any other source. */
export function profileOf(source: string): string | undefined {
  return /^profile (.+)$/.exec(source)?.[1]
}

/** Whose the keys are that were refused, as STS has it, and which file they stand in. */
export async function findKeys(
  { source, accessKeyId }: Extract<AwsEvidence, { kind: 'credentials-refused' }>,
  region: string,
  run: Run,
): Promise<Findings> {
  const [caller, keyFile] = await Promise.all([
    callerOf(accessKeyId, region, run).catch(() => undefined),
    fileOf(profileOf(source), run.env),
  ])
  return { ...(caller ? { caller } : {}), ...(keyFile ? { keyFile } : {}) }
}

async function callerOf(accessKeyId: string, region: string, run: Run): Promise<string | undefined> {
  const found = await findCredentials('any', run.env, region)
  const { secretAccessKey, sessionToken } = found.identity
  await run.mask([secretAccessKey, sessionToken])
  // What the exec block's command signs with may be others.
  return found.identity.accessKeyId === accessKeyId ? whoSigns(found, region, run) : undefined
}

async function fileOf(profile: string | undefined, env: NodeJS.ProcessEnv): Promise<KeyFile | undefined> {
  if (!profile) return undefined
  const { loadSharedConfigFiles } = await import('@smithy/core/config')
  const { configFile, credentialsFile } = await loadSharedConfigFiles()
  const { config, credentials } = sharedFiles(env)
  // Where both have keys, those of the credentials file count (botocore, credentials.py).
  if (credentialsFile[profile]?.aws_access_key_id)
    return { path: credentials, variable: 'AWS_SHARED_CREDENTIALS_FILE' }
  return configFile[profile]?.aws_access_key_id ? { path: config, variable: 'AWS_CONFIG_FILE' } : undefined
}
