import fc from 'fast-check'
import { load } from 'js-yaml'
import { parse } from 'yaml'
import { KubeProblem } from '../../src/kube/evidence.ts'
import {
  contextsOf,
  execArguments,
  type KubeconfigEntry,
  merge,
  uniqueContexts,
  unmerge,
} from '../../src/kube/kubeconfig.ts'

const FILE = '/k/config'
const ARN = 'arn:aws:eks:eu-central-1:111122223333:cluster/demo'
const DEMO: KubeconfigEntry = {
  context: 'demo',
  cluster: { name: ARN, server: 'https://demo.example', certificateAuthorityData: 'Q0E=' },
  user: {
    name: ARN,
    exec: { command: 'aws', args: ['--region', 'eu-central-1', 'eks', 'get-token'], env: [] },
  },
}

function entry(name: string, changes: Partial<KubeconfigEntry> = {}): KubeconfigEntry {
  const { cluster, user } = DEMO
  return { context: name, cluster: { ...cluster, name }, user: { ...user, name }, ...changes }
}

interface Before {
  created?: boolean
  current?: string
  names?: string[]
}

const undo = (entries: KubeconfigEntry[], { created = false, current, names = [] }: Before = {}) => ({
  file: FILE,
  created,
  entries,
  before: { current: current ?? null, names },
})

/** A kubeconfig's value, as YAML 1.1 has it. */
const contentOf = (text: string | null) => parse(text ?? '', { version: '1.1', merge: true })

async function refusal(text: string) {
  const error = await merge(FILE, text, [DEMO]).catch(error => error)
  expect(error).toBeInstanceOf(KubeProblem)
  // What is refused when it is written is refused when it is looked at first, too.
  await expect(contextsOf(FILE, text)).rejects.toMatchObject({ evidence: error.evidence })
  return error.evidence
}

const OTHERS = `# of the whole team
apiVersion: v1
kind: Config
preferences: {colors: true} # ours
clusters:
- name: other # the old one
  cluster: &other
    server: https://other.example
    insecure-skip-tls-verify: on
    x-unknown: [1, 012, ~]
users:
- name: other
  user:
    # expires soon
    token: abc
contexts:
- {name: other, context: {cluster: other, user: other, namespace: "on"}}
current-context: other
extensions:
- name: copy
  extension: *other
`

