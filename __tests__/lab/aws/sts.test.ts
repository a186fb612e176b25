import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts'
import { type LabAws, startAws } from '../../../lab/aws/aws.ts'
import type { AccessKey, Role } from '../../../lab/aws/identities.ts'
import type { PolicyDocument } from '../../../lab/aws/policy.ts'
import type { TrustPolicy, TrustStatement } from '../../../lab/aws/trust.ts'
import { ask } from './ask.ts'
import { presignGetCallerIdentity } from './presigned.ts'

const ASSUME_ANY: PolicyDocument = {
  Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }],
}
const MINUTE = 60_000

let aws: LabAws
let clients: STSClient[]
beforeEach(async () => {
  aws = await startAws()
  clients = []
})
afterEach(async () => {
  for (const client of clients) client.destroy()
  await aws.stop()
})

function trusting(
  Principal: TrustStatement['Principal'],
  Condition?: TrustStatement['Condition'],
): TrustPolicy {
  const statement: TrustStatement = { Effect: 'Allow', Principal, Action: 'sts:AssumeRole' }
  return { Statement: [Condition === undefined ? statement : { ...statement, Condition }] }
}

function createRunner(policies: Record<string, PolicyDocument> = {}) {
  return aws.identities.createRole({
    name: 'runner',
    path: '/ci/',
    trust: trusting({ Service: 'ec2.amazonaws.com' }),
    policies,
  })
}

function issue(role: Role) {
  return aws.identities.issueSession(role, { name: 'i-1', expires: new Date(Date.now() + 60 * MINUTE) })
}

function clientOf(credentials: AccessKey, region = 'eu-west-1') {
  const client = new STSClient({ region, endpoint: aws.stsEndpoint, credentials, maxAttempts: 1 })
  clients.push(client)
  return client
}

describe('GetCallerIdentity', () => {
  const whoAmI = (client: STSClient) => client.send(new GetCallerIdentityCommand({}))

  test('of a session names role and session, without the path of the role', async () => {
    const role = createRunner()
    await expect(whoAmI(clientOf(issue(role)))).resolves.toMatchObject({
      Account: '111122223333',
      Arn: 'arn:aws:sts::111122223333:assumed-role/runner/i-1',
      UserId: `${role.uniqueId}:i-1`,
    })
  })

  test('of a user names the user, until its key or the user is deleted', async () => {
    const user = aws.identities.createUser({ name: 'ada', path: '/people/' })
    const [one, two] = [aws.identities.createAccessKey(user.arn), aws.identities.createAccessKey(user.arn)]
    await expect(whoAmI(clientOf(one))).resolves.toMatchObject({
      Arn: 'arn:aws:iam::111122223333:user/people/ada',
      UserId: user.uniqueId,
    })
    const invalid = { name: 'InvalidClientTokenId', $metadata: { httpStatusCode: 403 } }
    aws.identities.deleteAccessKey(one.accessKeyId)
    await expect(whoAmI(clientOf(one))).rejects.toMatchObject(invalid)
    await expect(whoAmI(clientOf(two))).resolves.toBeDefined()
    aws.identities.deleteUser(user.arn)
    await expect(whoAmI(clientOf(two))).rejects.toMatchObject(invalid)
  })

  test('needs no permission, and no policy can deny it', async () => {
    const role = createRunner({ no: { Statement: [{ Effect: 'Deny', Action: '*', Resource: '*' }] } })
    await expect(whoAmI(clientOf(issue(role)))).resolves.toBeDefined()
  })

  test('with a wrong secret does not match', async () => {
    const credentials = { ...issue(createRunner()), secretAccessKey: 'x'.repeat(40) }
    await expect(whoAmI(clientOf(credentials))).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
      $metadata: { httpStatusCode: 403 },
    })
  })

  test('with an expired session is told so', async () => {
    const { sessionToken, accessKeyId, secretAccessKey } = issue(createRunner())
    aws.identities.expireSession(accessKeyId)
    await expect(
      whoAmI(clientOf({ sessionToken, accessKeyId, secretAccessKey } as never)),
    ).rejects.toMatchObject({
      name: expect.stringMatching(/^ExpiredToken/),
      message: 'The security token included in the request is expired',
    })
  })

  test('unsigned is told what is missing', async () => {
    const answer = await ask(`${aws.stsEndpoint}/?Action=GetCallerIdentity&Version=2011-06-15`)
    expect(answer.status).toBe(403)
    expect(answer.body).toContain('<Code>MissingAuthenticationToken</Code>')
  })
})

