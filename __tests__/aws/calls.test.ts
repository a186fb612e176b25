import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { ClusterOptions } from '../../lab/aws/clusters.ts'
import { listen } from '../../lab/aws/server.ts'
import { describeCluster } from '../../src/aws/cluster.ts'
import { assumeRole, whoSigns } from '../../src/aws/sts.ts'
import { ALLOW_DESCRIBE, calling, createRole, enter, evidenceOf, type Stage, sessionOf } from './stage.ts'

let stage: Stage
let endings: (() => Promise<void>)[]
beforeEach(async () => {
  stage = await enter()
  endings = []
})
afterEach(async () => {
  for (const end of endings) await end()
  await stage.leave()
})

const TARGET = { name: 'demo', region: 'eu-west-1' }
const ARN = 'arn:aws:eks:eu-west-1:111122223333:cluster/demo'

function put(options: Partial<ClusterOptions> = {}) {
  return stage.aws.putCluster({
    ...TARGET,
    endpoint: 'https://127.0.0.1:6443',
    certificateAuthorityPem: stage.aws.caPem,
    ...options,
  })
}

const runner = (...statements: Parameters<typeof createRole>[2][]) =>
  sessionOf(stage.aws, createRole(stage.aws, 'runner', ...statements))
const asked = (operation: string) => stage.aws.requests.filter(request => request.operation === operation)

/** Puts a service in the place of EKS and STS that gives one answer; returns by what it was asked. */
async function answering(status: number, body: object | string, headers = {}): Promise<string[]> {
  const asked: string[] = []
  const { port, stop } = await listen(
    createServer((request, response) => {
      asked.push(String(request.headers['user-agent']).replace(/\/.*/, ''))
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }),
  )
  endings.push(stop)
  const url = `http://127.0.0.1:${port}`
  Object.assign(process.env, { AWS_ENDPOINT_URL_EKS: url, AWS_ENDPOINT_URL_STS: url })
  return asked
}

