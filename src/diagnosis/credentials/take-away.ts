import type { Paste } from '../failure.ts'
import { setForJob } from '../shell.ts'

// What takes a source of credentials away for the rest of a job, so that the next one in the order is asked: an empty
// variable counts as none.

/** Keys in the environment, by whoever set them. */
export const KEYS_AWAY = emptied(
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_CREDENTIAL_EXPIRATION',
)

/** The file of a web identity token, and the role that it is exchanged for. */
export const WEB_IDENTITY_AWAY = emptied('AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_ROLE_ARN')

/** The agent beside a container. */
export const CONTAINER_AWAY = emptied(
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
)

function emptied(...variables: string[]): Paste {
  return setForJob(Object.fromEntries(variables.map(name => [name, ''])))
}