describe('a presigned GetCallerIdentity, as a control plane sends it', () => {
  const JSON_FORM = { accept: 'application/json' }
  const host = () => new URL(aws.stsEndpoint).host

  async function presign(options: { cluster?: string; age?: number; expiresSeconds?: number } = {}) {
    const { cluster, age = 0, expiresSeconds = 60 } = options
    return presignGetCallerIdentity({
      credentials: issue(createRunner()),
      host: host(),
      region: 'eu-west-1',
      headers: cluster === undefined ? {} : { 'x-k8s-aws-id': cluster },
      signedAt: new Date(Date.now() - age),
      expiresSeconds,
    })
  }

  async function send(target: string, headers: Record<string, string> = {}) {
    const { status, body } = await ask(aws.stsEndpoint + target, { headers: { ...JSON_FORM, ...headers } })
    return { status, body: JSON.parse(body) }
  }

  test('answers in JSON who accepts it, else in XML', async () => {
    const target = await presign({ cluster: 'demo' })
    const headers = { 'x-k8s-aws-id': 'demo' }
    const { status, body } = await send(target, headers)
    expect(status).toBe(200)
    expect(body.GetCallerIdentityResponse.GetCallerIdentityResult).toEqual({
      Account: '111122223333',
      Arn: 'arn:aws:sts::111122223333:assumed-role/runner/i-1',
      UserId: expect.stringMatching(/^AROA[A-Z2-7]{17}:i-1$/),
    })
    expect(body.GetCallerIdentityResponse.ResponseMetadata.RequestId).toMatch(/^[0-9a-f-]{36}$/)
    const xml = await ask(aws.stsEndpoint + target, { headers })
    expect(xml.headers['content-type']).toBe('text/xml')
    expect(xml.body).toContain('<Arn>arn:aws:sts::111122223333:assumed-role/runner/i-1</Arn>')
  })

  test.each([
    ['is sent for another cluster than it was signed for', 'demo', { 'x-k8s-aws-id': 'other' }],
    ['lacks the cluster that it was signed for', 'demo', {}],
    ['was signed for no cluster', undefined, { 'x-k8s-aws-id': 'demo' }],
  ])('is refused if it %s', async (_what, cluster, headers) => {
    const target = await presign(cluster === undefined ? {} : { cluster })
    const { status, body } = await send(target, headers as Record<string, string>)
    expect(status).toBe(403)
    expect(body.Error).toMatchObject({ Code: 'SignatureDoesNotMatch', Type: 'Sender' })
  })

  test('is good for 15 minutes, whatever X-Amz-Expires says', async () => {
    expect(await send(await presign({ age: 14.9 * MINUTE }))).toMatchObject({ status: 200 })
    aws.identities.deleteRole('arn:aws:iam::111122223333:role/ci/runner')
    const late = await send(await presign({ age: 15.1 * MINUTE, expiresSeconds: 3600 }))
    expect(late).toMatchObject({ status: 403, body: { Error: { Code: 'SignatureDoesNotMatch' } } })
    expect(late.body.Error.Message).toMatch(/^Signature expired: .* - 15 min\.\)$/)
  })

  test('is refused if it is from the future', async () => {
    const { body } = await send(await presign({ age: -16 * MINUTE }))
    expect(body.Error.Message).toMatch(/^Signature not yet current/)
  })

  test.each([
    ['X-Amz-Expires', /X-Amz-Expires=60/, 'X-Amz-Expires=61'],
    ['X-Amz-Date', /X-Amz-Date=(\d{8}T\d{4})\d\dZ/, 'X-Amz-Date=$161Z'],
    ['Action', /Action=GetCallerIdentity/, 'Action=AssumeRole'],
    ['X-Amz-SignedHeaders', /X-Amz-SignedHeaders=host/, 'X-Amz-SignedHeaders=host%3Baccept'],
    ['X-Amz-Security-Token', /X-Amz-Security-Token=IQo/, 'X-Amz-Security-Token=IQp'],
    ['the region', /eu-west-1/, 'eu-west-2'],
  ])('is refused if %s is changed', async (_what, found, replacement) => {
    const target = await presign()
    const changed = target.replace(found, replacement)
    expect(changed).not.toBe(target)
    expect((await send(changed)).status).toBeGreaterThanOrEqual(400)
  })

  test.each(['X-Amz-Signature', 'X-Amz-Date', 'X-Amz-SignedHeaders', 'X-Amz-Credential'])(
    'is incomplete without %s',
    async name => {
      const target = (await presign()).replace(
        new RegExp(`[?&]${name}=[^&]*`),
        match => `${match.charAt(0)}x=`,
      )
      expect(await send(target)).toMatchObject({
        status: 400,
        body: { Error: { Code: 'IncompleteSignature' } },
      })
    },
  )
})

