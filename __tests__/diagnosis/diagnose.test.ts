import { AwsProblem } from '../../src/aws/evidence.ts'
import { BadInput } from '../../src/bad-input.ts'
import { diagnose, failureOf, stepFailures } from '../../src/diagnosis/diagnose.ts'
import type { About, Evidence } from '../../src/diagnosis/failure.ts'
import { KubeProblem } from '../../src/kube/evidence.ts'

const ABOUT: About = { cluster: 'demo', region: 'eu-west-1' }
const ARN = 'arn:aws:eks:eu-west-1:111122223333:cluster/demo'
const ROLE = 'arn:aws:iam::111122223333:role/runner'

const refused = (code: string, asked = 'eks:DescribeCluster', message = 'no'): Evidence => ({
  kind: 'refused',
  asked,
  resource: asked === 'sts:AssumeRole' ? ROLE : 'demo',
  code,
  status: 403,
  message,
})
const unreachable = (code: string, issuer?: string): Evidence => ({
  kind: 'server-unreachable',
  server: 'https://x',
  code,
  message: 'm',
  ...(issuer ? { issuer } : {}),
})
const keys = (accessKeyId: string): Evidence => ({
  kind: 'credentials-refused',
  wanted: 'role',
  source: 'profile ci',
  accessKeyId,
})
const api = (kind: 'unauthorized' | 'forbidden' | 'unexpected-answer'): Evidence => ({
  kind,
  path: '/p',
  status: 401,
  message: 'm',
})

