import { readFile } from 'node:fs/promises'
import type { AwsEvidence } from '../../aws/evidence.ts'
import type { Findings, Paste } from '../failure.ts'
import { shell, shellWord } from '../shell.ts'

type MissingProfile = Extract<AwsEvidence, { kind: 'profile-missing' }>

/**
 * Whether the config file has a section of the profile's bare name, which nobody reads: only in the credentials file do
 * sections stand without the word `profile` (https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html).
 */
export async function findBareSection({ profile, files: [config = ''] }: MissingProfile): Promise<Findings> {
  const lines = (await readFile(config, 'utf8')).split(/\r?\n/)
  return { bareSection: lines.some(line => line.trim() === `[${profile}]`) }
}

/** Gives the section of a profile its word. */
export function nameSection({ profile, files: [config = ''] }: MissingProfile): Paste {
  const pattern = profile.replace(/[\\/.*[\]^$]/g, '\\$&')
  const script = `s/^\\[${pattern}\\]/[profile ${profile.replace(/[\\/&]/g, '\\$&')}]/`
  return shell(`sed -i ${shellWord(script)} ${shellWord(config)}`)
}
