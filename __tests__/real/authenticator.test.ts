import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { ask, demand, type ServerAddress } from '../../lab/admin.ts'
import type { AccessKey, Role, SessionCredentials, User } from '../../lab/aws/identities.ts'
import { createAuthority } from '../../lab/certificates.ts'
import { type Authenticator, createAuthenticator } from '../../lab/kube/authenticator/authenticator.ts'
import type { ConfigMap, UserInfo } from '../../lab/kube/objects.ts'
import { type RealLab, startLab } from '../../lab/lab.ts'
import { prepareAuthenticators } from '../../lab/real/authenticators.ts'
import { buildRealCluster } from '../../lab/real/build.ts'
import type { RealCluster } from '../../lab/real/cluster.ts'
import { answers } from '../../lab/real/readiness.ts'
import { createKeeper, type Keeper } from '../../lab/runner/keeper.ts'
import { type Cast, createCast, type Player } from '../lab/kube/authenticator/cast.ts'
import { type AwsAuthData, MAPPINGS, NAMELESS } from '../lab/kube/authenticator/mappings.ts'
import { ODD_TOKENS, type Oddity, tokenOf } from '../lab/kube/authenticator/tokens.ts'
import { PATIENCE } from './scenario.ts'

const AWS_AUTH = '/api/v1/namespaces/kube-system/configmaps/aws-auth'

let lab: RealLab
let cluster: RealCluster
let admin: ServerAddress
let cast: Cast
let written: ConfigMap | undefined
let ours: Authenticator
beforeAll(async () => {
  lab = await startLab({ kubernetes: 'real' })
  cluster = lab.clusters[0] as RealCluster
  admin = { port: cluster.port, caPem: cluster.caPem, token: adminToken(cluster.adminKubeconfig) }
  cast = createCast(lab.aws)
  ours = createAuthenticator({
    clusterName: 'demo',
    region: 'us-east-1',
    aws: lab.aws,
    awsAuth: () => written,
  })
}, PATIENCE)
afterAll(() => lab?.stop(), PATIENCE)

function adminToken(kubeconfig: string): string {
  return JSON.parse(readFileSync(kubeconfig, 'utf8')).users[0].user.token
}

/** Makes the real aws-auth what is given, and ours too. */
async function write({ mapRoles = '', ...others }: AwsAuthData): Promise<void> {
  const existing = await ask(admin, 'GET', AWS_AUTH)
  if (existing.status === 200)
    demand(await ask(admin, 'PUT', AWS_AUTH, { ...(existing.body as ConfigMap), data: others }), 200)
  else {
    const metadata = { name: 'aws-auth', namespace: 'kube-system' }
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: others }
    demand(await ask(admin, 'POST', AWS_AUTH.replace('/aws-auth', ''), body), 201)
  }
  // It returns when the authenticator has heard of this change, and so of the one before.
  await cluster.writeMapRoles(mapRoles)
  written = demand(await ask(admin, 'GET', AWS_AUTH), 200) as ConfigMap
}

// The real server keeps what it was told of a token, so that no two of ours may be the same.
let age = 0
function freshToken(credentials: AccessKey | SessionCredentials): string {
  age += 1 / 60
  return tokenOf(credentials, { age })
}

