import { marked, type Token } from 'marked'
import type { Failure } from '../../src/diagnosis/failure.ts'
import { failureGroup, failureTitle, logGroups } from '../../src/report/log.ts'
import { type ClusterReport, failed, type Report, Stopwatch, succeeded } from '../../src/report/report.ts'
import { summaryMarkdown } from '../../src/report/summary.ts'

const CLUSTER: ClusterReport = {
  name: 'demo',
  arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/demo',
  region: 'eu-west-1',
  context: 'my | context',
  server: 'https://demo.example',
  version: '1.37',
  status: 'ACTIVE',
  authenticationMode: 'API',
  credentials: { source: 'instance role', accessKeyId: 'ASIAX' },
  username: 'demo',
  groups: ['a', 'b'],
  roleArn: 'arn:aws:iam::111122223333:role/runner',
  tokenExpires: '2030-01-01T00:00:00Z',
  probes: [
    {
      rule: 'list ns',
      asked: 'list namespaces -A',
      expected: 'yes',
      answer: 'yes',
      passed: true,
      reason: 'RBAC',
      notes: ['ns is namespaces'],
    },
    {
      rule: 'list po',
      asked: 'list pods',
      expected: 'no',
      answer: 'yes',
      passed: false,
      reason: '',
      notes: [],
    },
  ],
}
const FAILURE: Failure = {
  code: 'EKS701',
  cluster: 'demo',
  cause: 'the role may list pods, and should not',
  evidence: ['one\ntwo'],
  cure: ['do this', '```\ncode\n```'],
}

const KUBECTL = {
  version: '1.37.2',
  path: '/tools/kubectl',
  source: 'https://host/kubectl',
  sha256: 'abc',
}

const success = (changes: Partial<ClusterReport> = {}): Report =>
  succeeded(
    [{ ...CLUSTER, ...changes }],
    { kubeconfig: '/k/config', kubectl: null, warnings: ['a <b>warning</b>'] },
    new Stopwatch(),
  )
const failure = (changes: Partial<Failure> = {}): Report =>
  failed([], [{ ...FAILURE, ...changes }], new Stopwatch())

test('a report of success says where the kubeconfig is, and one of failure that there is none', () => {
  expect(success()).toMatchObject({
    schema: 1,
    result: 'success',
    kubeconfig: '/k/config',
    kubectl: null,
    failures: [],
  })
  expect(failure()).toMatchObject({
    schema: 1,
    result: 'failure',
    kubeconfig: null,
    kubectl: null,
    failures: [FAILURE],
  })
})

