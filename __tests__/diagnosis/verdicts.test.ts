import { diagnose } from '../../src/diagnosis/diagnose.ts'
import type { About, Evidence, Failure } from '../../src/diagnosis/failure.ts'
import { mappedUsername } from '../../src/diagnosis/mapping/username.ts'
import type { ResourceAttributes } from '../../src/kube/resolve.ts'
import { failureGroup } from '../../src/report/log.ts'

const ROLE = 'arn:aws:iam::111122223333:role/runner'
const ABOUT: About = {
  cluster: 'demo',
  region: 'eu-west-1',
  authenticationMode: 'CONFIG_MAP',
  roleArn: ROLE,
  username: 'demo',
  groups: ['system:authenticated'],
}
const told = (evidence: Evidence, about: Partial<About> = {}) =>
  failureGroup(diagnose(evidence, { ...ABOUT, ...about })).lines.join('\n')
const pastes = ({ cure }: Failure) => cure.filter(step => typeof step === 'object')

describe('a rule that is denied', () => {
  const denied = (given: Partial<ResourceAttributes> = {}): Evidence => ({
    kind: 'rule-denied',
    rule: 'list pods -n web',
    reason: '',
    denied: false,
    right: {
      kind: 'resource',
      attributes: {
        ...{ verb: 'list', group: '', resource: 'pods', subresource: '', namespace: 'web', name: '' },
        ...given,
      },
      namespaced: true,
    },
  })

  test.each([
    ['list', '', 'metadata.name=x'],
    ['watch', '', 'metadata.name=x'],
    ['create', '', 'cannot narrow create'],
    ['deletecollection', '', 'cannot narrow deletecollection'],
    ['create', 'exec', ''],
    ['get', '', ''],
  ])('by %s of an object says what a name does: %s', (verb, subresource, said) => {
    const text = told(denied({ verb, subresource, name: 'x' }))
    expect(text).toContain(said)
    expect(/metadata\.name|cannot narrow/.test(text)).toBe(said !== '')
  })

  test('is given to the expected user, whoever the role is now', () => {
    expect(told(denied(), { expectUsername: 'ci' })).toMatch(/kind: User\n +name: ci$/m)
  })

  test('is given to a group of its own, where the username is that of a session', () => {
    const text = told(denied(), {
      username: 'ci:i-0a1b2c3d',
      sessionName: 'i-0a1b2c3d',
      groups: ['system:nodes', 'ci'],
    })
    expect(text).toMatch(/kind: Group\n +name: ci\n/)
    expect(text).toContain('for all that are in the group ci')
  })

  test('is given to the session’s user where it has no group, and says what that is worth', () => {
    const text = told(denied(), { username: 'ci:i-0a1b2c3d', sessionName: 'i-0a1b2c3d' })
    expect(text).toMatch(/kind: User\n +name: ci:i-0a1b2c3d\n/)
    expect(text).toContain('is another in each')
  })

  test('needs a user, known or not', () => {
    const { username: _, groups: __, ...unknown } = ABOUT
    const text = failureGroup(diagnose(denied(), unknown)).lines.join('\n')
    expect(text).toContain('name: unknown')
    expect(text).toContain('groups: unknown')
    expect(told(denied(), { groups: [] })).toContain('groups: none')
  })
})

test.each([
  ['a:i-0123456', 'i-0123456', 'a:{{SessionName}}'],
  ['demo', 'demo', '{{SessionName}}'],
  ['abc', 'abc', 'abc'],
  ['demo', undefined, 'demo'],
])('%j of the session %j was mapped as %j', (username, sessionName, mapped) => {
  expect(mappedUsername({ username, sessionName })).toBe(mapped)
})

