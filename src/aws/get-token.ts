import type { CallOptions } from './bounds.ts'
import type { CredentialSource } from './credential-source.ts'
import type { Credentials } from './credentials.ts'
import { stsHost } from './hosts.ts'
import { type SignedToken, signToken } from './sign-token.ts'

/** What a token is asked for. */
export interface TokenRequest {
  region: string
  /** What the token names: the cluster's name, or the id of a local cluster on Outposts. */
  cluster: { name: string } | { id: string }
  /** Role that the token is made with. */
  roleArn?: string | undefined
}

/** The program that makes a token: what goes into an exec block, named without Kubernetes. */
export interface TokenCommand {
  command: string
  args: string[]
  env: { name: string; value: string }[]
}

/**
 * The AWS CLI's `eks get-token` for a cluster, with the arguments in the order in which `aws eks update-kubeconfig`
 * writes them (aws-cli, customizations/eks/update_kubeconfig.py).
 *
 * @param profile AWS_PROFILE, written only if it was set
 */
export function getTokenCommand(request: TokenRequest, profile?: string): TokenCommand {
  const { region } = request
  return {
    command: 'aws',
    args: [
      '--region',
      region,
      'eks',
      'get-token',
      ...clusterOf(request),
      '--output',
      'json',
      ...roleOf(request),
    ],
    env: profileOf(profile),
  }
}

/** What the signer is told beside the request. */
export interface SignerSettings {
  credentialSource: CredentialSource
  /** Bound on its search for credentials and on its call of STS. */
  timeoutSeconds: number
  /** AWS_PROFILE, written only if it was set. */
  profile?: string | undefined
}

/**
 * The builtin signer's command line, with the AWS CLI's names for what both have. What credentials it may use is
 * among them: a later step's environment cannot make it sign with others than the login allowed.
 *
 * @param program the runtime and the signer's script
 */
export function signerCommand(
  program: { command: string; script: string },
  request: TokenRequest,
  { credentialSource, timeoutSeconds, profile }: SignerSettings,
): TokenCommand {
  const { region } = request
  return {
    command: program.command,
    args: [
      program.script,
      ...['--region', region],
      ...clusterOf(request),
      ...roleOf(request),
      ...['--credential-source', credentialSource],
      ...['--timeout', String(timeoutSeconds)],
    ],
    env: profileOf(profile),
  }
}

function clusterOf({ cluster }: TokenRequest): string[] {
  return 'id' in cluster ? ['--cluster-id', cluster.id] : ['--cluster-name', cluster.name]
}

function roleOf({ roleArn }: TokenRequest): string[] {
  return roleArn ? ['--role-arn', roleArn] : []
}

function profileOf(profile: string | undefined): TokenCommand['env'] {
  return profile ? [{ name: 'AWS_PROFILE', value: profile }] : []
}

/**
 * The credentials that a token is made with: the runner's own, or those of the role that it is asked for. Only for
 * these a network is asked.
 *
 * @throws AwsProblem refused, unreachable, timed-out, when the role cannot be assumed
 */
export async function tokenCredentials(
  { region, roleArn }: TokenRequest,
  own: Credentials,
  options: CallOptions,
): Promise<Credentials> {
  if (!roleArn) return own
  const { assumeRole } = await import('./sts.ts')
  return assumeRole(roleArn, own, region, SESSION_NAME, options)
}

/** As the AWS CLI names the session, so that CloudTrail and policies see no difference. */
const SESSION_NAME = 'EKSGetTokenAuth'

/** Makes a token as `aws eks get-token` does, in this process. */
export function makeToken(
  { region, cluster }: TokenRequest,
  { identity }: Credentials,
  env: NodeJS.ProcessEnv,
): SignedToken {
  const named = 'id' in cluster ? cluster.id : cluster.name
  return signToken({ identity, region, host: stsHost(region, env), cluster: named }, Date.now())
}
