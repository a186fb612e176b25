import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CredentialSource } from '../../src/aws/credential-source.ts'
import { findCredentials } from '../../src/aws/credentials.ts'
import type { MetadataAnswer } from '../../src/aws/instance-metadata.ts'
import { createRole, enter, evidenceOf, type Stage } from './stage.ts'

let stage: Stage
let arn: string
beforeEach(async () => {
  stage = await enter()
  arn = createRole(stage.aws, 'runner', { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }).arn
  stage.aws.instance.roleArn = arn
})
afterEach(() => stage.leave())

const find = (wanted: CredentialSource = 'any') => findCredentials(wanted, process.env, 'us-east-1')

/** Whose keys were found, as AWS itself knows them. */
const callerOf = ({ identity }: Awaited<ReturnType<typeof find>>) =>
  stage.aws.identities.callerOf(identity.accessKeyId)?.arn.replace(/^.*:/, '')

/* Ways to credentials; each makes the process have them. */

function environment() {
  const { accessKeyId, secretAccessKey } = userKey('env-user')
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
}

function userKey(name: string) {
  return stage.aws.identities.createAccessKey(stage.aws.identities.createUser({ name }).arn)
}

async function profiles(lines: string[]) {
  await writeFile(join(stage.folder, 'config'), `${lines.join('\n')}\n`)
}

/** A profile whose program prints credentials: a script of Node's, which is there on every system. */
async function programProfile(credentials: object) {
  const file = join(stage.folder, 'print.mjs')
  const printed = JSON.stringify({ Version: 1, ...credentials })
  await writeFile(file, `console.log(${JSON.stringify(printed)})`)
  await profiles(['[profile program]', `credential_process = "${process.execPath}" "${file}"`])
  process.env.AWS_PROFILE = 'program'
}

async function keysProfile(name = 'keys') {
  const { accessKeyId, secretAccessKey } = userKey(`${name}-user`)
  const section = name === 'default' ? name : `profile ${name}`
  await profiles([
    `[${section}]`,
    `aws_access_key_id = ${accessKeyId}`,
    `aws_secret_access_key = ${secretAccessKey}`,
  ])
  process.env.AWS_PROFILE = name
}

async function assumingProfile() {
  const role = createRole(stage.aws, 'assumed')
  await profiles([
    '[profile assuming]',
    `role_arn = ${role.arn}`,
    'credential_source = Ec2InstanceMetadata',
    'role_session_name = by-profile',
  ])
  process.env.AWS_PROFILE = 'assuming'
}

async function webIdentity() {
  const { identities, webIdentities, account } = stage.aws
  const issuer = 'https://oidc.eks.us-east-1.amazonaws.com/id/1'
  webIdentities.trustProvider({ account, issuer, audiences: ['sts.amazonaws.com'] })
  const Federated = `arn:aws:iam::${account}:oidc-provider/${issuer.replace('https://', '')}`
  const role = identities.createRole({
    name: 'web',
    trust: {
      Statement: [{ Effect: 'Allow', Principal: { Federated }, Action: 'sts:AssumeRoleWithWebIdentity' }],
    },
  })
  const file = join(stage.folder, 'token')
  await writeFile(file, webIdentities.issueToken({ issuer, subject: 'pod', audience: 'sts.amazonaws.com' }))
  Object.assign(process.env, {
    AWS_WEB_IDENTITY_TOKEN_FILE: file,
    AWS_ROLE_ARN: role.arn,
    AWS_ROLE_SESSION_NAME: 'pod',
  })
  return role.arn
}

async function container() {
  const agent = 'pods.eks.amazonaws.com'
  const role = stage.aws.identities.createRole({
    name: 'container',
    trust: { Statement: [{ Effect: 'Allow', Principal: { Service: agent }, Action: 'sts:AssumeRole' }] },
  })
  Object.assign(
    process.env,
    await stage.aws.grantContainer({ roleArn: role.arn, agent, sessionName: 'pod-0' }),
  )
}

