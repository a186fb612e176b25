import { setTimeout as sleep } from 'node:timers/promises'
import { type LabAws, startAws } from '../../../../lab/aws/aws.ts'
import type { AuthenticationMode } from '../../../../lab/aws/clusters.ts'
import { createAuthenticator } from '../../../../lab/kube/authenticator/authenticator.ts'
import type { ConfigMap, UserInfo } from '../../../../lab/kube/objects.ts'
import { type Cast, createCast, type PlayerName } from './cast.ts'
import { type AwsAuthData, MAPPINGS, NAMELESS } from './mappings.ts'
import { ODD_TOKENS, tokenOf } from './tokens.ts'

let aws: LabAws
let cast: Cast
let awsAuth: ConfigMap | undefined
beforeEach(async () => {
  aws = await startAws()
  cast = createCast(aws)
  awsAuth = undefined
})
afterEach(() => aws.stop())

function write(data: AwsAuthData): void {
  const metadata = { name: 'aws-auth', namespace: 'kube-system' }
  awsAuth = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { ...data } }
}

function mapRunner(username = 'demo'): void {
  write({ mapRoles: `- rolearn: ${cast.runner.principal.arn}\n  username: ${username}\n` })
}

function start(clusterName = 'demo', region = 'us-east-1') {
  return createAuthenticator({ clusterName, region, aws, awsAuth: () => awsAuth })
}

async function ofEveryone() {
  const authenticator = start()
  const users: Partial<Record<PlayerName, UserInfo>> = {}
  for (const [name, { credentials }] of Object.entries(cast)) {
    const user = await authenticator.authenticate(tokenOf(credentials))
    if (user !== undefined) users[name as PlayerName] = user
  }
  return users
}

const askings = () => aws.requests.filter(({ operation }) => operation === 'GetCallerIdentity')

describe('who a token’s bearer is', () => {
  test('is told of a role with all that STS says of its session', async () => {
    mapRunner()
    const { runner } = cast
    expect((await ofEveryone()).runner).toEqual({
      username: 'demo',
      uid: `aws-iam-authenticator:111122223333:${runner.principal.uniqueId}`,
      groups: [],
      extra: {
        accessKeyId: [runner.credentials.accessKeyId],
        arn: ['arn:aws:sts::111122223333:assumed-role/runner/i-0a1b2c3d4e5f67890'],
        canonicalArn: ['arn:aws:iam::111122223333:role/runner'],
        principalId: [runner.principal.uniqueId],
        sessionName: ['i-0a1b2c3d4e5f67890'],
      },
    })
  })

  test('is told of a user without a session’s name', async () => {
    write({ mapUsers: '[{userarn: arn:aws:iam::111122223333:user/people/bob, username: bob, groups: [a]}]' })
    const { bob } = cast
    expect((await ofEveryone()).bob).toEqual({
      username: 'bob',
      uid: `aws-iam-authenticator:111122223333:${bob.principal.uniqueId}`,
      groups: ['a'],
      extra: {
        accessKeyId: [bob.credentials.accessKeyId],
        arn: [bob.principal.arn],
        canonicalArn: [bob.principal.arn],
        principalId: [bob.principal.uniqueId],
        sessionName: [''],
      },
    })
  })

  test('is nobody where there is no aws-auth', async () => {
    expect(await ofEveryone()).toEqual({})
  })

  test.each(MAPPINGS)('is read from aws-auth: $what', async ({ data, known }) => {
    write(data)
    const names = Object.entries(await ofEveryone()).map(([name, { username, groups }]) => [
      name,
      [username, ...groups],
    ])
    expect(Object.fromEntries(names)).toEqual(typeof known === 'function' ? known(cast) : known)
  })

  test.each(NAMELESS)('is someone without a name where the username is $what', async ({ entry }) => {
    write({ mapRoles: entry })
    expect(await ofEveryone()).toEqual({ runner: expect.objectContaining({ username: '' }) })
  })
})

describe('a name of EC2', () => {
  beforeEach(() => mapRunner('"{{EC2PrivateDNSName}}"'))

  test.each([
    ['us-east-1', 'ip-10-0-3-17.ec2.internal'],
    ['eu-west-1', 'ip-10-0-3-17.eu-west-1.compute.internal'],
  ])('is that of an instance in %s', async (region, username) => {
    aws.instance.region = region
    const user = await start('demo', region).authenticate(tokenOf(cast.runner.credentials))
    expect(user).toMatchObject({ username })
  })

  test.each([
    ['of another region', () => (aws.instance.region = 'eu-west-1')],
    ['of another account', () => (aws.instance.account = '999988887777')],
    ['that is another one', () => (aws.instance.id = 'i-0123456789abcdef0')],
  ])('is not known of an instance %s', async (_, change) => {
    change()
    expect(await start().authenticate(tokenOf(cast.runner.credentials))).toBeUndefined()
  })
})

