import fc from 'fast-check'
import type { BenchResult, Measure } from '../../lab/bench/result.ts'
import { plot } from '../../scripts/plot.ts'

const GROUPS = ['token', 'kubectl', 'login', 'clusters', 'rules'] as const
const EMPTY: BenchResult = {
  schema: 1,
  rounds: 3,
  machine: { cpu: 'CPU', cores: 2, memoryGiB: 8, node: 'v24.0.0' },
  versions: {},
  measures: [],
  ratios: [],
  sizes: [],
  usage: [],
  login: { aws: [], builtin: [] },
}

function measure(name: string, median: number, changes: Partial<Measure> = {}): Measure {
  return { group: 'token', name, median, from: median, to: median, runs: 3, ...changes }
}

function draw(...measures: Measure[]): string {
  return plot({ ...EMPTY, measures }, 'light')
}

/** The bars from top to bottom. */
function bars(svg: string): { side: string; width: number }[] {
  return [...svg.matchAll(/<rect class="(\w+)" y="[\d.]+" width="([\d.]+)%"/g)].map(
    ([, side = '', width]) => ({
      side,
      width: Number(width),
    }),
  )
}

/** The texts of a class from top to bottom. */
function texts(svg: string, name: string): string[] {
  return [...svg.matchAll(/<text class="([^"]*)"[^>]*>([^<]*)</g)]
    .filter(([, classes = '']) => classes.split(' ').includes(name))
    .map(([, , content = '']) => content)
}

/** Why a text is no XML of the kind that is drawn here; null where it is. */
function flaw(xml: string): string | null {
  const open: string[] = []
  const tokens = /<(\/?)([a-z]+)((?: [a-zA-Z0-9:-]+="[^"<&]*")*)(\/?)>|(?:[^<>&]|&(?:amp|lt|gt|quot);)+/y
  while (tokens.lastIndex < xml.length) {
    const start = tokens.lastIndex
    const token = tokens.exec(xml)
    if (!token) return `at ${xml.slice(start, start + 40)}`
    const [, closes, name, , alone] = token
    if (!name) continue
    if (closes && open.pop() !== name) return `</${name}> closes something else`
    if (!closes && !alone) open.push(name)
  }
  if (open.length > 0) return `${open} not closed`
  return /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u.test(xml)
    ? 'forbidden characters'
    : null
}

// fast-check's own 'binary' takes a second to be made.
const character = fc.integer({ min: 0, max: 0x10ffff }).map(code => String.fromCodePoint(code))
const anyName = fc.oneof(
  fc.string({ unit: character, maxLength: 120 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'key', 'ref'),
  fc.string({ unit: fc.constantFrom('<', '>', '&', '"', "'", ']]>', '&amp;', '\ud800', '\0', '\n', 'w') }),
)
const duration = fc.double({ min: 0, max: 1e6, noNaN: true })
const measures = fc.array(
  fc
    .tuple(fc.constantFrom(...GROUPS), anyName, fc.tuple(duration, duration, duration))
    .map(([group, name, times]) => {
      const [from = 0, median = 0, to = 0] = times.toSorted((one, other) => one - other)
      return { group, name, median, from, to, runs: 3 }
    }),
  { minLength: 1 },
)

test('the chart is well-formed XML, whatever the names are', () => {
  fc.assert(
    fc.property(measures, anyName, fc.constantFrom('light', 'dark'), (measures, cpu, theme) => {
      const svg = plot({ ...EMPTY, machine: { ...EMPTY.machine, cpu }, measures }, theme)
      expect(flaw(svg)).toBeNull()
    }),
  )
})

test('the same result gives the same chart', () => {
  fc.assert(
    fc.property(measures, measures => {
      expect(draw(...structuredClone(measures))).toBe(draw(...measures))
    }),
  )
})

test('within a group, bars are as long as their medians, and the slowest run fits', () => {
  fc.assert(
    fc.property(measures, all => {
      const group = all.filter(({ group }) => group === 'token')
      const longest = Math.max(...group.map(({ to }) => to)) || 1
      const svg = draw(...group)
      expect(bars(svg)).toHaveLength(group.length)
      for (const [index, { width }] of bars(svg).entries())
        expect(width).toBeCloseTo((100 * (group[index]?.median ?? 0)) / longest, 1)
      for (const [, end] of svg.matchAll(/<line x1="[\d.]+%" x2="([\d.]+)%"/g))
        expect(Number(end)).toBeLessThanOrEqual(100)
    }),
  )
})

test('each group has a scale of its own', () => {
  const svg = draw(measure('a', 10), measure('b', 40), measure('c', 1000, { group: 'kubectl' }))
  expect(bars(svg).map(({ width }) => width)).toEqual([25, 100, 100])
})

test('the range goes from the fastest run to the slowest, and the value stands behind it', () => {
  const svg = draw(measure('a', 40, { from: 30, to: 50 }))
  expect(svg).toContain('<line x1="60%" x2="100%"')
  expect(svg).toMatch(/<text class="value" x="100%" dx="8" [^>]*>40 ms</)
})

test.each([
  [0, '0 ms'],
  [41.6, '42 ms'],
  [999.4, '999 ms'],
  [999.6, '1.00 s'],
  [2059, '2.06 s'],
  [61_234, '61.23 s'],
])('%d milliseconds are shown as %s', (median, shown) => {
  expect(texts(draw(measure('a', median)), 'value')).toEqual([shown])
})

test('groups stand in the order of the story, measures in that of the result; rules are not drawn', () => {
  const svg = draw(
    measure('three', 1, { group: 'login' }),
    measure('one', 1),
    measure('two', 2),
    measure('no', 1, { group: 'rules' }),
  )
  expect(texts(svg, 'heading')).toEqual(['A token', 'A login, all checks included'])
  expect(texts(svg, 'name')).toEqual(['one', 'two', 'three', 'one', 'two', 'three'])
})

test('what is ours is told from what is not', () => {
  const names = ['builtin token', 'login, aws', 'four lines that log in', 'aws eks get-token']
  const svg = draw(...names.map(name => measure(name, 1)))
  expect(bars(svg).map(({ side }) => side)).toEqual(['ours', 'ours', 'others', 'others'])
})

test('a name does not say again what its heading says', () => {
  const svg = draw(measure('kubectl get ns, builtin', 1, { group: 'kubectl' }))
  expect(texts(svg, 'name')).toEqual(['builtin', 'builtin'])
})

test('a long name is broken beside its bar and shortened above it', () => {
  const svg = draw(measure('four shell lines: describe-cluster, update-kubeconfig, two can-i', 1))
  expect(texts(svg, 'name')).toEqual([
    'four shell lines: describe-cluster,',
    'update-kubeconfig, two can-i',
    expect.stringMatching(/^four shell lines: describe-cluster, update.*…$/),
  ])
})

test('a screen reader is told every value', () => {
  const svg = draw(measure('a <b>', 41.6), measure('c', 2059))
  expect(svg).toContain('<desc id="description">A token: a &lt;b&gt; 42 ms; c 2.06 s.</desc>')
})