describe('a rule that is allowed', () => {
  const allowed = (reason: string): Evidence => ({
    kind: 'rule-allowed',
    rule: 'list pods',
    reason,
    needed: [],
  })
  const binding = (role: string, subject: string, kind = 'ClusterRoleBinding "b"') =>
    `RBAC: allowed by ${kind} of ClusterRole "${role}" to ${subject}`

  test('by an access policy loses the policy', () => {
    const policy = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy'
    const principal = 'arn:aws:iam::111122223333:role/team/runner'
    const reason = `EKS Access Policy: allowed by ClusterRoleBinding "${principal}+${policy}" of ClusterRole "${policy}" to User "AROAX:s"`
    expect(told(allowed(reason))).toContain(
      `aws eks disassociate-access-policy --region eu-west-1 --cluster-name demo --principal-arn ${principal} --policy-arn ${policy}`,
    )
    const plus = 'arn:aws:iam::111122223333:role/a+b'
    expect(told(allowed(reason.replace(principal, plus)))).toContain(`--principal-arn ${plus} `)
    const short = `EKS Access Policy: allowed by ClusterRoleBinding "x" of ClusterRole "${policy}" to User "AROAX:s"`
    expect(told(allowed(short))).toContain(`--principal-arn ${ROLE} --policy-arn ${policy}`)
  })

  test('to everybody may be meant so', () => {
    const text = told(allowed(binding('system:discovery', 'Group "system:authenticated"')))
    expect(text).toContain('take "list pods" out of cannot')
    expect(text).toContain('kubectl get clusterrolebinding b -o yaml')
  })

  test.each([
    ['view', 'Leave ClusterRole view as it is'],
    ['system:x', 'Leave ClusterRole system:x as it is'],
    ['own', 'Or take the rule out of ClusterRole own'],
  ])('by the role %s says what may be done to the role', (role, said) => {
    expect(told(allowed(binding(role, 'User "demo"')))).toContain(said)
  })

  test.each([
    ['CONFIG_MAP', false, true],
    ['API', true, false],
    ['API_AND_CONFIG_MAP', true, true],
  ])('by a group may be left alone, where %s has it', (authenticationMode, entry, block) => {
    const groups = ['dev', 'ops', 'system:authenticated']
    const text = told(allowed(binding('own', 'Group "dev"')), { authenticationMode, groups })
    expect(text).toContain('which takes from all that are in the group dev')
    expect(text.indexOf('Take the role alone out')).toBeLessThan(text.indexOf('kubectl patch'))
    expect(text.includes('update-access-entry')).toBe(entry)
    expect(text.includes(`- rolearn: ${ROLE}`)).toBe(block)
    expect(text).toMatch(/--kubernetes-groups ops|groups:\n +- ops\n/)
  })

  test.each([
    ['API', []],
    ['API_AND_CONFIG_MAP', ['Where it has none']],
  ])('by a group is left in an entry that may be of a role with a path, where %s', (mode, more) => {
    const text = told(allowed(binding('own', 'Group "dev"')), { authenticationMode: mode, groups: ['dev'] })
    for (const said of ['If the role has a path', ...more]) expect(text).toContain(said)
  })

  test('by a group of the system is left by the role, never by the group', () => {
    const groups = ['system:nodes', 'ops']
    const text = told(allowed(binding('system:node', 'Group "system:nodes"')), { groups })
    expect(text).not.toContain('kubectl patch')
    expect(text).toContain('give the runner a role of its own')
    expect(text).toMatch(/groups:\n +- ops\n/)
  })

  test('names with all sorts of letters stay in their place', () => {
    const text = told(allowed(binding('own', 'User "o\'x \\"y\\""', 'RoleBinding "b/web"')))
    expect(text).toContain('kubectl patch rolebinding b -n web')
    expect(text).toContain(String.raw`(eq $subject.name "o'\''x \"y\"")`)
  })

  test('by a group is told, however little is known of who we are', () => {
    const evidence = allowed(binding('own', 'Group "dev"'))
    const text = failureGroup(diagnose(evidence, { cluster: 'demo', region: 'eu-west-1' })).lines.join('\n')
    expect(text).toContain('username: unknown')
  })

  test('without a reason is looked for', () => {
    expect(told(allowed(''), { groups: [] })).toContain('kubectl get clusterrolebindings,rolebindings -A')
    expect(told(allowed('a webhook'))).toContain('what the reason above names')
  })

  test('gives back what is needed before it is taken away', () => {
    const right = { kind: 'url', attributes: { verb: 'get', path: '/metrics' } } as const
    const needed = [
      { rule: 'get /metrics', right },
      { rule: 'get /metrics', right },
    ]
    const evidence = { ...allowed(binding('own', 'User "demo"')), needed } as Evidence
    const [first, manifest] = diagnose(evidence, ABOUT).cure
    expect(first).toContain('also allows what is needed: get /metrics, get /metrics')
    expect(manifest).toMatchObject({ language: 'yaml', text: expect.stringContaining('- "/metrics"') })
  })

  test('by system:masters is left by the mapping', () => {
    const text = told(allowed(''), { groups: ['dev', 'system:masters'] })
    expect(text).toMatch(/username: demo\n +groups:\n +- dev$/m)
  })

  test('to the maker of the cluster is no matter of a mapping, but for one that says the same', () => {
    const about = { username: 'kubernetes-admin', groups: ['system:masters'] }
    const failure = diagnose(allowed(''), { ...ABOUT, ...about })
    expect(failure.cure).toEqual([expect.stringContaining('Run the job with another role')])
    expect(failure.otherwise).toMatchObject([{ cause: expect.stringContaining('aws-auth maps the role') }])
  })

  test('to a role that the cluster does not tell names the one that was asked for', () => {
    const { roleArn: tokenRole = '', ...about } = ABOUT
    const { evidence } = diagnose(allowed('x'), { ...about, tokenRole })
    expect(evidence).toContain(`we are user demo, role ${tokenRole}`)
  })
})

