/**
 * The username as a mapping has it: one that holds the session's name was made with the placeholder for it
 * (https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html, --username). A short name that stands
 * in the username by chance is left.
 */
export function mappedUsername({
  username,
  sessionName = '',
}: {
  username: string
  sessionName?: string | undefined
}): string {
  if (sessionName.length < 4) return username
  return username.replaceAll(sessionName, '{{SessionName}}')
}
