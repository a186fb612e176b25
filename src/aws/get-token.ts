import type { Target } from './target.ts'

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
 * @param id an Outposts local cluster's id, which the token must name in place of the cluster's name
 * @param roleArn role that the token is made with
 * @param profile AWS_PROFILE, written only if it was set
 */
export function getTokenCommand(
  { region, name }: Pick<Target, 'region' | 'name'>,
  {
    id,
    roleArn,
    profile,
  }: { id?: string | undefined; roleArn?: string | undefined; profile?: string | undefined },
): TokenCommand {
  const cluster = id ? ['--cluster-id', id] : ['--cluster-name', name]
  const role = roleArn ? ['--role-arn', roleArn] : []
  return {
    command: 'aws',
    args: ['--region', region, 'eks', 'get-token', ...cluster, '--output', 'json', ...role],
    env: profile ? [{ name: 'AWS_PROFILE', value: profile }] : [],
  }
}
