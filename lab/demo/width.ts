import { stripVTControlCharacters } from 'node:util'

/** Columns that a text takes in a terminal: none for its colours, two for a picture. */
export function widthOf(text: string): number {
  const characters = [...stripVTControlCharacters(text)]
  return characters.reduce((sum, character) => sum + (/\p{Emoji_Presentation}/u.test(character) ? 2 : 1), 0)
}

/** A text in lines of so many columns, broken between words; a longer word has a line to itself. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && widthOf(`${last} ${word}`) <= columns)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
