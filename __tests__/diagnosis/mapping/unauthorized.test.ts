import type { AccessEntry } from '../../../src/aws/access-entries.ts'
import { diagnose } from '../../../src/diagnosis/diagnose.ts'
import type { About, Failure } from '../../../src/diagnosis/failure.ts'
import type { AwsAuthReading } from '../../../src/diagnosis/mapping/aws-auth.ts'
import { failureGroup } from '../../../src/report/log.ts'

const RUNNER = 'arn:aws:iam::111122223333:role/runner'
const ABOUT: About = {
  cluster: 'demo',
  region: 'eu-west-1',
  authenticationMode: 'CONFIG_MAP',
  caller: RUNNER,
}

function failure(about: Partial<About>): Failure {
  const evidence = { kind: 'unauthorized', path: '/p', status: 401, message: 'Unauthorized' } as const
  return diagnose(evidence, { ...ABOUT, ...about })
}
const told = (about: Partial<About>) => failureGroup(failure(about)).lines.join('\n')
const causes = ({ otherwise = [] }: Failure) => otherwise.map(({ cause }) => cause).join('\n')

describe('where nobody could tell why', () => {
  test.each([
    ['CONFIG_MAP', ['path left in', 'assumed-role', 'slip in the entry', 'as YAML'], ['access entry']],
    ['API', ['deleted and made again', 'access entry with a slip'], ['aws-auth', 'YAML']],
    ['API_AND_CONFIG_MAP', ['path left in', 'as YAML', 'deleted and made again'], []],
  ])('%s leaves open what counts there', (authenticationMode, open, closed) => {
    const failed = failure({ authenticationMode })
    expect(failed.code).toBe('EKS501')
    for (const cause of open) expect(causes(failed)).toContain(cause)
    for (const cause of closed) expect(causes(failed)).not.toContain(cause)
    expect(causes(failed)).toContain('clock')
  })

  test('that there is no access entry closes what is about one', () => {
    const accessEntry = { kind: 'none', sure: true, asked: ['asked: none'] } as const
    const failed = failure({ authenticationMode: 'API_AND_CONFIG_MAP', accessEntry })
    expect(failed.code).toBe('EKS501')
    expect(failed.evidence).toContain('asked: none')
    expect(causes(failed)).not.toContain('access entry')
  })

  test('an absence that is not sure decides nothing', () => {
    const accessEntry = { kind: 'none', sure: false, asked: [] } as const
    expect(failure({ authenticationMode: 'API', accessEntry }).code).toBe('EKS501')
  })

  test.each([
    [undefined, true, ''],
    [0, false, 'the clock here agrees with AWS'],
    [899, true, 'the clock here is 899 s ahead of AWS'],
  ])('a clock that is off by %s s is a possible cause: %s', (clockSkewSeconds, possible, said) => {
    const failed = failure(clockSkewSeconds === undefined ? {} : { clockSkewSeconds })
    expect(causes(failed).includes('clock of the runner')).toBe(possible)
    expect(failed.evidence.join('\n')).toContain(said)
  })

  test('a user has no path and no session to be mapped by', () => {
    const failed = failure({ caller: 'arn:aws:iam::111122223333:user/people/bob' })
    expect(causes(failed)).not.toMatch(/path left in|assumed-role/)
    expect(told({ caller: 'arn:aws:iam::111122223333:user/people/bob' })).toContain(
      '- userarn: arn:aws:iam::111122223333:user/people/bob',
    )
  })

  test('a role that was asked for stands in a block without its path, and in an access entry with it', () => {
    const tokenRole = 'arn:aws:iam::111122223333:role/team/deployer'
    const text = told({ tokenRole, caller: tokenRole, authenticationMode: 'API_AND_CONFIG_MAP' })
    expect(text).toContain('- rolearn: arn:aws:iam::111122223333:role/deployer')
    expect(text).toContain(
      `create-access-entry --region eu-west-1 --cluster-name demo --principal-arn ${tokenRole} `,
    )
    expect(text).toContain('by role-arn')
    expect(text).not.toContain('If the role has a path')
  })

  test('the mapping is to whom the workflow expects, without what is no mapping’s', () => {
    const text = told({
      authenticationMode: 'API_AND_CONFIG_MAP',
      expectUsername: 'team: ci',
      expectGroups: ['dev', 'system:authenticated', 'system:masters'],
    })
    expect(text).toContain("--username 'team: ci' --kubernetes-groups dev\n")
    expect(text).toMatch(/username: "team: ci"\n +groups:\n +- dev\n +- system:masters\n/)
    expect(text).toContain('takes no group of the system (system:masters)')
  })

  test('an access entry takes no username of the system', () => {
    const text = told({ authenticationMode: 'API', expectUsername: 'system:node:x' })
    expect(text).not.toContain('--username')
  })

  test('who nobody told is named in capitals', () => {
    const text = told({ caller: '' })
    expect(text).toContain('role: unknown')
  })

  test('China has its own host for the time', () => {
    expect(told({ region: 'cn-north-1' })).toContain('https://sts.cn-north-1.amazonaws.com.cn')
  })
})

