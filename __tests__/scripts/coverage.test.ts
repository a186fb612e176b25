import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { linesRun, type Ran } from '../../scripts/bundle-lines.ts'
import { readCoverage } from '../../scripts/coverage.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'coverage-'))
  await put('dist/token/digest', '0123456789ab\n')
  await put('processes/none.json', JSON.stringify({ result: [] }))
})
afterEach(() => rm(root, { recursive: true }))

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}

/** A bundle `aabbccdd`, of which each pair is a piece; the two lines of src/a.ts have two pieces each. */
async function bundle(name: string): Promise<void> {
  await put(`dist/${name}`, 'aabbccdd')
  const map = {
    version: 3,
    sources: ['src/a.ts'],
    sourceRoot: '../../..',
    names: [],
    mappings: 'AAAA,EAAA,EACA,EAAA',
  }
  await put(`dist/maps/${name}.map`, JSON.stringify(map))
}

type Range = [start: number, end: number, count: number]

/** What a process told that had run a script: ranges of each of its functions. */
async function process(name: string, script: string, ...functions: Range[][]): Promise<void> {
  const told = functions.map(ranges => ({
    ranges: ranges.map(([startOffset, endOffset, count]) => ({ startOffset, endOffset, count })),
  }))
  const url = script.includes(':') ? script : pathToFileURL(join(root, script)).href
  await put(`processes/${name}.json`, JSON.stringify({ result: [{ url, functions: told }] }))
}

async function ran(source = 'src/a.ts'): Promise<Record<string, Ran>> {
  return Object.fromEntries((await linesRun(join(root, 'processes'), join(root, 'dist'))).get(source) ?? [])
}

describe('a line of src in a bundle ran', () => {
  beforeEach(() => bundle('login/index.js'))

  test('not at all where no process ran the bundle', async () => {
    await process('one', 'node:fs', [[0, 8, 1]])
    await process('two', 'elsewhere/login/index.js', [[0, 8, 1]])
    expect(await ran()).toEqual({ 1: 'none', 2: 'none' })
  })

  test('whole where each of its pieces did, the innermost range counting', async () => {
    await process(
      'one',
      'dist/login/index.js',
      [[0, 8, 1]],
      [
        [2, 6, 3],
        [4, 6, 0],
      ],
    )
    expect(await ran()).toEqual({ 1: 'whole', 2: 'part' })
  })

  test('whole where one process ran one piece and another the other', async () => {
    await process('one', 'dist/login/index.js', [
      [0, 8, 1],
      [0, 2, 0],
      [4, 8, 0],
    ])
    await process('two', 'dist/login/index.js', [
      [0, 8, 1],
      [2, 8, 0],
    ])
    expect(await ran()).toEqual({ 1: 'whole', 2: 'none' })
  })

  test('whole where it did in one of several bundles', async () => {
    await bundle('cleanup/index.js')
    await process('one', 'dist/login/index.js', [[0, 8, 1]])
    await process('two', 'dist/cleanup/index.js', [[0, 8, 0]])
    expect(await ran()).toEqual({ 1: 'whole', 2: 'whole' })
  })
})

test('a signer that was copied beside a kubeconfig counts, unless it is of another version', async () => {
  await bundle('token/index.js')
  await process('old', 'temp/kubeconfig.token-ba9876543210/index.js', [[0, 8, 1]])
  expect(await ran()).toEqual({ 1: 'none', 2: 'none' })
  await process('own', 'temp/kubeconfig.token-0123456789ab/index.js', [[0, 8, 1]])
  expect(await ran()).toEqual({ 1: 'whole', 2: 'whole' })
})

describe('to what jest counted, bundles add', () => {
  const line = (number: number) => ({ start: { line: number, column: 0 }, end: { line: number, column: 9 } })
  const nowhere = { start: {}, end: {} }

  /** Of two lines, a statement each; the first is an `if` without an else, the second has two arms. */
  const counted = async (s: [number, number]) => {
    const path = join(root, 'src/a.ts')
    await put('src/a.ts', 'if (a) b()\nc ? d : e\n')
    const branchMap = {
      0: { type: 'if', loc: line(1), locations: [line(1), nowhere] },
      1: { type: 'cond-expr', loc: line(2), locations: [line(2), line(2)] },
    }
    const file = {
      path,
      statementMap: { 0: line(1), 1: line(2) },
      fnMap: {},
      branchMap,
      s,
      f: {},
      b: { 0: [0, 0], 1: [0, 0] },
    }
    await put('counted.json', JSON.stringify({ [path]: file }))
    return readCoverage(root, join(root, 'counted.json'), join(root, 'processes'))
  }
  beforeEach(() => bundle('login/index.js'))

  test('nothing that did not run', async () => {
    expect(await counted([1, 0])).toEqual({
      lines: 50,
      branches: 0,
      files: [{ path: 'src/a.ts', lines: 50, branches: 0, never: [2], untaken: [1, 2] }],
    })
  })

  test('lines that ran in part, and branches of those that ran whole, but never an else that is not written', async () => {
    await process('one', 'dist/login/index.js', [
      [0, 8, 1],
      [6, 8, 0],
    ])
    const { lines, branches, files } = await counted([0, 0])
    expect([lines, branches]).toEqual([100, 25])
    expect(files).toMatchObject([{ never: [], untaken: [1, 2] }])
  })
})
