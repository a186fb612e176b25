import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import fc from 'fast-check'
import { BadInput } from '../src/bad-input.ts'
import { readInputs } from '../src/inputs.ts'

const ARN = 'arn:aws:eks:eu-central-1:111122223333:cluster/prod'

/** The environment in which a runner hands inputs over. */
function given(inputs: Record<string, string>, env: Record<string, string> = {}) {
  const handed = Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])
  return { RUNNER_TEMP: '/runner/temp', ...env, ...Object.fromEntries(handed) }
}

const read = (inputs: Record<string, string>, env?: Record<string, string>) =>
  readInputs(given({ 'cluster-name': 'demo', ...inputs }, env))

/** What is wrong with the inputs; fails where nothing is. */
function mistakesIn(inputs: Record<string, string>, env?: Record<string, string>) {
  try {
    read(inputs, env)
  } catch (error) {
    if (error instanceof BadInput) return error.mistakes
    throw error
  }
  throw new Error('nothing was found wrong')
}

test('with a cluster alone, all else has the default of the design', () => {
  const inputs = read({})
  expect(inputs).toEqual({
    clusters: [{ name: 'demo' }],
    region: undefined,
    alias: undefined,
    userAlias: undefined,
    namespace: undefined,
    kubeconfig: join('/runner/temp', 'eks-login', 'kubeconfig'),
    roleArn: undefined,
    assumeRoleArn: undefined,
    credentialSource: 'role',
    tokenProvider: 'aws',
    can: [expect.objectContaining({ kind: 'resource', verb: 'list', resource: 'namespaces' })],
    cannot: [expect.objectContaining({ kind: 'resource', verb: 'list', resource: 'pods' })],
    expectUsername: undefined,
    expectGroups: undefined,
    proxyUrl: undefined,
    timeoutSeconds: 30,
    cleanup: true,
    summary: true,
    profile: undefined,
  })
})

test('what a runner hands over for an input left out, an empty text, is as good as nothing', () => {
  const names = ['region', 'alias', 'user-alias', 'namespace', 'kubeconfig', 'role-arn', 'assume-role-arn']
  const more = [
    'credential-source',
    'token-provider',
    'expect-username',
    'expect-groups',
    'proxy-url',
    'timeout',
    'cleanup',
    'summary',
  ]
  const blank = Object.fromEntries([...names, ...more].map(name => [name, ' \n']))
  expect(read(blank)).toEqual(read({}))
})

test('can and cannot that are given and empty mean no rules', () => {
  expect(read({ can: '', cannot: ' \n ' })).toMatchObject({ can: [], cannot: [] })
})

test('every input is read as given', () => {
  const inputs = {
    'cluster-name': ARN,
    region: 'us-gov-west-1',
    alias: 'my cluster',
    'user-alias': 'me',
    namespace: 'web',
    kubeconfig: '/etc/kube config',
    'role-arn': 'arn:aws:iam::111122223333:role/token',
    'assume-role-arn': 'arn:aws-us-gov:iam::111122223333:role/path/of/it/describe',
    'credential-source': 'instance-role',
    'token-provider': 'builtin',
    can: 'list ns\nget /healthz',
    cannot: 'delete nodes',
    'expect-username': 'demo',
    'expect-groups': 'a, b\nc',
    'proxy-url': 'http://proxy.example:3128',
    timeout: '3600',
    cleanup: 'False',
    summary: 'FALSE',
  }
  expect(read(inputs, { AWS_PROFILE: 'ci' })).toEqual({
    clusters: [{ name: 'prod', arn: ARN, region: 'eu-central-1' }],
    region: 'us-gov-west-1',
    alias: 'my cluster',
    userAlias: 'me',
    namespace: 'web',
    kubeconfig: resolve('/etc/kube config'),
    roleArn: inputs['role-arn'],
    assumeRoleArn: inputs['assume-role-arn'],
    credentialSource: 'instance-role',
    tokenProvider: 'builtin',
    can: [expect.objectContaining({ text: 'list ns' }), expect.objectContaining({ kind: 'url' })],
    cannot: [expect.objectContaining({ text: 'delete nodes' })],
    expectUsername: 'demo',
    expectGroups: ['a', 'b', 'c'],
    proxyUrl: 'http://proxy.example:3128',
    timeoutSeconds: 3600,
    cleanup: false,
    summary: false,
    profile: 'ci',
  })
})

test.each([
  ['a line each', `one\n${ARN}`],
  ['lines of Windows', `one\r\n${ARN}\r\n`],
  ['commas', `one, ${ARN},`],
  ['both, and blank ones between', `\n one ,\n\n ${ARN}\n`],
])('clusters may stand on %s', (_how, text) => {
  expect(read({ 'cluster-name': text }).clusters).toEqual([
    { name: 'one' },
    { name: 'prod', arn: ARN, region: 'eu-central-1' },
  ])
})