describe('DescribeCluster', () => {
  test.each(['ACTIVE', 'UPDATING'] as const)('gives a cluster that is %s', async status => {
    put({ status, version: '1.36', authenticationMode: 'API' })
    expect(await describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling())).toEqual({
      clockSkewSeconds: 0,
      name: 'demo',
      arn: ARN,
      region: 'eu-west-1',
      access: {
        vpcId: 'vpc-0a1b2c3d4e5f67890',
        securityGroupId: 'sg-0123456789abcdef0',
        publicAccess: true,
        privateAccess: true,
        publicAccessCidrs: ['0.0.0.0/0'],
      },
      endpoint: 'https://127.0.0.1:6443',
      certificateAuthorityData: Buffer.from(stage.aws.caPem).toString('base64'),
      version: '1.36',
      status,
      authenticationMode: 'API',
    })
  })

  test('gives the id of a local cluster on Outposts', async () => {
    put({ outpost: { outpostArn: 'arn:aws:outposts:eu-west-1:111122223333:outpost/op-1', id: 'local-id' } })
    const cluster = await describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling())
    expect(cluster).toMatchObject({ outpostId: 'local-id' })
    expect(cluster).not.toHaveProperty('access')
  })

  test('gives what an answer tells of the endpoint\u2019s access, and no more', async () => {
    const cluster = { ...put(), resourcesVpcConfig: { vpcId: 'vpc-1' } }
    await answering(200, { cluster })
    expect((await describeCluster(TARGET, runner(), calling())).access).toEqual({
      vpcId: 'vpc-1',
      securityGroupId: '',
      publicAccess: false,
      privateAccess: false,
      publicAccessCidrs: [],
    })
  })

  test('goes to AWS_ENDPOINT_URL_EKS, signed for the region of the cluster', async () => {
    put()
    await describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling())
    expect(asked('DescribeCluster')).toMatchObject([{ region: 'eu-west-1', status: 200 }])
    expect(stage.aws.proxy.connects).toEqual([])
  })

  test('goes through HTTPS_PROXY, trusting AWS_CA_BUNDLE, where no endpoint is given', async () => {
    put()
    delete process.env.AWS_ENDPOINT_URL_EKS
    expect(await describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling())).toMatchObject({ arn: ARN })
    expect(stage.aws.proxy.connects).toMatchObject([
      { host: 'eks.eu-west-1.amazonaws.com', port: 443, outcome: 'answered' },
    ])
  })

  test('of a region of China goes to that partition\u2019s host', async () => {
    delete process.env.AWS_ENDPOINT_URL_EKS
    const there = { name: 'demo', region: 'cn-north-1' }
    await evidenceOf(describeCluster(there, runner(ALLOW_DESCRIBE), calling()))
    expect(stage.aws.proxy.connects[0]?.host).toBe('eks.cn-north-1.amazonaws.com.cn')
  })

  test('is tried first without the SDK, and again with it', async () => {
    put()
    const agents = () => asked('DescribeCluster').map(({ userAgent }) => userAgent?.replace(/\/.*/, ''))
    const own = runner(ALLOW_DESCRIBE)
    await describeCluster(TARGET, own, calling())
    expect(agents()).toEqual(['eks-login'])
    stage.aws.fail({ service: 'eks', times: 1 }, { kind: 'throttle' })
    await describeCluster(TARGET, own, calling())
    expect(agents()).toEqual(['eks-login', 'eks-login', 'aws-sdk-js'])
  })

  test('is the SDK\u2019s from the start where there are shared files, which it reads more of', async () => {
    put()
    await writeFile(process.env.AWS_CONFIG_FILE ?? '', `[default]\nendpoint_url = ${stage.aws.eksEndpoint}\n`)
    delete process.env.AWS_ENDPOINT_URL_EKS
    expect(await describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling())).toMatchObject({ arn: ARN })
    expect(asked('DescribeCluster')).toMatchObject([{ userAgent: expect.stringMatching(/^aws-sdk-js/) }])
  })

  test.each([
    ['AWS_USE_FIPS_ENDPOINT', 'fips.eks.us-east-1.amazonaws.com'],
    ['AWS_USE_DUALSTACK_ENDPOINT', 'eks.us-east-1.api.aws'],
  ])('with %s goes to %s', async (variable, host) => {
    stage.aws.putCluster({
      name: 'demo',
      region: 'us-east-1',
      endpoint: 'https://127.0.0.1:6443',
      certificateAuthorityPem: stage.aws.caPem,
    })
    delete process.env.AWS_ENDPOINT_URL_EKS
    process.env[variable] = 'true'
    await describeCluster({ name: 'demo', region: 'us-east-1' }, runner(ALLOW_DESCRIBE), calling())
    expect(stage.aws.proxy.connects).toMatchObject([{ host }])
  })

  test('does not trust the proxy\u2019s certificate without AWS_CA_BUNDLE', async () => {
    delete process.env.AWS_ENDPOINT_URL_EKS
    delete process.env.AWS_CA_BUNDLE
    expect(await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling()))).toMatchObject({
      kind: 'unreachable',
      asked: 'eks:DescribeCluster',
      endpoint: 'eks.eu-west-1.amazonaws.com',
      message: expect.stringContaining('unable to verify the first certificate'),
    })
    expect(asked('DescribeCluster')).toEqual([])
  })

  test.each([
    ['CREATING', { status: 'CREATING', endpoint: null, certificateAuthorityPem: null }, 'cluster-not-ready'],
    ['DELETING', { status: 'DELETING' }, 'cluster-not-ready'],
    ['FAILED', { status: 'FAILED' }, 'cluster-not-ready'],
    ['ACTIVE, without an endpoint', { endpoint: null }, 'cluster-without-endpoint'],
    [
      'ACTIVE, without a certificate authority',
      { certificateAuthorityPem: null },
      'cluster-without-endpoint',
    ],
  ] as [string, Partial<ClusterOptions>, string][])(
    'refuses a cluster that is %s, by name',
    async (status, options, kind) => {
      put(options)
      expect(await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling()))).toEqual({
        kind,
        cluster: ARN,
        status: status.replace(/,.*/, ''),
      })
    },
  )

  test('refuses a cluster of that name in another account than its ARN says', async () => {
    put()
    const arn = ARN.replace('111122223333', '444455556666')
    expect(await evidenceOf(describeCluster({ ...TARGET, arn }, runner(ALLOW_DESCRIBE), calling()))).toEqual({
      kind: 'wrong-account',
      asked: arn,
      found: ARN,
    })
  })

  test('that is denied is told in AWS\u2019s words, and not asked again', async () => {
    put()
    expect(await evidenceOf(describeCluster({ ...TARGET, arn: ARN }, runner(), calling()))).toEqual({
      kind: 'refused',
      clockSkewSeconds: 0,
      asked: 'eks:DescribeCluster',
      resource: ARN,
      code: 'AccessDeniedException',
      status: 403,
      message: expect.stringContaining(`not authorized to perform: eks:DescribeCluster on resource: ${ARN}`),
    })
    expect(asked('DescribeCluster')).toHaveLength(1)
  })

  test('of a cluster that is not there is told, and not asked again', async () => {
    expect(await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling()))).toMatchObject({
      kind: 'refused',
      resource: 'demo',
      code: 'ResourceNotFoundException',
      status: 404,
    })
    expect(asked('DescribeCluster')).toHaveLength(1)
  })

  test('with keys that nobody knows is refused', async () => {
    const unknown = {
      source: 'x',
      shared: true,
      identity: { accessKeyId: 'ASIAX', secretAccessKey: 's', sessionToken: 't' },
    }
    expect(await evidenceOf(describeCluster(TARGET, unknown, calling()))).toMatchObject({
      kind: 'refused',
      status: 403,
      code: 'UnrecognizedClientException',
    })
  })

  test.each([
    ['throttling', { kind: 'throttle' }],
    ['500', { kind: 'server-error', status: 500 }],
    ['502', { kind: 'server-error', status: 502 }],
    ['503', { kind: 'server-error', status: 503 }],
    ['504', { kind: 'server-error', status: 504 }],
    ['a reset', { kind: 'reset' }],
  ] as const)('is asked again after %s', async (_what, fault) => {
    put()
    stage.aws.fail({ service: 'eks', times: 2 }, fault)
    expect(await describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling())).toMatchObject({ arn: ARN })
    expect(asked('DescribeCluster')).toHaveLength(3)
  })

  test.each([
    ['is throttled', { kind: 'throttle' }, 429],
    ['fails', { kind: 'server-error', status: 503 }, 503],
  ] as const)(
    'that %s for longer than there is time is told by its last answer',
    async (_what, fault, status) => {
      put()
      stage.aws.fail({ service: 'eks' }, fault)
      const evidence = await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling(1)))
      expect(evidence).toMatchObject({ kind: 'refused', asked: 'eks:DescribeCluster', status })
    },
  )

  test('that is slow for longer than there is time is out of time', async () => {
    put()
    stage.aws.fail({ service: 'eks' }, { kind: 'slow', milliseconds: 20_000 })
    const evidence = await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling(1)))
    expect(evidence).toMatchObject({ kind: 'timed-out', asked: 'eks:DescribeCluster', seconds: 1 })
  })

  test('trusts nobody where AWS_CA_BUNDLE names a file that is not there, and asks nobody', async () => {
    delete process.env.AWS_ENDPOINT_URL_EKS
    const file = join(stage.folder, 'none.pem')
    process.env.AWS_CA_BUNDLE = file
    expect(await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling()))).toEqual({
      kind: 'ca-bundle-unreadable',
      file,
      message: expect.stringContaining('ENOENT'),
    })
    expect(stage.aws.proxy.connects).toEqual([])
  })

  describe('by a service that says less than EKS', () => {
    const unfinished = { kind: 'cluster-without-endpoint', cluster: 'demo', status: 'ACTIVE' }
    const whole = {
      arn: ARN,
      status: 'ACTIVE',
      endpoint: 'https://e',
      certificateAuthority: { data: Buffer.from('-----BEGIN CERTIFICATE-----').toString('base64') },
    }

    test('a cluster of which it says a status alone is refused by the name that was asked for', async () => {
      await answering(200, { cluster: { status: 'ACTIVE' } })
      expect(await evidenceOf(describeCluster(TARGET, runner(), calling()))).toEqual(unfinished)
    })

    test.each<[string, object | string, string]>([
      ['nothing', {}, 'it describes no cluster with a status'],
      ['null', 'null', 'it describes no cluster with a status'],
      ['a list', '[]', 'it describes no cluster with a status'],
      ['an empty cluster', { cluster: {} }, 'it describes no cluster with a status'],
      ['a number as status', { cluster: { ...whole, status: 1 } }, 'it describes no cluster with a status'],
      ['a number as ARN', { cluster: { ...whole, arn: 1 } }, 'what should be a text in it is something else'],
      ['no URL', { cluster: { ...whole, endpoint: 'e' } }, 'its endpoint is no https URL'],
      ['a URL without TLS', { cluster: { ...whole, endpoint: 'http://e' } }, 'its endpoint is no https URL'],
      [
        'no certificate',
        { cluster: { ...whole, certificateAuthority: { data: 'Q0E=' } } },
        'its certificate authority is no certificate',
      ],
    ])('%s is no answer of EKS', async (_what, said, problem) => {
      await answering(200, said)
      expect(await evidenceOf(describeCluster(TARGET, runner(), calling()))).toEqual({
        kind: 'answer-unreadable',
        asked: 'eks:DescribeCluster',
        endpoint: process.env.AWS_ENDPOINT_URL_EKS,
        status: 200,
        problem,
      })
    })

    test('a cluster may have null where it has nothing', async () => {
      await answering(200, { cluster: { ...whole, version: null, accessConfig: null, id: null } })
      expect(await describeCluster(TARGET, runner(), calling())).toMatchObject({ version: '' })
    })

    test('a cluster without version and mode is one of before access entries', async () => {
      await answering(200, { cluster: whole })
      expect(await describeCluster(TARGET, runner(), calling())).toMatchObject({
        version: '',
        authenticationMode: 'CONFIG_MAP',
      })
    })

    test('a refusal is one by its type, whose message may have a capital', async () => {
      const type = { 'x-amzn-errortype': 'AccessDeniedException:http://internal.amazon.com/' }
      const asked = await answering(403, { Message: 'not you' }, type)
      const evidence = await evidenceOf(describeCluster(TARGET, runner(), calling()))
      expect(evidence).toMatchObject({ kind: 'refused', code: 'AccessDeniedException', message: 'not you' })
      expect(asked).toEqual(['eks-login'])
    })

    test('a refusal without a type is left to the SDK', async () => {
      const asked = await answering(403, { message: 'not you' })
      const evidence = await evidenceOf(describeCluster(TARGET, runner(), calling()))
      expect(evidence).toMatchObject({
        kind: 'answer-unreadable',
        status: 403,
        problem: 'it is not what eks:DescribeCluster answers with: not you',
      })
      expect(asked).toEqual(['eks-login', 'aws-sdk-js'])
    })
  })

  test.each(['malformed', 'html'] as const)('whose answer is %s is no answer of EKS', async kind => {
    stage.aws.fail({ service: 'eks' }, { kind })
    expect(await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling()))).toMatchObject({
      kind: 'answer-unreadable',
      asked: 'eks:DescribeCluster',
      status: 200,
    })
  })

  test('whose answers are a gateway\u2019s 502 is refused by that, without words', async () => {
    await answering(502, '<html>', { 'content-type': 'text/html' })
    expect(await evidenceOf(describeCluster(TARGET, runner(), calling(1)))).toMatchObject({
      kind: 'refused',
      code: '',
      status: 502,
    })
  })

  test('whose answer has no end is not read to it', async () => {
    put()
    stage.aws.fail({ service: 'eks' }, { kind: 'flood' })
    expect(await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling()))).toEqual({
      kind: 'answer-unreadable',
      asked: 'eks:DescribeCluster',
      endpoint: stage.aws.eksEndpoint,
      status: 200,
      problem: 'the answer is larger than 1048576 bytes',
    })
    // Once without the SDK, once with it.
    expect(asked('DescribeCluster')).toHaveLength(2)
  })

  test.each([
    ['torn down', { kind: 'reset' }],
    ['cut off', { kind: 'cut', framing: 'length' }],
  ] as const)('whose answers are %s until time is over is told by that', async (_what, fault) => {
    put()
    stage.aws.fail({ service: 'eks' }, fault)
    expect(await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling(1)))).toEqual({
      kind: 'unreachable',
      asked: 'eks:DescribeCluster',
      endpoint: stage.aws.eksEndpoint,
      code: 'ECONNRESET',
      message: expect.not.stringContaining('\n'),
    })
  })

  test('where nobody listens is unreachable', async () => {
    const { port, stop } = await listen(createServer())
    await stop()
    process.env.AWS_ENDPOINT_URL_EKS = `http://127.0.0.1:${port}`
    expect(await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling(2)))).toMatchObject({
      kind: 'unreachable',
      endpoint: `http://127.0.0.1:${port}`,
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('through a proxy that refuses is unreachable, and told without the proxy\u2019s password', async () => {
    const { port, stop } = await listen(
      createServer().on('connect', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')),
    )
    delete process.env.AWS_ENDPOINT_URL_EKS
    process.env.HTTPS_PROXY = `http://me:hunter2@127.0.0.1:${port}`
    const evidence = await evidenceOf(describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling()))
    expect(evidence).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/answered 403 to CONNECT eks\.eu-west-1/),
    })
    expect(JSON.stringify(evidence)).not.toContain('hunter2')
    await stop()
  })

  test('that is called off is no evidence, but the reason', async () => {
    stage.aws.fail({ service: 'eks' }, { kind: 'slow', milliseconds: 20_000 })
    const calls = new AbortController()
    const work = describeCluster(TARGET, runner(ALLOW_DESCRIBE), calling(30, calls.signal))
    setTimeout(() => calls.abort(new Error('SIGTERM')), 50)
    await expect(work).rejects.toThrow('SIGTERM')
  })
})

