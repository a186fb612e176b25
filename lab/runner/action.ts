import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'

/** A JavaScript action, as its action.yml describes it. */
export type JavaScriptAction = {
  /** Absolute paths of the scripts. */
  readonly main: string
  readonly post: string | undefined
  /** Defaults of the inputs; '' for an input without one. */
  readonly inputs: Readonly<Record<string, string>>
}

type Metadata = {
  readonly inputs?: Readonly<Record<string, { readonly default?: unknown } | null>>
  readonly runs?: { readonly using?: string; readonly main?: string; readonly post?: string }
}

/**
 * Reads the action.yml of an action's folder.
 * Syntax: https://docs.github.com/en/actions/reference/metadata-syntax-for-github-actions
 *
 * @throws Error when it is no JavaScript action, or a default needs the expressions that only a workflow engine knows
 */
export async function readAction(folder: string): Promise<JavaScriptAction> {
  const { inputs = {}, runs = {} } = load(await readFile(join(folder, 'action.yml'), 'utf8')) as Metadata
  if (!/^node\d+$/.test(runs.using ?? '') || runs.main === undefined) {
    throw new Error(`${folder}/action.yml is not of a JavaScript action: runs.using is '${runs.using}'`)
  }
  const defaults = Object.entries(inputs).map(
    ([name, input]) => [name, String(input?.default ?? '')] as const,
  )
  const expression = defaults.find(([, value]) => value.includes('${{'))
  if (expression !== undefined) throw new Error(`the default of ${expression[0]} is an expression`)
  return {
    main: join(folder, runs.main),
    post: runs.post === undefined ? undefined : join(folder, runs.post),
    inputs: Object.fromEntries(defaults),
  }
}

/** The INPUT_* variables of a step: what is given for it, else the action's defaults. */
export function inputVariables(
  defaults: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const variables: Record<string, string> = {}
  // Names of inputs are case-insensitive, so what is given goes over the default under the same variable.
  for (const [name, value] of [...Object.entries(defaults), ...Object.entries(given)]) {
    variables[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] = value
  }
  return variables
}