describe('an identity that differs', () => {
  const username: Evidence = { kind: 'username-differs', expected: 'ci', found: 'demo' }
  const groups: Evidence = { kind: 'groups-differ', expected: ['a'], found: ['system:authenticated'] }
  const entry = { principalArn: 'arn:aws:iam::111122223333:role/team/runner', username: 'demo', groups: [] }
  const both = { authenticationMode: 'API_AND_CONFIG_MAP' }

  test('is changed where it stands, both at once', () => {
    const expected = { expectUsername: 'ci', expectGroups: ['a'] }
    const [one, other] = [username, groups].map(evidence =>
      pastes(diagnose(evidence, { ...ABOUT, ...expected })),
    )
    expect(one).toEqual(other)
    expect(one?.at(-1)).toEqual({
      language: 'yaml',
      text: `- rolearn: ${ROLE}\n  username: ci\n  groups:\n  - a`,
    })
  })

  test.each([
    [{ authenticationMode: 'API' }, `--principal-arn ${ROLE} `, false],
    [both, `--principal-arn ${ROLE} `, true],
    [{ ...both, accessEntry: { kind: 'found', entry, asked: ['x'] } as const }, entry.principalArn, false],
    [
      { ...both, accessEntry: { kind: 'listed', principalArn: entry.principalArn, asked: [] } as const },
      entry.principalArn,
      false,
    ],
    [{ ...both, accessEntry: { kind: 'none', sure: true, asked: [] } as const }, 'create-access-entry', true],
    [
      { ...both, accessEntry: { kind: 'none', sure: false, asked: [] } as const },
      'update-access-entry',
      true,
    ],
  ])('%j', (about, said, block) => {
    const text = told(username, { ...about, expectUsername: 'ci' })
    expect(text).toContain(said)
    expect(text.includes('- rolearn:')).toBe(block)
  })

  test('is told with what little is known', () => {
    const text = failureGroup(diagnose(groups, { cluster: 'demo', region: 'eu-west-1' })).lines.join('\n')
    expect(text).toContain('If nothing is right')
    expect(text).toContain('username: unknown')
  })
})
