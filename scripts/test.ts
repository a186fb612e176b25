import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type FileOfCoverage, readCoverage } from './coverage.ts'

// Runs the tests that need only Node.
//
//   node scripts/test.ts            runs them all, counts what they run of src, and fails below the floor
//   node scripts/test.ts ARGUMENT…  runs what jest makes of the arguments, and counts nothing

/** Percent, of lines and of branches. */
const FLOOR = 95
const ROOT = join(import.meta.dirname, '..')
const COVERAGE = join(ROOT, 'coverage')
const BUNDLES = join(COVERAGE, 'bundles')

const given = process.argv.slice(2)
process.exitCode = given.length > 0 ? await jest(given, {}) : (await all()) || (await check())

async function all(): Promise<number> {
  await rm(COVERAGE, { recursive: true, force: true })
  await mkdir(BUNDLES, { recursive: true })
  return jest(['--coverage'], { BUNDLE_COVERAGE: BUNDLES })
}

async function jest(args: readonly string[], env: Record<string, string>): Promise<number> {
  const command = [join(ROOT, 'node_modules/jest/bin/jest.js'), '--selectProjects', 'node', ...args]
  const child = spawn(process.execPath, ['--experimental-vm-modules', '--no-warnings', ...command], {
    env: { ...process.env, ...env },
    stdio: 'inherit',
  })
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => child.kill(signal))
  const [code] = await once(child, 'exit')
  return code ?? 1
}

async function check(): Promise<number> {
  const { lines, branches, files } = await readCoverage(ROOT, join(COVERAGE, 'coverage-final.json'), BUNDLES)
  for (const file of files) {
    if (file.lines < FLOOR || file.branches < FLOOR) console.log(row(file))
  }
  console.log(`Coverage of src: ${lines} % of lines, ${branches} % of branches; the floor is ${FLOOR} %.`)
  // Windows has no word for some of what is tested, and skips it.
  return process.platform !== 'win32' && (lines < FLOOR || branches < FLOOR) ? 1 : 0
}

function row({ path, lines, branches, never, untaken }: FileOfCoverage): string {
  const open = [
    ...never.map(String),
    ...untaken.filter(line => !never.includes(line)).map(line => `${line}?`),
  ]
  return `${path.padEnd(32)} ${percent(lines)} ${percent(branches)}  ${open.join(' ')}`
}

function percent(value: number): string {
  return `${value.toFixed(1)} %`.padStart(7)
}