describe('a token', () => {
  test.each(ODD_TOKENS)('$what is taken only if it is good', async ({ odd, taken = false }) => {
    mapRunner()
    const user = await start().authenticate(tokenOf(cast.runner.credentials, odd))
    expect({ taken: user !== undefined }).toEqual({ taken })
  })

  test('is taken by the cluster that it was signed for, and by no other of the same objects', async () => {
    mapRunner()
    const token = tokenOf(cast.runner.credentials, { cluster: 'demo-2' })
    expect(await start('demo-2').authenticate(token)).toMatchObject({ username: 'demo' })
    expect(await start('demo').authenticate(token)).toBeUndefined()
  })

  test.each([
    ['ca-west-1', 'aws', 'amazonaws.com'],
    ['cn-north-1', 'aws-cn', 'amazonaws.com.cn'],
    ['us-gov-west-1', 'aws-us-gov', 'amazonaws.com'],
  ] as const)('of %s is taken by a cluster there', async (region, partition, domain) => {
    const user = aws.identities.createUser({ name: 'local', partition })
    write({ mapUsers: `[{userarn: "${user.arn}", username: local}]` })
    const host = `sts.${region}.${domain}`
    const token = tokenOf(aws.identities.createAccessKey(user.arn), { host, region })
    expect(await start('demo', region).authenticate(token)).toMatchObject({ username: 'local' })
  })

  test('is refused when its key is gone, or its session over', async () => {
    mapRunner()
    write({ ...awsAuth?.data, mapUsers: `[{userarn: "${cast.ci.principal.arn}", username: ci}]` })
    const tokens = [tokenOf(cast.runner.credentials), tokenOf(cast.ci.credentials)] as const
    aws.identities.expireSession(cast.runner.credentials.accessKeyId)
    aws.identities.deleteAccessKey(cast.ci.credentials.accessKeyId)
    const authenticator = start()
    expect(await Promise.all(tokens.map(authenticator.authenticate))).toEqual([undefined, undefined])
  })

  test('that its own checks refuse is not shown to STS', async () => {
    await start().authenticate(tokenOf(cast.runner.credentials, { age: 16 }))
    await start().authenticate('hello')
    expect(askings()).toEqual([])
  })
})

describe('STS', () => {
  beforeEach(() => mapRunner())

  test('is asked in the region of the token, by nobody but the token’s own signature', async () => {
    await start().authenticate(
      tokenOf(cast.runner.credentials, { host: 'sts.eu-west-1.amazonaws.com', region: 'eu-west-1' }),
    )
    expect(askings()).toMatchObject([
      {
        service: 'sts',
        region: 'eu-west-1',
        identity: 'arn:aws:sts::111122223333:assumed-role/runner/i-0a1b2c3d4e5f67890',
        status: 200,
        userAgent: 'Go-http-client/1.1',
      },
    ])
  })

  test('is asked once of a token that comes several times in a second', async () => {
    const authenticator = start()
    const token = tokenOf(cast.runner.credentials)
    const users = await Promise.all(Array.from({ length: 5 }, () => authenticator.authenticate(token)))
    expect(new Set(users.map(user => user?.username))).toEqual(new Set(['demo']))
    expect(await authenticator.authenticate(token)).toMatchObject({ username: 'demo' })
    expect(askings()).toHaveLength(1)
  })

  test('is asked again after that second', async () => {
    const authenticator = start()
    const token = tokenOf(cast.runner.credentials)
    expect(await authenticator.authenticate(token)).toBeDefined()
    aws.identities.deleteAccessKey(cast.runner.credentials.accessKeyId)
    expect(await authenticator.authenticate(token)).toBeDefined()
    await sleep(1_050)
    expect(await authenticator.authenticate(token)).toBeUndefined()
    expect(askings()).toHaveLength(2)
  })

  test.each([
    { kind: 'throttle' },
    { kind: 'server-error', status: 500 },
    { kind: 'server-error', status: 503 },
    { kind: 'denied' },
    { kind: 'malformed' },
    { kind: 'html' },
    { kind: 'reset' },
  ] as const)('that fails refuses the token, and is asked again the next time: $kind', async fault => {
    aws.fail({ service: 'sts', times: 1 }, fault)
    const authenticator = start()
    const token = tokenOf(cast.runner.credentials)
    expect(await authenticator.authenticate(token)).toBeUndefined()
    expect(await authenticator.authenticate(token)).toMatchObject({ username: 'demo' })
    expect(askings()).toHaveLength(2)
  })

  test('that breaks a connection which had served before is asked once more at once', async () => {
    const authenticator = start()
    await authenticator.authenticate(tokenOf(cast.runner.credentials, { age: 1 }))
    aws.fail({ service: 'sts', times: 1 }, { kind: 'reset' })
    expect(await authenticator.authenticate(tokenOf(cast.runner.credentials))).toBeDefined()
    expect(askings().map(({ status }) => status)).toEqual([200, null, 200])
  })

  test('that is slow is waited for', async () => {
    aws.fail({ service: 'sts', times: 1 }, { kind: 'slow', milliseconds: 100 })
    expect(await start().authenticate(tokenOf(cast.runner.credentials))).toBeDefined()
  })
})