describe('merge', () => {
  test('writes what aws eks update-kubeconfig writes into a new file', async () => {
    const text = await merge(FILE, null, [
      {
        ...DEMO,
        namespace: 'web',
        cluster: { ...DEMO.cluster, proxyUrl: 'http://proxy:3128' },
        user: { name: 'me', exec: { ...DEMO.user.exec, env: [{ name: 'AWS_PROFILE', value: 'ci' }] } },
      },
    ])
    expect(text).toBe(`apiVersion: v1
kind: Config
clusters:
  - cluster:
      certificate-authority-data: Q0E=
      server: https://demo.example
      proxy-url: http://proxy:3128
    name: ${ARN}
users:
  - user:
      exec:
        apiVersion: client.authentication.k8s.io/v1beta1
        command: aws
        args:
          - --region
          - eu-central-1
          - eks
          - get-token
        env:
          - name: AWS_PROFILE
            value: ci
        interactiveMode: Never
    name: me
contexts:
  - context:
      cluster: ${ARN}
      namespace: web
      user: me
    name: demo
current-context: demo
`)
  })

  test('takes a file of comments alone for an empty one', async () => {
    const text = await merge(FILE, '# nothing yet\n', [DEMO])
    expect(contentOf(text).contexts).toHaveLength(1)
  })

  test('leaves out env, namespace and proxy-url that were not asked for', async () => {
    const { users, contexts, clusters } = contentOf(await merge(FILE, null, [DEMO]))
    expect(Object.keys(users[0].user.exec)).toEqual(['apiVersion', 'command', 'args', 'interactiveMode'])
    expect(Object.keys(contexts[0].context)).toEqual(['cluster', 'user'])
    expect(Object.keys(clusters[0].cluster)).toEqual(['certificate-authority-data', 'server'])
  })

  test('keeps every line of others: comments, unknown fields, anchors, entries', async () => {
    const merged = await merge(FILE, OTHERS, [DEMO])
    const lines = merged.split('\n').map(line => line.replace(/[{}\s]/g, ''))
    const kept = OTHERS.split('\n').filter(line => !line.startsWith('current-context'))
    for (const line of kept) expect(lines).toContain(line.replace(/[{}\s]/g, ''))
    const { clusters, users, contexts, 'current-context': current, ...rest } = contentOf(merged)
    const { clusters: c, users: u, contexts: x, 'current-context': _, ...before } = contentOf(OTHERS)
    expect(rest).toEqual(before)
    expect([clusters[0], users[0], contexts[0]]).toEqual([c[0], u[0], x[0]])
    expect([clusters.length, users.length, contexts.length, current]).toEqual([2, 2, 2, 'demo'])
  })

  test('an entry of the same name is replaced where it stands, its unknown fields kept', async () => {
    const before = `kind: Config
contexts:
- {name: demo, context: {cluster: x, user: x, namespace: old}, seen: yesterday}
- {name: z, context: {cluster: x, user: x}}
`
    const { contexts } = contentOf(await merge(FILE, before, [DEMO]))
    expect(contexts).toEqual([
      { name: 'demo', context: { cluster: ARN, user: ARN }, seen: 'yesterday' },
      { name: 'z', context: { cluster: 'x', user: 'x' } },
    ])
  })

  test('merging twice is merging once', async () => {
    const once = await merge(FILE, OTHERS, [DEMO])
    expect(await merge(FILE, once, [DEMO])).toBe(once)
  })

  test('the first of several is the current context, and a cluster or user that they share is written once', async () => {
    const value = contentOf(await merge(FILE, null, [DEMO, { ...DEMO, context: 'again' }, entry('other')]))
    expect(value['current-context']).toBe('demo')
    expect(value.contexts.map(({ name }: { name: string }) => name)).toEqual(['demo', 'again', 'other'])
    expect(value.clusters.map(({ name }: { name: string }) => name)).toEqual([ARN, 'other'])
    expect(value.users.map(({ name }: { name: string }) => name)).toEqual([ARN, 'other'])
  })

  test.each([
    ['an empty file', ''],
    ['blanks alone', ' \n\n'],
    ['a comment alone', '# mine\n'],
    ['a document start alone', '---\n'],
    ['null', 'null\n'],
    ['an empty mapping', '{}\n'],
    ['sections that are null', 'kind: Config\nclusters: null\nusers: ~\ncontexts:\n'],
    ['sections that are missing', 'apiVersion: v1\nkind: Config\n'],
    ['neither kind nor apiVersion', 'clusters: []\n'],
    ['lines of Windows', 'apiVersion: v1\r\nkind: Config\r\n# c\r\nclusters: []\r\n'],
    ['a byte order mark', '\ufeffapiVersion: v1\nkind: Config\n'],
    ['a directive', '%YAML 1.1\n---\nkind: Config\n'],
    ['JSON', '{"kind":"Config","apiVersion":"v1","clusters":[],"users":[],"contexts":null}'],
    ['JSON over lines', JSON.stringify({ kind: 'Config', clusters: [], preferences: {} }, null, 2)],
  ])('takes %s', async (_form, text) => {
    const value = contentOf(await merge(FILE, text, [DEMO]))
    const { apiVersion, ...wanted } = contentOf(await merge(FILE, null, [DEMO]))
    expect(value).toMatchObject(wanted)
    expect([apiVersion, undefined]).toContain(value.apiVersion)
  })

  test('keeps the comments of a file that has nothing else', async () => {
    expect(await merge(FILE, '# mine\n', [DEMO])).toMatch(/^# mine\n/)
  })

  test('keeps entries of JSON, and what it writes is read by kubectl', async () => {
    const others = { name: 'x', context: { cluster: 'c', user: 'u' } }
    const json = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      contexts: [others],
      users: [],
      clusters: [],
    })
    const merged = await merge(FILE, json, [DEMO])
    expect(contentOf(merged).contexts[0]).toEqual(others)
    expect(namesIn(merged)).toEqual(['demo', 'x'])
  })

  test('keeps merge keys and aliases that others use', async () => {
    const text = `kind: Config
x-base: &base {insecure-skip-tls-verify: true}
clusters:
- name: a
  cluster: &a {<<: *base, server: https://a}
- name: b
  cluster: *a
`
    const merged = await merge(FILE, text, [DEMO])
    expect(merged).toContain('<<: *base')
    expect(merged).toContain('cluster: *a')
    expect(contentOf(merged).clusters.slice(0, 2)).toEqual(contentOf(text).clusters)
    expect(contentOf(await unmerge(merged, undo([DEMO]))).clusters).toEqual(contentOf(text).clusters)
  })
})

