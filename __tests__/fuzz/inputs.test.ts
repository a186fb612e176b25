import fc from 'fast-check'
import { BadInput } from '../../src/bad-input.ts'
import { readInputs } from '../../src/inputs.ts'
import { formatRule, parseRule, parseRules } from '../../src/kube/rules.ts'
import { KubectlProblem } from '../../src/kubectl/evidence.ts'
import type { ReleaseHost } from '../../src/kubectl/host.ts'
import { newestPatch, publishedChecksum } from '../../src/kubectl/release.ts'
import { parseHost, parseKubectlVersion } from '../../src/kubectl/request.ts'
import { readArguments } from '../../src/token-arguments.ts'
import { anyText, expectNoPollution, RUNS } from './arbitraries.ts'

// Whatever a workflow gives: it is read, or told by the name of its input and what is accepted there.

afterEach(expectNoPollution)

const NAMES = [
  'cluster-name',
  'region',
  'alias',
  'user-alias',
  'namespace',
  'kubeconfig',
  'role-arn',
  'assume-role-arn',
  'credential-source',
  'token-provider',
  'can',
  'cannot',
  'expect-username',
  'expect-groups',
  'kubectl-version',
  'kubectl-mirror',
  'kubectl-checksum',
  'proxy-url',
  'timeout',
  'cleanup',
  'summary',
]

const variable = (name: string) => `INPUT_${name.toUpperCase()}`
const ENV = {
  RUNNER_TEMP: '/t',
  RUNNER_TOOL_CACHE: '/c',
  'INPUT_CLUSTER-NAME': 'demo',
  INPUT_REGION: 'us-east-1',
}

/** The mistakes that are found, or none. */
function mistakesOf(work: () => unknown): BadInput['mistakes'] {
  try {
    work()
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput)
    return (error as BadInput).mistakes
  }
}

test('each input, given anything', () => {
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), anyText, (name, text) => {
      const mistakes = mistakesOf(() => readInputs({ ...ENV, [variable(name)]: text }))
      // What one input lacks may make another one wrong.
      for (const { input, problem, accepted } of mistakes) {
        expect(NAMES).toContain(input)
        expect([problem, accepted]).not.toContain('')
      }
    }),
    { numRuns: 1000 },
  )
})

test('all inputs at once, given anything', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...NAMES.map(variable)), anyText, { noNullPrototype: true }),
      env => {
        mistakesOf(() => readInputs({ ...ENV, ...env }))
      },
    ),
    { numRuns: 300 },
  )
})

test('a password in a URL is in no message', () => {
  const around = fc.string({
    unit: fc.constantFrom('/', '@', ':', '?', '#', ' ', '\\', '%', '[', 'a', '\t'),
    maxLength: 5,
  })
  const url = fc
    .tuple(fc.constantFrom('http://', 'https://', 'ftp://', '//', '', 'http:/'), around, around, around)
    .map(([scheme, user, before, after]) => `${scheme}${user}u:${before}hunter2${after}@proxy:3128`)
  fc.assert(
    fc.property(fc.constantFrom('proxy-url', 'kubectl-mirror'), url, (name, url) => {
      const mistakes = mistakesOf(() =>
        readInputs({ ...ENV, [variable(name)]: url, 'INPUT_KUBECTL-VERSION': '1.37' }),
      )
      expect(JSON.stringify(mistakes)).not.toContain('hunter2')
      // The kubeconfig holds it as it is given.
      if (name === 'proxy-url') expect(mistakes).not.toEqual([])
    }),
    { numRuns: 1000 },
  )
})

test('a rule is one, or a mistake that names it', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'get',
      'list',
      'pods',
      'deploy.apps/x',
      '/healthz',
      '-n',
      '-A',
      '--namespace=web',
      '--subresource',
      'log',
      '*',
      '#',
      "'a'",
      '"',
      'kubectl',
      'auth',
      'can-i',
      ',',
    ),
    anyText,
  )
  const line = fc.array(word, { maxLength: 6 }).map(words => words.join(' '))
  fc.assert(
    fc.property(line, text => {
      const rule = parseRule(text)
      if (rule.kind === 'mistake') {
        expect(rule.message).toContain(rule.rule)
        expect(rule.problem).not.toBe('')
        return
      }
      // What is printed is read back as the same.
      const printed = formatRule(rule)
      expect(parseRule(printed)).toEqual({ ...rule, text: printed })
      expect(printed).not.toMatch(/[\r\n]/)
    }),
    { numRuns: 1000 },
  )
})

test('of many rules each line is read, or told by its number', () => {
  fc.assert(
    fc.property(
      fc.array(anyText, { maxLength: 5 }).map(lines => lines.join('\n')),
      text => {
        const { rules, mistakes } = parseRules(text)
        const lines = text.split(/\r\n|\n|\r/)
        expect(rules.length + mistakes.length).toBe(lines.filter(line => line.trim()).length)
        for (const { line, rule } of mistakes) expect(lines[line - 1]?.trim()).toBe(rule)
      },
    ),
    RUNS,
  )
})

test('the signer\u2019s arguments', () => {
  const argument = fc.oneof(
    fc.constantFrom(
      '--region',
      '--cluster-name',
      '--cluster-id',
      '--timeout=5',
      '--',
      '--no-region',
      '-r',
      '--__proto__=evil',
    ),
    anyText,
  )
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 6 }), args => {
      mistakesOf(() => readArguments(args))
    }),
    RUNS,
  )
})

/* kubectl. */

const saying = (text: string) =>
  ({ url: path => path, text: async () => text }) as Pick<ReleaseHost, 'url' | 'text'> as ReleaseHost

test('what a release host says of versions and hashes', () =>
  fc.assert(
    fc.asyncProperty(
      fc.oneof(
        anyText,
        anyText.map(text => `v1.37.2${text}`),
        anyText.map(text => 'a'.repeat(64) + text),
      ),
      async text => {
        for (const [work, form] of [
          [newestPatch(saying(text), '1.37'), /^1\.37\.\d+$/],
          [publishedChecksum(saying(text), 'kubectl', 'kubectl'), /^[0-9a-f]{64}$/],
        ] as const) {
          const found = await work.catch((error: unknown) => error)
          if (typeof found === 'string') expect(found).toMatch(form)
          else expect((found as KubectlProblem).evidence.kind).toBe('kubectl-unexpected')
          expect(typeof found === 'string' || found instanceof KubectlProblem).toBe(true)
        }
      },
    ),
    RUNS,
  ))

test('versions and hosts of kubectl', () => {
  fc.assert(
    fc.property(anyText, fc.boolean(), (text, checksum) => {
      expect(['exact', 'minor', 'cluster', 'mistake']).toContain(parseKubectlVersion(text).kind)
      const parsed = parseHost(text, checksum)
      if ('host' in parsed) expect(parsed.host).toMatch(/^https?:\/\//)
      else expect(parsed.problem).not.toBe('')
    }),
    RUNS,
  )
})