describe('credentials come from', () => {
  test('the environment', async () => {
    environment()
    const found = await find()
    expect(found).toMatchObject({ source: 'environment', shared: true })
    expect(callerOf(found)).toBe('user/env-user')
    expect(stage.aws.requests).toEqual([])
  })

  test('the environment, with a session', async () => {
    const role = stage.aws.identities.findRole(arn)
    if (!role) throw new Error('there is no role')
    const session = stage.aws.identities.issueSession(role, {
      name: 's',
      expires: new Date(Date.now() + 60_000),
    })
    process.env.AWS_ACCESS_KEY_ID = session.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = session.secretAccessKey
    process.env.AWS_SESSION_TOKEN = session.sessionToken
    const { accessKeyId, secretAccessKey, sessionToken } = session
    expect((await find('role')).identity).toEqual({ accessKeyId, secretAccessKey, sessionToken })
  })

  test('the environment, which may say when they end', async () => {
    environment()
    process.env.AWS_CREDENTIAL_EXPIRATION = '2099-01-02T03:04:05+01:00'
    expect((await find()).identity.expiration).toEqual(new Date('2099-01-02T02:04:05Z'))
  })

  test('a profile with keys', async () => {
    await keysProfile()
    const found = await find()
    expect(found.source).toBe('profile keys')
    expect(callerOf(found)).toBe('user/keys-user')
  })

  test('the profile default, which nobody names', async () => {
    await keysProfile('default')
    delete process.env.AWS_PROFILE
    expect(callerOf(await find())).toBe('user/default-user')
  })

  test.each([
    ['below HOME, by default', undefined],
    ['where a variable says, from HOME on', '~/.aws/credentials'],
  ])('a file of the profile default alone, %s', async (_where, file) => {
    await keysProfile('default')
    delete process.env.AWS_PROFILE
    await mkdir(join(stage.folder, '.aws'))
    await rename(join(stage.folder, 'config'), join(stage.folder, '.aws', 'credentials'))
    process.env.HOME = stage.folder
    delete process.env.AWS_SHARED_CREDENTIALS_FILE
    if (file) process.env.AWS_SHARED_CREDENTIALS_FILE = file
    expect(callerOf(await find())).toBe('user/default-user')
  })

  test('a profile that runs a program', async () => {
    const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } = userKey('process-user')
    await programProfile({ AccessKeyId, SecretAccessKey })
    expect(callerOf(await find())).toBe('user/process-user')
  })

  test('a profile that assumes a role with the instance\u2019s own', async () => {
    await assumingProfile()
    const found = await find('role')
    expect(found).toMatchObject({ source: 'profile assuming', shared: false })
    expect(callerOf(found)).toBe('assumed-role/assumed/by-profile')
  })

  test('web identity', async () => {
    const role = await webIdentity()
    const found = await find('role')
    expect(found).toMatchObject({ source: `web identity of ${role}`, shared: false })
    expect(callerOf(found)).toBe('assumed-role/web/pod')
  })

  test('the container', async () => {
    await container()
    const found = await find('role')
    expect(found.source).toMatch(/^container credentials \(http:\/\/127\.0\.0\.1:/)
    expect(callerOf(found)).toBe('assumed-role/container/pod-0')
  })

  test('the instance, in the end', async () => {
    const found = await find('instance-role')
    expect(found).toMatchObject({ source: 'instance role', shared: true })
    expect(callerOf(found)).toMatch(/^assumed-role\/runner\/i-/)
  })
})

describe('the order is the AWS CLI\u2019s', () => {
  test('environment, before any profile, also when AWS_PROFILE is set', async () => {
    await keysProfile()
    environment()
    expect((await find()).source).toBe('environment')
    await assumingProfile()
    expect((await find()).source).toBe('environment')
  })

  test('a profile that assumes a role, before web identity and container', async () => {
    await webIdentity()
    await container()
    await assumingProfile()
    expect((await find()).source).toBe('profile assuming')
  })

  test('web identity, before a profile with keys, and the container', async () => {
    await keysProfile()
    await container()
    await webIdentity()
    expect((await find()).source).toMatch(/^web identity/)
  })

  test('a profile with keys, before the container', async () => {
    await container()
    await keysProfile()
    expect((await find()).source).toBe('profile keys')
  })

  test('the container, before the instance, also with a profile that speaks of no credentials', async () => {
    await profiles(['[profile plain]', 'region = eu-west-1'])
    process.env.AWS_PROFILE = 'plain'
    await container()
    expect((await find()).source).toMatch(/^container/)
  })

  test('the first that is configured is the last that is asked, though it fails', async () => {
    await container()
    process.env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = join(stage.folder, 'none')
    expect(await evidenceOf(find())).toMatchObject({
      kind: 'container-failed',
      source: expect.stringMatching(/^container/),
      file: join(stage.folder, 'none'),
      code: 'ENOENT',
    })
    expect(stage.aws.requests).toEqual([])
  })
})