describe('AssumeRole', () => {
  const arn = 'arn:aws:iam::111122223333:role/deployer'
  const assume = (client: STSClient, more: Partial<AssumeRoleCommandInput> = {}) =>
    client.send(new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: 'job', ...more }))
  const denied = {
    name: 'AccessDenied',
    message: expect.stringContaining(
      `User: arn:aws:sts::111122223333:assumed-role/runner/i-1 is not authorized to perform: sts:AssumeRole on resource: `,
    ),
    $metadata: { httpStatusCode: 403 },
  }

  test('gives credentials of a session that are good', async () => {
    const runner = createRunner()
    const role = aws.identities.createRole({ name: 'deployer', trust: trusting({ AWS: runner.arn }) })
    const { Credentials, AssumedRoleUser } = await assume(clientOf(issue(runner)), { DurationSeconds: 900 })
    expect(AssumedRoleUser?.AssumedRoleId).toBe(`${role.uniqueId}:job`)
    const seconds = ((Credentials?.Expiration?.getTime() ?? 0) - Date.now()) / 1000
    expect(seconds).toBeGreaterThan(890)
    expect(seconds).toBeLessThanOrEqual(900)
    const session = {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    }
    expect(session.accessKeyId).toMatch(/^ASIA[A-Z2-7]{16}$/)
    const identity = await clientOf(session).send(new GetCallerIdentityCommand({}))
    expect(identity.Arn).toBe('arn:aws:sts::111122223333:assumed-role/deployer/job')
  })

  test('of a role that trusts the account needs a policy of the caller', async () => {
    const runner = createRunner()
    aws.identities.createRole({ name: 'deployer', trust: trusting({ AWS: '111122223333' }) })
    const client = clientOf(issue(runner))
    await expect(assume(client)).rejects.toMatchObject({
      ...denied,
      message: expect.stringContaining('because no identity-based policy allows the sts:AssumeRole action'),
    })
    aws.identities.putPolicy(runner.arn, 'assume', ASSUME_ANY)
    await expect(assume(client)).resolves.toBeDefined()
  })

  test('across accounts needs both sides', async () => {
    const runner = createRunner()
    const foreign = { name: 'deployer', account: '444455556666' }
    const { arn: RoleArn } = aws.identities.createRole({ ...foreign, trust: trusting({ AWS: runner.arn }) })
    const client = clientOf(issue(runner))
    await expect(assume(client, { RoleArn })).rejects.toMatchObject(denied)
    aws.identities.putPolicy(runner.arn, 'assume', ASSUME_ANY)
    await expect(assume(client, { RoleArn })).resolves.toBeDefined()
    aws.identities.setTrust(RoleArn, trusting({ AWS: '444455556666' }))
    await expect(assume(client, { RoleArn })).rejects.toMatchObject(denied)
  })

  test('is denied by an explicit deny, though the role names the caller', async () => {
    const runner = createRunner({ no: { Statement: [{ Effect: 'Deny', Action: 'sts:*', Resource: arn }] } })
    aws.identities.createRole({ name: 'deployer', trust: trusting({ AWS: runner.arn }) })
    await expect(assume(clientOf(issue(runner)))).rejects.toMatchObject({
      ...denied,
      message: expect.stringContaining('with an explicit deny in an identity-based policy'),
    })
  })

  test('of a role that is not there is denied like any other', async () => {
    const client = clientOf(issue(createRunner({ assume: ASSUME_ANY })))
    await expect(assume(client)).rejects.toMatchObject(denied)
  })

  test('is denied to a role made anew under the name that is trusted', async () => {
    const runner = createRunner()
    aws.identities.createRole({ name: 'deployer', trust: trusting({ AWS: runner.arn }) })
    const again = aws.identities.replaceRole(runner.arn)
    await expect(assume(clientOf(issue(again)))).rejects.toMatchObject(denied)
  })

  test('wants the external id that the trust policy wants', async () => {
    const runner = createRunner()
    const trust = trusting({ AWS: runner.arn }, { StringEquals: { 'sts:ExternalId': 'secret-word' } })
    aws.identities.createRole({ name: 'deployer', trust })
    const client = clientOf(issue(runner))
    await expect(assume(client)).rejects.toMatchObject(denied)
    await expect(assume(client, { ExternalId: 'another' })).rejects.toMatchObject(denied)
    await expect(assume(client, { ExternalId: 'secret-word' })).resolves.toBeDefined()
  })

  test('is bounded: by an hour for a session, by the role for a user', async () => {
    const runner = createRunner()
    const user = aws.identities.createUser({ name: 'ada' })
    const trust = trusting({ AWS: [runner.arn, user.arn] })
    aws.identities.createRole({ name: 'deployer', trust, maxSessionSeconds: 7200 })
    await expect(assume(clientOf(issue(runner)), { DurationSeconds: 3601 })).rejects.toMatchObject({
      name: 'ValidationError',
      message:
        'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
    })
    const client = clientOf(aws.identities.createAccessKey(user.arn))
    await expect(assume(client, { DurationSeconds: 7200 })).resolves.toBeDefined()
    await expect(assume(client, { DurationSeconds: 7201 })).rejects.toMatchObject({
      message: 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    })
  })

  test.each([
    ['has a space', { RoleSessionName: 'my job' }, /regular expression pattern: \[\\w\+=,\.@-\]\*/],
    ['is too short', { RoleSessionName: 'j' }, /length greater than or equal to 2/],
    ['is too long', { RoleSessionName: 'j'.repeat(65) }, /length less than or equal to 64/],
  ])('refuses a session name that %s', async (_what, more, message) => {
    await expect(assume(clientOf(issue(createRunner())), more)).rejects.toMatchObject({
      name: 'ValidationError',
      message: expect.stringMatching(message),
    })
  })
})

