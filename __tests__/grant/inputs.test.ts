import { join } from 'node:path'
import fc from 'fast-check'
import { inputVariables, readAction } from '../../lab/runner/action.ts'
import { BadInput } from '../../src/bad-input.ts'
import { readGrantInputs } from '../../src/grant/inputs.ts'

const ROLE = 'arn:aws:iam::111122223333:role/ci/runner'
const CLUSTER = 'arn:aws:eks:eu-central-1:111122223333:cluster/prod'
const NEEDED = { 'cluster-name': 'demo', 'role-arn': ROLE }

const read = (inputs: Record<string, string>, env: Record<string, string> = {}) =>
  readGrantInputs({ ...env, ...inputVariables(NEEDED, inputs) })

/** What is wrong with the inputs; nothing where they are read. */
function mistakesIn(inputs: Record<string, string>) {
  try {
    read(inputs)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput)
    return (error as BadInput).mistakes
  }
}

test('with a cluster and a role alone, all else has the default of the design', () => {
  expect(read({})).toEqual({
    cluster: { name: 'demo' },
    region: undefined,
    role: {
      partition: 'aws',
      account: '111122223333',
      kind: 'role',
      path: '/ci/',
      name: 'runner',
      arn: ROLE,
    },
    username: 'runner',
    groups: [],
    can: [expect.objectContaining({ kind: 'resource', verb: 'list', resource: 'namespaces' })],
    name: 'eks-login-runner',
    method: 'auto',
    mode: 'apply',
    allowAdmin: false,
    tokenProvider: 'aws',
    timeoutSeconds: 30,
    summary: true,
    profile: undefined,
  })
})

test('what action.yml gives for an input that is left out is what it means to leave it out', async () => {
  const { inputs } = await readAction(join(import.meta.dirname, '..', '..', 'grant'))
  expect(read({ ...inputs, ...NEEDED })).toEqual(read({}))
})

test('every input is read as given', () => {
  const inputs = {
    'cluster-name': CLUSTER,
    region: 'us-gov-west-1',
    'role-arn': 'arn:aws-us-gov:iam::444455556666:role/runner',
    username: 'ci:{{SessionName}}',
    groups: 'deployers, readers\nothers',
    can: 'list ns\nget /healthz',
    name: 'Deployers_of.web',
    method: 'aws-auth',
    mode: 'plan',
    'allow-admin': 'True',
    'token-provider': 'builtin',
    timeout: '3600',
    summary: 'FALSE',
  }
  expect(read(inputs, { AWS_PROFILE: 'admin' })).toEqual({
    cluster: { name: 'prod', arn: CLUSTER, region: 'eu-central-1' },
    region: 'us-gov-west-1',
    role: expect.objectContaining({ partition: 'aws-us-gov', path: '/', arn: inputs['role-arn'] }),
    username: 'ci:{{SessionName}}',
    groups: ['deployers', 'others', 'readers'],
    can: [expect.objectContaining({ text: 'list ns' }), expect.objectContaining({ kind: 'url' })],
    name: 'Deployers_of.web',
    method: 'aws-auth',
    mode: 'plan',
    allowAdmin: true,
    tokenProvider: 'builtin',
    timeoutSeconds: 3600,
    summary: false,
    profile: 'admin',
  })
})

test('can that is given and empty means the mapping alone, with whatever username', () => {
  expect(read({ can: '' }).can).toEqual([])
  expect(read({ can: ' \n ', username: 'ci:{{SessionName}}' })).toMatchObject({ can: [], groups: [] })
})

test('a revoke asks for no rules, and so for nobody to bind them to', () => {
  expect(read({ mode: 'revoke', can: 'nonsense', username: 'ci:{{SessionName}}' }).can).toEqual([])
})

test('the account in a username is filled in, as it is the same for all sessions', () => {
  expect(read({ username: '{{AccountID}}:ci' }).username).toBe('111122223333:ci')
})

describe('a username that is another for each session', () => {
  test('takes groups, to which the rules are bound', () => {
    expect(read({ username: '{{SessionName}}', groups: 'deployers' })).toMatchObject({
      username: '{{SessionName}}',
      groups: ['deployers'],
    })
  })

  test('is refused without them, as there is nobody to bind', () => {
    expect(mistakesIn({ username: 'ci:{{SessionName}}' })).toEqual([
      expect.objectContaining({
        input: 'groups',
        problem: expect.stringContaining('"ci:{{SessionName}}" is another for each session'),
      }),
    ])
  })
})

