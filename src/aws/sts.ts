import { principalOf } from './arn.ts'
import type { CallOptions } from './bounds.ts'
import { ask, clientSettings, endpointOf } from './calls.ts'
import type { Credentials } from './credentials.ts'
import { AwsProblem } from './evidence.ts'

/**
 * Another role's credentials, to describe a cluster across accounts or to sign a token with.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 *
 * @param sessionName 2 to 64 of `[\w+=,.@-]`: how CloudTrail names the session
 * @throws AwsProblem refused, answer-unreadable, unreachable, timed-out
 */
export async function assumeRole(
  roleArn: string,
  own: Credentials,
  region: string,
  sessionName: string,
  options: CallOptions,
): Promise<Credentials> {
  const answer = await askSts(
    'sts:AssumeRole',
    roleArn,
    own,
    region,
    options,
    ({ AssumeRoleCommand }, client, bound) =>
      client.send(new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: sessionName }), bound),
  )
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = answer.Credentials ?? {}
  if (!AccessKeyId || !SecretAccessKey || !SessionToken) {
    throw unreadable('sts:AssumeRole', region, options, 'it holds no credentials')
  }
  return {
    source: `role ${roleArn}`,
    shared: false,
    identity: {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      ...(Expiration ? { expiration: Expiration } : {}),
    },
  }
}

/**
 * Who AWS says the credentials belong to: the role's ARN, without its path, or the ARN of whatever else they are.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 *
 * @throws AwsProblem refused, answer-unreadable, unreachable, timed-out
 */
export async function whoSigns(own: Credentials, region: string, options: CallOptions): Promise<string> {
  const asked = 'sts:GetCallerIdentity'
  const { Arn } = await askSts(asked, 'the credentials', own, region, options, (sdk, client, bound) =>
    client.send(new sdk.GetCallerIdentityCommand({}), bound),
  )
  if (!Arn) throw unreadable(asked, region, options, 'it names nobody')
  return principalOf(Arn)?.arn ?? Arn
}

/** The SDK takes a page, or nothing, for an answer in which all is left out. */
function unreadable(asked: string, region: string, { env }: CallOptions, problem: string): AwsProblem {
  const endpoint = endpointOf('STS', region, env)
  return new AwsProblem({ kind: 'answer-unreadable', asked, endpoint, status: 200, problem })
}

type Sdk = typeof import('./sdk-sts.ts')
type Client = InstanceType<Sdk['STSClient']>

async function askSts<Answer>(
  asked: string,
  resource: string,
  { identity }: Credentials,
  region: string,
  options: CallOptions,
  send: (sdk: Sdk, client: Client, bound: { abortSignal: AbortSignal }) => Promise<Answer>,
): Promise<Answer> {
  const settings = await clientSettings(options)
  const sdk = await import('./sdk-sts.ts')
  const client = new sdk.STSClient({ region, credentials: identity, ...settings })
  try {
    const endpoint = endpointOf('STS', region, options.env)
    return await ask(
      asked,
      resource,
      endpoint,
      options,
      () => settings,
      bound => send(sdk, client, bound),
    )
  } finally {
    client.destroy()
  }
}