describe('AssumeRoleWithWebIdentity', () => {
  const issuer = 'https://token.actions.example.com'
  const token = (
    changes: { subject?: string; audience?: string; issuer?: string; lifetimeSeconds?: number } = {},
  ) =>
    aws.webIdentities.issueToken({ issuer, subject: 'repo:o/r', audience: 'sts.amazonaws.com', ...changes })

  beforeEach(() => {
    aws.webIdentities.trustProvider({ account: aws.account, issuer, audiences: ['sts.amazonaws.com'] })
    aws.identities.createRole({
      name: 'oidc',
      trust: {
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/token.actions.example.com' },
            Action: 'sts:AssumeRoleWithWebIdentity',
            Condition: { StringLike: { 'token.actions.example.com:sub': 'repo:o/*' } },
          },
        ],
      },
    })
  })

  function assume(WebIdentityToken: string) {
    const client = clientOf({ accessKeyId: 'unused', secretAccessKey: 'unused' })
    const RoleArn = 'arn:aws:iam::111122223333:role/oidc'
    return client.send(
      new AssumeRoleWithWebIdentityCommand({ RoleArn, RoleSessionName: 'job', WebIdentityToken }),
    )
  }

  test('gives credentials for a good token, unsigned', async () => {
    const { Credentials, SubjectFromWebIdentityToken } = await assume(token())
    expect(SubjectFromWebIdentityToken).toBe('repo:o/r')
    const session = {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    }
    const identity = await clientOf(session).send(new GetCallerIdentityCommand({}))
    expect(identity.Arn).toBe('arn:aws:sts::111122223333:assumed-role/oidc/job')
  })

  test.each<[string, () => string, string]>([
    ['of a subject that is not trusted', () => token({ subject: 'repo:p/r' }), 'AccessDenied'],
    ['of another audience', () => token({ audience: 'else' }), 'InvalidIdentityTokenException'],
    [
      'of an issuer that is not trusted',
      () => token({ issuer: 'https://e.example' }),
      'InvalidIdentityTokenException',
    ],
    ['that is over', () => token({ lifetimeSeconds: -1 }), 'ExpiredTokenException'],
    ['with a changed signature', () => `${token().slice(0, -6)}AAAAAA`, 'InvalidIdentityTokenException'],
    ['that is none', () => 'nonsense', 'InvalidIdentityTokenException'],
  ])('refuses a token %s', async (_what, made, name) => {
    await expect(assume(made())).rejects.toMatchObject({ name })
  })
})
