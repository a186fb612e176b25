import fc from 'fast-check'
import { DIAGNOSES, diagnose } from '../../src/diagnosis/diagnose.ts'
import type { About, Evidence } from '../../src/diagnosis/failure.ts'
import { diagnoseKubectl, kubectlDiagnoses } from '../../src/diagnosis/kubectl.ts'
import { failureGroup, failureTitle, harmless } from '../../src/report/log.ts'
import { plainFailure } from '../../src/report/plain.ts'
import { failureMarkdown } from '../../src/report/summary.ts'
import { anyText, expectNoPollution } from './arbitraries.ts'

// Whatever stands in a piece of evidence: a failure is told, its cause in one line, and nothing in it is a command to the
// runner, steers a terminal, or means anything in the summary.

afterEach(expectNoPollution)

const kinds = Object.keys(DIAGNOSES) as Evidence['kind'][]

/** Evidence of a kind, in which every field that a diagnosis looks at holds some text, or what is made of texts. */
function evidenceOf(kind: string, texts: string[], number: number): Evidence {
  const given = new Map<string, unknown>([['kind', kind]])
  return new Proxy({ kind } as never, {
    get(_, name) {
      const key = String(name)
      if (!given.has(key))
        given.set(key, fieldOf(kind, key, texts, number) ?? texts[given.size % texts.length])
      return given.get(key)
    },
  })
}

/** What is no text in evidence, or one that was checked before; undefined for all else. */
function fieldOf(kind: string, key: string, texts: string[], number: number): unknown {
  const [text = ''] = texts
  const attributes = { verb: text, group: '', resource: text, subresource: '', namespace: '', name: text }
  const right = { kind: 'resource', attributes, namespaced: true }
  const onTheWay = /^(?:server|proxy)-/.test(kind)
  const proxy = { url: 'http://127.0.0.1:1', setBy: text, credentials: false, used: number > 0 }
  const fields: Record<string, unknown> = {
    ...{ status: number, line: number, column: number, seconds: number, exitCode: number, pid: number },
    ...{ proxyStatus: number, clockSkewSeconds: number, stage: 'request', denied: number > 0 },
    ...{ tried: texts, where: texts, files: texts, profiles: texts, right, needed: [{ rule: text, right }] },
    answers: texts.map(problem => ({ asked: text, status: number || null, problem })),
    obstacle: { path: text, isFolder: false, owner: 0, self: 1001, mode: '0600' },
    certificate: { issuer: text, names: texts, validFrom: text, validTo: text },
    ...(onTheWay
      ? {
          server: 'https://127.0.0.1:6443',
          proxy: { ...proxy, exceptions: { name: 'NO_PROXY', value: text } },
        }
      : {}),
    ...(kind === 'groups-differ' ? { expected: texts, found: texts } : {}),
    ...(kind === 'cluster-not-ready' || kind === 'cluster-without-endpoint' ? { status: text } : {}),
  }
  return fields[key]
}

const texts = fc.array(anyText, { minLength: 1, maxLength: 4 })
const status = fc.constantFrom(0, 200, 403, 429, 503)

function expectHarmless(failure: ReturnType<typeof plainFailure>): void {
  const { title, lines } = failureGroup(failure)
  const log = harmless([title, ...lines].join('\n'))
  // What ends a line for the runner, and what is a command to it (actions/runner, ActionCommand.cs).
  for (const line of log.split(/\r\n|\n|\r/)) expect(line.trimStart().startsWith('::')).toBe(false)
  expect(log).not.toContain('##[')
  expect(log).not.toMatch(UNSEEN)
  expect(failureTitle(failure)).not.toMatch(/[\r\n]/)
  expect(failure.cause).not.toMatch(/[\r\n]/)
  expect(failure.code).toMatch(/^EKS\d{3}$/)
  expect(failure.cure.length).toBeGreaterThan(0)

  const markdown = failureMarkdown(failure)
  expect(markdown).not.toMatch(UNSEEN)
  expect(Buffer.byteLength(markdown)).toBeLessThan(2 ** 20)
  for (const line of outsideOfFences(markdown)) {
    expect(line).not.toMatch(/(?<!\\)<[a-z!/]/i)
    expect(line).not.toMatch(/(?<!\\)\]\(javascript/)
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/

/** The lines of Markdown that are no code, by the rule that a fence is ended by one at least as long. */
function outsideOfFences(markdown: string): string[] {
  let fence: string | null = null
  const outside: string[] = []
  for (const line of markdown.split('\n')) {
    const [, ticks] = /^ {0,3}(`{3,})[^`]*$/.exec(line) ?? []
    if (fence === null && ticks) fence = ticks
    else if (fence !== null) {
      if (ticks && ticks.length >= fence.length && line.trim() === ticks) fence = null
    } else outside.push(line)
  }
  expect(fence).toBeNull()
  return outside
}

test.each(kinds)('%s', kind => {
  fc.assert(
    fc.property(
      texts,
      status,
      fc.record({ caller: anyText, username: anyText, arn: anyText }),
      (texts, number, known) => {
        const about: About = { cluster: 'demo', region: 'us-east-1', ...known }
        expectHarmless(plainFailure(diagnose(evidenceOf(kind, texts, number), about)))
      },
    ),
    { numRuns: 60 },
  )
})

test('an installation of kubectl', () => {
  const kinds = Object.keys(kubectlDiagnoses)
  fc.assert(
    fc.property(fc.constantFrom(...kinds), texts, status, (kind, texts, number) => {
      expectHarmless(plainFailure(diagnoseKubectl(evidenceOf(kind, texts, number) as never)))
    }),
    { numRuns: 150 },
  )
})
