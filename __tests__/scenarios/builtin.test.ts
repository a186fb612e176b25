import { cp, link, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { load } from 'js-yaml'
import { OWNERS_FOLDER } from '../systems.ts'
import { ACTION, expectFailure, PATIENCE, scenario } from './scenario.ts'

// `token-provider: builtin`: the exec block runs the action's own signer, on a runner that has no AWS CLI.

const at = scenario()

const login = (inputs: Record<string, string> = {}, options: Parameters<typeof at.login>[1] = {}) =>
  at.login({ 'token-provider': 'builtin', ...inputs }, options)

/** A later step on whose PATH nothing can be found. */
const list = (resource: Parameters<typeof at.list>[0] = 'namespaces', env: Record<string, string> = {}) =>
  at.list(resource, { env: { PATH: '/nowhere', ...env } })

/** A module that makes a process unable to start any other. */
async function withoutProcesses(): Promise<Record<string, string>> {
  const file = join(at.runner.temp, 'no-processes.cjs')
  const refuse = "() => { throw new Error('a process was started') }"
  await writeFile(file, `require('node:child_process').ChildProcess.prototype.spawn = ${refuse}\n`)
  return { PATH: '/nowhere', NODE_OPTIONS: `--require=${file}` }
}

const signers = async (folder: string) =>
  (await readdir(folder)).filter(name => name.startsWith('kubeconfig.token-'))

test(
  'the story without an AWS CLI, and the login itself starts no process',
  async () => {
    const { code, outputs, report } = await login({}, { env: await withoutProcesses() })
    expect(report.failures).toEqual([])
    expect(code).toBe(0)
    expect(outputs).toMatchObject({ username: 'demo', 'role-arn': at.role.arn })
    expect((await list()).stdout).toContain('namespace/kube-system')
    expect((await list('pods')).stderr).toContain('User "demo" cannot list resource "pods"')
    expect((await list('configmaps')).stderr).toContain('Forbidden')
  },
  PATIENCE,
)

test(
  'the exec block names the runtime and a signer beside the kubeconfig, which nobody else can read',
  async () => {
    const { outputs } = await login()
    const file = outputs.kubeconfig ?? ''
    const [name = ''] = await signers(dirname(file))
    const script = join(dirname(file), name, 'index.js')
    const { users } = load(await readFile(file, 'utf8')) as { users: { user: { exec: object } }[] }
    expect(users[0]?.user.exec).toMatchObject({
      command: process.execPath,
      args: [
        script,
        ...['--region', at.cluster.region, '--cluster-name', 'demo'],
        ...['--credential-source', 'role', '--timeout', '30'],
      ],
    })
    expect(((await stat(dirname(script))).mode & 0o777).toString(8)).toBe(OWNERS_FOLDER)
    expect(await readFile(script, 'utf8')).toBe(await readFile(join(ACTION, 'dist/token/index.js'), 'utf8'))
  },
  PATIENCE,
)

test(
  'the post steps of two logins take the signer away with the last one that needs it',
  async () => {
    await login()
    const { outputs } = await login({ alias: 'second' })
    const folder = dirname(outputs.kubeconfig ?? '')
    expect(await signers(folder)).toHaveLength(1)
    await at.runner.finish()
    expect(await readdir(at.runner.temp)).not.toContain('eks-login')
  },
  PATIENCE,
)

test(
  'a kept kubeconfig works when the action\u2019s folder is gone and the runner has updated itself',
  async () => {
    const root = join(at.runner.folder, 'actions-runner')
    const node = await installRuntime(root, '2.330.0')
    const action = join(root, '_work', '_actions', 'eks-login')
    await cp(join(ACTION, 'dist'), join(action, 'dist'), { recursive: true })
    const kubeconfig = join(at.runner.home, '.kube', 'config')
    const inputs = {
      'INPUT_CLUSTER-NAME': 'demo',
      INPUT_REGION: at.cluster.region,
      INPUT_KUBECONFIG: kubeconfig,
      'INPUT_TOKEN-PROVIDER': 'builtin',
      INPUT_CLEANUP: 'false',
    }
    const done = await at.runner.step(node, [join(action, 'dist/login/index.js')], { env: inputs })
    expect(done).toMatchObject({ code: 0, outputs: { username: 'demo' } })

    await rm(action, { recursive: true })
    await installRuntime(root, '2.331.0')
    await rm(join(root, 'externals.2.330.0'), { recursive: true })
    expect(await list('namespaces', { KUBECONFIG: kubeconfig })).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

/** Node as a runner's update installs it: a version's own folder, and a link that is led there. */
async function installRuntime(root: string, version: string): Promise<string> {
  const [externals, program] = [join(root, 'externals'), basename(process.execPath)]
  const bin = join(root, `externals.${version}`, 'node24', 'bin')
  await mkdir(bin, { recursive: true })
  await link(process.execPath, join(bin, program)).catch(() => cp(process.execPath, join(bin, program)))
  await rm(externals, { force: true })
  await symlink(join(root, `externals.${version}`), externals, 'junction')
  return join(externals, 'node24', 'bin', program)
}

test(
  'user keys in a later step are refused where the login asked for a role, and no token is made',
  async () => {
    await login()
    const user = at.lab.aws.identities.createUser({ name: 'somebody' })
    const { accessKeyId, secretAccessKey } = at.lab.aws.identities.createAccessKey(user.arn)
    const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
    const refused = await list('namespaces', keys)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('EKS103 long-lived user keys come first (environment)')
    expect(refused.stderr).not.toContain(secretAccessKey)
  },
  PATIENCE,
)

test(
  'a search for credentials that never ends is ended, and told',
  async () => {
    const config = join(at.runner.temp, 'config')
    const slow = `"${process.execPath}" --eval "setTimeout(() => {}, 60000)"`
    await writeFile(config, `[profile slow]\ncredential_process = ${slow}\n`)
    const script = join(ACTION, 'dist/token/index.js')
    const args = [script, '--region', at.cluster.region, '--cluster-name', 'demo', '--timeout', '1']
    const env = { AWS_CONFIG_FILE: config, AWS_PROFILE: 'slow' }
    const ended = await at.runner.step(process.execPath, args, { env, timeout: 30_000 })
    expect(ended).toMatchObject({ code: 1, timedOut: false, stdout: '' })
    expect(ended.stderr).toContain('EKS209')
  },
  PATIENCE,
)

test(
  'what the signer says of somebody else\u2019s text is no command to the runner',
  async () => {
    await login()
    const { stderr } = await list('namespaces', { AWS_PROFILE: 'x\n::add-mask::hello' })
    expect(stderr).toContain('add-mask')
    expect(stderr).not.toMatch(/^\s*::/m)
  },
  PATIENCE,
)

test(
  'an older version\u2019s signer goes when a login no longer names it',
  async () => {
    const { outputs } = await login({ cleanup: 'false' })
    const folder = dirname(outputs.kubeconfig ?? '')
    await mkdir(join(folder, 'kubeconfig.token-0123456789ab'))
    await login({ cleanup: 'false' })
    expect(await signers(folder)).toEqual([expect.not.stringContaining('0123456789ab')])
  },
  PATIENCE,
)

test(
  'where the kubeconfig cannot be written, no signer is left either',
  async () => {
    const folder = join(at.runner.temp, 'full')
    await mkdir(folder)
    const env = await failingWrites('kubeconfig')
    const failed = await login({ kubeconfig: join(folder, 'kubeconfig') }, { env })
    expect(failed.report.failures.map(({ code }) => code)).toEqual(['EKS906'])
    expect(await readdir(folder)).toEqual([])
  },
  PATIENCE,
)

/** A module that lets no file of that name come into place. */
async function failingWrites(name: string): Promise<Record<string, string>> {
  const file = join(at.runner.temp, 'no-renames.cjs')
  const text = `const fs = require('node:fs/promises')
const { rename } = fs
fs.rename = async (from, to) => {
  if (require('node:path').basename(to) === '${name}') throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  return rename(from, to)
}
`
  await writeFile(file, text)
  return { NODE_OPTIONS: `--require=${file}` }
}

test(
  'with role-arn the token is that role\u2019s, in a session named as the AWS CLI names it',
  async () => {
    const { identities } = at.lab.aws
    const role = identities.createRole({
      name: 'deployer',
      trust: {
        Statement: [{ Effect: 'Allow', Principal: { AWS: at.role.arn }, Action: 'sts:AssumeRole' }],
      },
      policies: {},
    })
    const allow = { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: role.arn } as const
    identities.putPolicy(at.role.arn, 'assume', { Statement: [allow] })
    await at.cluster.mapRole(role.arn, 'demo')
    const { outputs, masks } = await login({ 'role-arn': role.arn })
    expect(outputs['role-arn']).toBe(role.arn)
    // Those of the instance, and those of the role that it assumed for the token.
    const assumed = masks.filter(mask => identities.secrets().includes(mask))
    expect(assumed.length).toBeGreaterThanOrEqual(4)
    const who = at.lab.aws.requests.findLast(({ operation }) => operation === 'GetCallerIdentity')
    expect(who?.identity).toMatch(/:assumed-role\/deployer\/EKSGetTokenAuth$/)
  },
  PATIENCE,
)

test(
  'without any credentials it says so, in the step and in a later client',
  async () => {
    await login()
    at.lab.aws.instance.roleArn = null
    const later = await list()
    expect(later.stderr).toContain('EKS101 no role is attached to the instance of the runner')
    const on = await at.anotherRunner()
    await expectFailure(await login({}, { on }), on, ['EKS101'])
  },
  PATIENCE,
)

test(
  'an unknown provider is bad input',
  async () => {
    const failed = await login({ 'token-provider': 'gcloud' })
    await expectFailure(failed, at.runner, ['EKS001'])
    expect(failed.log).toContain('input token-provider: "gcloud" is none of its words')
  },
  PATIENCE,
)
