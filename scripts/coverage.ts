import { readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import istanbul, { type FileCoverage, type FileCoverageData, type Range } from 'istanbul-lib-coverage'
import { type LinesRun, linesRun } from './bundle-lines.ts'

/**
 * What the tests ran of src: what jest counted where a test calls it, and what ran in the bundles that tests start as
 * processes. Of these, lines are known alone. So a branch that was taken in a bundle counts where it is the whole of its
 * lines that ran, and an `else` that nobody has written never does: what is told is too little rather than too much.
 */
export type Coverage = {
  /** Percent of all of src. */
  readonly lines: number
  readonly branches: number
  readonly files: readonly FileOfCoverage[]
}

export type FileOfCoverage = {
  /** From the repository's root, with slashes. */
  readonly path: string
  readonly lines: number
  readonly branches: number
  /** The lines that never ran. */
  readonly never: readonly number[]
  /** The lines where branches begin that were never taken. */
  readonly untaken: readonly number[]
}

/**
 * @param root of the repository
 * @param counted path of jest's report, in its format `json`
 * @param processes what the processes of bundles wrote, the folder that was their NODE_V8_COVERAGE
 */
export async function readCoverage(root: string, counted: string, processes: string): Promise<Coverage> {
  const map = istanbul.createCoverageMap(JSON.parse(await readFile(counted, 'utf8')))
  const ran = await linesRun(processes, join(root, 'dist'))
  const pathOf = (file: string) => relative(root, file).replaceAll(sep, '/')
  for (const file of map.files()) {
    const lines = ran.get(pathOf(file))
    if (lines) addTo(map.fileCoverageFor(file).data, lines, await readFile(file, 'utf8'))
  }
  const { lines, branches } = map.getCoverageSummary()
  const files = map.files().map(file => describe(pathOf(file), map.fileCoverageFor(file)))
  return { lines: lines.pct, branches: branches.pct, files }
}

/** Adds what ran of a file in bundles to what jest counted of it. */
function addTo(file: FileCoverageData, lines: NonNullable<ReturnType<LinesRun['get']>>, text: string): void {
  for (const [id, { start }] of Object.entries(file.statementMap)) {
    if ((lines.get(start.line) ?? 'none') !== 'none') file.s[id] ||= 1
  }
  const texts = text.split('\n')
  // A bare jump leaves nothing in the bundle that would be known to have run.
  const isWhole = (line: number) =>
    lines.get(line) === 'whole' && !/\b(return|break|continue)$/.test(texts[line - 1] ?? '')
  for (const [id, { type, locations }] of Object.entries(file.branchMap)) {
    const counts = file.b[id] ?? []
    locations.forEach((arm, index) => {
      const own = linesOf(arm).filter(line => lines.has(line))
      // What V8 tells has no word of defaults of parameters.
      if (type !== 'default-arg' && own.length > 0 && own.every(isWhole)) counts[index] ||= 1
    })
  }
}

/** None for an `else` that is not written. */
function linesOf({ start, end }: Partial<Range>): number[] {
  if (start?.line === undefined || end?.line === undefined) return []
  const first = start.line
  return Array.from({ length: end.line - first + 1 }, (_, index) => first + index)
}

function describe(path: string, file: FileCoverage): FileOfCoverage {
  const { lines, branches } = file.toSummary()
  const untaken = Object.entries(file.data.branchMap).flatMap(([id, { loc, line = loc.start.line }]) =>
    file.data.b[id]?.includes(0) ? [line] : [],
  )
  const never = file.getUncoveredLines().map(Number)
  return { path, lines: lines.pct, branches: branches.pct, never, untaken: [...new Set(untaken)] }
}
