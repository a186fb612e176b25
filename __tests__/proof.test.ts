import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Role } from '../lab/aws/identities.ts'
import type { LabCluster } from '../lab/cluster.ts'
import { startCluster } from '../lab/kube/cluster.ts'
import { makeToken } from '../src/aws/get-token.ts'
import type { Target } from '../src/aws/target.ts'
import { readInputs } from '../src/inputs.ts'
import { type KubeEvidence, KubeProblem } from '../src/kube/evidence.ts'
import { type Proven, proveAll, type Start } from '../src/proof.ts'
import type { Run } from '../src/run.ts'
import { runnerCredentials } from '../src/runner-credentials.ts'
import type { TokenProvider } from '../src/token-provider.ts'
import { ALLOW_DESCRIBE, calling, createRole, enter, type Stage } from './aws/stage.ts'
import { startServer } from './kube/server.ts'

let stage: Stage
let cluster: LabCluster
let role: Role
beforeAll(async () => {
  stage = await enter()
  cluster = await startCluster({ name: 'demo', neighbours: ['demo-2'], aws: stage.aws })
  role = createRole(stage.aws, 'runner', ALLOW_DESCRIBE, {
    Effect: 'Allow',
    Action: 'sts:AssumeRole',
    Resource: '*',
  })
  await cluster.mapRole(role.arn, 'demo')
  await cluster.grantDemo()
})
beforeEach(() => {
  stage.aws.instance.roleArn = role.arn
})
afterAll(async () => {
  await cluster.stop()
  await stage.leave()
})

const REGION = 'us-east-1'
const targetOf = (name: string): Target => ({ name, region: REGION })

/** Signs as the builtin provider does; the exec block is never run here. */
const signing = (change: Partial<ReturnType<typeof makeToken>> = {}): TokenProvider => ({
  execBlock: ({ name }, id = name) => ({ command: 'signer', args: [id], env: [] }),
  async credential({ name, region }, own, id) {
    const made = makeToken({ region, cluster: id ? { id } : { name } }, await own(), process.env)
    return { ...made, ...change }
  },
})

interface Asked {
  targets?: Target[]
  inputs?: Record<string, string>
  provider?: TokenProvider
  env?: Record<string, string>
}

/** What came of a login, and what was masked on the way. */
async function prove(asked: Asked = {}): Promise<Proven & { masked: string[] }> {
  const { targets = [targetOf('demo')], provider = signing(), env = {} } = asked
  const inputs = readInputs({
    'INPUT_CLUSTER-NAME': targets.map(({ name }) => name).join(','),
    INPUT_REGION: REGION,
    INPUT_CAN: 'list namespaces',
    INPUT_CANNOT: 'list pods',
    INPUT_KUBECONFIG: join(stage.folder, 'kubeconfig'),
    RUNNER_TEMP: stage.folder,
    ...asked.inputs,
  })
  const masked: string[] = []
  const run: Run = {
    ...calling(),
    env: { ...process.env, ...env },
    time: (_name, work) => work,
    mask: async secrets => {
      masked.push(...secrets.filter(secret => secret !== undefined))
    },
  }
  const credentials = runnerCredentials(inputs, run)
  const starts = targets.map((target): Start => {
    const early = provider.credential(target, () => credentials.in(target.region))
    early.catch(() => {})
    return { target, credentials, provider, early }
  })
  return { ...(await proveAll(starts, inputs, run)), masked }
}

const codesOf = ({ failures }: Proven) => failures.map(({ code }) => code)

test('a cluster is proven: an entry for the kubeconfig, who we are there, and what we may', async () => {
  const proven = await prove({ inputs: { INPUT_NAMESPACE: 'web', 'INPUT_USER-ALIAS': 'me' } })
  expect(proven).toMatchObject({
    failures: [],
    found: { file: false, folder: true },
    entries: [
      {
        context: 'demo',
        namespace: 'web',
        cluster: { name: cluster.arn, server: cluster.endpoint },
        user: { name: 'me', exec: { command: 'signer', args: ['demo'] } },
      },
    ],
    reports: [
      {
        name: 'demo',
        arn: cluster.arn,
        context: 'demo',
        server: cluster.endpoint,
        credentials: { source: 'instance role' },
        username: 'demo',
        groups: ['system:authenticated'],
        roleArn: role.arn,
        tokenExpires: expect.stringMatching(/^20.*Z$/),
        probes: [
          { rule: 'list namespaces', expected: 'yes', answer: 'yes', passed: true },
          { rule: 'list pods', expected: 'no', answer: 'no', passed: true },
        ],
      },
    ],
  })
  expect(proven.masked).toContainEqual(expect.stringMatching(/^k8s-aws-v1\./))
})

