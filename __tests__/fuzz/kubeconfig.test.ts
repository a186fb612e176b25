import fc from 'fast-check'
import { parseDocument, stringify } from 'yaml'
import { KubeProblem } from '../../src/kube/evidence.ts'
import { contextsOf, execArguments, type KubeconfigEntry, merge, unmerge } from '../../src/kube/kubeconfig.ts'
import { findSecrets, scanKubeconfig } from '../../src/kube/secrets.ts'
import { anyText, expectNoPollution, mutated } from './arbitraries.ts'

// Whatever a kubeconfig holds: our entries are in it afterwards beside all that was there, or it is refused with the
// place, and left to whoever wrote it.

afterEach(expectNoPollution)

const FILE = '/home/runner/kubeconfig'
const ENTRY: KubeconfigEntry = {
  context: 'demo',
  cluster: {
    name: 'arn:aws:eks:us-east-1:111122223333:cluster/demo',
    server: 'https://127.0.0.1:1',
    certificateAuthorityData: 'Q0E=',
  },
  user: {
    name: 'arn:aws:eks:us-east-1:111122223333:cluster/demo',
    exec: { command: 'aws', args: ['eks', 'get-token'], env: [] },
  },
}

const THEIRS = {
  apiVersion: 'v1',
  kind: 'Config',
  preferences: { colors: true },
  clusters: [{ name: 'a', cluster: { server: 'https://a', 'certificate-authority-data': 'QQ==' } }],
  users: [
    { name: 'b', user: { token: 't' } },
    { name: 'c', user: { exec: { command: 'x', args: ['y'], env: [{ name: 'n', value: 'v' }] } } },
  ],
  contexts: [{ name: 'd', context: { cluster: 'a', user: 'b', namespace: 'n' } }],
  'current-context': 'd',
  extensions: [{ name: 'e', extension: { f: [1, 2.5, null, true] } }],
}

/** Parts of YAML that kubeconfigs seldom have, put together. */
const yamlish = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...[
          'apiVersion: v1\n',
          'kind: Config\n',
          'clusters:\n',
          'users: []\n',
          'contexts: {}\n',
          '- name: a\n',
          '  cluster:\n',
          '  user: &u\n',
        ],
        ...[
          '    server: https://a\n',
          '*u',
          '&a ',
          '<<: *u\n',
          '? ',
          '- ',
          '---\n',
          '...\n',
          '%YAML 1.1\n',
          '!!binary |\n',
          '!t ',
          '|\n',
          '>-\n',
        ],
        ...[
          '"',
          "'",
          '{',
          '}',
          '[',
          ']',
          ',',
          ': ',
          '#c\n',
          '\n',
          '\t',
          '  ',
          '\ufeff',
          '\x00',
          '\x85',
          '0o14',
          '1e3',
          '~',
          'null',
          '__proto__: {evil: true}\n',
          'constructor: 1\n',
        ],
      ),
      anyText.filter(text => text.length < 200),
    ),
    { maxLength: 14 },
  )
  .map(parts => parts.join(''))

const structured = mutated(THEIRS).chain(document =>
  fc.constantFrom(2, 4).map(indent => {
    try {
      return stringify(document, { indent, lineWidth: 0 }) ?? ''
    } catch {
      return JSON.stringify(document) ?? ''
    }
  }),
)

/** The outcome, or null where it was refused as a kubeconfig that cannot be taken. */
async function taken<T>(work: Promise<T>): Promise<T | null> {
  const error = await work.then(
    value => ({ value }),
    (error: unknown) => error,
  )
  if (!(error instanceof Error)) return (error as { value: T }).value
  expect(error).toBeInstanceOf(KubeProblem)
  const { evidence } = error as KubeProblem
  expect(evidence).toMatchObject({
    file: FILE,
    kind: expect.stringMatching(/^kubeconfig-(?:corrupt|unexpected)$/),
  })
  if (evidence.kind === 'kubeconfig-corrupt') {
    expect(evidence.line).toBeGreaterThan(0)
    expect(evidence.column).toBeGreaterThan(0)
  }
  return null
}

async function check(text: string): Promise<void> {
  const merged = await taken(merge(FILE, text, [ENTRY]))
  await taken(contextsOf(FILE, text))
  await taken(execArguments(FILE, text))
  await taken(
    unmerge(text, { file: FILE, created: true, entries: [ENTRY], before: { current: null, names: [] } }),
  )
  if (merged === null) return
  // Once more changes nothing, and what was read of ours is what was written.
  expect(await merge(FILE, merged, [ENTRY])).toBe(merged)
  const { current, names } = await contextsOf(FILE, merged)
  expect(current).toBe('demo')
  expect(names).toContain('demo')
  await findSecrets(merged)
  await scanKubeconfig(FILE, merged, [ENTRY])
}

test('parts of YAML, put together', () => fc.assert(fc.asyncProperty(yamlish, check), { numRuns: 200 }))

test('kubeconfigs of which parts are something else', () =>
  fc.assert(fc.asyncProperty(structured, check), { numRuns: 120 }))

test('any text', () => fc.assert(fc.asyncProperty(anyText, check), { numRuns: 200 }))

/** As kubectl reads it. */
function read(text: string): Record<string, unknown> {
  return parseDocument(text, { version: '1.1', merge: true }).toJS() ?? {}
}

test('what others wrote stays, and is all that is left when ours is taken out', () =>
  fc.assert(
    fc.asyncProperty(structured, async text => {
      const merged = await taken(merge(FILE, text, [ENTRY]))
      if (merged === null) return
      const before = { current: null, names: (await contextsOf(FILE, text)).names }
      fc.pre(!before.names.includes('demo'))
      const left = await unmerge(merged, { file: FILE, created: false, entries: [ENTRY], before })
      const [were, are] = [text, left ?? ''].map(read)
      for (const [key, value] of Object.entries(were ?? {})) {
        if (value !== null && key !== 'current-context')
          expect({ [key]: are?.[key] }).toEqual({ [key]: value })
      }
    }),
    { numRuns: 80 },
  ))

test.each([
  ['lists', `clusters: ${'['.repeat(20_000)}`],
  ['closed lists', `extensions: ${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ['mappings', `extensions: ${'{a: '.repeat(20_000)}1${'}'.repeat(20_000)}`],
  ['indentation', Array.from({ length: 2000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  [
    'aliases of aliases',
    [
      'a: &a [x]',
      ...Array.from(
        { length: 30 },
        (_, n) => `b${n}: &b${n} [*${n ? `b${n - 1}` : 'a'}, *${n ? `b${n - 1}` : 'a'}]`,
      ),
    ].join('\n'),
  ],
])('%s nested beyond measure are refused', async (_what, text) => {
  expect(await taken(merge(FILE, text, [ENTRY]))).toBeNull()
})