describe('what cannot be had is evidence', () => {
  test('nothing is configured, and metadata is off', async () => {
    process.env.AWS_EC2_METADATA_DISABLED = 'true'
    const evidence = await evidenceOf(find())
    expect(evidence).toMatchObject({
      kind: 'no-credentials',
      tried: expect.arrayContaining(['environment', 'web identity']),
    })
    expect(stage.aws.requests).toEqual([])
  })

  test('an access key without its secret', async () => {
    process.env.AWS_ACCESS_KEY_ID = 'AKIAX'
    expect(await evidenceOf(find())).toEqual({
      kind: 'credentials-failed',
      source: 'environment',
      message: 'AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not',
    })
  })

  test('keys of the environment that have ended', async () => {
    environment()
    process.env.AWS_CREDENTIAL_EXPIRATION = '2020-01-02T03:04:05Z'
    expect(await evidenceOf(find())).toEqual({
      kind: 'credentials-expired',
      source: 'environment',
      expiration: '2020-01-02T03:04:05.000Z',
    })
  })

  test('keys of the environment that end at no time', async () => {
    environment()
    process.env.AWS_CREDENTIAL_EXPIRATION = 'soon'
    expect(await evidenceOf(find())).toEqual({
      kind: 'credentials-failed',
      source: 'environment',
      message: 'AWS_CREDENTIAL_EXPIRATION is no time: "soon"',
    })
  })

  test.each(['AWS_PROFILE', 'AWS_DEFAULT_PROFILE'])('a profile of %s that is in no file', async variable => {
    await profiles(['[profile a]', 'region = eu-west-1', '[sso-session b]', 'sso_region = eu-west-1', '[c]'])
    process.env[variable] = 'none'
    expect(await evidenceOf(find())).toEqual({
      kind: 'profile-missing',
      variable,
      profile: 'none',
      files: [join(stage.folder, 'config'), join(stage.folder, 'credentials')],
      profiles: ['a'],
    })
  })

  test('a source_profile that is in no file', async () => {
    await profiles([
      '[profile ci]',
      `role_arn = ${arn}`,
      'source_profile = bsae',
      '[profile base]',
      'region = x',
    ])
    process.env.AWS_PROFILE = 'ci'
    expect(await evidenceOf(find())).toMatchObject({
      kind: 'profile-missing',
      variable: 'source_profile',
      of: 'ci',
      profile: 'bsae',
      profiles: ['ci', 'base'],
    })
  })

  test('a CA bundle that is not there, before any token is sent', async () => {
    await webIdentity()
    process.env.AWS_CA_BUNDLE = join(stage.folder, 'none.pem')
    expect(await evidenceOf(find())).toMatchObject({
      kind: 'ca-bundle-unreadable',
      file: join(stage.folder, 'none.pem'),
    })
    expect(stage.aws.requests).toEqual([])
  })

  test('a profile whose program fails', async () => {
    await profiles(['[profile program]', `credential_process = "${process.execPath}" nothing`])
    process.env.AWS_PROFILE = 'program'
    expect(await evidenceOf(find())).toMatchObject({ kind: 'credentials-failed', source: 'profile program' })
  })

  test('a role that does not trust the token', async () => {
    const role = await webIdentity()
    await writeFile(process.env.AWS_WEB_IDENTITY_TOKEN_FILE ?? '', 'a.b.c')
    expect(await evidenceOf(find())).toMatchObject({
      kind: 'refused',
      asked: 'sts:AssumeRoleWithWebIdentity',
      resource: role,
      code: 'InvalidIdentityTokenException',
      status: 400,
    })
  })

  test.each([
    ['not there', undefined, /ENOENT/],
    ['empty', ' \n', /^it is empty$/],
  ])('a web identity token file that is %s', async (_what, text, problem) => {
    await webIdentity()
    const file = join(stage.folder, 'another')
    if (text !== undefined) await writeFile(file, text)
    process.env.AWS_WEB_IDENTITY_TOKEN_FILE = file
    expect(await evidenceOf(find())).toEqual({
      kind: 'token-file-unusable',
      named: 'AWS_WEB_IDENTITY_TOKEN_FILE',
      file,
      problem: expect.stringMatching(problem),
    })
  })

  test('a web identity token file of a profile that is not there', async () => {
    const file = join(stage.folder, 'none')
    await profiles(['[profile web]', `role_arn = ${arn}`, `web_identity_token_file = ${file}`])
    process.env.AWS_PROFILE = 'web'
    expect(await evidenceOf(find())).toMatchObject({
      kind: 'token-file-unusable',
      named: 'profile web',
      file,
    })
  })

  test('a profile whose role may not be assumed', async () => {
    await assumingProfile()
    stage.aws.identities.setTrust(arn.replace('runner', 'assumed'), {
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    })
    expect(await evidenceOf(find())).toMatchObject({
      kind: 'refused',
      asked: 'sts:AssumeRole',
      resource: expect.stringMatching(/role\/assumed$/),
      code: 'AccessDenied',
      status: 403,
    })
  })

  test('a profile that assumes a role with keys it cannot get', async () => {
    await assumingProfile()
    stage.aws.instance.roleArn = null
    expect(await evidenceOf(find())).toMatchObject({ kind: 'credentials-failed', source: 'profile assuming' })
  })

  test('an instance without a role', async () => {
    stage.aws.instance.roleArn = null
    expect(await evidenceOf(find())).toEqual({
      kind: 'metadata-failed',
      endpoint: stage.aws.metadataEndpoint,
      answers: [
        { asked: 'PUT /latest/api/token', status: 200, problem: '' },
        { asked: 'GET /latest/meta-data/iam/security-credentials/', status: 404, problem: '' },
      ],
      message: expect.stringMatching(/answered 404$/),
    })
  })

  test('an instance whose role cannot be taken on', async () => {
    stage.aws.identities.setTrust(arn, {
      Statement: [
        { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ],
    })
    const { answers } = (await evidenceOf(find())) as { answers?: MetadataAnswer[] }
    expect(answers?.at(-1)).toMatchObject({
      status: 200,
      problem: expect.stringMatching(/^AssumeRoleUnauthorizedAccess, EC2 cannot assume the role runner/),
    })
  })

  test.each([
    ['turned off', { access: 'disabled' }, [403, 403]],
    ['beyond a hop too many', { hops: 1 }, [null, 401]],
  ])('an instance whose metadata is %s', async (_what, changed, statuses) => {
    Object.assign(stage.aws.instance, changed)
    const { answers } = (await evidenceOf(find())) as { answers?: MetadataAnswer[] }
    expect(answers?.map(({ status }) => status)).toEqual(statuses)
  })

  test('a profile whose credentials have expired', async () => {
    const Expiration = new Date(Date.now() - 60_000).toISOString()
    await programProfile({ AccessKeyId: 'ASIAX', SecretAccessKey: 's', SessionToken: 't', Expiration })
    const evidence = await evidenceOf(find('role'))
    // The SDK refuses them itself, in words that say why.
    expect(JSON.stringify(evidence)).toMatch(/expired/)
  })
})

describe('credential-source refuses', () => {
  test.each([
    ['role', 'keys in the environment', environment],
    ['role', 'a profile with keys', keysProfile],
    ['instance-role', 'keys in the environment', environment],
    ['instance-role', 'a profile with keys', keysProfile],
    ['instance-role', 'a profile that assumes a role', assumingProfile],
    ['instance-role', 'web identity', webIdentity],
    ['instance-role', 'container', container],
  ] as [CredentialSource, string, () => unknown][])('for %s: %s', async (wanted, _what, way) => {
    await way()
    const { source, identity } = await find('any')
    // A role's keys are new each time, a user's the same.
    const accessKeyId = identity.sessionToken ? expect.stringMatching(/^ASIA/) : identity.accessKeyId
    expect(await evidenceOf(find(wanted))).toEqual({
      kind: 'credentials-refused',
      wanted,
      source,
      accessKeyId,
    })
  })
})
