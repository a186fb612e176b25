/**
 * What a runner makes of the lines that a step prints.
 * Commands: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
 */

/** An error, warning or notice that GitHub shows on the run's page. */
export type Annotation = {
  readonly level: 'error' | 'warning' | 'notice'
  readonly title: string
  readonly message: string
}

/** A step's lines as a person sees them, and what its commands asked for. */
export type StepLog = {
  /** Masked lines; commands that a runner swallows are not among them. */
  readonly log: string
  readonly annotations: readonly Annotation[]
  /** Set by the commands `set-output` and `save-state`, which are older than the files and still work. */
  readonly outputs: Readonly<Record<string, string>>
  readonly state: Readonly<Record<string, string>>
}

type WorkflowCommand = {
  readonly name: string
  readonly properties: Readonly<Record<string, string>>
  readonly data: string
}

/**
 * Reads a step's lines in their order.
 *
 * Values are masked as they were given and line by line, from the line after their `add-mask` on. A real runner also
 * masks some encodings of them; we show those, so that a test finds them.
 *
 * @param masks the job's masks; those that the step adds are added to it
 * @param debug whether `debug` commands are shown, as they are when RUNNER_DEBUG is 1
 */
export function readLog(lines: readonly string[], masks: Set<string>, debug: boolean): StepLog {
  const shown: string[] = []
  const annotations: Annotation[] = []
  const outputs: Record<string, string> = {}
  const state: Record<string, string> = {}
  let resumeWith: string | undefined
  for (const line of lines) {
    const command = parseCommand(line)
    if (command === undefined || (resumeWith !== undefined && command.name !== resumeWith)) {
      shown.push(masked(line, masks))
      continue
    }
    const { name, data, properties } = command
    if (name === resumeWith) resumeWith = undefined
    else if (name === 'stop-commands') resumeWith = data
    else if (name === 'add-mask') addMask(data, masks)
    else if (name === 'set-output') outputs[properties.name ?? ''] = data
    else if (name === 'save-state') state[properties.name ?? ''] = data
    else if (isLevel(name)) annotations.push(annotation(name, command, masks))
    if (isShown(name, debug)) shown.push(masked(`##[${name}]${data}`, masks))
    else if (!swallowed.has(name)) shown.push(masked(line, masks))
  }
  return { log: shown.map(line => `${line}\n`).join(''), annotations, outputs, state }
}

const swallowed = new Set([
  'add-mask',
  'set-output',
  'save-state',
  'debug',
  'add-matcher',
  'remove-matcher',
  'echo',
])

function isShown(name: string, debug: boolean): boolean {
  return isLevel(name) || name === 'group' || name === 'endgroup' || (name === 'debug' && debug)
}

function isLevel(name: string): name is Annotation['level'] {
  return name === 'error' || name === 'warning' || name === 'notice'
}

function annotation(level: Annotation['level'], command: WorkflowCommand, masks: Set<string>): Annotation {
  const title = masked(command.properties.title ?? '', masks)
  return { level, title, message: masked(command.data, masks) }
}

/** `::name key=value,key=value::data`, with white space before it at most. */
function parseCommand(line: string): WorkflowCommand | undefined {
  const [, name, properties = '', data = ''] = /^\s*::([^\s:]+)(?: ((?:(?!::).)*))?::(.*)$/s.exec(line) ?? []
  if (name === undefined) return undefined
  const pairs = properties.split(',').map(pair => {
    const [key = '', ...value] = pair.split('=')
    return [key.trim(), unescaped(value.join('='), { '%3A': ':', '%2C': ',' })] as const
  })
  return { name: name.toLowerCase(), properties: Object.fromEntries(pairs), data: unescaped(data, {}) }
}

function unescaped(text: string, more: Record<string, string>): string {
  const meaning: Record<string, string> = { '%0D': '\r', '%0A': '\n', '%25': '%', ...more }
  return text.replace(/%(0D|0A|25|3A|2C)/gi, escaped => meaning[escaped.toUpperCase()] ?? escaped)
}

function addMask(value: string, masks: Set<string>): void {
  for (const each of [value, ...value.split(/[\r\n]/)]) if (each.trim() !== '') masks.add(each)
}

/** The text with every mask in it shown as three stars; a mask that holds another goes first. */
function masked(text: string, masks: Set<string>): string {
  const longestFirst = [...masks].sort((one, other) => other.length - one.length)
  return longestFirst.reduce((rest, mask) => rest.replaceAll(mask, '***'), text)
}
