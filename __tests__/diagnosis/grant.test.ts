import { AwsProblem } from '../../src/aws/evidence.ts'
import type { About } from '../../src/diagnosis/failure.ts'
import { diagnoseGrant, grantFailures } from '../../src/diagnosis/grant.ts'
import type { Scene } from '../../src/diagnosis/investigate.ts'
import { type GrantEvidence, GrantProblem, type Obstacle } from '../../src/grant/evidence.ts'
import { needsOf } from '../../src/grant/needs.ts'
import { Cancelled } from '../../src/run.ts'

const CLUSTER = 'arn:aws:eks:eu-central-1:111122223333:cluster/demo'
const ABOUT: About = { cluster: 'demo', region: 'eu-central-1', arn: CLUSTER, isGrant: true }
const ENTRY = {
  ...{ principalArn: 'arn:aws:iam::111122223333:role/r', accessEntryArn: 'ENTRY' },
  ...{ found: 'username a, groups none', wanted: 'username b, groups none' },
}
const NEEDS = needsOf({ isRead: true, isWritten: true }, [])

/** Evidence, its code, and what the failure must say, wherever it says it. */
const CASES: [Obstacle, string, RegExp[], Partial<About>?][] = [
  [
    { kind: 'aws-auth-untouchable', list: 'mapRoles', problem: 'line 2 is indented by a tab' },
    'EKS520',
    [/line 2 is indented by a tab/, /jsonpath=\{\.data\.mapRoles\}/],
  ],
  [
    { kind: 'aws-auth-untouchable', list: 'mapRoles', problem: 'p' },
    'EKS520',
    [/method: access-entry/],
    { authenticationMode: 'API_AND_CONFIG_MAP' },
  ],
  [
    { kind: 'entry-of-another', ...ENTRY },
    'EKS521',
    [
      /username a, groups none, where username b/,
      /tag-resource .* --resource-arn ENTRY/,
      /delete-access-entry/,
    ],
  ],
  [
    { kind: 'method-unavailable', method: 'access-entry', authenticationMode: 'CONFIG_MAP' },
    'EKS522',
    [/update-cluster-config .*authenticationMode=API_AND_CONFIG_MAP/],
  ],
  [
    { kind: 'method-unavailable', method: 'aws-auth', authenticationMode: 'API' },
    'EKS522',
    [/does not go back to aws-auth/],
  ],
  [{ kind: 'mapping-shadowed', ...ENTRY }, 'EKS523', [/counts before aws-auth/]],
  [{ kind: 'aws-auth-contended', tries: 20 }, 'EKS524', [/^20 times/m, /--show-managed-fields/]],
  [{ kind: 'name-unusable', what: 'group', name: 'system:a', why: 'w' }, 'EKS525', [/the group system:a: w/]],
  [
    {
      kind: 'object-conflict',
      object: 'ClusterRole x',
      message: 'conflict with "kubectl"',
      manifest: 'a: b\n',
    },
    'EKS620',
    [/ClusterRole x is somebody else/, /conflict with "kubectl"/, /--force-conflicts/, /^a: b$/m],
  ],
  [{ kind: 'object-conflict', object: 'Role n/x', message: 'm', manifest: null }, 'EKS620', [/another name/]],
  [
    {
      ...{ kind: 'calls-denied', grant: 'g', denied: [{ call: 'list Roles', message: 'no' }], needs: NEEDS },
      ...{ username: 'operator', groups: [] },
    },
    'EKS621',
    [/operator may not list Roles/, /list Roles: no/, /kind: ClusterRoleBinding/, /name: operator/],
  ],
  [
    { kind: 'calls-denied', grant: 'g', denied: [], needs: NEEDS, username: '', groups: [] },
    'EKS621',
    [/the administrator may not/, /name: USERNAME/],
  ],
  [
    {
      ...{ kind: 'calls-denied', grant: 'g', denied: [], needs: NEEDS, groups: ['admins'] },
      ...{ username: 'arn:aws:sts::1:assumed-role/a/i-12345678', sessionName: 'i-12345678' },
    },
    'EKS621',
    [/kind: Group/, /name: admins/],
  ],
  [
    { kind: 'name-of-another', object: 'ClusterRole x', name: 'x', role: 'ROLE' },
    'EKS622',
    [/ClusterRole x is annotated with eks-login\/role-arn ROLE/],
  ],
  [
    { kind: 'rule-not-granted', rule: 'list pods', reason: '', seconds: 10 },
    'EKS623',
    [/still said no after 10 s$/m],
  ],
  [{ kind: 'rule-not-granted', rule: 'list pods', reason: 'r', seconds: 1 }, 'EKS623', [/after 1 s: r$/m]],
  [{ kind: 'namespace-missing', namespace: 'web' }, 'EKS624', [/kubectl create namespace web/]],
  [
    { kind: 'call-refused', call: 'create Role n/x', status: 422, message: 'policy says no' },
    'EKS625',
    [/create Role n\/x/, /it answered 422: policy says no/],
  ],
  [{ kind: 'grant-dangerous', what: 'groups: x' }, 'EKS720', [/dangerous: groups: x/, /allow-admin: true/]],
  [{ kind: 'rule-mistaken', rule: 'list podz', problem: 'no such thing' }, 'EKS602', [/list podz/]],
]

