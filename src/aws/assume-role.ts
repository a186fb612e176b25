import { ask, type CallOptions, clientSettings, endpointOf } from './calls.ts'
import type { Credentials } from './credentials.ts'

/**
 * Another role's credentials, for a cluster that is described across accounts.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 *
 * @param sessionName 2 to 64 of `[\w+=,.@-]`: how CloudTrail names the session
 * @throws AwsProblem refused, unreachable, timed-out
 */
export async function assumeRole(
  roleArn: string,
  { identity }: Credentials,
  region: string,
  sessionName: string,
  options: CallOptions,
): Promise<Credentials> {
  const settings = await clientSettings(options)
  const { AssumeRoleCommand, STSClient } = await import('./sdk-sts.ts')
  const client = new STSClient({ region, credentials: identity, ...settings })
  try {
    const endpoint = endpointOf('STS', region, options.env)
    const { Credentials } = await ask('sts:AssumeRole', roleArn, endpoint, options, settings, bound =>
      client.send(new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: sessionName }), bound),
    )
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '', Expiration } = Credentials ?? {}
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
  } finally {
    client.destroy()
  }
}
