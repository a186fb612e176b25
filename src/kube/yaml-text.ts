/** What YAML 1.1, by which kubectl and the authenticator read, takes for something else than a text. */
const NO_TEXT = /^(?:y|n|yes|no|true|false|on|off|null)$/i

/** A text as a scalar of YAML in block style, on one line; as it is where YAML would read it so. */
export function yamlText(text: string): string {
  if (/^[a-z][\w@+=./-]*(?::+[\w@+=./-]+)*$/i.test(text) && !NO_TEXT.test(text)) return text
  // A string of JSON is one of YAML, but for characters that YAML wants escaped.
  return JSON.stringify(text).replace(
    /[\u007f-\u{10ffff}]/gu,
    letter => `\\U${Number(letter.codePointAt(0)).toString(16).padStart(8, '0')}`,
  )
}

/** Texts as items of a YAML list, each on a line. @param indent what stands before each dash */
export function yamlItems(texts: readonly string[], indent: string): string[] {
  return texts.map(text => `${indent}- ${yamlText(text)}`)
}

/** What a manifest is made of. */
export type Yaml = string | readonly Yaml[] | { readonly [key: string]: Yaml | undefined }

/** An object as lines of YAML in block style, as kubectl prints it; what is undefined is left out. */
export function yamlLines(object: { readonly [key: string]: Yaml | undefined }, indent = ''): string[] {
  return Object.entries(object).flatMap(([key, value]) => {
    if (value === undefined) return []
    if (typeof value === 'string') return [`${indent}${key}: ${yamlText(value)}`]
    if (!Array.isArray(value))
      return [`${indent}${key}:`, ...yamlLines(value as object as never, `${indent}  `)]
    return [`${indent}${key}:`, ...value.flatMap(item => itemLines(item, indent))]
  })
}

function itemLines(item: Yaml, indent: string): string[] {
  if (typeof item === 'string') return yamlItems([item], indent)
  const [first = '', ...rest] = yamlLines(item as object as never, `${indent}  `)
  return [`${indent}- ${first.trimStart()}`, ...rest]
}
