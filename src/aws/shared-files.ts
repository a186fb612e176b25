import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Paths of the files that the AWS CLI and the SDKs share
 * (https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html).
 */
export function sharedFiles({ HOME, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE }: NodeJS.ProcessEnv): {
  config: string
  credentials: string
} {
  const whole = (file: string) => (file.startsWith('~/') ? join(HOME || homedir(), file.slice(2)) : file)
  return {
    config: whole(AWS_CONFIG_FILE || '~/.aws/config'),
    credentials: whole(AWS_SHARED_CREDENTIALS_FILE || '~/.aws/credentials'),
  }
}

/** Whether there is any of them. Most runners have none, and need not load what reads them. */
export function hasSharedFiles(env: NodeJS.ProcessEnv): boolean {
  return Object.values(sharedFiles(env)).some(file => existsSync(file))
}
