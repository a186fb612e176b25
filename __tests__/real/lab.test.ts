import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../lab/admin.ts'
import type { Role } from '../../lab/aws/identities.ts'
import { type RealLab, startLab } from '../../lab/lab.ts'
import { runAct } from '../../lab/real/act.ts'
import { type RealCluster, startCluster } from '../../lab/real/cluster.ts'
import { createRunner, type Runner } from '../../lab/runner/runner.ts'

/** Milliseconds that any of these may take: a cluster starts in three seconds, on a busy machine in many more. */
const patience = 120_000

let lab: RealLab
let role: Role
let first: RealCluster
let second: RealCluster
let third: RealCluster
beforeAll(async () => {
  lab = await startLab({
    kubernetes: 'real',
    clusters: [
      { name: 'first' },
      { name: 'second', region: 'eu-west-1' },
      { name: 'third', neighbours: ['third-2', 'third-3'] },
    ],
  })
  const [one, two, three] = lab.clusters
  if (!one || !two || !three) throw new Error('three clusters were asked for')
  first = one
  second = two
  third = three
  role = await lab.admitRunner()
}, patience)
afterAll(() => lab?.stop(), patience)

let runner: Runner
beforeEach(async () => {
  lab.aws.instance.roleArn = role.arn
  runner = await createRunner({ env: lab.env })
})
afterEach(() => runner.close())

/** Writes a kubeconfig with the AWS CLI, whose exec block asks it for tokens, and makes the job use it. */
async function login({ name, region }: Pick<RealCluster, 'name' | 'region'>): Promise<void> {
  const file = join(runner.temp, 'kubeconfig')
  const args = [
    'eks',
    'update-kubeconfig',
    '--name',
    name,
    '--region',
    region,
    '--kubeconfig',
    file,
    '--alias',
    name,
  ]
  expect(await runner.step('aws', args)).toMatchObject({ code: 0 })
  await runner.step('sh', ['-c', `echo KUBECONFIG=${file} >> $GITHUB_ENV`])
}

const kubectl = (...args: string[]) => runner.step('kubectl', args)

async function getToken({ name, region }: Pick<RealCluster, 'name' | 'region'>): Promise<string> {
  const args = ['eks', 'get-token', '--cluster-name', name, '--region', region]
  const { stdout } = await runner.step('aws', args)
  return JSON.parse(stdout).status.token
}

/** Makes a role that may do what the runner's may, and puts it on the instance. */
function anotherRole(name: string): Role {
  const policies = { all: { Statement: [{ Effect: 'Allow', Action: 'eks:*', Resource: '*' }] } } as const
  const trusted = {
    Effect: 'Allow',
    Principal: { Service: 'ec2.amazonaws.com' },
    Action: 'sts:AssumeRole',
  } as const
  const made = lab.aws.identities.createRole({ name, trust: { Statement: [trusted] }, policies })
  lab.aws.instance.roleArn = made.arn
  return made
}

test(
  'a mapped role lists namespaces and nothing else',
  async () => {
    await login(first)
    expect((await kubectl('get', 'namespaces')).stdout).toMatch(/^kube-system +Active/m)
    for (const resource of ['pods', 'configmaps']) {
      const { code, stderr } = await kubectl('get', resource)
      expect(code).toBe(1)
      expect(stderr).toContain(
        `Error from server (Forbidden): ${resource} is forbidden: User "demo" cannot list`,
      )
    }
  },
  patience,
)

test(
  'the cluster says who the role is, as one on EKS does',
  async () => {
    await login(first)
    const { stdout } = await kubectl('auth', 'whoami', '--output', 'json')
    expect(JSON.parse(stdout).status.userInfo).toMatchObject({
      username: 'demo',
      uid: `aws-iam-authenticator:${lab.aws.account}:${role.uniqueId}`,
      groups: ['system:authenticated'],
      extra: { canonicalArn: [role.arn], sessionName: [lab.aws.instance.id] },
    })
  },
  patience,
)

test(
  'a role that is not mapped is Unauthorized until it is',
  async () => {
    const other = anotherRole('other')
    await login(first)
    const refused = await kubectl('get', 'namespaces')
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.stderr).toContain('You must be logged in to the server')
    await first.mapRole(other.arn, 'somebody', ['demo:watchers', 'demo:others'])
    const { stdout } = await kubectl('auth', 'whoami', '--output', 'json')
    expect(JSON.parse(stdout).status.userInfo).toMatchObject({
      username: 'somebody',
      groups: ['demo:watchers', 'demo:others', 'system:authenticated'],
    })
  },
  patience,
)

test(
  'an aws-auth that is not well-formed maps nobody',
  async () => {
    const { stdout } = await second.kubectl([
      'get',
      'configmap',
      'aws-auth',
      '-n',
      'kube-system',
      '-o',
      'jsonpath={.data.mapRoles}',
    ])
    await login(second)
    await second.writeMapRoles(`${stdout}  - rolearn: [`)
    expect(await kubectl('get', 'namespaces')).toMatchObject({ code: 1 })
    await second.writeMapRoles(stdout)
    expect(await kubectl('get', 'namespaces')).toMatchObject({ code: 0 })
  },
  patience,
)

