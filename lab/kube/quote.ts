/** Quotation marks as Go sets them. */

/** What has an escape of its own (Go specification, rune literals). */
const NAMED: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
}

/** What is shown as it is: letters, marks, numbers, punctuation, symbols and the blank (Go's unicode.IsPrint). */
const SHOWN = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u

/** A text in quotes, as the API server's messages show what somebody else wrote (Go's %q, strconv.Quote). */
export function quote(text: string): string {
  return `"${[...text].map(quoted).join('')}"`
}

function quoted(character: string): string {
  const named = NAMED[character]
  if (named !== undefined) return named
  if (SHOWN.test(character)) return character
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16)
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}