describe.each([
  ['the endpoint of the region, through the proxy', () => {}],
  [
    'AWS_ENDPOINT_URL_STS',
    () => {
      process.env.AWS_ENDPOINT_URL_STS = stage.aws.stsEndpoint
    },
  ],
])('STS at %s', (_where, use) => {
  beforeEach(() => use())

  test('AssumeRole gives credentials of another account\u2019s role, with which its cluster is described', async () => {
    const other = stage.aws.identities.createRole({
      name: 'describer',
      account: '444455556666',
      trust: {
        Statement: [{ Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: 'sts:AssumeRole' }],
      },
      policies: { all: { Statement: [ALLOW_DESCRIBE] } },
    })
    const { arn } = put({ account: '444455556666' })
    const own = runner({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: other.arn })
    const found = await assumeRole(other.arn, own, 'eu-west-1', 'eks-login-7', calling())
    expect(found).toMatchObject({
      source: `role ${other.arn}`,
      shared: false,
      identity: { expiration: expect.any(Date) },
    })
    expect(stage.aws.identities.callerOf(found.identity.accessKeyId)?.arn).toBe(
      'arn:aws:sts::444455556666:assumed-role/describer/eks-login-7',
    )
    expect(await describeCluster({ ...TARGET, arn }, found, calling())).toMatchObject({ arn })
  })

  test('AssumeRole that is denied is told in AWS\u2019s words', async () => {
    const evidence = await evidenceOf(
      assumeRole('arn:aws:iam::444455556666:role/none', runner(), 'eu-west-1', 'eks-login-7', calling()),
    )
    expect(evidence).toMatchObject({
      kind: 'refused',
      asked: 'sts:AssumeRole',
      resource: 'arn:aws:iam::444455556666:role/none',
      status: 403,
      code: 'AccessDenied',
    })
  })

  test('AssumeRole is asked again after throttling', async () => {
    const role = createRole(stage.aws, 'describer')
    stage.aws.fail({ service: 'sts', times: 2 }, { kind: 'throttle' })
    const own = runner({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' })
    await assumeRole(role.arn, own, 'eu-west-1', 'eks-login-7', calling())
    expect(asked('AssumeRole')).toHaveLength(3)
  })

  test('GetCallerIdentity names the role of a session', async () => {
    expect(await whoSigns(runner(), 'eu-west-1', calling())).toBe('arn:aws:iam::111122223333:role/runner')
  })

  test('GetCallerIdentity names a user as it is', async () => {
    const { arn } = stage.aws.identities.createUser({ name: 'ada' })
    const identity = stage.aws.identities.createAccessKey(arn)
    expect(await whoSigns({ source: 'x', shared: true, identity }, 'eu-west-1', calling())).toBe(arn)
  })
})

describe('an STS that says less than AWS', () => {
  const xml = { 'content-type': 'text/xml' }

  const assume = () => assumeRole('arn:aws:iam::111122223333:role/r', runner(), 'eu-west-1', 's-1', calling())
  const credentials = (keys: string) =>
    `<AssumeRoleResponse><AssumeRoleResult><Credentials>${keys}</Credentials></AssumeRoleResult></AssumeRoleResponse>`

  test.each([
    ['no credentials', '<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>'],
    ['an access key alone', credentials('<AccessKeyId>ASIA1</AccessKeyId>')],
    ['a page', '<html></html>'],
    ['nothing', ''],
  ])('gives %s of a role', async (_what, body) => {
    await answering(200, body, xml)
    expect(await evidenceOf(assume())).toMatchObject({
      kind: 'answer-unreadable',
      asked: 'sts:AssumeRole',
      endpoint: process.env.AWS_ENDPOINT_URL_STS,
    })
  })

  test('gives no time when the keys end', async () => {
    const keys =
      '<AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>'
    await answering(200, credentials(keys), xml)
    expect((await assume()).identity).toEqual({ accessKeyId: 'A', secretAccessKey: 'S', sessionToken: 'T' })
  })

  test('names nobody', async () => {
    const result = '<GetCallerIdentityResult/>'
    await answering(200, `<GetCallerIdentityResponse>${result}</GetCallerIdentityResponse>`, xml)
    expect(await evidenceOf(whoSigns(runner(), 'eu-west-1', calling()))).toMatchObject({
      kind: 'answer-unreadable',
      asked: 'sts:GetCallerIdentity',
      problem: 'it names nobody',
    })
  })
})

test('a session token that AWS quotes is in no evidence', async () => {
  const quoted =
    'x-amz-date:20260102T030405Z\nx-amz-security-token:IQoJb3JpZ2luX2VjEXAMPLE\n\nhost;x-amz-date'
  const message = `The request signature we calculated does not match. The Canonical String was\n'GET\n${quoted}'`
  await answering(403, { message }, { 'x-amzn-errortype': 'InvalidSignatureException' })
  const evidence = await evidenceOf(describeCluster(TARGET, runner(), calling()))
  expect(evidence).toMatchObject({ kind: 'refused', code: 'InvalidSignatureException' })
  expect(JSON.stringify(evidence)).toContain('x-amz-security-token:***')
  expect(JSON.stringify(evidence)).not.toContain('IQoJb3JpZ2lu')
})

test('user and password of an endpoint of the environment are in no evidence', async () => {
  await answering(200, 'a page')
  for (const service of ['EKS', 'STS']) {
    const name = `AWS_ENDPOINT_URL_${service}`
    process.env[name] = process.env[name]?.replace('//', '//me:hunter2@')
  }
  const own = runner()
  const asking = [() => describeCluster(TARGET, own, calling()), () => whoSigns(own, 'eu-west-1', calling())]
  for (const ask of asking) {
    const evidence = await evidenceOf(ask())
    expect(evidence).toMatchObject({ endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:/) })
    expect(JSON.stringify(evidence)).not.toContain('hunter2')
  }
})
