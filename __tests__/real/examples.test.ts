import { mkdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { startKubectlMirror } from '../../lab/kubectl-mirror.ts'
import { type ActResult, runAct } from '../../lab/real/act.ts'
import type { RealCluster } from '../../lab/real/cluster.ts'
import { ACTION, PATIENCE, scenario } from './scenario.ts'

// The examples as they stand in examples/, with the clusters that they name, and this action for OWNER/eks-login.

/** The role that made the cluster, and is an administrator in it. */
const CREATOR = 'arn:aws:iam::111122223333:role/creator'

const at = scenario([
  {
    name: 'staging',
    region: 'eu-central-1',
    neighbours: ['demo'],
    authenticationMode: 'CONFIG_MAP',
    creator: CREATOR,
  },
  { name: 'production', region: 'eu-west-1' },
])

const example = (file: string) => readFile(join(ACTION, 'examples', file), 'utf8')

/** Runs a workflow of a repository that holds `files`, and whose environment has a variable for its cluster. */
function act(workflow: string, options: Partial<Parameters<typeof runAct>[0]> = {}): Promise<ActResult> {
  const files = { '.vars': `EKS_CLUSTER_ARN=${production().arn}\n`, ...options.files }
  const others = { 'OWNER/eks-login@v1': ACTION }
  return runAct({ workflow, env: at.lab.env, ...options, others, files })
}

const staging = () => at.lab.clusters[0] as RealCluster
const production = () => at.lab.clusters[1] as RealCluster

/** What an administrator is told to do in the comment at the head of an example. */
async function administer(cluster: RealCluster, text: string): Promise<void> {
  const commands = [...text.matchAll(/^# +kubectl (.+)$/gm)].map(([, args = '']) => args.split(/ +/))
  for (const args of commands) {
    const { code, stderr } = await cluster.kubectl(args)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}`)
  }
}

/** The ARN of a role that a service may take on, and that may describe one cluster. */
function roleOf(name: string, service: string, actions: string[], clusterArn: string, path = '/'): string {
  const Version = '2012-10-17' as const
  const take = { Effect: 'Allow' as const, Principal: { Service: service }, Action: actions }
  const describe = { Effect: 'Allow' as const, Action: 'eks:DescribeCluster', Resource: clusterArn }
  const policies = { describe: { Version, Statement: [describe] } }
  return at.lab.aws.identities.createRole({ name, path, trust: { Version, Statement: [take] }, policies }).arn
}

/** What a step printed, which ran to its end. */
function printed(run: ActResult, id: string): string {
  const step = run.steps.find(one => one.id === id && one.stage === 'Main')
  expect(step?.result).toBe('success')
  return step?.log ?? ''
}

test(
  'check.yml passes with the rules that it has, and fails with one that does not hold',
  async () => {
    const workflow = await example('check.yml')
    const inputs = { environment: 'production' }
    expect((await act(workflow, { inputs })).jobs).toEqual({ check: 'success' })
    const failing = await act(workflow, { inputs: { ...inputs, can: 'patch deployments.apps -n web' } })
    expect(failing.jobs).toEqual({ check: 'failure' })
    expect(failing.log).toContain('EKS601')
  },
  PATIENCE,
)

test(
  'matrix.yml asks each cluster in its region, and goes on to use it',
  async () => {
    const run = await act(await example('matrix.yml'))
    expect(run.code).toBe(0)
    // From the log as a whole: two jobs of a matrix have the same id.
    for (const { arn } of [staging(), production()]) expect(run.log).toContain(`cluster-arn=${arn}`)
    expect(run.log.match(/kube-system +Active/g)).toHaveLength(2)
  },
  PATIENCE,
)

test(
  'composite/action.yml logs in to the cluster of an environment, hands on who we are, and refuses what is none',
  async () => {
    const files = { '.github/actions/eks/action.yml': await example('composite/action.yml') }
    const use = (environment: string) => `
on: workflow_dispatch
jobs:
  use:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@v4
      - uses: ./.github/actions/eks
        id: eks
        with: {environment: ${environment}, namespace: web}
      - id: told
        run: |
          echo "\${{ steps.eks.outputs.username }} in \${{ steps.eks.outputs.context }}"
          kubectl config view --minify --output jsonpath='{..server} {..namespace}'
      - id: namespaces
        run: kubectl get namespaces
`
    const run = await act(use('production'), { files })
    expect(run.jobs).toEqual({ use: 'success' })
    expect(printed(run, 'told')).toContain('demo in production')
    expect(printed(run, 'told')).toContain(`${production().endpoint} web`)
    expect(printed(run, 'namespaces')).toMatch(/^kube-system +Active/m)
    expect(run.steps.filter(({ stage }) => stage === 'Post').map(({ result }) => result)).toContain('success')

    const refused = await act(use('elsewhere'), { files })
    expect(refused.jobs).toEqual({ use: 'failure' })
    expect(refused.log).toContain('environment must be staging or production')
  },
  PATIENCE,
)

const MANIFESTS = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example.com/web}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`

/** Says of the first Deployment that it runs, in the place of controllers and nodes, which the lab's cluster has not. */
async function rollOut(cluster: RealCluster): Promise<void> {
  const web = ['deployment/web', '--namespace=web']
  // A busy machine may take longer than one run of kubectl may.
  for (let tries = 3, code = 1; code !== 0 && tries > 0; tries--) {
    code = (await cluster.kubectl(['wait', '--for=create', '--timeout=50s', ...web])).code
  }
  const counts = { replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 }
  const status = JSON.stringify({ status: { observedGeneration: 1, ...counts } })
  await cluster.kubectl(['patch', '--subresource=status', '--type=merge', `--patch=${status}`, ...web])
}

test(
  'deploy.yml applies manifests and waits until they run, with no more rights than its comment gives',
  async () => {
    const cluster = production()
    const workflow = await example('deploy.yml')
    await administer(cluster, workflow)
    const role = roleOf('deployer', 'ec2.amazonaws.com', ['sts:AssumeRole'], cluster.arn)
    await cluster.mapRole(role, 'deployer')
    at.lab.aws.instance.roleArn = role

    const [run] = await Promise.all([
      act(workflow, { files: { 'deploy/web.yaml': MANIFESTS } }),
      rollOut(cluster),
    ])
    expect(run.log).toContain('deployment "web" successfully rolled out')
    expect(run.jobs).toEqual({ deploy: 'success' })
    const service = await cluster.kubectl(['get', 'service', 'web', '--namespace=web', '--output=name'])
    expect(service.stdout.trim()).toBe('service/web')
  },
  PATIENCE,
)

test(
  'grant.yml says what it would do, does it, and takes it away again, as check.yml finds each time',
  async () => {
    const { arn } = staging()
    const files = { '.vars': `EKS_CLUSTER_ARN=${arn}\n` }
    const [grant, check] = await Promise.all([example('grant.yml'), example('check.yml')])
    await administer(staging(), grant)
    const roles = {
      creator: roleOf('creator', 'ec2.amazonaws.com', ['sts:AssumeRole'], arn),
      deployer: roleOf('web-deployer', 'ec2.amazonaws.com', ['sts:AssumeRole'], arn, '/ci/'),
    }
    const as = (role: keyof typeof roles, workflow: string, inputs: Record<string, string>) => {
      at.lab.aws.instance.roleArn = roles[role]
      return act(workflow, { files, inputs })
    }
    const inputs = { environment: 'staging', can: 'patch deployments.apps -n web', cannot: 'list pods -A' }

    const planned = await as('creator', grant, { mode: 'plan' })
    expect(planned.jobs).toEqual({ deployer: 'success' })
    expect(planned.log).toContain('+  name: eks-login-deployer')
    expect((await as('deployer', check, inputs)).log).toContain('EKS501')

    expect((await as('creator', grant, { mode: 'apply' })).jobs).toEqual({ deployer: 'success' })
    expect((await as('deployer', check, inputs)).jobs).toEqual({ check: 'success' })

    expect((await as('creator', grant, { mode: 'revoke' })).jobs).toEqual({ deployer: 'success' })
    expect((await as('deployer', check, inputs)).log).toContain('EKS501')
  },
  2 * PATIENCE,
)

test(
  'arc.yml logs in with the role of a pod, on a machine without AWS CLI and kubectl, and brings the kubectl',
  async () => {
    const agent = 'pods.eks.amazonaws.com'
    const arn = staging().arn.replace('staging', 'demo')
    const role = roleOf('pod', agent, ['sts:AssumeRole', 'sts:TagSession'], arn)
    await staging().mapRole(role, 'demo')
    const pod = await at.lab.aws.grantContainer({ roleArn: role, agent, sessionName: 'runner-0' })
    const bin = join(at.runner.temp, 'bin')
    await mkdir(bin)
    await symlink(process.execPath, join(bin, 'node'))
    const PATH = `${bin}:/usr/bin:/bin`

    const mirror = await startKubectlMirror()
    try {
      const platform = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`
      mirror.publish({ version: '1.37.2', platform, content: await readFile(staging().kubectlPath) })
      const workflow = (await example('arc.yml'))
        .replace('runs-on: eks-runner', 'runs-on: self-hosted')
        .replace(/^ +kubectl-version: cluster$/m, `$&\n          kubectl-mirror: ${mirror.url}`)
      const run = await act(workflow, { env: { ...at.lab.env, ...pod, PATH } })
      expect(run.log).toMatch(/kube-system +Active/)
      expect(run.log).toContain(`role-arn=${role}`)
      expect(run.jobs).toEqual({ namespaces: 'success' })
      expect(mirror.requests).toContain(`/release/v1.37.2/bin/${platform}/kubectl`)
    } finally {
      await mirror.stop()
    }
  },
  PATIENCE,
)