test('a cluster that does not exist takes nothing from the one beside it', async () => {
  const proven = await prove({ targets: ['nowhere', 'demo', 'demo-2'].map(targetOf) })
  expect(proven.failures).toMatchObject([{ code: 'EKS202', cluster: 'nowhere' }])
  expect(proven.reports.map(({ context }) => context)).toEqual(['demo', 'demo-2'])
  expect(proven.entries.map(({ context }) => context)).toEqual(['demo', 'demo-2'])
})

test('a kubeconfig that nothing can be merged into is told beside what else is wrong', async () => {
  const file = join(stage.folder, 'broken')
  await writeFile(file, 'contexts: [')
  const proven = await prove({ targets: [targetOf('nowhere')], inputs: { INPUT_KUBECONFIG: file } })
  expect(codesOf(proven)).toEqual(['EKS902', 'EKS202'])
  expect(proven.found).toEqual({ file: true, folder: true })
})

test('the role that describes the cluster is assumed once, whatever is asked with it after a failure', async () => {
  const describer = createRole(stage.aws, 'describer-once', ALLOW_DESCRIBE)
  const before = stage.aws.requests.length
  const inputs = { 'INPUT_ASSUME-ROLE-ARN': describer.arn }
  const { failures } = await prove({ targets: [targetOf('none')], inputs })
  expect(failures.map(({ code }) => code)).toEqual(['EKS202'])
  const asked = stage.aws.requests.slice(before)
  expect(asked.filter(({ operation }) => operation === 'AssumeRole')).toHaveLength(1)
  expect(asked.some(({ operation }) => operation === 'ListClusters')).toBe(true)
})

test('a proxy of the clusters is in the entry, and is gone through', async () => {
  const proxyUrl = `http://127.0.0.1:${stage.aws.proxy.port}`
  const before = stage.aws.proxy.connects.length
  const { entries, failures } = await prove({ inputs: { 'INPUT_PROXY-URL': proxyUrl } })
  expect(failures).toEqual([])
  expect(entries[0]?.cluster.proxyUrl).toBe(proxyUrl)
  expect(stage.aws.proxy.connects.slice(before)).toMatchObject([{ host: '127.0.0.1', port: cluster.port }])
})

test.each([
  ['the run of the workflow', { GITHUB_RUN_ID: '4711' }, 'eks-login-4711'],
  ['the process, where no workflow runs', {}, `eks-login-${process.pid}`],
])(
  'the session of a role that describes the cluster names %s, and its keys are masked',
  async (_what, env, session) => {
    const describer = createRole(stage.aws, `describer-${session}`, ALLOW_DESCRIBE)
    const proven = await prove({ inputs: { 'INPUT_ASSUME-ROLE-ARN': describer.arn }, env })
    expect(proven.failures).toEqual([])
    const asked = (wanted: string) =>
      stage.aws.requests.filter(({ operation }) => operation === wanted).at(-1)
    expect(asked('AssumeRole')?.identity).toContain(':assumed-role/runner/')
    expect(asked('DescribeCluster')?.identity).toMatch(
      new RegExp(`:assumed-role/${describer.name}/${session}$`),
    )
    const [token, ...keys] = proven.masked.toReversed()
    expect(token).toMatch(/^k8s-aws-v1\./)
    expect(new Set(keys).size).toBe(4)
    expect(stage.aws.identities.secrets()).toEqual(expect.arrayContaining(keys))
  },
)

test('a local cluster on Outposts gets a token for its id, which is known late', async () => {
  // The id is the name by which the server takes tokens.
  const outpost = { outpostArn: `arn:aws:outposts:${REGION}:111122223333:outpost/op-1`, id: 'demo' }
  const { caPem: certificateAuthorityPem, endpoint } = cluster
  stage.aws.putCluster({ name: 'local', region: REGION, endpoint, certificateAuthorityPem, outpost })
  const { entries, failures } = await prove({ targets: [targetOf('local')] })
  expect(failures).toEqual([])
  expect(entries).toMatchObject([{ context: 'local', user: { exec: { args: ['demo'] } } }])
})

test('a token that is none of EKS is told by what made it', async () => {
  const proven = await prove({ provider: signing({ token: 'k8s-aws-v1.bm90aGluZw' }) })
  expect(codesOf(proven)).toEqual(['EKS404'])
  expect(proven.failures[0]?.evidence.join()).toContain('its token is none of EKS')
  expect(proven.reports).toEqual([])
})