describe('the name of what is made', () => {
  const named = (username: string) => read({ username, groups: 'deployers' }).name
  /** The value of a label, which it is, too. */
  const LABEL = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/

  test.each([
    ['runner', 'eks-login-runner'],
    ['Runner_of.web-1', 'eks-login-Runner_of.web-1'],
    ['x'.repeat(53), `eks-login-${'x'.repeat(53)}`],
  ])('is the username %s behind eks-login-, where a label can hold that', (username, name) => {
    expect(named(username)).toBe(name)
  })

  test.each([
    ['one letter too long', 'x'.repeat(54), /^eks-login-x{44}-[0-9a-f]{8}$/],
    ['as long as a role\u2019s', 'x'.repeat(64), /^eks-login-x{44}-[0-9a-f]{8}$/],
    ['long, and cut behind a dash', `${'x'.repeat(43)}-${'y'.repeat(20)}`, /^eks-login-x{43}-[0-9a-f]{8}$/],
    ['of all that a role may hold', 'a+b=c,d@e', /^eks-login-a-b-c-d-e-[0-9a-f]{8}$/],
    ['with a dash at its end', 'runner-', /^eks-login-runner-[0-9a-f]{8}$/],
    ['of nothing that a label may hold', '@@@', /^eks-login-[0-9a-f]{8}$/],
    ['that is a template', 'ci:{{SessionName}}', /^eks-login-ci-SessionName-[0-9a-f]{8}$/],
    ['of other letters', 'größe', /^eks-login-gr-e-[0-9a-f]{8}$/],
  ])('has, of a username %s, what was lost in a digest', (_what, username, name) => {
    expect(named(username)).toMatch(name)
    expect(named(username)).toMatch(LABEL)
    expect(named(username)).toBe(named(username))
  })

  test('is another for usernames that are spelled alike', () => {
    const names = ['ci/web', 'ci:web', 'ci-web', 'ci web'].map(named)
    expect(new Set(names).size).toBe(names.length)
  })

  test('follows the role\u2019s name where no username is given, and is what is given', () => {
    expect(read({ 'role-arn': 'arn:aws:iam::111122223333:role/a@b' }).name).toMatch(/^eks-login-a-b-/)
    expect(read({ username: 'somebody', name: 'shared' }).name).toBe('shared')
  })

  test('is the value of a label, whatever the username', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 1 }), username => {
        fc.pre(username.trim() !== '')
        expect(named(username)).toMatch(LABEL)
      }),
    )
  })
})

describe('a wrong input is named, with what was wrong and what is accepted', () => {
  test.each([
    ['cluster-name', '', /missing/, /name/],
    ['cluster-name', 'demo, prod', /names 2 clusters/, /^one cluster, by name or ARN$/],
    ['cluster-name', 'my.cluster', /"my.cluster" names no cluster/, /arn:aws:eks:REGION/],
    ['region', 'frankfurt', /"frankfurt"/, /eu-central-1/],
    ['role-arn', '', /missing/, /role\/NAME/],
    ['role-arn', 'runner', /no role's ARN/, /role\/NAME/],
    ['role-arn', 'arn:aws:iam::111122223333:user/me', /no role's ARN/, /role\/NAME/],
    ['role-arn', 'arn:aws:sts::111122223333:assumed-role/a/b', /a session of a role/, /role\/NAME/],
    ['username', 'a\nb', /control/, /one line/],
    ['groups', 'a, b, a', /"a" stands there twice/, /each group once/],
    ['can', 'list', /line 1, "list"/, /VERB RESOURCE/],
    ['can', 'list ns\n\nget pods -n a -A', /line 3, .*exclude each other/, /VERB RESOURCE/],
    ['name', 'a b', /"a b"/, /at most 63/],
    ['name', 'a/b', /"a\/b"/, /at most 63/],
    ['name', '-a', /"-a"/, /letter or digit first and last/],
    ['name', 'a.', /"a\."/, /letter or digit first and last/],
    ['name', 'x'.repeat(64), /x{64}/, /at most 63/],
    ['method', 'configmap', /"configmap"/, /^auto, access-entry, aws-auth$/],
    ['mode', 'Plan', /"Plan"/, /^apply, plan, revoke$/],
    ['allow-admin', 'yes', /"yes" is no boolean/, /^true, false$/],
    ['token-provider', 'sdk', /"sdk"/, /^aws, builtin$/],
    ['timeout', '0', /"0"/, /1 to 3600/],
    ['summary', '1', /"1" is no boolean/, /^true, false$/],
  ])('%s: %j', (input, value, problem, accepted) => {
    expect(mistakesIn({ [input]: value })).toEqual([
      { input, problem: expect.stringMatching(problem), accepted: expect.stringMatching(accepted) },
    ])
  })

  test('all that is wrong is told at once', () => {
    const wrong = {
      'cluster-name': 'a!, b?',
      region: 'x',
      'role-arn': 'r',
      username: 'a\tb',
      groups: 'g, g',
      can: 'x\ny',
      name: '-',
      method: 'm',
      mode: 'm',
      'allow-admin': 'no',
      'token-provider': 't',
      timeout: 'soon',
      summary: 'no',
    }
    const named = mistakesIn(wrong).map(({ input }) => input)
    expect(new Set(named)).toEqual(new Set(Object.keys(wrong)))
    expect(named.filter(name => name === 'can')).toHaveLength(2)
  })
})
