import { styleText } from 'node:util'
import { lexer, type Token, type Tokens } from 'marked'
import { widthOf, wrapped } from './width.ts'

/**
 * GitHub Markdown for a terminal, in the forms that a job summary of the action has: headings, paragraphs, code,
 * tables, numbered lists of all these, and alerts. What has another form stands as it was written.
 *
 * @param columns that the last column of a table keeps within
 */
export function renderMarkdown(markdown: string, columns: number): string {
  const blocks = lexer(markdown).filter(({ type }) => type !== 'space')
  return blocks.map(block => renderBlock(block as Block, columns)).join('\n\n')
}

/** The blocks that have children or meaning of their own; marked's own union also has room for extensions. */
type Block = Tokens.Heading | Tokens.Paragraph | Tokens.Code | Tokens.Table | Tokens.Blockquote | Tokens.List

function renderBlock(block: Block, columns: number): string {
  switch (block.type) {
    case 'heading':
      return styleText('bold', inline(block.tokens))
    case 'paragraph':
      return inline(block.tokens)
    case 'code':
      return block.text.replace(/^(?=.)/gm, '  ')
    case 'table':
      return table(block, columns)
    case 'list':
      return block.items.map((item, index) => listItem(item, index + 1, columns)).join('\n\n')
    case 'blockquote':
      return styleText(
        'yellow',
        inline(block.tokens).replace(/^\[!(\w+)\]\s+/, (_, level) => `${level}: `),
      )
    default:
      return (block as Token).raw.trimEnd()
  }
}

function listItem({ tokens }: Tokens.ListItem, number: number, columns: number): string {
  const bullet = `${number}. `
  const blocks = tokens.filter(({ type }) => type !== 'space')
  const text = blocks.map(block => renderBlock(block as Block, columns - bullet.length)).join('\n\n')
  return bullet + text.replace(/\n(?=.)/g, `\n${' '.repeat(bullet.length)}`)
}

function inline(tokens: readonly Token[]): string {
  return tokens.map(renderInline).join('')
}

function renderInline(token: Token): string {
  const { type } = token
  if (type === 'strong') return styleText('bold', inline(token.tokens ?? []))
  if (type === 'codespan') return styleText('cyan', token.text)
  if (type === 'link') return `${inline(token.tokens ?? [])} (${token.href})`
  if (type === 'paragraph') return inline(token.tokens ?? [])
  return type === 'text' || type === 'escape' ? token.text : token.raw
}

function table({ header, rows }: Tokens.Table, columns: number): string {
  const cells = [header, ...rows].map(row => row.map(({ tokens }) => inline(tokens)))
  const widths = header.map((_, column) => Math.max(...cells.map(row => widthOf(row[column] ?? ''))))
  const last = header.length - 1
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + GAP.length, 0)
  const line = (row: string[]) => {
    const head = row.slice(0, last).map((cell, column) => padded(cell, widths[column] ?? 0) + GAP)
    return (
      head.join('') + wrapped(row[last] ?? '', columns - before).join(`\n${' '.repeat(before)}`)
    ).trimEnd()
  }
  const [heads = [], ...body] = cells
  return [styleText('dim', line(heads)), ...body.map(line)].join('\n')
}

const GAP = '  '

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(width - widthOf(cell))
}