test.each([
  [
    'the input',
    { region: 'eu-west-1' },
    { AWS_REGION: 'us-east-1', AWS_DEFAULT_REGION: 'us-east-2' },
    'eu-west-1',
  ],
  ['AWS_REGION', {}, { AWS_REGION: 'us-east-1', AWS_DEFAULT_REGION: 'us-east-2' }, 'us-east-1'],
  ['AWS_DEFAULT_REGION', {}, { AWS_REGION: '', AWS_DEFAULT_REGION: 'us-east-2' }, 'us-east-2'],
  ['nobody, so that the instance is asked', {}, {}, undefined],
])('the region is the one of %s', (_whose, inputs, env, region) => {
  expect(read(inputs, env as Record<string, string>).region).toBe(region)
})

test('a region of the environment that is none matters only to a cluster given by name', () => {
  const env = { AWS_REGION: 'here' }
  expect(mistakesIn({}, env)).toEqual([
    expect.objectContaining({ input: 'region', problem: expect.stringContaining('AWS_REGION') }),
  ])
  expect(mistakesIn({}, { AWS_DEFAULT_REGION: 'here' })[0]?.problem).toContain('AWS_DEFAULT_REGION')
  expect(read({ 'cluster-name': ARN }, env).clusters).toHaveLength(1)
})

test.each([
  ['an absolute path', '/a/b', {}, resolve('/a/b')],
  ['a relative path, from the workspace', 'a/../kube', { GITHUB_WORKSPACE: '/work' }, resolve('/work/kube')],
  ['the home directory', '~/.kube/config', {}, join(homedir(), '.kube', 'config')],
  ['a tilde in the middle', '/a/~/b', {}, resolve('/a/~/b')],
])('kubeconfig may be %s', (_form, kubeconfig, env, expected) => {
  expect(read({ kubeconfig }, env as Record<string, string>).kubeconfig).toBe(expected)
})

