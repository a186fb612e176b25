import { glob, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  type CallExpression,
  createSourceFile,
  type Expression,
  forEachChild,
  isArrayLiteralExpression,
  isCallExpression,
  isIdentifier,
  isPropertyAccessExpression,
  isStringLiteralLike,
  type Node,
  ScriptTarget,
} from 'typescript'
import { table } from './table.ts'

/** What a test is made with; two of them say on which systems it runs. */
const TESTS = new Set(['test', 'posixOnly', 'asRoot'])
const CODE = /EKS\d{3}/

/**
 * The table of the failures whose cure is proven: each is broken in the lab, told by the action, mended by the text of
 * its cure, and gone. Tests of a folder `cures` are rows by their titles, those of their `describe` in front, where a
 * code is among the words.
 *
 * @param root folder of the project
 * @throws Error when there is none: a table that lost its tests is no table
 */
export async function provenCures(root: string): Promise<string> {
  const rows: string[][] = []
  for await (const file of glob('__tests__/**/cures/*.test.ts', { cwd: root })) {
    const path = file.replaceAll('\\', '/')
    const source = createSourceFile(file, await readFile(join(root, file), 'utf8'), ScriptTarget.Latest)
    for (const title of titlesIn(source, [])) {
      const [code] = CODE.exec(title) ?? []
      if (code) rows.push([link(code), wordsOf(title, code), `[${basename(path)}](../${path})`])
    }
  }
  if (rows.length === 0) throw new Error('no test of a folder cures has a code in its title')
  const unique = [...new Map(rows.map(row => [row.join(), row])).values()]
  unique.sort((one, other) => one.join().localeCompare(other.join()))
  return table(['Code', 'What is broken, and mended by the cure', 'Test'], unique)
}

function link(code: string): string {
  return `[${code}](failures.md#${code.toLowerCase()})`
}

function wordsOf(title: string, code: string): string {
  return title.replace(new RegExp(` ?\\(${code}\\)|${code}: ?`), '').trim()
}

/** The titles of all tests below a node, as jest prints them, of those that are made of a table one for each row. */
function titlesIn(node: Node, above: readonly string[]): string[] {
  const titles: string[] = []
  forEachChild(node, child => {
    const call = isCallExpression(child) ? suiteOrTest(child) : null
    if (!call) titles.push(...titlesIn(child, above))
    else if (call.kind === 'test') titles.push(...call.titles.map(title => [...above, title].join(' ')))
    else for (const title of call.titles) titles.push(...titlesIn(child, [...above, title]))
  })
  return titles
}

interface Titled {
  kind: 'describe' | 'test'
  titles: string[]
}

function suiteOrTest({ expression, arguments: [title] }: CallExpression): Titled | null {
  if (!title || !isStringLiteralLike(title)) return null
  const [name, rows] = calleeOf(expression)
  if (name === 'describe') return { kind: 'describe', titles: titlesOf(title.text, rows) }
  return TESTS.has(name) ? { kind: 'test', titles: titlesOf(title.text, rows) } : null
}

/** `test` of `test(…)`, and of `test.each(rows)(…)` with the rows. */
function calleeOf(callee: Expression): [name: string, rows: Node | undefined] {
  if (isIdentifier(callee)) return [callee.text, undefined]
  if (!isCallExpression(callee) || !isPropertyAccessExpression(callee.expression)) return ['', undefined]
  const { expression } = callee.expression
  return isIdentifier(expression) ? [expression.text, callee.arguments[0]] : ['', undefined]
}

/** A row is named by its first value where that is a text; other rows share the title without it. */
function titlesOf(title: string, rows: Node | undefined): string[] {
  if (!rows || !isArrayLiteralExpression(rows)) return [title.replace(/:? ?\(?%[sj]\)?/, '')]
  return rows.elements.map(row => {
    const first = isArrayLiteralExpression(row) ? row.elements[0] : row
    const named = first && isStringLiteralLike(first) ? first.text : '…'
    return title.replace('%s', named).replace(/:? %j/, '')
  })
}
