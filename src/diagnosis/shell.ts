import type { Paste } from './failure.ts'

// What comes from outside goes into a line of a shell as one word, whatever is in it.

/** A text as one word of a POSIX shell; as it is where a shell would read it so. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** A command line of words, each quoted where it has to be. */
export function commandLine(...words: string[]): string {
  return words.map(shellWord).join(' ')
}

/** Lines to paste into a shell. */
export function shell(...lines: string[]): Paste {
  return { language: 'sh', text: lines.join('\n') }
}

/** `s#…#…#` for `sed -E`, which puts one text in place of another wherever it stands. */
export function substitution(pattern: string, replacement: string): string {
  return shellWord(`s#${pattern}#${replacement}#g`)
}

/** A text as what it is in an extended regular expression, between `#`. */
export function sedPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|#]/g, '\\$&')
}

/** A text as what it is in what `sed` puts in place, between `#`. */
export function sedReplacement(text: string): string {
  return text.replace(/[\\&#]/g, '\\$&')
}

/**
 * Sets variables for all later steps of a job
 * (https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#setting-an-environment-variable).
 * An empty value counts as none for the AWS CLI and the SDKs, but for AWS_PROFILE, of which the CLI wants a name.
 */
export function setForJob(variables: Readonly<Record<string, string>>): Paste {
  const lines = Object.entries(variables).map(([name, value]) => shellWord(`${name}=${value}`))
  return { language: 'sh', text: `printf '%s\\n' ${lines.join(' ')} >> "$GITHUB_ENV"` }
}