describe('a wrong input is named, with what was wrong and what is accepted', () => {
  test.each([
    ['cluster-name', 'my.cluster', /"my.cluster" names no cluster/, /arn:aws:eks:REGION/],
    ['cluster-name', '', /missing/, /name/],
    ['cluster-name', ' ,\n, ', /missing/, /name/],
    ['cluster-name', '-demo', /"-demo"/, /letter or digit first/],
    ['cluster-name', 'x'.repeat(101), /x{101}/, /at most 100/],
    ['cluster-name', 'demo,demo', /twice/, /once/],
    ['cluster-name', 'arn:aws:eks:eu-central-1:1111:cluster/prod', /names no cluster/, /ACCOUNT/],
    ['cluster-name', 'arn:aws:eks::111122223333:cluster/prod', /names no cluster/, /REGION/],
    ['cluster-name', 'arn:aws:ecs:eu-central-1:111122223333:cluster/prod', /names no cluster/, /eks/],
    ['cluster-name', 'arn:aws:eks:eu-central-1:111122223333:nodegroup/prod', /names no cluster/, /cluster/],
    ['region', 'frankfurt', /"frankfurt"/, /eu-central-1/],
    ['region', 'eu-central-1a', /"eu-central-1a"/, /eu-central-1/],
    ['region', 'EU-CENTRAL-1', /"EU-CENTRAL-1"/, /eu-central-1/],
    ['alias', 'a\nb', /control/, /one line/],
    ['user-alias', 'a\tb', /control/, /one line/],
    ['namespace', 'Web', /"Web"/, /lower-case/],
    ['namespace', 'a.b', /"a.b"/, /lower-case/],
    ['namespace', 'x'.repeat(64), /x{64}/, /at most 63/],
    ['kubeconfig', ['/a', '/b'].join(delimiter), /not one path/, /one file/],
    ['kubeconfig', '/a/', /folder/, /one file/],
    ['kubeconfig', '/a\n/b', /not one path/, /one file/],
    ['role-arn', 'demo', /no role's ARN/, /role\/NAME/],
    ['role-arn', 'arn:aws:iam::111122223333:user/me', /no role's ARN/, /role\/NAME/],
    ['assume-role-arn', 'arn:aws:sts::111122223333:assumed-role/a/b', /a session of a role/, /role\/NAME/],
    ['assume-role-arn', 'arn:aws:iam::1:role/a', /no role's ARN/, /role\/NAME/],
    ['credential-source', 'Role', /"Role"/, /^instance-role, role, any$/],
    ['credential-source', 'user', /"user"/, /^instance-role, role, any$/],
    ['can', 'list', /line 1, "list"/, /VERB RESOURCE/],
    ['can', 'list ns\n\nlist pods --watch', /line 3, "list pods --watch"/, /VERB RESOURCE/],
    ['cannot', 'get pods -n a -A', /exclude each other/, /VERB RESOURCE/],
    ['cannot', 'list   namespaces', /among the rules of can/, /one of the two/],
    ['proxy-url', 'proxy:3128', /no URL of an HTTP proxy/, /http:\/\/HOST:PORT/],
    ['proxy-url', 'socks5://proxy:1080', /no URL of an HTTP proxy/, /http:\/\/HOST:PORT/],
    ['proxy-url', 'http://me:pass@proxy', /user or password/, /http:\/\/HOST:PORT/],
    ['timeout', '0', /"0"/, /1 to 3600/],
    ['timeout', '-1', /"-1"/, /1 to 3600/],
    ['timeout', '3601', /"3601"/, /1 to 3600/],
    ['timeout', '30s', /"30s"/, /whole seconds/],
    ['timeout', '1.5', /"1.5"/, /whole seconds/],
    ['timeout', '1e3', /"1e3"/, /whole seconds/],
    ['timeout', 'Infinity', /"Infinity"/, /whole seconds/],
    ['cleanup', 'yes', /"yes" is no boolean/, /^true, false$/],
    ['cleanup', 'tRue', /"tRue" is no boolean/, /^true, false$/],
    ['summary', '0', /"0" is no boolean/, /^true, false$/],
  ])('%s: %j', (input, value, problem, accepted) => {
    expect(mistakesIn({ [input]: value })).toEqual([
      { input, problem: expect.stringMatching(problem), accepted: expect.stringMatching(accepted) },
    ])
  })

  test.each(['alias', 'user-alias'])('%s with two clusters, also where one is wrongly written', input => {
    expect(mistakesIn({ 'cluster-name': 'a,b', [input]: 'x' })).toMatchObject([{ input }])
    expect(mistakesIn({ 'cluster-name': 'a,?', [input]: 'x' }).map(({ input }) => input)).toEqual([
      'cluster-name',
      input,
    ])
  })

  test('kubeconfig, where a runner gives no folder for it', () => {
    const [mistake, ...more] = mistakesIn({}, { RUNNER_TEMP: '' })
    expect(mistake).toMatchObject({ input: 'kubeconfig', problem: expect.stringContaining('RUNNER_TEMP') })
    expect(more).toEqual([])
  })

  test('a password in proxy-url is not repeated', () => {
    const mistakes = mistakesIn({ 'proxy-url': 'http://me:hunter2@proxy:3128' })
    expect(JSON.stringify(mistakes)).not.toContain('hunter2')
  })
})

test('all that is wrong is told at once, a line each', () => {
  const wrong = {
    'cluster-name': 'a, b!, c?',
    region: 'x',
    alias: 'one',
    'user-alias': 'one',
    namespace: '-',
    kubeconfig: 'a/',
    'role-arn': 'r',
    'assume-role-arn': 's',
    'credential-source': 'all',
    can: 'x\ny',
    cannot: 'z',
    'proxy-url': '?',
    timeout: 'soon',
    cleanup: 'no',
    summary: 'no',
  }
  const mistakes = mistakesIn(wrong)
  const named = mistakes.map(({ input }) => input)
  expect(new Set(named)).toEqual(new Set(Object.keys(wrong)))
  expect(named.filter(name => name === 'cluster-name')).toHaveLength(2)
  expect(named.filter(name => name === 'can')).toHaveLength(2)
  const { message } = new BadInput(mistakes)
  expect(message.split('\n')).toHaveLength(mistakes.length)
  expect(message).toMatch(/^cluster-name: .*; accepted: /)
})

test('whatever the inputs hold, they are read or refused in words', () => {
  const names = [
    'cluster-name',
    'region',
    'alias',
    'user-alias',
    'namespace',
    'kubeconfig',
    'role-arn',
    'can',
    'cannot',
  ]
  const more = [
    'assume-role-arn',
    'credential-source',
    'expect-groups',
    'expect-username',
    'proxy-url',
    'timeout',
    'cleanup',
    'summary',
  ]
  const plausible = fc.constantFrom(
    'demo',
    ARN,
    'eu-west-1',
    'true',
    '30',
    '0',
    'any',
    'list ns',
    'get /x',
    '~/',
    'http://p',
    'a:b',
  )
  // fast-check's own 'binary' takes a second to be made.
  const character = fc.integer({ min: 0, max: 0x10ffff }).map(code => String.fromCodePoint(code))
  const value = fc.oneof(
    plausible,
    fc.string({ unit: character, maxLength: 40 }),
    fc.string({ unit: 'grapheme' }),
  )
  const inputs = fc.dictionary(fc.constantFrom(...names, ...more), value, { noNullPrototype: true })
  let good = 0
  let bad = 0
  fc.assert(
    fc.property(inputs, inputs => {
      try {
        const { clusters, timeoutSeconds } = read(inputs)
        expect(clusters.length).toBeGreaterThan(0)
        expect(timeoutSeconds).toBeGreaterThan(0)
        good += 1
      } catch (error) {
        expect(error).toBeInstanceOf(BadInput)
        const { mistakes } = error as BadInput
        expect(mistakes.length).toBeGreaterThan(0)
        for (const { input } of mistakes) expect([...names, ...more]).toContain(input)
        bad += 1
      }
    }),
    { numRuns: 1000 },
  )
  expect(Math.min(good, bad)).toBeGreaterThan(0)
})