test.each(CASES)('%j', (evidence, code, said, about = {}) => {
  const failure = diagnoseGrant(evidence, { ...ABOUT, ...about })
  expect(failure).toMatchObject({ code, cluster: 'demo' })
  const steps = failure.cure.map(step => (typeof step === 'string' ? step : step.text))
  const text = [failure.cause, ...failure.evidence, ...steps].join('\n')
  for (const form of said) expect(text).toMatch(form)
  expect(failure.cause).not.toContain('\n')
  expect(steps.length).toBeGreaterThan(0)
})

test('before a cluster is known, none is named', () => {
  const evidence: GrantEvidence = { kind: 'grant-dangerous', what: 'w' }
  expect(diagnoseGrant(evidence, { ...ABOUT, cluster: '' })).not.toHaveProperty('cluster')
})

describe('what a grant fails with', () => {
  const nobody = () => Promise.reject(new Error('no credentials'))
  const run = {
    ...{ env: {}, timeoutSeconds: 1, signal: new AbortController().signal },
    ...{ mask: async () => {}, time: <T>(_name: string, work: Promise<T>) => work },
  }
  const scene: Scene = { run, credentials: nobody, describer: nobody }

  test('is each of its obstacles', async () => {
    const problem = new GrantProblem(
      { kind: 'grant-dangerous', what: 'one' },
      { kind: 'rule-mistaken', rule: 'r', problem: 'p' },
    )
    const failures = await grantFailures(problem, ABOUT, scene)
    expect(failures.map(({ code }) => code)).toEqual(['EKS720', 'EKS602'])
  })

  test('may be that it was cancelled, amid its work', async () => {
    const [failure] = await grantFailures(new Cancelled('SIGTERM'), ABOUT, scene)
    expect(failure).toMatchObject({
      code: 'EKS003',
      evidence: [expect.stringContaining('what was done before is done')],
    })
  })

  const refused = (asked: string, code: string, message: string) =>
    new AwsProblem({ kind: 'refused', asked, resource: 'demo', code, status: 400, message })
  const denial = (action: string, why: string) =>
    `User: arn:aws:sts::111122223333:assumed-role/admin/s is not authorized to perform: ${action} on resource: ${CLUSTER}${why}`

  test.each([
    ['eks:DescribeCluster', 'EKS201'],
    ['eks:DescribeAccessEntry', 'EKS215'],
    ['eks:CreateAccessEntry', 'EKS215'],
    ['eks:ListAssociatedAccessPolicies', 'EKS215'],
  ])('of AWS, where it denies %s, is told with all that a grant needs', async (asked, code) => {
    const message = denial(asked, ' because no identity-based policy allows the action')
    const [failure] = await grantFailures(refused(asked, 'AccessDeniedException', message), ABOUT, scene)
    expect(failure?.code).toBe(code)
    const policy = JSON.stringify(failure?.cure)
    for (const action of ['CreateAccessEntry', 'DeleteAccessEntry', 'TagResource'])
      expect(policy).toContain(action)
  })

  test('of AWS, where to make an entry with tags is denied for the tags, names these', async () => {
    const message = denial('eks:TagResource', '')
    const error = refused('eks:CreateAccessEntry', 'AccessDeniedException', message)
    const [failure] = await grantFailures(error, { ...ABOUT, arn: '' }, scene)
    expect(failure?.cause).toContain('eks:TagResource')
  })

  test('an access entry that went meanwhile is no cluster that is not there', async () => {
    const error = refused('eks:UpdateAccessEntry', 'ResourceNotFoundException', 'The specified principalArn')
    const [failure] = await grantFailures(error, ABOUT, scene)
    expect(failure?.code).toBe('EKS207')
  })

  test('a cluster of another account is told without what only a login has', async () => {
    const asked = CLUSTER.replace('111122223333', '444455556666')
    const error = new AwsProblem({ kind: 'wrong-account', asked, found: CLUSTER })
    const [failure] = await grantFailures(error, ABOUT, scene)
    expect(failure).toMatchObject({
      code: 'EKS203',
      cure: ['Run the job with credentials of the account 444455556666.'],
    })
  })
})