test(
  'two clusters are two: each has its own objects, and takes no token of the other',
  async () => {
    await second.apply('apiVersion: v1\nkind: Namespace\nmetadata: { name: only-in-second }\n')
    await login(first)
    expect((await kubectl('get', 'namespaces')).stdout).not.toContain('only-in-second')
    await login(second)
    expect((await kubectl('get', 'namespaces')).stdout).toContain('only-in-second')
    // With a token given, kubectl does not ask the exec block.
    expect(await kubectl('get', 'namespaces', '--token', await getToken(second))).toMatchObject({ code: 0 })
    expect(await kubectl('get', 'namespaces', '--token', await getToken(first))).toMatchObject({ code: 1 })
  },
  patience,
)

test(
  'neighbours are clusters of their own to AWS, at one endpoint',
  async () => {
    const described = async (name: string) => {
      const args = ['eks', 'describe-cluster', '--region', third.region, '--name', name]
      return JSON.parse((await runner.step('aws', args)).stdout).cluster
    }
    const { endpoint, certificateAuthority } = await described('third')
    expect(third.neighbours.map(({ name }) => name)).toEqual(['third-2', 'third-3'])
    for (const { name, arn } of third.neighbours) {
      expect(await described(name)).toMatchObject({ name, arn, endpoint, certificateAuthority })
    }
  },
  patience,
)

test(
  "a neighbour takes the token that is signed for it, which its own authenticator checks and no other's",
  async () => {
    const { region, neighbours } = third
    const grants = (name: string) => {
      const log = join(dirname(third.adminKubeconfig), 'authenticators', `${name}.log`)
      return readFileSync(log, 'utf8').match(/access granted/g)?.length ?? 0
    }
    const names = [third, ...neighbours].map(({ name }) => name)
    for (const name of names) {
      const before = names.map(grants)
      await login({ name, region })
      expect((await kubectl('get', 'namespaces')).stdout).toMatch(/^kube-system +Active/m)
      const asked = names.filter((each, index) => grants(each) > (before[index] ?? 0))
      expect(asked).toEqual([name])
    }
  },
  patience,
)

test(
  'an authenticator among neighbours refuses the token that is signed for another',
  async () => {
    const token = await getToken({ name: 'third-2', region: third.region })
    const review = { apiVersion: 'authentication.k8s.io/v1beta1', kind: 'TokenReview', spec: { token } }
    const statuses = ['third', 'third-2', 'third-3'].map(async name => {
      const config = join(dirname(third.adminKubeconfig), 'authenticators', `${name}.yaml`)
      const { port } = JSON.parse(readFileSync(config, 'utf8')).server
      return (await ask({ port, caPem: third.caPem }, 'POST', '/authenticate', review)).status
    })
    expect(await Promise.all(statuses)).toEqual([403, 200, 403])
  },
  patience,
)

test(
  'a token that is signed for a name no cluster has is Unauthorized among neighbours too',
  async () => {
    const { region } = third
    await login(third)
    // With a token given, kubectl does not ask the exec block.
    const get = async (name: string) =>
      kubectl('get', 'namespaces', '--token', await getToken({ name, region }))
    expect(await get('third-3')).toMatchObject({ code: 0 })
    const refused = await get('third-4')
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.stderr).toContain('You must be logged in to the server')
  },
  patience,
)

test(
  'a role that is mapped at one is mapped at all neighbours when that returns',
  async () => {
    const other = anotherRole('neighbourly')
    await third.mapRole(other.arn, 'neighbour')
    for (const { name } of [third, ...third.neighbours]) {
      await login({ name, region: third.region })
      expect((await kubectl('auth', 'whoami')).stdout).toMatch(/^Username +neighbour$/m)
    }
  },
  patience,
)

test(
  'a manifest that the cluster refuses is an error that says why',
  async () => {
    const manifest = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: Not-A-Name }\n'
    await expect(first.apply(manifest)).rejects.toThrow('Not-A-Name')
  },
  patience,
)

test(
  "the API server is reached under its host name through the lab's proxy",
  async () => {
    await login(first)
    const server = ['--server', `https://${first.hostName}`]
    expect(await kubectl('get', 'namespaces', ...server)).toMatchObject({ code: 0 })
    expect(lab.aws.proxy.connects).toContainEqual(
      expect.objectContaining({ host: first.hostName, outcome: 'tunnelled' }),
    )
  },
  patience,
)

