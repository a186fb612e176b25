import { roleOfSession } from './arn.ts'
import { ask, type CallOptions, clientSettings, endpointOf } from './calls.ts'
import type { Credentials } from './credentials.ts'

/**
 * Who AWS says the credentials belong to: the role's ARN, without its path, or the ARN of whatever else they are.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 *
 * @throws AwsProblem refused, unreachable, timed-out
 */
export async function whoSigns(
  { identity }: Credentials,
  region: string,
  options: CallOptions,
): Promise<string> {
  const settings = await clientSettings(options)
  const { GetCallerIdentityCommand, STSClient } = await import('./sdk-sts.ts')
  const client = new STSClient({ region, credentials: identity, ...settings })
  try {
    const endpoint = endpointOf('STS', region, options.env)
    const { Arn = '' } = await ask(
      'sts:GetCallerIdentity',
      'the credentials',
      endpoint,
      options,
      settings,
      bound => client.send(new GetCallerIdentityCommand({}), bound),
    )
    return roleOfSession(Arn) ?? Arn
  } finally {
    client.destroy()
  }
}