describe('a cluster that knows the role under no name', () => {
  let stranger: Role
  beforeAll(() => {
    stranger = createRole(stage.aws, 'stranger', ALLOW_DESCRIBE)
  })
  beforeEach(() => {
    stage.aws.instance.roleArn = stranger.arn
  })

  test('refuses with the role in the cure, which AWS is asked for', async () => {
    const before = stage.aws.requests.length
    const { failures } = await prove()
    expect(stage.aws.requests.slice(before)).toContainEqual(
      expect.objectContaining({
        operation: 'GetCallerIdentity',
        userAgent: expect.stringMatching(/^aws-sdk-js/),
      }),
    )
    expect(failures).toMatchObject([{ code: 'EKS501', cluster: 'demo' }])
    expect(JSON.stringify(failures[0]?.cure)).toContain(stranger.arn)
  })

  test('refuses all the same where AWS does not tell the role', async () => {
    const order = stage.aws.fail({ service: 'sts', operation: 'GetCallerIdentity' }, { kind: 'denied' })
    const { failures } = await prove()
    order.cancel()
    expect(failures).toMatchObject([{ code: 'EKS501', cluster: 'demo' }])
    expect(JSON.stringify(failures[0]?.cure)).not.toContain(stranger.arn)
  })

  test('refuses with the role that the token was asked for', async () => {
    const roleArn = 'arn:aws:iam::111122223333:role/other'
    const before = stage.aws.requests.length
    const { failures } = await prove({ inputs: { 'INPUT_ROLE-ARN': roleArn } })
    expect(JSON.stringify(failures[0]?.cure)).toContain(roleArn)
    // The cluster asks, too, by its own means.
    const ours = stage.aws.requests
      .slice(before)
      .filter(({ userAgent }) => userAgent?.startsWith('aws-sdk-js'))
    expect(ours.map(({ operation }) => operation)).not.toContain('GetCallerIdentity')
  })
})

test('all that differs from what was asked for is told: rules that make no sense, who we are, what we may', async () => {
  const proven = await prove({
    inputs: {
      INPUT_CAN: 'list pods\nlist unicorns',
      INPUT_CANNOT: 'list namespaces',
      'INPUT_EXPECT-USERNAME': 'somebody',
      'INPUT_EXPECT-GROUPS': 'team',
    },
  })
  expect(codesOf(proven).toSorted()).toEqual(['EKS601', 'EKS602', 'EKS701', 'EKS801', 'EKS802'])
  expect(proven.reports).toHaveLength(1)
})

test('what an old server and an old provider do not tell is left open', async () => {
  const old = await startServer(() => ({ status: 404, body: '{"message":"not found"}' }))
  try {
    stage.aws.putCluster({ name: 'old', region: REGION, endpoint: old.url, certificateAuthorityPem: old.ca })
    const made = signing()
    const withoutExpiry: TokenProvider = {
      ...made,
      credential: async (...asked) => ({ token: (await made.credential(...asked)).token }),
    }
    const proven = await prove({
      targets: [targetOf('old')],
      provider: withoutExpiry,
      inputs: { INPUT_CAN: '', INPUT_CANNOT: '', 'INPUT_EXPECT-USERNAME': 'demo' },
    })
    expect(proven.reports).toMatchObject([
      { username: null, groups: [], roleArn: null, tokenExpires: null, probes: [] },
    ])
    expect(proven.failures[0]?.evidence.join('\n')).toContain('demo')
  } finally {
    await old.stop()
  }
})

describe('what is wrong with the exec block, too, is told in the same run', () => {
  const failing = (evidence: KubeEvidence): TokenProvider => ({
    ...signing(),
    credential: () => Promise.reject(new KubeProblem(evidence)),
  })
  const missing = failing({ kind: 'exec-not-found', command: 'aws', path: '/bin' })
  const broken = failing({
    kind: 'exec-failed',
    words: ['aws', 'eks', 'get-token'],
    exitCode: 255,
    signal: null,
    stderr: 'no',
  })

  test('beside a cluster that is not there', async () => {
    const targets = [targetOf('nowhere')]
    expect(codesOf(await prove({ targets, provider: missing }))).toEqual(['EKS202', 'EKS401'])
    expect(codesOf(await prove({ targets, provider: broken }))).toEqual(['EKS202', 'EKS402'])
  })

  test('but without credentials not that its command failed, which it could not but do', async () => {
    stage.aws.instance.roleArn = null
    const [first, ...more] = codesOf(await prove({ provider: missing }))
    expect(first).toMatch(/^EKS10/)
    expect(more).toEqual(['EKS401'])
    expect(codesOf(await prove({ provider: broken }))).toEqual([first])
  })

  test('and where it is all that is wrong, once', async () => {
    expect(codesOf(await prove({ provider: missing }))).toEqual(['EKS401'])
  })
})