/** What the real cluster makes of a token. */
async function theirsOf(token: string): Promise<UserInfo | undefined> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } }
  const answer = demand(await ask(admin, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', body), 201)
  const { authenticated, user } = (
    answer as { status: { authenticated?: boolean; user: Partial<UserInfo> & Omit<UserInfo, 'username'> } }
  ).status
  // What is empty is left out of an answer.
  return authenticated ? { ...user, username: user.username ?? '' } : undefined
}

/** What ours makes of it, with the group that every user is given by the API server. */
async function oursOf(token: string): Promise<UserInfo | undefined> {
  const user = await ours.authenticate(token)
  return user && { ...user, groups: [...user.groups, 'system:authenticated'] }
}

async function ofEveryone(
  whose: (token: string) => Promise<UserInfo | undefined>,
  players: Readonly<Record<string, Player>> = cast,
): Promise<Record<string, UserInfo>> {
  const known: Record<string, UserInfo> = {}
  for (const [name, { credentials }] of Object.entries(players)) {
    const user = await whose(freshToken(credentials))
    if (user !== undefined) known[name] = user
  }
  return known
}

test('without aws-auth, both know nobody', async () => {
  expect(await ofEveryone(theirsOf)).toEqual({})
  expect(await ofEveryone(oursOf)).toEqual({})
})

test.each(MAPPINGS)('both make the same of $what in aws-auth', async ({ data, known }) => {
  await write(data)
  const theirs = await ofEveryone(theirsOf)
  const names = Object.entries(theirs).map(([name, { username, groups }]) => [name, [username, ...groups]])
  const expected = Object.entries(typeof known === 'function' ? known(cast) : known)
  expect(Object.fromEntries(names)).toEqual(
    Object.fromEntries(expected.map(([name, user]) => [name, [...user, 'system:authenticated']])),
  )
  expect(await ofEveryone(oursOf)).toEqual(theirs)
})

test.each(NAMELESS)('of a username that is $what, both make a user without a name', async ({ entry }) => {
  await write({ mapRoles: entry })
  const theirs = await ofEveryone(theirsOf)
  expect(theirs).toEqual({ runner: expect.objectContaining({ username: '' }) })
  expect(await ofEveryone(oursOf)).toEqual(theirs)
})

/** Plain scalars of YAML, by pieces that mean something somewhere. */
const scalar = fc
  .array(
    fc.constantFrom(
      ...'-?:#%@`, ./0123456789+eExXoObBaAnNyY~<=()$^;',
      ...['yes', 'no', 'on', 'off', 'true', 'null', ': ', ' #', '::', '- ', '0x', '.5', '1e3', '1:30'],
      ...['2026-01-01', '.nan', '.inf', '<<', 'system:', 'é', 'a', 'b'],
    ),
    { maxLength: 5 },
  )
  .map(pieces => pieces.join(''))

test(
  'both read the same from texts that nobody would write',
  async () => {
    const seed = randomInt(2 ** 31)
    const differing: object[] = []
    let named = 0
    for (const [username, group] of fc.sample(fc.tuple(scalar, scalar), { seed, numRuns: 60 })) {
      const { runner, ci } = cast
      const data = {
        mapRoles: `- rolearn: ${runner.principal.arn}\n  username: ${username}\n`,
        mapUsers: `- userarn: ${ci.principal.arn}\n  username: ci\n  groups:\n  - ${group}\n`,
      }
      await write(data)
      for (const { credentials } of [runner, ci]) {
        const token = freshToken(credentials)
        const [theirs, ours] = [await theirsOf(token), await oursOf(token)]
        if (JSON.stringify(sorted(theirs)) !== JSON.stringify(sorted(ours)))
          differing.push({ data, theirs, ours })
        if (theirs?.username) named += 1
      }
    }
    expect({ seed, differing }).toEqual({ seed, differing: [] })
    expect(named).toBeGreaterThan(30)
  },
  PATIENCE,
)

/** What can be compared as a text: its fields in one order. */
function sorted(user: UserInfo | undefined): unknown {
  if (user === undefined) return undefined
  const { username, uid, groups, extra = {} } = user
  return [username, uid, groups, Object.entries(extra).sort()]
}

describe('of a token', () => {
  beforeAll(() => write({ mapRoles: '- rolearn: arn:aws:iam::111122223333:role/runner\n  username: demo\n' }))

  // A moment apart from each other, so that no two are the same.
  const oddToken = (odd: Oddity) => {
    age += 1 / 60
    return tokenOf(cast.runner.credentials, { age: Math.min(age, 10), ...odd })
  }

  test.each(ODD_TOKENS)('$what, both make the same', async ({ odd, taken = false }) => {
    const token = oddToken(odd)
    const theirs = await theirsOf(token)
    expect({ taken: theirs !== undefined }).toEqual({ taken })
    expect(await oursOf(token)).toEqual(theirs)
  })
})

/**
 * EKS leads the authenticator to a cluster's access entries by a file of its mode DynamicFile, in which principals go by
 * their ids. Whom that mode would know by our access entries, ours must know.
 */
describe('of access entries before aws-auth', () => {
  let keeper: Keeper
  let authenticator: ServerAddress
  let players: Record<string, Player>
  beforeAll(async () => {
    keeper = createKeeper('access-entries')
    const gone = lab.aws.identities.createRole({ name: 'late', trust: { Statement: [] } })
    const { runner, deployer, stranger, bob } = cast
    const entries = [
      enter(runner.principal, { username: 'node:{{EC2PrivateDNSName}}', groups: ['of:{{AccountID}}'] }),
      enter(deployer.principal, { groups: ['ops', 'dev'] }),
      enter(stranger.principal, { username: 'node:{{EC2PrivateDNSName}}' }),
      enter(bob.principal, {}),
      enter(gone, {}),
    ]
    // Another role, of the name of one with an entry.
    const late = lab.aws.identities.replaceRole(gone.arn)
    const session = { name: 'late', expires: new Date(Date.now() + 3_600_000) }
    players = {
      ...cast,
      late: { principal: late, credentials: lab.aws.identities.issueSession(late, session) },
    }
    const mapped = [runner, deployer, stranger, { principal: late }].map(({ principal }) => principal.arn)
    await write({
      mapRoles: mapped
        .map(arn => `- {rolearn: "${arn.replace('/team/apps', '')}", username: map}\n`)
        .join(''),
    })
    const file = join(keeper.folder, 'entries.json')
    await writeFile(file, JSON.stringify({ mapRoles: entries, mapUsers: [], mapAccounts: [] }))
    authenticator = await startWithFile(file)
  }, PATIENCE)
  afterAll(() => keeper?.close())

  /** Makes an access entry, and what the file says of it: one mode of the file has roles and users alike. */
  function enter(
    { arn, uniqueId }: Role | User,
    { username, groups = [] }: { username?: string; groups?: string[] },
  ) {
    const name = username === undefined ? {} : { username }
    const options = { principalArn: arn, kubernetesGroups: groups, ...name }
    const made = lab.aws.accessEntries.create(cluster.arn, options)
    return { rolearn: arn, userid: uniqueId, username: made.username, groups: made.kubernetesGroups }
  }

  async function startWithFile(dynamicfilepath: string): Promise<ServerAddress> {
    const authority = await createAuthority('authenticator CA')
    const of = { partition: 'aws' as const, creator: undefined }
    const [{ config, log, address }] = await prepareAuthenticators(keeper, authority, ['demo'], of)
    const { server, ...rest } = JSON.parse(await readFile(config, 'utf8'))
    const strict = { ...server, dynamicfilepath, dynamicfileUserIDStrict: true }
    await writeFile(config, JSON.stringify({ ...rest, server: strict }))
    const { authenticator: command } = await buildRealCluster()
    const modes = ['--backend-mode', 'DynamicFile,EKSConfigMap', '--kubeconfig', cluster.adminKubeconfig]
    const env = lab.aws.controlPlaneEnv('us-east-1')
    const kept = keeper.start({ command, args: ['server', '--config', config, ...modes], env }, log)
    await answers(address, '/healthz', kept, log)
    await hasRead(log, /Received aws-auth watch event/)
    await hasRead(log, /LoadDynamicFile: .* is available/)
    return address
  }

  async function hasRead(log: string, line: RegExp): Promise<void> {
    const deadline = Date.now() + 15_000
    while (!line.test(await readFile(log, 'utf8'))) {
      if (Date.now() > deadline) throw new Error(`no ${line} in ${log}`)
      await sleep(20)
    }
  }

  test('both make the same', async () => {
    const theirs = await ofEveryone(async token => {
      const { status, body } = await ask(authenticator, 'POST', '/authenticate', { spec: { token } })
      if (status !== 200) return undefined
      const { user } = (body as { status: { user: UserInfo } }).status
      return { ...user, groups: user.groups ?? [] }
    }, players)
    expect(Object.entries(theirs).map(([name, { username, groups }]) => [name, username, groups])).toEqual([
      ['runner', 'node:ip-10-0-3-17.ec2.internal', ['of:111122223333']],
      ['deployer', 'arn:aws:sts::111122223333:assumed-role/Deployer/alice-example.com', ['ops', 'dev']],
      ['bob', 'arn:aws:iam::111122223333:user/people/bob', []],
      ['late', 'map', []],
    ])
    expect(await ofEveryone(token => ours.authenticate(token), players)).toEqual(theirs)
  })
})