test(
  'act runs a workflow with an action of its repository, its post step and another repository',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sample-action-'))
    try {
      const runs = 'runs: { using: node24, main: main.js, post: post.js }'
      await writeFile(join(folder, 'action.yml'), `name: sample\ndescription: sample\n${runs}\n`)
      const main = `
      const fs = require('node:fs')
      console.log('::add-mask::hunter2')
      console.log('::notice title=Seen::hunter2 under ' + process.version)
      fs.appendFileSync(process.env.GITHUB_OUTPUT, 'answer=42\\n')
      fs.appendFileSync(process.env.GITHUB_STEP_SUMMARY, '# Done\\n')
      fs.appendFileSync(process.env.GITHUB_STATE, 'left=behind\\n')`
      await writeFile(join(folder, 'main.js'), main)
      await writeFile(join(folder, 'post.js'), `console.log('found ' + process.env.STATE_left)`)
      const workflow = `
      on: { workflow_dispatch: { inputs: { who: { default: nobody } } } }
      jobs:
        demo:
          runs-on: self-hosted
          steps:
            - uses: actions/checkout@v5
            - { uses: ./, id: own }
            - { run: 'echo "\${{ inputs.who }} got \${{ steps.own.outputs.answer }}, not hunter2"', id: echo }
            - { uses: octo/sample@v1, id: other }
            - run: |
                aws eks update-kubeconfig --name first --region us-east-1
                kubectl get namespaces
              id: story
            - { run: kubectl get pods, id: pods }
            - { run: echo never, id: skipped }`
      const others = { 'octo/sample@v1': folder }
      const result = await runAct({
        workflow,
        env: lab.env,
        repository: folder,
        others,
        inputs: { who: 'someone' },
      })

      expect(result.jobs).toEqual({ demo: 'failure' })
      expect(result.steps.map(({ stage, id, result }) => `${stage} ${id} ${result}`)).toEqual([
        'Main 0 success',
        'Main own success',
        'Main echo success',
        'Main other success',
        'Main story success',
        'Main pods failure',
        'Post other success',
        'Post own success',
      ])
      const step = (id: string) => result.steps.find(each => each.id === id)
      expect(step('own')).toMatchObject({
        outputs: { answer: '42' },
        summary: '# Done\n',
        annotations: [{ level: 'notice', title: 'Seen', message: `*** under ${process.version}` }],
      })
      expect(step('echo')?.log).toBe('someone got 42, not ***\n')
      expect(step('story')?.log).toMatch(/^kube-system +Active/m)
      expect(step('pods')?.log).toContain('pods is forbidden: User "demo"')
      expect(result.steps.at(-1)?.log).toBe('found behind\n')
      expect(result.log).not.toContain('hunter2')
    } finally {
      await rm(folder, { recursive: true })
    }
  },
  patience,
)

test(
  'nothing in the lab has tried to get out of it',
  () => {
    expect(lab.aws.proxy.connects.filter(({ outcome }) => outcome === 'refused')).toEqual([])
  },
  patience,
)

test(
  'a cluster that cannot start says so and leaves nothing',
  async () => {
    const servers = () => process.getActiveResourcesInfo().filter(each => each === 'TCPServerWrap').length
    const serversBefore = servers()
    const before = process.env.TMPDIR
    const folder = await mkdtemp(join(tmpdir(), 'empty-'))
    try {
      process.env.TMPDIR = folder
      for (const neighbours of [[], ['demo-2']]) {
        const options = { aws: lab.aws, name: 'no such name', neighbours }
        await expect(startCluster(options)).rejects.toThrow('no such name')
        expect(await readdir(folder)).toEqual([])
        expect(servers()).toBe(serversBefore)
      }
    } finally {
      if (before === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = before
      await rm(folder, { recursive: true })
    }
  },
  patience,
)

test(
  'stopping leaves no process and no folder',
  async () => {
    const clusters = [{ name: 'demo', neighbours: ['demo-2', 'demo-3'] }]
    const own = await startLab({ kubernetes: 'real', clusters })
    const pids = own.clusters.flatMap(cluster => cluster.pids)
    const folders = [...own.clusters.map(cluster => dirname(cluster.adminKubeconfig)), own.env.HOME ?? '']
    expect(pids.map(isRunning)).toEqual([true, true, true, true, true])
    await own.stop()
    expect(pids.filter(isRunning)).toEqual([])
    expect(folders.filter(folder => existsSync(folder))).toEqual([])
  },
  patience,
)

test(
  'killing the process that started a lab ends all that it started',
  async () => {
    const module = join(import.meta.dirname, '../../lab/lab.ts')
    const script = `
    const { startLab } = await import(${JSON.stringify(module)})
    const neighbours = ['demo-2']
    const { clusters, env } = await startLab({ kubernetes: 'real', clusters: [{ name: 'demo', neighbours }] })
    const folders = [env.HOME, ...clusters.map(cluster => cluster.adminKubeconfig)]
    console.log(JSON.stringify({ pids: clusters.flatMap(cluster => cluster.pids), folders }))`
    const args = ['--input-type=module', '--no-warnings', '-e', script]
    const owner = spawn(process.execPath, args, {
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await owner.stdout.take(1).toArray()
    const { pids, folders } = JSON.parse(String(line)) as { pids: number[]; folders: string[] }
    expect(pids.map(isRunning)).toEqual([true, true, true, true])
    owner.kill('SIGKILL')
    const left = () => [...pids.filter(isRunning), ...folders.filter(folder => existsSync(folder))]
    for (let tries = 0; left().length > 0 && tries < 250; tries++) await sleep(20)
    expect(left()).toEqual([])
  },
  patience,
)

/** Whether a process runs; one that only waits for its parent to notice that it has ended does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
