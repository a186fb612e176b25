/**
 * The files through which a step gives outputs, environment, state and paths to the runner.
 * Format: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#environment-files
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What a step wrote in its files. */
export type StepFiles = {
  readonly outputs: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  readonly state: Readonly<Record<string, string>>
  readonly path: readonly string[]
  readonly summary: string
}

/** A file that a runner refuses; the message is the one that it shows. */
export class FileCommandError extends Error {}

const fileOf = {
  GITHUB_OUTPUT: 'output',
  GITHUB_ENV: 'env',
  GITHUB_STATE: 'state',
  GITHUB_PATH: 'path',
  GITHUB_STEP_SUMMARY: 'summary',
} as const

/** Makes a step's fresh, empty files in `folder` and returns the variables that name them. */
export async function createStepFiles(folder: string): Promise<Record<keyof typeof fileOf, string>> {
  await mkdir(folder, { recursive: true })
  const paths = Object.entries(fileOf).map(([variable, name]) => [variable, join(folder, name)] as const)
  await Promise.all(paths.map(([, path]) => writeFile(path, '')))
  return Object.fromEntries(paths) as Record<keyof typeof fileOf, string>
}

/**
 * Reads what the step left in its files.
 *
 * @throws FileCommandError when one of them has no valid format, or sets what a runner does not let a step set
 */
export async function readStepFiles(folder: string): Promise<StepFiles> {
  const read = (name: string) => readFile(join(folder, name), 'utf8')
  const [output, env, state, path, summary] = await Promise.all(Object.values(fileOf).map(read))
  const variables = parsePairs(env ?? '')
  if (Object.keys(variables).some(name => name.toUpperCase() === 'NODE_OPTIONS')) {
    throw new FileCommandError("Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.")
  }
  return {
    outputs: parsePairs(output ?? ''),
    env: variables,
    state: parsePairs(state ?? ''),
    path: (path ?? '').split(/\r?\n/).filter(line => line !== ''),
    summary: summary ?? '',
  }
}

/**
 * Parses lines `NAME=VALUE` and blocks `NAME<<DELIMITER` … `DELIMITER`.
 *
 * @throws FileCommandError for a line that is neither, and for a block without its end
 */
export function parsePairs(text: string): Record<string, string> {
  const pairs: Record<string, string> = {}
  const lines = text.split(/\r?\n/)
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ''
    if (line === '') continue
    const [, name = '', operator, rest = ''] = /^(.*?)(=|<<)(.*)$/.exec(line) ?? []
    if (operator === undefined || name === '') throw new FileCommandError(`Invalid format '${line}'`)
    if (operator === '=') {
      pairs[name] = rest
      continue
    }
    const end = lines.indexOf(rest, index + 1)
    if (rest === '' || end < 0) {
      throw new FileCommandError(`Invalid value. Matching delimiter not found '${rest}'`)
    }
    pairs[name] = lines.slice(index + 1, end).join('\n')
    index = end
  }
  return pairs
}
