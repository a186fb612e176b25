import { readAwsAuth } from '../../../src/diagnosis/mapping/aws-auth.ts'
import { MAPPINGS, NAMELESS } from '../../lab/kube/authenticator/mappings.ts'

const RUNNER = 'arn:aws:iam::111122223333:role/runner'
const ARNS = {
  runner: RUNNER,
  deployer: 'arn:aws:iam::111122223333:role/Deployer',
  ci: 'arn:aws:iam::111122223333:user/ci',
  bob: 'arn:aws:iam::111122223333:user/people/bob',
  stranger: 'arn:aws:iam::012345678901:role/runner',
} as const
type Name = keyof typeof ARNS

const roles = (mapRoles: string) => readAwsAuth({ mapRoles }, RUNNER)
const entry = (arn: string) => `- rolearn: ${arn}\n  username: demo\n`

// Whom a placeholder makes known depends on the token, too.
const READ = MAPPINGS.filter(({ data }) => !JSON.stringify(data).includes('EC2PrivateDNSName'))
/** Their names are in usernames, and nowhere else. */
const CAST = { deployer: { credentials: { accessKeyId: 'A' } }, ci: { credentials: { accessKeyId: 'B' } } }

describe.each(READ)('$what', ({ data, known }) => {
  test.each(Object.keys(ARNS) as Name[])('is read as the authenticator reads it: %s', async name => {
    const names = Object.keys(typeof known === 'function' ? known(CAST as never) : known)
    const { kind } = await readAwsAuth(data, ARNS[name])
    expect(kind === 'mapped').toBe(names.includes(name))
  })
})

test.each(NAMELESS)('an entry whose username is $what maps the role all the same', async ({ entry }) => {
  expect(await roles(entry)).toMatchObject({ kind: 'mapped' })
})

test('a mapping is told with username and groups', async () => {
  const text = `${entry(RUNNER)}  groups: [a, b]\n`
  expect(await roles(text)).toEqual({ kind: 'mapped', username: 'demo', groups: ['a', 'b'] })
})

describe('a slip is told with its line, and with the line that is right', () => {
  test.each([
    ['path', entry('arn:aws:iam::111122223333:role/team/apps/runner')],
    ['session', entry('arn:aws:sts::111122223333:assumed-role/runner/i-0a1b2c3d4e5f67890')],
    ['session', entry('arn:aws:sts::111122223333:assumed-role/runner')],
    ['key', entry(RUNNER).replace('rolearn', 'userarn')],
    ['key', entry(RUNNER).replace('rolearn', 'role_arn')],
    ['near', entry(RUNNER.replace('runner', 'runer'))],
    ['near', entry(RUNNER.replace('1111', '9999'))],
    ['near', entry(`"${RUNNER} "`)],
  ])('%s', async (slip, text) => {
    const other = entry('arn:aws:iam::111122223333:role/nodes')
    const read = await roles(other + text)
    expect(read).toMatchObject({ kind: 'slip', slip, list: 'mapRoles', line: 3 })
    const { text: before, mended = '' } = read as { text: string; mended?: string }
    expect(before).toBe(text.split('\n')[0])
    expect(await roles((other + text).replace(before, mended))).toMatchObject({ kind: 'mapped' })
  })

  test('but not where another line would have to change, too', async () => {
    const read = await roles(`- userarn: ${RUNNER}\n  rolearn: arn:aws:iam::111122223333:role/other\n`)
    expect(read).toMatchObject({ kind: 'slip', slip: 'key' })
  })

  test('of a user, in mapUsers', async () => {
    const mapUsers = '- userarn: arn:aws:iam::111122223333:user/cii\n  username: ci\n'
    expect(await readAwsAuth({ mapUsers }, ARNS.ci)).toMatchObject({
      kind: 'slip',
      slip: 'near',
      list: 'mapUsers',
      mended: `- userarn: ${ARNS.ci}`,
    })
  })
})

test.each([
  ['', ''],
  ['  - rolearn: arn:aws:iam::111122223333:role/nodes\n    username: n\n', '  '],
  // Another role, however much of its name is the same.
  [entry('arn:aws:iam::111122223333:role/runner-of-others'), ''],
])('where nothing is for the role, the indent of the entries is told: %j', async (text, indent) => {
  expect(await roles(text)).toEqual({ kind: 'unmapped', indent })
})

test('what is neither a role nor a user is looked for among the roles', async () => {
  expect(await readAwsAuth({}, 'arn:aws:iam::111122223333:root')).toEqual({ kind: 'unmapped', indent: '' })
})

describe('what cannot be read is told with its line', () => {
  const before = entry('arn:aws:iam::111122223333:role/nodes')

  test.each([
    ['a tab', `- rolearn: ${RUNNER}\n\tusername: demo\n`, 4, '  username: demo'],
    ['a key out of line', `- rolearn: ${RUNNER}\n username: demo\n`, 4, '  username: demo'],
    ['an entry out of line', ` - rolearn: ${RUNNER}\n   username: demo\n`, 3, undefined],
    [
      'a placeholder',
      `- rolearn: ${RUNNER}\n  username: {{SessionName}}\n`,
      4,
      '  username: "{{SessionName}}"',
    ],
    ['a value with a colon', `- rolearn: ${RUNNER}\n  username: a: b\n`, 4, '  username: "a: b"'],
  ])('%s', async (_what, text, line, mended) => {
    const read = await roles(before + text)
    expect(read).toMatchObject({ kind: 'unparsable', list: 'mapRoles', line })
    expect(read).toHaveProperty('message', expect.stringMatching(/^[^\n]+$/))
    expect((read as { mended?: string }).mended).toBe(mended)
  })

  // What was meant is anybody's guess.
  test.each([
    ['a key that is a mapping', `- rolearn: ${RUNNER}\n  ? {a: b}\n  : c\n`],
    ['what no one line mends', '{\n}}\n[\n'],
    ['a list that does not end', `- rolearn: ${RUNNER}\n  groups: [a, b\n`],
    ['no list', `rolearn: ${RUNNER}\nusername: demo\n`],
    ['an alias without its anchor', `- rolearn: ${RUNNER}\n  groups: *all\n`],
    ['what is no number', `- rolearn: ${RUNNER}\n  note: .inf\n`],
  ])('%s', async (_what, text) => {
    const read = await roles(text)
    expect(read).toMatchObject({ kind: 'unparsable' })
    expect(read).not.toHaveProperty('mended')
  })
})

describe('a line that is to be another', () => {
  const wrong = `${entry(RUNNER)}   groups: []\n`

  test.each([
    ['once', { mapRoles: wrong }, true],
    ['right in another entry', { mapRoles: `-  rolearn: x\n   groups: []\n${wrong}` }, false],
    ['in another list', { mapRoles: wrong, mapUsers: '-  userarn: x\n   groups: []\n' }, false],
  ])('may stand there %s', async (_where, data, isOnly) => {
    expect(await readAwsAuth(data, RUNNER)).toMatchObject({ text: '   groups: []', isOnly })
  })
})