describe('an access entry that is there', () => {
  const entry: AccessEntry = {
    principalArn: 'arn:aws:iam::111122223333:role/team/runner',
    username: 'demo',
    groups: ['dev'],
    createdAt: '2026-01-01T00:00:00.000Z',
  }
  const found = (change: Partial<AccessEntry> = {}): Partial<About> => ({
    authenticationMode: 'API',
    accessEntry: { kind: 'found', entry: { ...entry, ...change }, asked: ['asked'] },
  })

  test('is most likely of a role that was there before, and is made anew as it is', () => {
    const failed = failure(found())
    expect(failed.code).toBe('EKS503')
    expect(failed.cure[0]).toContain('deleted and made again')
    expect(causes(failed)).toContain('a moment ago')
    expect(told(found())).toContain(
      `create-access-entry --region eu-west-1 --cluster-name demo --principal-arn ${entry.principalArn} --username demo --kubernetes-groups dev`,
    )
  })

  test('is most likely too young, if it was changed a moment ago', () => {
    const failed = failure(found({ modifiedAt: new Date().toISOString() }))
    expect(failed.cure[0]).toContain('a moment ago')
    expect(causes(failed)).toContain('deleted and made again')
  })

  test('may have a username that only an instance has', () => {
    const username = 'system:node:{{EC2PrivateDNSName}}'
    expect(causes(failure(found({ username })))).toContain('{{EC2PrivateDNSName}}')
  })

  test('may be all that is known of it', () => {
    const accessEntry = { kind: 'listed', principalArn: entry.principalArn, asked: ['listed'] } as const
    const failed = failure({ authenticationMode: 'API', accessEntry })
    expect(failed).toMatchObject({ code: 'EKS503' })
    expect(failed.evidence).toContain('listed')
  })

  test('of a user is held against the user', () => {
    const caller = 'arn:aws:iam::111122223333:user/bob'
    const text = told({ ...found({ principalArn: caller }), caller })
    expect(text).toContain('aws iam get-user --user-name bob --query User.CreateDate')
  })
})

describe('aws-auth that could be read', () => {
  const line = { list: 'mapRoles', line: 3, text: '  - rolearn: X', isOnly: true } as const
  const UNKNOWN = { kind: 'unknown', asked: [] } as const
  const NONE = { kind: 'none', sure: true, asked: [] } as const
  const both = (awsAuth: AwsAuthReading, accessEntry: About['accessEntry'] = UNKNOWN) =>
    failure({ awsAuth, accessEntry, authenticationMode: 'API_AND_CONFIG_MAP' })

  const CASES: [AwsAuthReading, string, RegExp][] = [
    [{ kind: 'missing' }, 'EKS502', /kubectl -n kube-system create configmap aws-auth/],
    [
      { kind: 'unmapped', indent: '  ' },
      'EKS502',
      /^ {6}- rolearn: arn:aws:iam::111122223333:role\/runner$/m,
    ],
    [{ kind: 'unparsable', message: 'm', ...line }, 'EKS505', /Mend mapRoles at line 3/],
    [{ kind: 'unparsable', message: 'm', ...line, mended: 'Y' }, 'EKS505', /Write line 3 of mapRoles as "Y"/],
    [
      { kind: 'unparsable', message: 'm', ...line, mended: 'Y', isOnly: false },
      'EKS505',
      /as "Y"; the same line stands elsewhere, too, and is left there:\s+.*kubectl -n kube-system edit/,
    ],
    [{ kind: 'slip', slip: 'path', found: 'X', ...line, mended: 'Y' }, 'EKS504', /sed -E/],
    [{ kind: 'slip', slip: 'session', found: 'X', ...line }, 'EKS504', /Add this entry/],
    [{ kind: 'slip', slip: 'key', found: 'userarn', ...line }, 'EKS504', /Add this entry/],
    [{ kind: 'slip', slip: 'near', found: 'X', ...line, mended: 'Y' }, 'EKS504', /X is somebody else/],
    [{ kind: 'mapped', username: '', groups: [] }, 'EKS506', /to username none, groups none/],
    [{ kind: 'mapped', username: 'demo', groups: ['a'] }, 'EKS506', /to username demo, groups a/],
  ]

  test.each(CASES)('%j is %s', (awsAuth, code, said) => {
    expect(failure({ awsAuth }).code).toBe(code)
    expect(told({ awsAuth })).toMatch(said)
    expect(told({ awsAuth })).not.toMatch(/undefined|null|\[object/)
  })

  test.each(CASES)('decides nothing while an access entry may count before it: %j', (awsAuth, code) => {
    const [alone, open] = [failure({ awsAuth }), both(awsAuth)]
    expect(open.code).toBe(code === 'EKS506' ? code : 'EKS501')
    expect(open.evidence).toEqual(expect.arrayContaining(alone.evidence.slice(3)))
    expect(open.cure.join('\n')).toContain(code === 'EKS506' ? alone.cure[0] : alone.cause)
    expect(open.cure.slice(-alone.cure.length)).toEqual(alone.cure)
    expect(open.otherwise?.[0]?.cause).toContain('there is an access entry, for a role that was deleted')
    expect(causes(open)).toContain('clock of the runner')
    expect(both(awsAuth, NONE).code).toBe(code)
  })
})

test('where access entries are all that counts, that there is none is the cause', () => {
  const accessEntry = { kind: 'none', sure: true, asked: ['asked'] } as const
  const failed = failure({ authenticationMode: 'API', accessEntry })
  expect(failed).toMatchObject({ code: 'EKS502' })
  expect(failed.otherwise).toBeUndefined()
})