test('a change of a mapping counts at once for a token that is known already', async () => {
  const authenticator = start()
  const token = tokenOf(cast.runner.credentials)
  const name = async () => (await authenticator.authenticate(token))?.username
  expect(await name()).toBeUndefined()
  mapRunner('before')
  expect(await name()).toBe('before')
  mapRunner('after')
  expect(await name()).toBe('after')
  awsAuth = undefined
  expect(await name()).toBeUndefined()
  expect(askings()).toHaveLength(1)
})

describe('access entries', () => {
  function putCluster(authenticationMode?: AuthenticationMode): string {
    const mode = authenticationMode === undefined ? {} : { authenticationMode }
    return aws.putCluster({ name: 'demo', region: 'us-east-1', ...mode }).arn
  }
  const names = async () =>
    Object.fromEntries(
      Object.entries(await ofEveryone()).map(([name, { username, groups }]) => [name, [username, ...groups]]),
    )

  test('map roles with their path and users, by names of their own', async () => {
    const arn = putCluster('API')
    aws.accessEntries.create(arn, { principalArn: cast.deployer.principal.arn, kubernetesGroups: ['ops'] })
    aws.accessEntries.create(arn, { principalArn: cast.bob.principal.arn })
    aws.accessEntries.create(arn, { principalArn: cast.stranger.principal.arn, username: 'guest' })
    expect(await names()).toEqual({
      deployer: ['arn:aws:sts::111122223333:assumed-role/Deployer/alice-example.com', 'ops'],
      bob: ['arn:aws:iam::111122223333:user/people/bob'],
      stranger: ['guest'],
    })
  })

  test.each<[AuthenticationMode, object]>([
    ['API', { runner: ['entry'] }],
    ['API_AND_CONFIG_MAP', { runner: ['entry'], ci: ['map'] }],
    ['CONFIG_MAP', { runner: ['map', 'mapped'], ci: ['map'] }],
  ])('and aws-auth count as the mode %s has it, the entries first', async (mode, known) => {
    const { runner, ci } = cast
    aws.accessEntries.create(putCluster(), { principalArn: runner.principal.arn, username: 'entry' })
    write({
      mapRoles: `[{rolearn: "${runner.principal.arn}", username: map, groups: [mapped]}]`,
      mapUsers: `[{userarn: "${ci.principal.arn}", username: map}]`,
    })
    putCluster(mode)
    expect(await names()).toEqual(known)
  })

  test('that come to nothing are not made up for by aws-auth', async () => {
    const { arn } = cast.deployer.principal
    aws.accessEntries.create(putCluster(), { principalArn: arn, username: 'node:{{EC2PrivateDNSName}}' })
    write({ mapRoles: `[{rolearn: "${arn.replace('/team/apps', '')}", username: map}]` })
    expect(await names()).toEqual({})
  })

  test('are not for who gets a role’s name after it', async () => {
    const arn = putCluster('API')
    const entry = { principalArn: cast.runner.principal.arn }
    aws.accessEntries.create(arn, entry)
    const replaced = aws.identities.replaceRole(entry.principalArn)
    const session = { name: 's', expires: new Date(Date.now() + 60_000) }
    const token = tokenOf(aws.identities.issueSession(replaced, session))
    const authenticator = start()
    expect(await authenticator.authenticate(token)).toBeUndefined()
    aws.accessEntries.delete(arn, entry.principalArn)
    aws.accessEntries.create(arn, entry)
    expect(await authenticator.authenticate(token)).toMatchObject({ username: expect.stringMatching(/\/s$/) })
  })

  test('end with the cluster, whose aws-auth still counts', async () => {
    const arn = putCluster('API_AND_CONFIG_MAP')
    aws.accessEntries.create(arn, { principalArn: cast.bob.principal.arn })
    mapRunner()
    aws.removeCluster(arn)
    expect(await names()).toEqual({ runner: ['demo'] })
    putCluster('API')
    expect(await names()).toEqual({})
  })

  test('are those of the account that the cluster is in', async () => {
    const account = '444455556666'
    const { arn } = aws.putCluster({ name: 'demo', region: 'us-east-1', account, authenticationMode: 'API' })
    aws.accessEntries.create(arn, { principalArn: cast.bob.principal.arn, username: 'bob' })
    const options = { clusterName: 'demo', region: 'us-east-1', aws, awsAuth: () => awsAuth }
    const token = tokenOf(cast.bob.credentials)
    expect(await createAuthenticator(options).authenticate(token)).toBeUndefined()
    expect(await createAuthenticator({ ...options, account }).authenticate(token)).toMatchObject({
      username: 'bob',
    })
  })
})
