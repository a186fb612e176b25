import { AwsProblem } from '../../src/aws/evidence.ts'
import { BadInput } from '../../src/bad-input.ts'
import { diagnose, stepFailures } from '../../src/diagnosis/diagnose.ts'
import type { About, Evidence, Failure } from '../../src/diagnosis/failure.ts'
import { failuresOf, type Scene } from '../../src/diagnosis/investigate.ts'
import { KubeProblem } from '../../src/kube/evidence.ts'
import type { Right } from '../../src/kube/policy.ts'
import { failureGroup } from '../../src/report/log.ts'
import { Cancelled } from '../../src/run.ts'

/** A failure as the log tells it. */
function told(failure: Failure): string {
  const { title, lines } = failureGroup(failure)
  return [title, ...lines].join('\n')
}

const ABOUT: About = { cluster: 'demo', region: 'eu-west-1' }
/** Where nothing more can be asked. */
const SCENE: Scene = {
  run: {
    env: {},
    timeoutSeconds: 1,
    signal: AbortSignal.abort(),
    time: (_name, work) => work,
    mask: () => Promise.resolve(),
  },
  credentials: () => Promise.reject(new Error('none')),
  describer: () => Promise.reject(new Error('none')),
}
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
const keys = (accessKeyId: string, wanted = 'role'): Evidence => ({
  kind: 'credentials-refused',
  wanted,
  source: 'profile ci',
  accessKeyId,
})
const api = (kind: 'unauthorized' | 'forbidden' | 'unexpected-answer', status = 401): Evidence => ({
  kind,
  path: '/p',
  status,
  message: 'm',
})
const service = (code: string): Evidence => ({
  kind: 'unreachable',
  asked: 'a',
  endpoint: 'e',
  code,
  message: 'm',
})
const PODS: Right = {
  kind: 'resource',
  attributes: { verb: 'list', group: '', resource: 'pods', subresource: '', namespace: '', name: '' },
  namespaced: true,
}
const deniedRule = (reason: string, outright = false): Evidence => ({
  kind: 'rule-denied',
  rule: 'list pods -A',
  reason,
  denied: outright,
  right: PODS,
})
const allowedRule = (reason: string): Evidence => ({
  kind: 'rule-allowed',
  rule: 'list pods',
  reason,
  needed: [],
})

