import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Whether there is any of the files that the AWS CLI and the SDKs share
 * (https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html).
 * Most runners have none, and need not load what reads them.
 */
export function hasSharedFiles({
  HOME,
  AWS_CONFIG_FILE,
  AWS_SHARED_CREDENTIALS_FILE,
}: NodeJS.ProcessEnv): boolean {
  const files = [AWS_CONFIG_FILE || '~/.aws/config', AWS_SHARED_CREDENTIALS_FILE || '~/.aws/credentials']
  return files.some(file => existsSync(file.startsWith('~/') ? join(HOME || homedir(), file.slice(2)) : file))
}
