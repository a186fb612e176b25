/**
 * The fields of a JSON object that are texts; none of anything else. What cannot be read is told to nobody: it may be
 * half a secret.
 */
export function textsIn(json: string): Record<string, string | undefined> {
  try {
    const entries = Object.entries(JSON.parse(json) ?? {})
    return Object.fromEntries(
      entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    )
  } catch {
    return {}
  }
}
