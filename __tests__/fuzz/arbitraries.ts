import fc from 'fast-check'

/** How often a property is tried. The seed of a run that fails is in its message. */
export const RUNS = { numRuns: 500 }

/** Texts that mean something to whoever reads them next: a runner, a terminal, Markdown, HTML, YAML, a shell, a header. */
export const TRAPS = [
  '::set-output name=context::evil',
  '\n::error::evil',
  '\r::add-mask::a',
  ' \t::stop-commands::x',
  '##[error]evil',
  '%0A::warning::evil',
  '\x1b[31mred\x1b[0m',
  '\x1b]0;title\x07',
  '\x00',
  '\x7f\x85\x9b31m',
  '\u2028\u202eetad\u2066',
  '\ud800',
  '\ufeff',
  '`',
  '```\n# heading',
  '| a | b |',
  '<img src=x onerror=alert(1)>',
  '<!--',
  '[link](javascript:alert(1))',
  '---\n',
  '&a *a',
  '!!js/function',
  '{{}}',
  '$(id)',
  "'; id #",
  'x\r\nx-header: y',
  '__proto__',
  'constructor',
  'toString',
  ' ',
  '',
]

// fast-check's own 'binary' takes a second to be made.
const character = fc.integer({ min: 0, max: 0x10ffff }).map(code => String.fromCodePoint(code))

/** Any text: of any characters, of few that mean something, and very long ones. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: character, maxLength: 40 }) },
  {
    weight: 4,
    arbitrary: fc.array(fc.constantFrom(...TRAPS), { maxLength: 6 }).map(parts => parts.join('')),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 60 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...TRAPS, 'a'), fc.integer({ min: 1000, max: 3000 }))
      .map(([text, times]) => text.repeat(times)),
  },
)

/** Any value of JSON, also nested deeper than a stack is. */
export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 8, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  { weight: 3, arbitrary: fc.constantFrom(null, true, 0, -1, 1e308, '', [], {}, [[]], [null], { a: null }) },
  { weight: 2, arbitrary: anyText },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...['{"__proto__":{"evil":true}}', '{"constructor":{"prototype":{"evil":true}}}'].map(text =>
        JSON.parse(text),
      ),
    ),
  },
  { weight: 1, arbitrary: fc.constant(JSON.parse('['.repeat(3000) + ']'.repeat(3000))) },
)

/** A document of which parts are something else, or gone. */
export function mutated(document: unknown): fc.Arbitrary<unknown> {
  const change = fc.record({ place: fc.nat(), value: fc.oneof(anyJson, fc.constant(undefined)) })
  return fc
    .array(change, { minLength: 1, maxLength: 3 })
    .map(changes => changes.reduce((changed, { place, value }) => replaced(changed, place, value), document))
}

/** Any text that a service may answer with: JSON of its own shape nearly, of any shape, cut off, or none at all. */
export function answersLike(document: unknown): fc.Arbitrary<string> {
  const text = mutated(document).map(value => JSON.stringify(value) ?? '')
  return fc.oneof(
    { weight: 6, arbitrary: text },
    { weight: 2, arbitrary: anyJson.map(value => JSON.stringify(value)) },
    {
      weight: 1,
      arbitrary: fc.tuple(text, fc.nat()).map(([whole, at]) => whole.slice(0, at % (whole.length + 1))),
    },
    { weight: 1, arbitrary: fc.constantFrom('{"__proto__":{"evil":true}}', '['.repeat(100_000)) },
    { weight: 1, arbitrary: anyText },
  )
}

/** Replaces one node of a document, or takes it out. */
function replaced(document: unknown, place: number, value: unknown): unknown {
  const paths = [...pathsOf(document)]
  const path = paths[place % paths.length] ?? []
  return put(document, path, value)
}

function* pathsOf(node: unknown, path: string[] = []): Generator<string[]> {
  yield path
  // What was put in may be deeper than the stack is.
  if (path.length > 12 || typeof node !== 'object' || node === null) return
  for (const [key, inner] of Object.entries(node)) yield* pathsOf(inner, [...path, key])
}

function put(node: unknown, [key, ...rest]: string[], value: unknown): unknown {
  if (key === undefined) return value
  const copy: Record<string, unknown> | unknown[] = Array.isArray(node) ? [...node] : { ...(node as object) }
  const inner = put((node as Record<string, unknown>)[key], rest, value)
  if (inner === undefined && Array.isArray(copy)) copy.splice(Number(key), 1)
  else if (inner === undefined) delete (copy as Record<string, unknown>)[key]
  else
    Object.defineProperty(copy, key, { value: inner, enumerable: true, configurable: true, writable: true })
  return copy
}

/** Fails when something has reached every object there is. */
export function expectNoPollution(): void {
  expect(({} as { evil?: unknown }).evil).toBeUndefined()
  expect(Object.keys(Object.prototype)).toEqual([])
}
