import { styleText } from 'node:util'

/** A part of a step's log, as the page of a run shows it. */
export type LogPart =
  | { readonly kind: 'group'; readonly title: string; readonly lines: readonly string[] }
  | { readonly kind: 'line' | 'error' | 'warning' | 'notice'; readonly text: string }

/** The parts of a log that a runner has made of a step's lines. */
export function logParts(log: string): LogPart[] {
  const parts: LogPart[] = []
  let group: string[] | undefined
  for (const line of log.trimEnd().split('\n')) {
    const [, command, text = ''] = /^##\[(\w+)\](.*)$/.exec(line) ?? []
    if (command === 'group') {
      group = []
      parts.push({ kind: 'group', title: text, lines: group })
    } else if (command === 'endgroup') group = undefined
    else if (command === 'error' || command === 'warning' || command === 'notice')
      parts.push({ kind: command, text })
    else if (group) group.push(line)
    else parts.push({ kind: 'line', text: line })
  }
  return parts
}

/** The parts for a terminal; of a folded group, no more than its title. */
export function renderParts(parts: readonly LogPart[], isFolded: (title: string) => boolean): string {
  return parts.map(part => renderPart(part, isFolded)).join('\n')
}

function renderPart(part: LogPart, isFolded: (title: string) => boolean): string {
  switch (part.kind) {
    case 'group': {
      const { title, lines } = part
      if (isFolded(title)) return styleText('dim', `▶ ${title} (${lines.length} lines, folded)`)
      return [
        styleText(['bold', 'cyan'], `▼ ${title}`),
        ...lines.map(line => line && `  ${painted(line)}`),
      ].join('\n')
    }
    case 'line':
      return part.text
    case 'error':
      return styleText('red', `Error: ${part.text}`)
    default:
      return styleText('yellow', `${part.kind === 'warning' ? 'Warning' : 'Notice'}: ${part.text}`)
  }
}

/** The verdict that a line begins with, in its colour. */
function painted(line: string): string {
  return line.replace(/^(pass|FAIL)(?= {2})/, verdict =>
    styleText(verdict === 'pass' ? 'green' : 'red', verdict),
  )
}
