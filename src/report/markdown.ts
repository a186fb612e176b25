import { oneLine, plain } from './plain.ts'

// Parts of GitHub Markdown that hold texts from outside, which have no meaning in it there.

/** A code block that nothing in it ends (https://spec.commonmark.org/0.31.2/#fenced-code-blocks). */
export function fenced(language: string, content: string): string {
  const longest = Math.max(2, ...(content.match(/`+/g) ?? []).map(({ length }) => length))
  const fence = '`'.repeat(longest + 1)
  return [fence + language, plain(content), fence].join('\n')
}

/** Inline code that what it holds cannot end, and that a table cell can carry. */
export function code(value: string): string {
  return `\`${oneLine(value).replaceAll('`', "'").replaceAll('|', '\\|')}\``
}

/** Text from outside, without a meaning in Markdown or HTML, be it a paragraph of its own or a part of one. */
export function text(value: string): string {
  return oneLine(value)
    .replace(/[\\`*_~&[\]<>|#!]/g, '\\$&')
    .replace(/^[-+=]/, '\\$&')
    .replace(/^(\d+)([.)])/, '$1\\$2')
}
