import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { putProgram } from '../systems.ts'
import { ACTION, expectFailure, PATIENCE, PROVIDERS, scenario } from './scenario.ts'

const at = scenario()

/** Makes EKS describe the cluster by a name that only the lab's proxy can reach, as a private endpoint's is. */
function behindProxy(certificateAuthorityPem = at.cluster.caPem): void {
  const { name, region, hostName, port } = at.cluster
  at.lab.aws.proxy.route(hostName, port)
  describe({ name, region, endpoint: `https://${hostName}:${port}`, certificateAuthorityPem })
}

function describe(cluster: Parameters<typeof at.lab.aws.putCluster>[0]): void {
  at.lab.aws.putCluster({ version: '1.37', ...cluster })
}

/** The cluster as it was. */
afterEach(() => {
  const { name, region, endpoint, caPem } = at.cluster
  describe({ name, region, endpoint, certificateAuthorityPem: caPem })
})

const connects = () => at.lab.aws.proxy.connects.map(({ host }) => host)

test(
  'HTTPS_PROXY is the way to the API server and to AWS, with AWS_CA_BUNDLE trusted there',
  async () => {
    behindProxy()
    const { AWS_ENDPOINT_URL_EKS: _, ...env } = at.lab.env
    const runner = await at.anotherRunner()
    const before = connects().length
    const login = await at.login({}, { on: runner, env: { ...env, AWS_ENDPOINT_URL_EKS: '' } })
    expect(login.log).toContain('pass  can-i list namespaces')
    expect(login.code).toBe(0)
    const hosts = connects().slice(before)
    expect(hosts).toContain(`eks.${at.cluster.region}.amazonaws.com`)
    expect(hosts).toContain(at.cluster.hostName)
    expect(await at.list('namespaces', { on: runner })).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'proxy-url is the way to the API server alone, and stands in the cluster entry',
  async () => {
    behindProxy()
    const proxy = at.lab.env.HTTPS_PROXY ?? ''
    const login = await at.login({ 'proxy-url': proxy }, { env: { NO_PROXY: '*' } })
    expect(login.code).toBe(0)
    expect(await readFile(login.outputs.kubeconfig ?? '', 'utf8')).toContain(`proxy-url: ${proxy}`)
    expect(await at.list('namespaces', { env: { NO_PROXY: '*' } })).toMatchObject({
      code: 0,
    })
  },
  PATIENCE,
)

test(
  'a proxy that does not let us through is told from a network that does not',
  async () => {
    behindProxy()
    at.lab.aws.proxy.unroute(at.cluster.hostName)
    await expectFailure(await at.login(), at.runner, ['EKS305'])
    const direct = await at.login({ timeout: '5' }, { env: { NO_PROXY: '*' } })
    await expectFailure(direct, at.runner, ['EKS301'])
    expect(direct.log).toContain(at.cluster.hostName)
  },
  PATIENCE,
)

test(
  'an API server whose certificate another CA signed is refused, with the signer\u2019s name',
  async () => {
    const { name, region, endpoint } = at.cluster
    describe({ name, region, endpoint, certificateAuthorityPem: at.lab.aws.caPem })
    await expectFailure(await at.login(), at.runner, ['EKS304'])
  },
  PATIENCE,
)

test(
  'throttling, server errors and resets of the EKS API pass by themselves',
  async () => {
    for (const fault of [
      { kind: 'throttle' },
      { kind: 'server-error', status: 503 },
      { kind: 'reset' },
    ] as const) {
      const order = at.lab.aws.fail({ service: 'eks', times: 2 }, fault)
      expect(await at.login()).toMatchObject({ code: 0 })
      expect(order.hits).toBe(2)
    }
  },
  PATIENCE,
)

test(
  'a service that does not answer ends the step within its timeout',
  async () => {
    const order = at.lab.aws.fail({ service: 'eks' }, { kind: 'slow', milliseconds: 60_000 })
    const login = await at.login({ timeout: '2' })
    await expectFailure(login, at.runner, ['EKS209'])
    order.cancel()
  },
  PATIENCE,
)

test(
  'an endpoint where nobody listens is told at once, not asked again until the timeout',
  async () => {
    const login = await at.login({}, { env: { AWS_ENDPOINT_URL_EKS: 'http://127.0.0.1:1' } })
    await expectFailure(login, at.runner, ['EKS208'])
    expect(login.log).toContain('http://127.0.0.1:1: ECONNREFUSED')
  },
  PATIENCE,
)

test(
  'a proxy that never answers ends the step, too',
  async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const env = { HTTPS_PROXY: `http://127.0.0.1:${port}`, AWS_ENDPOINT_URL_EKS: '' }
    const login = await at.login({ timeout: '2' }, { env })
    await expectFailure(login, at.runner, ['EKS209'])
    expect(login.timedOut).toBe(false)
    silent.close()
  },
  PATIENCE,
)