/** Evidence, its code, and what the failure must say, wherever it says it. */
const CASES: [Evidence, string, RegExp[]][] = [
  [{ kind: 'no-region', asked: '/p', message: 'm' }, 'EKS105', [/AWS_REGION/, /\/p: m/]],
  [{ kind: 'no-credentials', tried: ['a', 'b'] }, 'EKS101', [/a, b/, /instance profile/]],
  [
    { kind: 'credentials-failed', source: 'instance role', message: 'm' },
    'EKS102',
    [/instance role: m/, /instance profile/],
  ],
  [
    { kind: 'credentials-failed', source: 'profile ci', message: 'm' },
    'EKS102',
    [/Put the profile ci in order/],
  ],
  [keys('AKIAX'), 'EKS103', [/long-lived/, /profile ci/, /credential-source: any/]],
  [keys('ASIAX'), 'EKS103', [/without their session token/]],
  [{ kind: 'credentials-expired', source: 's', expiration: '2020' }, 'EKS104', [/expired at 2020/, /clock/]],
  [
    refused('AccessDeniedException'),
    'EKS201',
    [/"Action": "eks:DescribeCluster"/, /"Resource": "arn:aws:eks:eu-west-1:\*:cluster\/demo"/],
  ],
  [
    refused('AccessDeniedException', undefined, `on resource: ${ARN} because`),
    'EKS201',
    [new RegExp(`"Resource": "${ARN}"`)],
  ],
  [refused('AccessDeniedException', undefined, 'with an explicit deny in'), 'EKS201', [/take it away/]],
  [
    refused('ResourceNotFoundException'),
    'EKS202',
    [/no cluster demo in eu-west-1/, /aws eks list-clusters --region eu-west-1/],
  ],
  [{ kind: 'wrong-account', asked: ARN, found: 'other' }, 'EKS203', [/assume-role-arn/, /found other/]],
  [{ kind: 'cluster-not-ready', cluster: ARN, status: 'CREATING' }, 'EKS204', [/CREATING/, /aws eks wait/]],
  [{ kind: 'cluster-without-endpoint', cluster: ARN, status: 'ACTIVE' }, 'EKS205', [/no endpoint/]],
  [refused('ThrottlingException'), 'EKS206', [/throttled/]],
  [refused('TooManyRequestsException'), 'EKS206', [/throttled/]],
  [refused('ValidationException'), 'EKS207', [/403 ValidationException: no/]],
  [
    { kind: 'unreachable', asked: 'a', endpoint: 'e', code: 'ECONNREFUSED', message: 'm' },
    'EKS208',
    [/e: ECONNREFUSED, m/, /HTTPS_PROXY/],
  ],
  [{ kind: 'timed-out', asked: 'a', endpoint: 'e', seconds: 30 }, 'EKS209', [/within 30 s/]],
  [
    refused('AccessDenied', 'sts:AssumeRole'),
    'EKS210',
    [new RegExp(`the role ${ROLE} may not be assumed`), /trust policy/],
  ],
  [unreachable('ENOTFOUND'), 'EKS301', [/does not resolve/]],
  [unreachable('EAI_AGAIN'), 'EKS301', [/does not resolve/]],
  [{ kind: 'server-timed-out', server: 'https://x', seconds: 30 }, 'EKS302', [/30 s/, /security group/]],
  [unreachable('ECONNREFUSED'), 'EKS303', [/refused/]],
  [unreachable('UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'Corp CA'), 'EKS304', [/signed by Corp CA/, /TLS/]],
  [unreachable('SELF_SIGNED_CERT_IN_CHAIN'), 'EKS304', [/not signed by the CA/]],
  [unreachable('ERR_TLS_CERT_ALTNAME_INVALID'), 'EKS307', [/another name/]],
  [unreachable('CERT_HAS_EXPIRED'), 'EKS307', [/expired/]],
  [
    { kind: 'proxy-refused', server: 's', proxy: 'http://p', status: 403 },
    'EKS305',
    [/http:\/\/p answered 403/, /NO_PROXY/],
  ],
  [unreachable('ECONNRESET'), 'EKS306', [/ECONNRESET, m/]],
  [
    { kind: 'exec-not-found', command: 'aws', path: '/bin' },
    'EKS401',
    [/aws is not on PATH/, /PATH is \/bin/],
  ],
  [
    { kind: 'exec-failed', command: 'aws x', exitCode: 255, signal: null, stderr: 'a\n\nlast' },
    'EKS402',
    [/aws x: exit code 255/, /last/],
  ],
  [
    { kind: 'exec-failed', command: 'aws x', exitCode: null, signal: 'SIGKILL', stderr: '' },
    'EKS402',
    [/ended by SIGKILL/],
  ],
  [{ kind: 'exec-timed-out', command: 'aws x', seconds: 30 }, 'EKS403', [/30 s/]],
  [
    { kind: 'exec-not-a-credential', command: 'aws x', problem: 'it printed nothing' },
    'EKS404',
    [/it printed nothing/],
  ],
  [{ kind: 'identity-differs', source: 's', checked: 'ASIA1', token: 'ASIA2' }, 'EKS405', [/ASIA1/, /ASIA2/]],
  [
    api('unauthorized'),
    'EKS501',
    [/does not know this role/, /mapRoles/, /rolearn: arn:aws:iam::ACCOUNT:role\/ROLE/],
  ],
  [{ kind: 'rule-denied', rule: 'list ns', reason: '' }, 'EKS601', [/may not list ns, and should/]],
  [
    { kind: 'rule-mistaken', rule: 'get pds', problem: 'did you mean pods' },
    'EKS602',
    [/get pds/, /did you mean pods/],
  ],
  [{ kind: 'rule-unproven', rule: 'list ns', message: 'webhook' }, 'EKS603', [/webhook/]],
  [api('forbidden'), 'EKS604', [/system:basic-user/]],
  [api('unexpected-answer'), 'EKS605', [/\/p answered/]],
  [
    { kind: 'rule-allowed', rule: 'list pods', reason: 'RBAC' },
    'EKS701',
    [/may list pods, and should not/, /allowed, RBAC/],
  ],
  [{ kind: 'username-differs', expected: 'a', found: 'b' }, 'EKS801', [/we are b, not a/]],
  [{ kind: 'groups-differ', expected: [], found: ['b'] }, 'EKS802', [/expect-groups is empty/, /groups b/]],
  [{ kind: 'identity-unknown', expected: 'a' }, 'EKS803', [/1\.28/]],
  [{ kind: 'kubeconfig-unreadable', file: '/k', code: 'EACCES', message: 'm' }, 'EKS901', [/EACCES: m/]],
  [
    { kind: 'kubeconfig-corrupt', file: '/k', line: 3, column: 4, message: 'm' },
    'EKS902',
    [/line 3, column 4: m/, /left as it is/],
  ],
  [{ kind: 'kubeconfig-unexpected', file: '/k', message: 'm' }, 'EKS903', [/\/k is not a kubeconfig/]],
  [{ kind: 'kubeconfig-symlink', file: '/k', target: '/t' }, 'EKS904', [/points to \/t/]],
  [
    { kind: 'kubeconfig-locked', lock: '/k.lock', holder: 'process 7 on h', since: '2020' },
    'EKS905',
    [/process 7 on h since 2020/, /rm \/k\.lock/],
  ],
  [{ kind: 'kubeconfig-unwritable', file: '/k', code: 'ENOSPC', message: 'm' }, 'EKS906', [/Make room/]],
  [{ kind: 'kubeconfig-unwritable', file: '/k', code: 'EROFS', message: 'm' }, 'EKS906', [/another path/]],
  [
    { kind: 'kubeconfig-secret', file: '/k', where: ['the field token, of user u'] },
    'EKS907',
    [/the field token, of user u/],
  ],
]

test.each(CASES)('%j is %s', (evidence, code, said) => {
  const failure = diagnose(evidence, ABOUT)
  expect(failure).toMatchObject({ code, cluster: 'demo' })
  expect(failure.cause).toMatch(/^[^\n]+$/)
  expect(failure.evidence.length).toBeGreaterThan(0)
  expect(failure.cure.length).toBeGreaterThan(0)
  const text = [failure.cause, ...failure.evidence, ...failure.cure].join('\n')
  for (const form of said) expect(text).toMatch(form)
  expect(text).not.toMatch(/undefined|null|NaN|\[object/)
})

test('a code stands for one kind of evidence', () => {
  const kinds = Map.groupBy(CASES, ([, code]) => code)
  for (const [, cases] of kinds) expect(new Set(cases.map(([{ kind }]) => kind)).size).toBe(1)
})

describe('a role that the cluster does not know', () => {
  const cureIn = (about: Partial<About>) =>
    diagnose(api('unauthorized'), { ...ABOUT, ...about }).cure.join('\n')

  test.each([
    ['API', true, false],
    ['CONFIG_MAP', false, true],
    ['API_AND_CONFIG_MAP', true, true],
  ])('is mapped as the mode %s wants it', (authenticationMode, entry, block) => {
    const cure = cureIn({ authenticationMode, roleArn: ROLE })
    expect(
      cure.includes(
        `aws eks create-access-entry --region eu-west-1 --cluster-name demo --principal-arn ${ROLE}`,
      ),
    ).toBe(entry)
    expect(cure.includes(`- rolearn: ${ROLE}\n  username: demo`)).toBe(block)
  })
})

test('only the last lines of what a command said are shown', () => {
  const stderr = Array.from({ length: 50 }, (_, index) => `line ${index}`).join('\n')
  const { evidence } = diagnose(
    { kind: 'exec-failed', command: 'aws', exitCode: 1, signal: null, stderr },
    ABOUT,
  )
  expect(evidence).toHaveLength(11)
  expect(evidence.at(-1)).toBe('line 49')
})

describe('an error', () => {
  test.each([
    [new AwsProblem({ kind: 'no-credentials', tried: [] }), 'EKS101'],
    [new KubeProblem({ kind: 'server-timed-out', server: 's', seconds: 1 }), 'EKS302'],
    [new TypeError('x is not a function'), 'EKS002'],
    ['a text', 'EKS002'],
    [undefined, 'EKS002'],
  ])('%s is the failure %s of its cluster', (error, code) => {
    expect(failureOf(error, ABOUT)).toMatchObject({ code, cluster: 'demo' })
    const [failure, ...more] = stepFailures(error)
    expect(failure).toMatchObject({ code })
    expect(failure).not.toHaveProperty('cluster')
    expect(more).toEqual([])
  })

  test('that nobody foresaw is told without a stack', () => {
    const { evidence } = failureOf(new TypeError('x is not a function'), ABOUT)
    expect(evidence).toEqual(['TypeError: x is not a function'])
  })

  test('of the inputs is a failure for each of them', () => {
    const error = new BadInput([
      { input: 'region', problem: '"x" is none', accepted: 'a region' },
      { input: 'timeout', problem: '"0" is no time', accepted: 'seconds' },
    ])
    expect(stepFailures(error)).toEqual([
      { code: 'EKS001', cause: 'input region: "x" is none', evidence: [], cure: ['Accepted: a region'] },
      { code: 'EKS001', cause: 'input timeout: "0" is no time', evidence: [], cure: ['Accepted: seconds'] },
    ])
  })
})

test('a user, whose keys were asked for, is mapped as a user', () => {
  const about = { ...ABOUT, authenticationMode: 'CONFIG_MAP', roleArn: 'arn:aws:iam::111122223333:user/ci' }
  const cure = diagnose(api('unauthorized'), about).cure.join('\n')
  expect(cure).toContain('mapUsers')
  expect(cure).toContain('- userarn: arn:aws:iam::111122223333:user/ci')
  expect(cure).not.toContain('rolearn')
})