describe('what is no kubeconfig is refused', () => {
  test.each([
    ['a: b: c\n', 1, 4],
    ['apiVersion: v1\nclusters:\n\t- name: x\n', 3, 1],
    ['apiVersion: v1\nkind: Config\nkind: Config\n', 3, 1],
    ['kind: Config\nusers: [a, b\n', 3, 1],
    ['kind: "Config\n', 2, 1],
    ['{"kind": "Config", "users": [}', 1, 30],
  ])('corrupt: %j, with line and column', async (text, line, column) => {
    expect(await refusal(text)).toEqual({
      kind: 'kubeconfig-corrupt',
      file: FILE,
      line,
      column,
      message: expect.stringMatching(/\w/),
    })
  })

  test.each([
    ['two documents', 'kind: Config\n---\nkind: Config\n', /2 documents/],
    ['a list', '- kind: Config\n', /not a mapping/],
    ['a scalar', 'just text\n', /not a mapping/],
    ['a key that is a mapping', 'kind: Config\n? {a: b}\n: c\n', /a key in it is no text/],
    ['a key of a key, deep in it', 'preferences:\n- ? [x]\n  : y\n', /a key in it is no text/],
    ['another kind', 'kind: Secret\n', /kind is "Secret"/],
    ['a kind that is no text', 'kind: 1\n', /kind is 1/],
    ['a section that is no list', 'kind: Config\nusers: {}\n', /users is not a list/],
    ['a section that is a text', 'kind: Config\ncontexts: x\n', /contexts is not a list/],
    [
      'an entry without a name',
      'kind: Config\nclusters:\n- cluster: {}\n',
      /entry of its clusters has no name/,
    ],
    ['an entry that is no mapping', 'kind: Config\nusers: [x]\n', /entry of its users has no name/],
    ['a name that is a number', 'kind: Config\nusers: [{name: 012}]\n', /entry of its users has no name/],
    ['an alias of nothing', 'kind: Config\nusers: [{name: x, user: *x}]\n', /alias.*x/],
    [
      'two entries of one name, as kubectl does',
      'kind: Config\nclusters: [{name: a, cluster: {server: x}}, {name: a, cluster: {server: y}}]\n',
      /two entries of its clusters are named a/,
    ],
  ])('%s', async (_what, text, message) => {
    expect(await refusal(text)).toEqual({
      kind: 'kubeconfig-unexpected',
      file: FILE,
      message: expect.stringMatching(message),
    })
  })

  test('an entry in whose place ours would stand, and which others repeat by its anchor', async () => {
    const text = `kind: Config\nclusters:\n- {name: "${ARN}", cluster: &x {server: y}}\n- {name: b, cluster: *x}\n`
    await expect(merge(FILE, text, [DEMO])).rejects.toMatchObject({
      evidence: { kind: 'kubeconfig-unexpected', message: expect.stringContaining('x') },
    })
  })
})

test('the arguments of all exec blocks are told, none for a user without one', async () => {
  const users = [
    { name: 'a', user: { exec: { args: ['x', 7] } } },
    { name: 'b', user: { exec: {} } },
    { name: 'c', user: { token: 't' } },
    { name: 'd' },
    { name: 'e', user: { exec: { args: {} } } },
    { name: 'f', user: 'g' },
  ]
  expect(await execArguments(FILE, JSON.stringify({ users }))).toEqual([['x', '7'], [], [], [], [], []])
  expect(await execArguments(FILE, null)).toEqual([])
})