test(
  'assume-role-arn describes the cluster across accounts, and the token is still the runner\u2019s own',
  async () => {
    const { identities } = at.lab.aws
    const { name, region, endpoint, caPem } = at.cluster
    at.lab.aws.putCluster({
      name: 'other',
      region,
      account: '444455556666',
      endpoint,
      certificateAuthorityPem: caPem,
      version: '1.37',
    })
    const reader = identities.createRole({
      name: 'reader',
      account: '444455556666',
      trust: { Statement: [{ Effect: 'Allow', Principal: { AWS: at.role.arn }, Action: 'sts:AssumeRole' }] },
      policies: {
        describe: { Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' }] },
      },
    })
    const arn = `arn:aws:eks:${region}:444455556666:cluster/other`
    // The runner's own role sees only its own account.
    const inputs = { 'cluster-name': arn, can: '', cannot: '' }
    identities.putPolicy(at.role.arn, 'any', {
      Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' }],
    })
    await expectFailure(await at.login(inputs), at.runner, ['EKS203'])

    const refused = await at.login({ ...inputs, 'assume-role-arn': reader.arn })
    await expectFailure(refused, at.runner, ['EKS210'])

    identities.putPolicy(at.role.arn, 'assume', {
      Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: reader.arn }],
    })
    const login = await at.login({ ...inputs, 'assume-role-arn': reader.arn })
    // Its authenticator takes tokens for `demo` alone: the description came through, the token did not.
    await expectFailure(login, at.runner, ['EKS501'])
    expect(login.log).toContain(at.role.arn)
    expect(name).toBe('demo')
  },
  PATIENCE,
)

test.each(PROVIDERS)(
  'a local cluster on Outposts gets a token for its id, by %s',
  async provider => {
    const { region, endpoint, caPem } = at.cluster
    const outpost = {
      outpostArn: 'arn:aws:outposts:us-east-1:111122223333:outpost/op-0123456789abcdef0',
      id: 'demo',
    }
    at.lab.aws.putCluster({
      name: 'rack',
      region,
      endpoint,
      certificateAuthorityPem: caPem,
      version: '1.37',
      outpost,
    })
    at.lab.aws.identities.putPolicy(at.role.arn, 'any', {
      Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' }],
    })
    const login = await at.login({ 'cluster-name': 'rack', 'token-provider': provider })
    expect(login.code).toBe(0)
    expect(await readFile(login.outputs.kubeconfig ?? '', 'utf8')).toMatch(/--cluster-id\n +- demo/)
    expect(await at.list('namespaces')).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test.each([
  ['CREATING', { status: 'CREATING' }, 'EKS204'],
  ['without an endpoint', { endpoint: null }, 'EKS205'],
])(
  'a cluster that is %s is refused by name',
  async (_what, state, code) => {
    const { name, region } = at.cluster
    describe({ name, region, ...state } as never)
    await expectFailure(await at.login(), at.runner, [code])
  },
  PATIENCE,
)

test(
  'an exec block whose command is missing, fails or prints nonsense is told by its own cause',
  async () => {
    const bin = join(at.runner.temp, 'bin')
    await mkdir(bin)
    const aws = (source: string) => putProgram(bin, 'aws', source)
    const env = { PATH: bin + delimiter + at.runner.env().PATH }
    await aws(`
      console.error('Unable to locate credentials')
      console.error(' ::set-output name=context::evil')
      process.exitCode = 253`)
    const login = (inputs: Record<string, string> = {}, options = { env }) =>
      at.login({ 'token-provider': 'aws', ...inputs }, options)
    const failed = await login()
    await expectFailure(failed, at.runner, ['EKS402'])
    expect(failed.log).toContain('Unable to locate credentials')
    await aws(`console.log('<html>')`)
    await expectFailure(await login(), at.runner, ['EKS404'])
    await aws('setTimeout(() => {}, 300_000)')
    await expectFailure(await login({ timeout: '2' }), at.runner, ['EKS403'])
    await expectFailure(await login({}, { env: { PATH: at.runner.temp } }), at.runner, ['EKS401'])
  },
  PATIENCE,
)

test(
  'an aws that signs with other credentials than those that were checked is told, with the access keys of both',
  async () => {
    const bin = join(at.runner.temp, 'bin')
    await mkdir(bin)
    const { region } = at.lab.aws.instance
    const asked = [
      '--region',
      region,
      '--cluster-name',
      'demo',
      '--credential-source',
      'any',
      '--timeout',
      '30',
    ]
    await putProgram(
      bin,
      'aws',
      `import { spawnSync } from 'node:child_process'
      const env = { ...process.env, ...JSON.parse(process.env.WRAPPED ?? '{}') }
      const args = ${JSON.stringify([join(ACTION, 'dist', 'token', 'index.js'), ...asked])}
      process.exitCode = spawnSync(process.execPath, args, { env, stdio: 'inherit' }).status`,
    )
    const PATH = bin + delimiter + at.runner.env().PATH
    const keys = at.lab.aws.identities.issueSession(at.role, {
      name: 'wrapped',
      expires: new Date(Date.now() + 3_600_000),
    })
    const WRAPPED = JSON.stringify({
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_SESSION_TOKEN: keys.sessionToken,
    })
    const failed = await at.login({ 'token-provider': 'aws' }, { env: { PATH, WRAPPED } })
    await expectFailure(failed, at.runner, ['EKS405'])
    const evidence = failed.report.failures[0]?.evidence.join('\n')
    expect(evidence).toContain(`in the token: access key ${keys.accessKeyId}`)
    expect(evidence).toMatch(/checked: access key ASIA\w+, from: instance role/)
    // What made the difference is taken away.
    const { report } = await at.login({ 'token-provider': 'aws' }, { env: { PATH } })
    expect(report.failures).toEqual([])
  },
  PATIENCE,
)

test(
  'with the runner\u2019s debug log on, no secret is anywhere either',
  async () => {
    const runner = await at.anotherRunner(true)
    const login = await at.login({}, { on: runner })
    expect(login.code).toBe(0)
    expect(login.masks.some(mask => mask.startsWith('k8s-aws-v1.'))).toBe(true)
  },
  PATIENCE,
)
