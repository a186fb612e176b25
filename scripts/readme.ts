import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'
import type { BenchResult } from '../lab/bench/result.ts'
import { provenCures } from './cures.ts'
import { failurePages } from './failures.ts'
import { performanceTables } from './performance.ts'
import { table } from './table.ts'

// Writes the tables of the documentation that something else decides: inputs and outputs, the codes of failures,
// the cures that tests prove, and what `npm run bench -- --save` measured. Each stands between <!-- NAME --> and <!-- /NAME -->.
//
//   node scripts/readme.ts           writes them
//   node scripts/readme.ts --check   says whether they are what the code says, and changes nothing

const ROOT = join(import.meta.dirname, '..')

const pages: Record<string, Record<string, string>> = {
  'README.md': await actionTables('action.yml'),
  'docs/grant.md': await actionTables('grant/action.yml'),
  'docs/failures.md': await failurePages(ROOT),
  'docs/troubleshooting.md': { cures: await provenCures(ROOT) },
  'docs/performance.md': performanceTables(await readBench()),
}
const check = process.argv.includes('--check')
for (const [page, tables] of Object.entries(pages)) {
  const before = await readFile(join(ROOT, page), 'utf8')
  const after = Object.entries(tables).reduce((text, [name, table]) => put(text, page, name, table), before)
  if (after === before) continue
  if (check) {
    console.error(`${page} is not what the code says: run npm run readme`)
    process.exitCode = 1
  } else {
    await writeFile(join(ROOT, page), after)
    console.log(`wrote ${page}`)
  }
}

function put(text: string, page: string, name: string, table: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${page} has no place for ${name}: ${begin.trim()} … ${end}`)
  return `${text.slice(0, from)}${begin}${table}\n${text.slice(to)}`
}

async function readBench(): Promise<BenchResult> {
  return JSON.parse(await readFile(join(ROOT, 'docs/bench.json'), 'utf8'))
}

/* Inputs and outputs. */

interface Input {
  description: string
  required?: boolean
  default?: string
}

interface Action {
  inputs: Record<string, Input>
  outputs: Record<string, { description: string }>
}

async function actionTables(file: string): Promise<{ inputs: string; outputs: string }> {
  const { inputs, outputs } = load(await readFile(join(ROOT, file), 'utf8')) as Action
  return { inputs: inputTable(inputs), outputs: outputTable(outputs) }
}

function inputTable(inputs: Action['inputs']): string {
  const initial = ({ required, default: value }: Input) => {
    if (required) return 'required'
    return value === undefined ? '' : `\`${value}\``
  }
  const rows = Object.entries(inputs).map(([name, input]) => [
    `\`${name}\``,
    initial(input),
    input.description,
  ])
  return table(['Input', 'Default', 'Meaning'], rows)
}

function outputTable(outputs: Action['outputs']): string {
  const rows = Object.entries(outputs).map(([name, { description }]) => [`\`${name}\``, description])
  return table(['Output', 'Meaning'], rows)
}
