import { type Lab, startLab } from '../../lab/lab.ts'
import { Administrator } from '../../src/grant/administrator.ts'
import { GrantProblem } from '../../src/grant/evidence.ts'
import { readGrantInputs } from '../../src/grant/inputs.ts'
import { whoAmI } from '../../src/kube/reviews.ts'
import type { Run } from '../../src/run.ts'

const CREATOR = 'arn:aws:iam::111122223333:role/creator'
let lab: Lab
let masked: (string | undefined)[] = []
const before = { ...process.env }
beforeAll(async () => {
  lab = await startLab({ kubernetes: 'embedded', clusters: [{ name: 'demo', creator: CREATOR }] })
  lab.aws.identities.createRole({
    name: 'creator',
    trust: {
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
    policies: { eks: { Statement: [{ Effect: 'Allow', Action: 'eks:*', Resource: '*' }] } },
  })
  lab.aws.instance.roleArn = CREATOR
  // The SDK asks its own process where AWS is.
  Object.assign(process.env, lab.env)
})
afterAll(async () => {
  process.env = before
  await lab.stop()
})

function administrator(name = 'demo', given: { arn?: string; provider?: string } = {}) {
  masked = []
  const inputs = readGrantInputs({
    'INPUT_CLUSTER-NAME': name,
    'INPUT_ROLE-ARN': 'arn:aws:iam::111122223333:role/runner',
    'INPUT_TOKEN-PROVIDER': given.provider ?? 'builtin',
  })
  const run: Run = {
    ...{ env: lab.env, timeoutSeconds: 10, signal: new AbortController().signal },
    mask: async secrets => void masked.push(...secrets),
    time: (_name, work) => work,
  }
  const { region } = lab.aws.instance
  return new Administrator({ name, region, ...(given.arn ? { arn: given.arn } : {}) }, inputs, run)
}

test('the administrator is in the cluster who the job is, and nothing of a token is told', async () => {
  const me = administrator()
  const early = me.token()
  const cluster = await me.describe()
  expect(cluster.arn).toBe(lab.clusters[0]?.arn)
  const api = await me.api(cluster, early)
  expect(await whoAmI(api)).toMatchObject({ username: 'kubernetes-admin' })
  expect(masked).toContain((await early).token)
  api.close()
})

test('a local cluster on Outposts is named by its id in the token', async () => {
  const [demo] = lab.clusters
  const { arn } = lab.aws.putCluster({
    ...{ name: 'outpost', region: lab.aws.instance.region, endpoint: demo?.endpoint ?? '' },
    ...{ certificateAuthorityPem: demo?.caPem ?? '', authenticationMode: 'CONFIG_MAP' },
    outpost: { outpostArn: 'arn:aws:outposts:us-east-1:111122223333:outpost/op-1', id: 'd0c1' },
  })
  const me = administrator('outpost', { arn })
  const cluster = await me.describe()
  const api = await me.api(cluster, new Promise<never>(() => {}))
  const failure = await whoAmI(api).catch(error => me.failuresOf(error))
  // The lab's cluster takes tokens for another one.
  expect(failure).toEqual([expect.objectContaining({ code: 'EKS501', cluster: 'outpost' })])
  api.close()
})

test('what goes wrong is told as after a login', async () => {
  const me = administrator('missing')
  const failures = await me.describe().catch(error => me.failuresOf(error))
  expect(failures).toEqual([expect.objectContaining({ code: 'EKS202', cluster: 'missing' })])
  const [own] = await me.failuresOf(new GrantProblem({ kind: 'grant-dangerous', what: 'w' }))
  expect(own).toMatchObject({ code: 'EKS720', cluster: 'missing' })
  const withoutCli = administrator('demo', { provider: 'aws' })
  const [missing] = (await withoutCli
    .token()
    .catch(error => withoutCli.failuresOf(error))) as never as object[]
  expect(missing).toMatchObject({ code: expect.stringMatching(/^EKS40/) })
})
