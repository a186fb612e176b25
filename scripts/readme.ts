import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'
import type { BenchResult } from '../lab/bench/result.ts'
import { BadInput } from '../src/bad-input.ts'
import { awsDiagnoses } from '../src/diagnosis/aws.ts'
import { apiDiagnoses, execDiagnoses, serverDiagnoses, verdictDiagnoses } from '../src/diagnosis/cluster.ts'
import { diagnose, stepFailures } from '../src/diagnosis/diagnose.ts'
import type { Evidence, Failure } from '../src/diagnosis/failure.ts'
import { kubeconfigDiagnoses } from '../src/diagnosis/kubeconfig.ts'
import { Cancelled } from '../src/run.ts'
import { performanceTables } from './performance.ts'
import { table } from './table.ts'

// Writes the tables of the documentation that something else decides: inputs and outputs, the codes of failures, and
// what `npm run bench -- --save` measured. Each stands between <!-- NAME --> and <!-- /NAME -->.
//
//   node scripts/readme.ts           writes them
//   node scripts/readme.ts --check   says whether they are what the code says, and changes nothing

const ROOT = join(import.meta.dirname, '..')

type Kind = Evidence['kind']

/** Kinds of evidence whose fields decide on the cause, and those that have a list among them. */
const VARIANTS: Partial<Record<Kind, object[]>> = {
  'no-credentials': [{ tried: [] }],
  'credentials-refused': [{ accessKeyId: 'AKIA' }, { wanted: 'role' }, {}],
  unreachable: [{ code: 'SELF_SIGNED_CERT_IN_CHAIN' }, {}],
  'unexpected-answer': [{ status: 200 }, { status: 503 }],
  refused: [
    { code: 'AccessDeniedException' },
    { code: 'ResourceNotFoundException' },
    { code: 'ThrottlingException' },
    { asked: 'sts:AssumeRole', resource: 'ROLE', code: 'AccessDenied' },
    {},
  ],
  'server-unreachable': [
    { code: 'ENOTFOUND' },
    { code: 'ECONNREFUSED' },
    { code: 'SELF_SIGNED_CERT_IN_CHAIN' },
    { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    { code: 'CERT_HAS_EXPIRED' },
    { code: 'CERT_NOT_YET_VALID' },
    {},
  ],
  'groups-differ': [{ expected: [], found: [] }],
}

const { inputs, outputs } = await readAction()
const pages: Record<string, Record<string, string>> = {
  'README.md': { inputs: inputTable(inputs), outputs: outputTable(outputs) },
  'docs/failures.md': { codes: codeTable(await allFailures()) },
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

async function readBench(): Promise<BenchResult> {
  return JSON.parse(await readFile(join(ROOT, 'docs/bench.json'), 'utf8'))
}

async function readAction(): Promise<Action> {
  return load(await readFile(join(ROOT, 'action.yml'), 'utf8')) as Action
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

/* Failures. */

/** Every failure that the diagnoses know, with what is only known in a run named in capitals. */
async function allFailures(): Promise<Failure[]> {
  const kinds = Object.keys({
    ...awsDiagnoses,
    ...serverDiagnoses,
    ...execDiagnoses,
    ...apiDiagnoses,
    ...verdictDiagnoses,
    ...kubeconfigDiagnoses,
  }) as Kind[]
  const about = { cluster: 'CLUSTER', region: 'REGION' }
  const failures = [
    ...stepFailures(new BadInput([{ input: 'INPUT', problem: 'PROBLEM', accepted: 'ACCEPTED' }])),
    ...stepFailures(new Error('MESSAGE')),
    ...stepFailures(new Cancelled('SIGNAL')),
    ...kinds.flatMap(kind => (VARIANTS[kind] ?? [{}]).map(given => diagnose(sample(kind, given), about))),
  ]
  await expectAllCodes(failures)
  return failures
}

/** Evidence in which every field that is not given holds its own name in capitals. */
function sample(kind: Kind, given: object): Evidence {
  const known: Record<string, unknown> = { kind, ...given }
  return new Proxy(known, { get: (_, name) => known[String(name)] ?? String(name).toUpperCase() }) as never
}

/** A code that no sample leads to would be missing from the table. */
async function expectAllCodes(failures: Failure[]): Promise<void> {
  const folder = join(ROOT, 'src', 'diagnosis')
  const sources = await Promise.all((await readdir(folder)).map(file => readFile(join(folder, file), 'utf8')))
  const found = new Set<string>(failures.map(({ code }) => code))
  const missing = [...sources.join().matchAll(/(?<=')EKS\d+(?=')/g)].flat().filter(code => !found.has(code))
  if (missing.length === 0) return
  console.error(`add evidence to VARIANTS in scripts/readme.ts that leads to ${missing.join(', ')}`)
  process.exit(1)
}

function codeTable(failures: Failure[]): string {
  const causes = Map.groupBy(failures, ({ code }) => code)
  const rows = [...causes]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([code, group]) => [code, [...new Set(group.map(({ cause }) => cause))].join('; or ')])
  return table(['Code', 'Cause'], rows)
}
