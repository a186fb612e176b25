import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodedMappings, TraceMap } from '@jridgewell/trace-mapping'

/** How much of a line ran: `whole` where each piece of code did that it has become in some bundle. */
export type Ran = 'none' | 'part' | 'whole'

/** By a source's path from the repository's root, then by those of its lines, counted from 1, that a bundle has. */
export type LinesRun = ReadonlyMap<string, ReadonlyMap<number, Ran>>

/** Code of a bundle, from `offset` to the next piece, and the line that it comes from, which has become many of them. */
type Piece = { readonly offset: number; readonly source: string; readonly line: number; ran: boolean }

/** Of what V8 tells of a script: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-ScriptCoverage */
type ScriptCoverage = {
  readonly url: string
  readonly functions: readonly { readonly ranges: readonly Range[] }[]
}
type Range = { readonly startOffset: number; readonly endOffset: number; readonly count: number }

/**
 * Which lines of src ran in processes that ran bundles.
 *
 * @param folder what the processes wrote that had it as NODE_V8_COVERAGE
 * @param dist the bundles, and maps/ of the same build
 */
export async function linesRun(folder: string, dist: string): Promise<LinesRun> {
  const bundles = await readBundles(dist)
  const nameOf = namer(dist, (await readFile(join(dist, 'token', 'digest'), 'utf8')).trim())
  for (const name of await readdir(folder)) {
    const { result } = JSON.parse(await readFile(join(folder, name), 'utf8')) as { result: ScriptCoverage[] }
    for (const script of result) mark(bundles.get(nameOf(script.url)) ?? [], script)
  }
  return sumUp([...bundles.values()])
}

/** Pieces of each bundle that has any of src, by the script's path from dist. */
async function readBundles(dist: string): Promise<Map<string, Piece[]>> {
  const maps = join(dist, 'maps')
  const files = (await readdir(maps, { recursive: true })).filter(name => name.endsWith('.map'))
  const read = async (file: string) => {
    const name = file.slice(0, -'.map'.length)
    const code = await readFile(join(dist, name), 'utf8')
    return [name, piecesOf(code, await readFile(join(maps, file), 'utf8'))] as const
  }
  return new Map(await Promise.all(files.map(read)))
}

function piecesOf(code: string, map: string): Piece[] {
  const trace = new TraceMap(map)
  const starts = [0, ...Array.from(code.matchAll(/\n/g), ({ index }) => index + 1)]
  return decodedMappings(trace).flatMap((pieces, index) =>
    pieces.map(([column, from = -1, line = -1]) => ({
      offset: (starts[index] ?? 0) + column,
      source: trace.sources[from] ?? '',
      line: line + 1,
      ran: false,
    })),
  )
}

/** The name of the script behind a URL. A login copies the signer, as it is, beside a kubeconfig. */
function namer(dist: string, digest: string): (url: string) => string {
  const copied = new RegExp(`\\.token-${digest}[\\\\/]([^\\\\/]+)$`)
  return url => {
    if (!url.startsWith('file:')) return ''
    const path = fileURLToPath(url)
    const [, signer] = copied.exec(path) ?? []
    return signer === undefined ? relative(dist, path) : `token${sep}${signer}`
  }
}

/** Marks what ran in one process. Ranges lie within one another, and the innermost counts. */
function mark(pieces: readonly Piece[], { functions }: ScriptCoverage): void {
  const ranges = functions
    .flatMap(({ ranges }) => ranges)
    .sort((one, other) => one.startOffset - other.startOffset || other.endOffset - one.endOffset)
  const around: Range[] = []
  let next = 0
  for (const piece of pieces) {
    for (let range = ranges[next]; range && range.startOffset <= piece.offset; range = ranges[++next])
      around.push(range)
    while ((around.at(-1)?.endOffset ?? Infinity) <= piece.offset) around.pop()
    if ((around.at(-1)?.count ?? 0) > 0) piece.ran = true
  }
}

function sumUp(bundles: readonly (readonly Piece[])[]): LinesRun {
  const sums = new Map<string, Map<number, Ran>>()
  for (const pieces of bundles) {
    for (const [source, ofSource] of Map.groupBy(pieces, piece => piece.source)) {
      const sum = sums.get(source) ?? new Map<number, Ran>()
      sums.set(source, sum)
      for (const [line, parts] of Map.groupBy(ofSource, piece => piece.line)) {
        sum.set(line, more(sum.get(line) ?? 'none', ranOf(parts)))
      }
    }
  }
  return sums
}

function ranOf(parts: readonly Piece[]): Ran {
  if (parts.every(({ ran }) => ran)) return 'whole'
  return parts.some(({ ran }) => ran) ? 'part' : 'none'
}

function more(one: Ran, other: Ran): Ran {
  const order: readonly Ran[] = ['none', 'part', 'whole']
  return order.indexOf(one) > order.indexOf(other) ? one : other
}