describe('the stopwatch', () => {
  test('keeps what succeeded and what failed, and gives back what came of it', async () => {
    const watch = new Stopwatch()
    expect(await watch.time('good', Promise.resolve(7), 'demo')).toBe(7)
    await expect(watch.time('bad', Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(watch.spans).toEqual([
      { name: 'good', cluster: 'demo', start: expect.any(Number), milliseconds: expect.any(Number) },
      { name: 'bad', start: expect.any(Number), milliseconds: expect.any(Number) },
    ])
    for (const { milliseconds } of watch.spans) expect(milliseconds).toBeGreaterThanOrEqual(0)
  })
})

describe('the log', () => {
  test('says of each cluster who we are and what we may', () => {
    const [group] = logGroups(success(), null)
    expect(group?.title).toBe('demo (eu-west-1): demo, arn:aws:iam::111122223333:role/runner')
    const text = group?.lines.join('\n')
    for (const said of [
      'ASIAX',
      'instance role',
      'https://demo.example',
      'a, b',
      'until 2030',
      'Kubernetes 1.37, ACTIVE',
    ])
      expect(text).toContain(said)
    expect(group?.lines).toContain('pass  can-i list namespaces -A  yes       expected yes  (RBAC)')
    expect(group?.lines).toContain('      ns is namespaces')
    expect(group?.lines).toContain('FAIL  can-i list pods           yes       expected no')
  })

  test('says what is not known', () => {
    const [group] = logGroups(
      success({ username: null, roleArn: null, groups: [], tokenExpires: null, probes: [] }),
      null,
    )
    expect(group?.title).toBe('demo (eu-west-1): unknown user')
    expect(group?.lines.join('\n')).toMatch(/username {5}unknown\ngroups {7}none\nrole {9}unknown/)
  })

  test('says how long each part took, and of which cluster it was', () => {
    const timings = [
      { name: 'locate', start: 0, milliseconds: 1.5 },
      { name: 'who am i', cluster: 'demo', start: 12, milliseconds: 100 },
    ]
    expect(logGroups({ ...failure(), timings }, null)).toEqual([
      {
        title: 'Timings',
        lines: ['     1.5 ms  from       0  locate', '     100 ms  from      12  who am i (demo)'],
      },
    ])
  })

  test('shows the kubeconfig, its certificate authority by its beginning', () => {
    const text = `kind: Config\n  certificate-authority-data: ${'QUJD'.repeat(300)}\n  server: x\n`
    const group = logGroups(success(), text).find(({ title }) => title === 'Kubeconfig /k/config')
    expect(group?.lines).toEqual([
      'kind: Config',
      `  certificate-authority-data: ${'QUJD'.repeat(5)}…`,
      '  server: x',
    ])
    expect(logGroups(success(), null).map(({ title }) => title)).not.toContain('Kubeconfig /k/config')
    expect(logGroups(failure(), text).map(({ title }) => title)).toEqual(['Timings'])
  })

  test('says which kubectl was installed, and from where', () => {
    const group = (source: string) =>
      logGroups({ ...success(), kubectl: { ...KUBECTL, source } }, null).find(({ title }) =>
        /kubectl/.test(title),
      )
    expect(group(KUBECTL.source)).toEqual({
      title: 'kubectl 1.37.2, downloaded from https://host/kubectl',
      lines: ['path    /tools/kubectl', 'sha256  abc'],
    })
    expect(group('cache')?.title).toBe('kubectl 1.37.2, from the tool cache')
    expect(
      logGroups(success(), null)
        .map(({ title }) => title)
        .join(),
    ).not.toContain('kubectl')
  })

  test('has a failure in full, and its title in one line', () => {
    expect(failureTitle(FAILURE)).toBe('EKS701 demo: the role may list pods, and should not')
    expect(failureGroup(FAILURE).lines).toEqual([
      'Evidence:',
      '  one',
      '  two',
      'Cure:',
      '  do this',
      '  ```',
      '  code',
      '  ```',
    ])
    const { code, cause, cure } = FAILURE
    expect(failureGroup({ code, cause, evidence: [], cure })).toMatchObject({
      title: 'EKS701 the role may list pods, and should not',
      lines: ['Cure:', '  do this', '  ```', '  code', '  ```'],
    })
  })
})

describe('the job summary', () => {
  test('says what is not known, and has no table and no evidence where there is none', () => {
    const unknown = summaryMarkdown(success({ username: null, roleArn: null, probes: [] }))
    expect(unknown).toContain('**demo**, eu-west-1, Kubernetes 1.37: `my \\| context` is `unknown`\n')
    expect(unknown).not.toContain('can-i')
    expect(summaryMarkdown(failure({ evidence: [] }))).not.toContain('Evidence')
  })

  test('of a success names clusters, and shows each rule in a row', () => {
    const lines = summaryMarkdown(success()).split('\n')
    expect(lines[0]).toBe('### Logged in to `demo`')
    expect(lines).toContain('| ✅ | `list namespaces -A` | yes | yes | RBAC |')
    expect(lines).toContain('| ❌ | `list pods` | yes | no |  |')
    expect(lines).toContain('> [!WARNING]')
    expect(lines).toContain('> a \\<b\\>warning\\</b\\>')
  })

  test('of a failure shows cause, evidence and cure', () => {
    const text = summaryMarkdown(failure())
    expect(text).toMatch(
      /^### EKS login failed\n\n#### ❌ EKS701 demo: the role may list pods, and should not\n/,
    )
    expect(text).toContain('```text\none\ntwo\n```')
  })

  test('of a failure links to the page on its code', () => {
    const page = 'https://git.example/them/eks-login/blob/v1/docs/failures.md#eks701'
    expect(summaryMarkdown(failure({ page }))).toContain(`\n[More on EKS701](${page})\n`)
  })

  test('names the kubectl that later steps have', () => {
    const line = (source: string) => summaryMarkdown({ ...success(), kubectl: { ...KUBECTL, source } })
    expect(line('cache')).toContain('\nkubectl `1.37.2` is on `PATH` for later steps, from the tool cache\n')
    expect(line('https://a/_b_')).toContain('downloaded from https://a/\\_b\\_')
    expect(summaryMarkdown(success())).not.toContain('PATH')
  })

  test('has no table where no rule was asked', () => {
    expect(summaryMarkdown(success({ probes: [] }))).not.toContain('can-i')
  })

  test.each([
    [
      'ends its table',
      success({ probes: [{ ...CLUSTER.probes[0], asked: 'a`|\nb', reason: 'x | y\n| z' } as never] }),
      /^\|/gm,
      3,
    ],
    ['adds HTML', failure({ cause: '<img src=x onerror=y>' }), /[^\\]<img/g, 0],
    ['strikes anything out', failure({ cause: '~~x~~' }), /[^\\]~/g, 0],
    ['is a character by its number', failure({ cause: '&#42;' }), /[^\\]&/g, 0],
    ['adds a link', success({ context: '[a](b)`[c](d)' }), /`\[c\]/g, 0],
  ])('nothing that comes from outside %s', (_what, report, form, times) => {
    const text = summaryMarkdown(report)
    expect(text.match(form)?.length ?? 0).toBe(times)
  })

  test('nothing that comes from outside ends its block of code', () => {
    const evidence = ['```\n# heading\n<script>', '`````']
    const paste = { language: 'sh', text: 'echo ```\n```' } as const
    const otherwise = [{ cause: 'another', tell: [paste], cure: ['1. say *this*', paste] }]
    const text = summaryMarkdown(failure({ evidence, cure: [paste], otherwise }))
    const tokens = marked.lexer(text)
    expect(tokens.flatMap(blocksOf)).toEqual([
      { lang: 'text', text: evidence.join('\n') },
      ...Array.from({ length: 3 }, () => ({ lang: 'sh', text: paste.text })),
    ])
    expect(tokens.filter(({ type }) => type === 'heading')).toHaveLength(2)
  })
})

/** The blocks of code of a Markdown text, however deep in its lists. */
function blocksOf(token: Token): object[] {
  if (token.type === 'code') return [{ lang: token.lang, text: token.text }]
  const within: Token[] = token.type === 'list' ? token.items : ((token as { tokens?: Token[] }).tokens ?? [])
  return within.flatMap(blocksOf)
}
