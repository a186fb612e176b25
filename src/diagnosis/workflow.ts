import { yamlText } from '../kube/yaml-text.ts'
import type { Paste } from './failure.ts'

/** What goes into a step's, or a job's, `env:`. */
export function envPaste(variables: Record<string, string>): Paste {
  return { language: 'yaml', text: mapping('env', variables) }
}

/** What goes into the step's `with:`. */
export function withPaste(inputs: Record<string, string>): Paste {
  return { language: 'yaml', text: mapping('with', inputs) }
}

function mapping(key: string, values: Record<string, string>): string {
  return [`${key}:`, ...Object.entries(values).map(([name, value]) => `  ${name}: ${yamlText(value)}`)].join(
    '\n',
  )
}
