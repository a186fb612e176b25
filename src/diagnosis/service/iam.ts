import type { Principal } from '../../aws/arn.ts'
import type { Paste, Step } from '../failure.ts'
import { commandLine, shell } from '../shell.ts'

// Policies of IAM, and the commands that show and put them, with the real names in them.

/** A statement of a policy, as far as it is written here. */
export interface Statement {
  Effect: 'Allow'
  Principal?: unknown
  Action: string | string[]
  Resource?: string
  Condition?: object
}

export function json(value: object): Paste {
  return { language: 'json', text: JSON.stringify(value, null, 2) }
}

export function policyOf(...statements: Statement[]) {
  return { Version: '2012-10-17', Statement: statements }
}

/** One for each cluster, as a policy that is put replaces the one of its name. At most 128 characters. */
export function describePolicyName(region: string, cluster: string): string {
  return `eks-login-${region}-${cluster}`.slice(0, 128)
}

/** Permissions of a role or user, as a policy of its own, and the command that gives it. */
export function grant(principal: Principal | null, policyName: string, ...statements: Statement[]): Step[] {
  const policy = policyOf(...statements)
  if (!principal) return ['Attach this policy to the role or user that the runner is:', json(policy)]
  const { kind, name } = principal
  return [
    `Attach this policy to the ${kind} ${name}:`,
    json(policy),
    'With the AWS CLI, as an administrator of its account:',
    shell(
      commandLine(
        ...['aws', 'iam', `put-${kind}-policy`, `--${kind}-name`, name],
        ...['--policy-name', policyName, '--policy-document', JSON.stringify(policy)],
      ),
    ),
  ]
}

/** Commands that show the policies of a role or user. */
export function showPolicies({ kind, name }: Principal): Paste {
  const of = [`--${kind}-name`, name]
  return shell(
    commandLine('aws', 'iam', `list-${kind}-policies`, ...of),
    commandLine('aws', 'iam', `list-attached-${kind}-policies`, ...of),
  )
}

/** A command that shows the managed policy of an ARN, in the version that holds. */
export function showManagedPolicy(arn: string): Paste {
  const word = commandLine(arn)
  const version = `$(aws iam get-policy --policy-arn ${word} --query Policy.DefaultVersionId --output text)`
  return shell(`aws iam get-policy-version --policy-arn ${word} --version-id "${version}"`)
}

/**
 * A condition under which a Deny does not hold for one role or user
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn).
 * The key has the path of a role, which may not be known here.
 */
export function exemption({ partition, account, kind, name, arn }: Principal): Paste {
  const start = `arn:${partition}:iam::${account}:${kind}`
  const pathless = `${start}/${name}`
  const arns = arn === pathless ? [pathless, `${start}/*/${name}`] : [arn]
  return json({ Condition: { ArnNotLike: { 'aws:PrincipalArn': arns } } })
}

/** A statement of a trust policy that lets a role or user assume the role. */
export function trust(principal: Principal): Statement {
  return { Effect: 'Allow', Principal: { AWS: principal.arn }, Action: 'sts:AssumeRole' }
}