/** Evidence, its code, and what the failure must say, wherever it says it. */
const CASES: [Evidence, string, RegExp[]][] = [
  [{ kind: 'no-region', asked: '/p', message: 'm' }, 'EKS105', [/AWS_REGION/, /\/p: m/]],
  [{ kind: 'no-credentials', tried: ['a', 'b'] }, 'EKS101', [/a, b/, /AWS_EC2_METADATA_DISABLED=false/]],
  [{ kind: 'credentials-failed', source: 'profile ci', message: 'm' }, 'EKS102', [/Mend in the profile ci/]],
  [keys('AKIAX'), 'EKS103', [/long-lived/, /profile ci/, /credential-source: any/]],
  [keys('ASIAX'), 'EKS103', [/without their session token/]],
  [
    keys('ASIAX', 'instance-role'),
    'EKS103',
    [/another source come first \(profile ci\)/, /credential-source: role/],
  ],
  [{ kind: 'credentials-expired', source: 's', expiration: '2020' }, 'EKS104', [/expired at 2020/, /clock/]],
  [
    { kind: 'ca-bundle-unreadable', file: '/ca.pem', message: 'ENOENT' },
    'EKS106',
    [/AWS_CA_BUNDLE is \/ca\.pem/, /ENOENT/],
  ],
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
  [
    refused('AccessDeniedException', undefined, 'with an explicit deny in'),
    'EKS201',
    [/Look for the Deny in/],
  ],
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
  [service('ECONNREFUSED'), 'EKS208', [/e: ECONNREFUSED, m/, /AWS listens on 443/]],
  [service(''), 'EKS208', [/^ +e: m$/m, /NAT gateway/]],
  [service('SELF_SIGNED_CERT_IN_CHAIN'), 'EKS211', [/certificate of e was refused/, /AWS_CA_BUNDLE/]],
  [{ kind: 'timed-out', asked: 'a', endpoint: 'e', seconds: 30 }, 'EKS209', [/within 30 s/]],
  [
    refused('AccessDenied', 'sts:AssumeRole'),
    'EKS210',
    [new RegExp(`may not assume the role ${ROLE}`), /trust policy/, /AWS does not say which/],
  ],
  [{ kind: 'identity-differs', source: 's', checked: 'ASIA1', token: 'ASIA2' }, 'EKS405', [/ASIA1/, /ASIA2/]],
  [
    api('unauthorized'),
    'EKS501',
    [/does not take the token of this role/, /mapRoles/, /rolearn: arn:aws:iam::ACCOUNT:role\/ROLE/],
  ],
  [deniedRule(''), 'EKS601', [/may not list pods -A, and should/, /kind: ClusterRoleBinding/]],
  [deniedRule('no role'), 'EKS601', [/denied, no role/]],
  [deniedRule('no', true), 'EKS607', [/denied, no/, /No Role or ClusterRole helps/]],
  [
    { kind: 'rule-mistaken', rule: 'get pds', problem: 'did you mean pods' },
    'EKS602',
    [/get pds/, /did you mean pods/],
  ],
  [{ kind: 'rule-unproven', rule: 'list ns', message: 'webhook' }, 'EKS603', [/webhook/]],
  [api('forbidden'), 'EKS604', [/what resources there are/, /name: system:discovery/]],
  [
    { ...api('forbidden'), path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews' } as Evidence,
    'EKS604',
    [/what it may do/, /name: system:basic-user/],
  ],
  [api('unexpected-answer'), 'EKS605', [/\/p answered/]],
  [api('unexpected-answer', 429), 'EKS606', [/answered 429 until its retries/]],
  [api('unexpected-answer', 503), 'EKS606', [/answered 503 until its retries/, /control plane/]],
  [
    allowedRule('RBAC'),
    'EKS701',
    [/may list pods, and should not/, /allowed, RBAC/, /what the reason above/],
  ],
  [allowedRule(''), 'EKS701', [/"list pods": allowed$/m, /kubectl get clusterrolebindings,rolebindings -A/]],
  [{ kind: 'username-differs', expected: 'a', found: 'b' }, 'EKS801', [/we are b, not a/]],
  [{ kind: 'groups-differ', expected: [], found: ['b'] }, 'EKS802', [/expect-groups is empty/, /groups b/]],
  [{ kind: 'groups-differ', expected: ['a'], found: [] }, 'EKS802', [/expect-groups is a/, /groups none/]],
  [{ kind: 'identity-unknown', expected: 'a' }, 'EKS803', [/1\.28/]],
]

test.each(CASES)('%j is %s', (evidence, code, said) => {
  const failure = diagnose(evidence, ABOUT)
  expect(failure).toMatchObject({ code, cluster: 'demo' })
  expect(failure.cause).toMatch(/^[^\n]+$/)
  expect(failure.evidence.length).toBeGreaterThan(0)
  expect(failure.cure.length).toBeGreaterThan(0)
  const text = told(failure)
  for (const form of said) expect(text).toMatch(form)
  expect(text).not.toMatch(/undefined|null|NaN|\[object/)
})

test('a code stands for one kind of evidence', () => {
  const kinds = Map.groupBy(CASES, ([, code]) => code)
  for (const [, cases] of kinds) expect(new Set(cases.map(([{ kind }]) => kind)).size).toBe(1)
})

test('what is wrong with a rule is told beside who we are, as far as that is known', () => {
  const evidenceFor = (about: Partial<About>) => diagnose(deniedRule(''), { ...ABOUT, ...about }).evidence
  expect(evidenceFor({})).toContain('we are user unknown')
  expect(evidenceFor({ username: 'demo', roleArn: ROLE })).toContain(`we are user demo, role ${ROLE}`)
})

describe('a role that the cluster does not know', () => {
  const cureIn = (about: Partial<About>) => told(diagnose(api('unauthorized'), { ...ABOUT, ...about }))

  test.each([
    ['API', true, false],
    ['CONFIG_MAP', false, true],
    ['API_AND_CONFIG_MAP', true, true],
  ])('is mapped as the mode %s wants it', (authenticationMode, entry, block) => {
    const cure = cureIn({ authenticationMode, caller: ROLE })
    expect(
      cure.includes(
        `aws eks create-access-entry --region eu-west-1 --cluster-name demo --principal-arn ${ROLE}`,
      ),
    ).toBe(entry)
    expect(/^ +- rolearn: (\S+)\n +username: runner$/m.exec(cure)?.[1]).toBe(block ? ROLE : undefined)
  })
})

describe('an error', () => {
  test.each([
    [new AwsProblem({ kind: 'no-credentials', tried: [] }), 'EKS101'],
    [new KubeProblem({ kind: 'kubeconfig-symlink', file: '/k', target: '/t' }), 'EKS904'],
    [new TypeError('x is not a function'), 'EKS002'],
    ['a text', 'EKS002'],
    [undefined, 'EKS002'],
  ])('%s is the failure %s of its cluster', async (error, code) => {
    expect(await failuresOf(error, ABOUT, SCENE)).toEqual([
      expect.objectContaining({ code, cluster: 'demo' }),
    ])
    const [failure, ...more] = stepFailures(error)
    expect(failure).toMatchObject({ code })
    expect(failure).not.toHaveProperty('cluster')
    expect(more).toEqual([])
  })

  test('that nobody foresaw is told without a stack', async () => {
    const [failure] = await failuresOf(new TypeError('x is not a function'), ABOUT, SCENE)
    expect(failure?.evidence).toEqual(['TypeError: x is not a function'])
    const [leaky] = await failuresOf(new TypeError('Invalid URL: http://me:hunter2@x/'), ABOUT, SCENE)
    expect(leaky?.evidence).toEqual(['TypeError: Invalid URL: http://me:***@x/'])
  })

  test('that ends a step which somebody cancelled says so, and that nothing was written', () => {
    const [failure] = stepFailures(new Cancelled('SIGTERM'))
    expect(failure).toMatchObject({ code: 'EKS003', cause: 'the step was cancelled' })
    expect(failure?.evidence).toEqual(['the runner sent SIGTERM; nothing was written'])
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
  const about = { ...ABOUT, authenticationMode: 'CONFIG_MAP', caller: 'arn:aws:iam::111122223333:user/ci' }
  const cure = told(diagnose(api('unauthorized'), about))
  expect(cure).toContain('under mapUsers')
  expect(cure).toContain('- userarn: arn:aws:iam::111122223333:user/ci')
  expect(cure).not.toContain('rolearn')
})
