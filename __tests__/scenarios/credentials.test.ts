import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Role } from '../../lab/aws/identities.ts'
import { expectFailure, PATIENCE, PROVIDERS, scenario } from './scenario.ts'

const at = scenario()

/** The instance has no role here: whatever logs in got its credentials elsewhere. */
beforeEach(() => {
  at.lab.aws.instance.roleArn = null
})

type Trust = Parameters<typeof at.lab.aws.identities.createRole>[0]['trust']['Statement'][number]

/** A role that may describe the cluster, and that the cluster knows as user `demo`. */
async function mappedRole(name: string, trust: Trust): Promise<Role> {
  const describe = { Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' } as const
  const role = at.lab.aws.identities.createRole({
    name,
    trust: { Statement: [trust] },
    policies: { describe: { Statement: [describe] } },
  })
  await at.cluster.mapRole(role.arn, 'demo')
  return role
}

/** Such a role, and keys of a session of it. */
async function mappedSession(name: string) {
  const role = await mappedRole(name, {
    Effect: 'Allow',
    Principal: { Service: 'ec2.amazonaws.com' },
    Action: 'sts:AssumeRole',
  })
  const expires = new Date(Date.now() + 3_600_000)
  return { role, keys: at.lab.aws.identities.issueSession(role, { name, expires }) }
}

/** That the token providers find these credentials, in the login and for a client after it. */
async function expectLogin(given: Record<string, string>, role: Role, source: string): Promise<void> {
  // The AWS CLI keeps the credentials of an assumed role in its own cache, below HOME. That is no file of ours, and all
  // files of the runner are looked through for secrets: so its HOME is elsewhere.
  const env = { HOME: at.lab.env.HOME ?? '', ...given }
  for (const provider of PROVIDERS) {
    const on = await at.anotherRunner()
    const login = await at.login({ 'token-provider': provider }, { env, on })
    expect(login).toMatchObject({ code: 0, outputs: { 'role-arn': role.arn, username: 'demo' } })
    expect(login.report.clusters[0]?.credentials.source).toContain(source)
    expect(await at.list('namespaces', { env, on })).toMatchObject({ code: 0 })
  }
}

test(
  'a role of a container, as EKS Pod Identity gives it',
  async () => {
    const agent = 'pods.eks.amazonaws.com'
    const role = await mappedRole('pod', {
      Effect: 'Allow',
      Principal: { Service: agent },
      Action: ['sts:AssumeRole', 'sts:TagSession'],
    })
    const env = await at.lab.aws.grantContainer({ roleArn: role.arn, agent, sessionName: 'runner-0' })
    await expectLogin({ ...env }, role, 'container credentials')
  },
  PATIENCE,
)

test(
  'a role by web identity, as IRSA gives it',
  async () => {
    const { webIdentities, account } = at.lab.aws
    const issuer = 'https://oidc.eks.us-east-1.amazonaws.com/id/1'
    webIdentities.trustProvider({ account, issuer, audiences: ['sts.amazonaws.com'] })
    const provider = `arn:aws:iam::${account}:oidc-provider/${issuer.replace('https://', '')}`
    const role = await mappedRole('irsa', {
      Effect: 'Allow',
      Principal: { Federated: provider },
      Action: 'sts:AssumeRoleWithWebIdentity',
    })
    const file = join(at.runner.temp, 'web-identity')
    await writeFile(
      file,
      webIdentities.issueToken({ issuer, subject: 'runner', audience: 'sts.amazonaws.com' }),
    )
    const env = { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: role.arn, AWS_ROLE_SESSION_NAME: 'runner' }
    await expectLogin(env, role, 'web identity')
  },
  PATIENCE,
)

test(
  'a role that AWS_PROFILE assumes with other keys',
  async () => {
    const { identities, account } = at.lab.aws
    const user = identities.createUser({ name: 'base' })
    const role = await mappedRole('assumed', {
      Effect: 'Allow',
      Principal: { AWS: user.arn },
      Action: 'sts:AssumeRole',
    })
    const allow = { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: role.arn } as const
    identities.putPolicy(user.arn, 'assume', { Statement: [allow] })
    const { accessKeyId, secretAccessKey } = identities.createAccessKey(user.arn)
    const config = `[profile base]
aws_access_key_id = ${accessKeyId}
aws_secret_access_key = ${secretAccessKey}
[profile ci]
role_arn = arn:aws:iam::${account}:role/assumed
source_profile = base
region = us-east-1
`
    // Outside of the runner's folders, where no secret may be found afterwards.
    const folder = join(at.lab.env.HOME ?? '', '.aws')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'ci-config'), config)
    await expectLogin({ AWS_CONFIG_FILE: join(folder, 'ci-config'), AWS_PROFILE: 'ci' }, role, 'profile ci')
  },
  PATIENCE,
)

test(
  'temporary keys of a role in the environment',
  async () => {
    const { role, keys } = await mappedSession('exported')
    const env = {
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_SESSION_TOKEN: keys.sessionToken,
    }
    await expectLogin(env, role, 'environment')
  },
  PATIENCE,
)

test(
  'a role whose keys a profile’s credential_process prints',
  async () => {
    const { role, keys } = await mappedSession('printed')
    const folder = join(at.lab.env.HOME ?? '', '.aws')
    await mkdir(folder, { recursive: true })
    const printed = {
      Version: 1,
      AccessKeyId: keys.accessKeyId,
      SecretAccessKey: keys.secretAccessKey,
      SessionToken: keys.sessionToken,
    }
    const script = join(folder, 'print.mjs')
    await writeFile(script, `console.log(${JSON.stringify(JSON.stringify(printed))})`)
    const config = `[profile printing]\ncredential_process = "${process.execPath}" "${script}"\n`
    await writeFile(join(folder, 'printing-config'), config)
    const env = { AWS_CONFIG_FILE: join(folder, 'printing-config'), AWS_PROFILE: 'printing' }
    await expectLogin(env, role, 'profile printing')
  },
  PATIENCE,
)

test(
  'without region and variables, a cluster given by name is in the region of the instance',
  async () => {
    at.lab.aws.instance.roleArn = at.role.arn
    const login = await at.login({ region: '' })
    expect(login).toMatchObject({ code: 0, outputs: { 'cluster-arn': at.cluster.arn } })
    // Variables come first: there is no such cluster in the region that this one names.
    const elsewhere = await at.login(
      { region: '' },
      { env: { AWS_DEFAULT_REGION: 'eu-west-3' }, on: await at.anotherRunner() },
    )
    expect(elsewhere.log).toContain('eu-west-3')
    expect(elsewhere.code).toBe(1)
  },
  PATIENCE,
)

test(
  'AWS_ENDPOINT_URL_STS is where assume-role-arn is asked for',
  async () => {
    at.lab.aws.instance.roleArn = at.role.arn
    const before = at.lab.aws.proxy.connects.length
    const env = { AWS_ENDPOINT_URL_STS: at.lab.aws.stsEndpoint }
    const login = await at.login({ 'assume-role-arn': 'arn:aws:iam::444455556666:role/nobody' }, { env })
    await expectFailure(login, at.runner, ['EKS210'])
    // The exec block asks the instance for its credentials, beside it, at a time of its own.
    const asked = at.lab.aws.requests.filter(({ service }) => service !== 'imds')
    expect(asked.at(-1)).toMatchObject({ service: 'sts', operation: 'AssumeRole' })
    expect(at.lab.aws.proxy.connects.slice(before)).toEqual([])
  },
  PATIENCE,
)