describe('unmerge', () => {
  test('minds no context of somebody else\u2019s that says nothing', async () => {
    const others = `${JSON.stringify({ contexts: [{ name: 'empty' }] })}\n`
    const merged = await merge(FILE, others, [DEMO])
    const left = contentOf(await unmerge(merged, undo([DEMO])))
    expect(left).toMatchObject({ clusters: [], users: [], contexts: [{ name: 'empty' }] })
  })

  test('gives back a kubeconfig of others, comments and all', async () => {
    const merged = await merge(FILE, OTHERS, [DEMO, entry('two')])
    const back = await unmerge(merged, undo([DEMO, entry('two')], { current: 'other' }))
    expect(contentOf(back)).toEqual(contentOf(OTHERS))
    for (const comment of OTHERS.match(/#.*/g) ?? []) expect(back).toContain(comment)
  })

  test('nothing is left of a file that the login had made', async () => {
    expect(await unmerge(await merge(FILE, null, [DEMO]), undo([DEMO], { created: true }))).toBeNull()
  })

  test('an empty kubeconfig is left of one that was empty before', async () => {
    const back = await unmerge(await merge(FILE, 'kind: Config\n', [DEMO]), undo([DEMO]))
    expect(contentOf(back)).toEqual({
      kind: 'Config',
      apiVersion: undefined,
      clusters: [],
      users: [],
      contexts: [],
      'current-context': '',
    })
  })

  test('what others added to the file that the login had made stays', async () => {
    const merged = await merge(FILE, await merge(FILE, null, [DEMO]), [entry('two')])
    const back = await unmerge(merged, undo([DEMO], { created: true }))
    const { contexts, clusters, users, 'current-context': current } = contentOf(back)
    expect([contexts.length, clusters.length, users.length, current]).toEqual([1, 1, 1, 'two'])
  })

  test.each([
    ['context', (text: string) => text.replace(`      user: ${ARN}`, '      user: me'), [1, 1, 0]],
    ['cluster', (text: string) => text.replace('demo.example', 'else.example'), [0, 1, 0]],
    ['user', (text: string) => text.replace('interactiveMode: Never', 'interactiveMode: Always'), [0, 0, 1]],
  ])(
    'a %s that somebody changed since is theirs, and stays',
    async (_what, change, [contexts, clusters, users]) => {
      const changed = change(await merge(FILE, null, [DEMO]))
      expect(changed).not.toBe(await merge(FILE, null, [DEMO]))
      const back = contentOf(await unmerge(changed, undo([DEMO], { created: true })))
      expect([back.contexts.length, back.clusters.length, back.users.length]).toEqual([
        contexts,
        clusters,
        users,
      ])
    },
  )

  test('a cluster and a user that another context uses stay', async () => {
    const merged = await merge(FILE, await merge(FILE, null, [DEMO]), [{ ...DEMO, context: 'theirs' }])
    const back = contentOf(await unmerge(merged, undo([DEMO])))
    expect(back.contexts).toEqual([{ name: 'theirs', context: { cluster: ARN, user: ARN } }])
    expect([back.clusters.length, back.users.length]).toEqual([1, 1])
  })

  test.each([
    ['the one before, while it is there', 'other', 'other'],
    ['none, when the one before has gone', 'gone', ''],
  ])('the current context is %s', async (_what, current, expected) => {
    const merged = await merge(FILE, OTHERS, [DEMO])
    expect(contentOf(await unmerge(merged, undo([DEMO], { current })))['current-context']).toBe(expected)
  })

  test('a current context that somebody chose since stays', async () => {
    const merged = (await merge(FILE, OTHERS, [DEMO])).replace(
      'current-context: demo',
      'current-context: mine',
    )
    const back = await unmerge(merged, undo([DEMO], { current: 'other' }))
    expect(contentOf(back)['current-context']).toBe('mine')
  })
})

test('the current context is known, or null', async () => {
  expect(await contextsOf(FILE, OTHERS)).toMatchObject({ current: 'other' })
  expect(await contextsOf(FILE, 'kind: Config\ncurrent-context: ""\n')).toEqual({ current: null, names: [] })
  expect(await contextsOf(FILE, null)).toEqual({ current: null, names: [] })
})

test('contexts that would share a name are named by their clusters, and others not', () => {
  const one = entry('a', { context: 'same' })
  const two = entry('b', { context: 'same' })
  const three = entry('c')
  expect(uniqueContexts([one, two, three]).map(({ context }) => context)).toEqual(['a', 'b', 'c'])
  expect(uniqueContexts([one, three])).toEqual([one, three])
})

/* Properties */

/** Contexts by name, as a reader of YAML 1.1 takes them. */
const namesIn = (text: string): string[] =>
  contentOf(text)
    .contexts.map(({ name }: { name: string }) => name)
    .sort()

const TRAPS = [
  ...[
    'on',
    'off',
    'yes',
    'no',
    'y',
    'n',
    'Y',
    'true',
    'False',
    'null',
    '~',
    'NULL',
    '1e3',
    '1E+3',
    '012',
    '0o14',
    '0x1F',
  ],
  ...[
    '0b11',
    '1_000',
    '190:20:30',
    '1.5',
    '.5',
    '.inf',
    '-.INF',
    '.nan',
    '+1',
    '-0',
    '2001-12-14',
    '1:20',
    '=',
    '<<',
    '-',
  ],
  ...[
    'a: b',
    'a:',
    ': a',
    '- a',
    '? a',
    '# a',
    'a #b',
    '*a',
    '&a',
    '!a',
    '|',
    '>',
    '%a',
    '@a',
    '`a',
    '"a"',
    "'a'",
    "it's",
  ],
  ...[
    '[a]',
    '{a}',
    'a,b',
    '---',
    '...',
    '--- a',
    'a\\n',
    'ä ö',
    '日本',
    '🙂',
    'a\u00a0b',
    'arn:aws:eks:x:1:cluster/y',
    'a  b',
  ],
]

test('any context name comes out as it went in, a string', async () => {
  const drawn = fc.sample(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), 100)
  const names = [...new Set([...TRAPS, ...drawn])]
  for (const before of [null, '{"apiVersion": "v1", "kind": "Config"}']) {
    const merged = await merge(
      FILE,
      before,
      names.map(name => entry(name)),
    )
    expect(namesIn(merged)).toEqual([...names].sort())
  }
})

test('any name comes out of readers of YAML 1.1 and 1.2 as it went in', async () => {
  const name = fc.oneof(fc.constantFrom(...TRAPS), fc.string({ unit: 'grapheme', minLength: 1 }))
  await fc.assert(
    fc.asyncProperty(name, name, async (name, namespace) => {
      const merged = await merge(FILE, OTHERS, [entry(name, { namespace })])
      for (const read of [contentOf, parse, load] as ((text: string) => ReturnType<typeof contentOf>)[]) {
        const { contexts, 'current-context': current } = read(merged)
        expect(contexts.at(name === 'other' ? 0 : -1)).toEqual({
          name,
          context: { cluster: name, namespace, user: name },
        })
        expect(current).toBe(name)
      }
    }),
    { numRuns: 150 },
  )
})

test('merge and then unmerge gives an equivalent kubeconfig', async () => {
  const name = fc.oneof(fc.constantFrom(...TRAPS), fc.string({ unit: 'grapheme', minLength: 1 }))
  const list = (key: string) =>
    fc.uniqueArray(
      fc.record({
        name: name.map(text => `their ${text}`),
        [key]: fc.record({ a: name, n: fc.integer() }),
        more: fc.jsonValue(),
      }),
      { selector: item => item.name, maxLength: 3 },
    )
  const config = fc.record({
    apiVersion: fc.constant('v1'),
    kind: fc.constant('Config'),
    clusters: list('cluster'),
    users: list('user'),
    contexts: list('context'),
    'current-context': fc.constant(''),
    extensions: fc.jsonValue(),
  })
  const ours = fc.uniqueArray(
    name.map(text => entry(`our ${text}`)),
    { selector: ({ context }) => context, minLength: 1, maxLength: 3 },
  )
  const spacing = fc.constantFrom(0, 2)
  await fc.assert(
    fc.asyncProperty(config, ours, spacing, async (config, entries, indent) => {
      const text = JSON.stringify(config, null, indent)
      // The package yaml takes it for a merge key in quotes, too, and of what is no mapping it makes an error.
      fc.pre(!text.includes('"<<"'))
      const merged = await merge(FILE, text, entries)
      expect(contentOf(merged).contexts).toHaveLength(config.contexts.length + entries.length)
      expect(contentOf(await unmerge(merged, undo(entries)))).toEqual(contentOf(text))
    }),
    { numRuns: 100 },
  )
})

test('a context of a name that was there before stays, and the one that was current is so again', async () => {
  const text = await merge(FILE, OTHERS, [DEMO])
  const before = await contextsOf(FILE, text)
  const again = await merge(FILE, text, [DEMO])
  const back = await unmerge(again, undo([DEMO], { current: 'other', names: before.names }))
  expect(contentOf(back)).toEqual({ ...contentOf(again), 'current-context': 'other' })
})

test('a user that authenticates in another way is not replaced', async () => {
  const text = `kind: Config\nusers:\n- {name: ${DEMO.user.name}, user: {client-key-data: a2V5}}\n`
  await expect(merge(FILE, text, [DEMO])).rejects.toMatchObject({
    evidence: { kind: 'kubeconfig-unexpected' },
  })
})

test('a comment with what JavaScript takes for the end of a line is written once, whoever merges again', async () => {
  const text = 'kind: Config # one\u2028two\n# three\u2029four\nusers: [] # five\n'
  const once = await merge(FILE, text, [DEMO])
  expect(once).toContain('# one two')
  expect(await merge(FILE, once, [DEMO])).toBe(once)
})
