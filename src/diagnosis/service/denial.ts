import type { Principal } from '../../aws/arn.ts'
import type { Denial, PolicyKind } from '../../aws/denial.ts'
import type { Diagnosis, Possibility, Step } from '../failure.ts'
import { commandLine, shell } from '../shell.ts'
import { exemption, grant, json, type Statement, showManagedPolicy, showPolicies } from './iam.ts'

// Which policy denies, as far as AWS says it, and what is to be done to policies of that kind.

/** What was denied. */
export interface Denied {
  denial: Denial
  /** `eks:DescribeCluster` */
  action: string
  /** ARN, as a policy names it. */
  resource: string
  /** Who was denied it; null where nobody says. */
  principal: Principal | null
  region: string
  /** Of a policy that would allow it. */
  policyName: string
  /** Half a sentence with its verb: "call eks:DescribeCluster". */
  deed: string
  /** All that the caller needs for what it is about, of which this is one; else only this. */
  needs?: Statement[]
}

type Denying = Pick<Diagnosis, 'cause' | 'cure' | 'otherwise'>

/** The cause of a denial by policies of the caller and what stands above it, and its cure. */
export function deniedByPolicy(denied: Denied): Denying {
  const { denial, deed } = denied
  const cause = `${whoOf(denied)} may not ${deed}`
  const { reason, policy } = denial
  if (reason && policy) {
    const why =
      reason === 'explicit' ? `an explicit deny in ${aOf(policy)} forbids it` : `no ${policy} allows it`
    return { cause: `${cause}: ${why}`, cure: [...cureOf(denied, policy, reason), ...ONE_AT_A_TIME] }
  }
  if (reason === 'explicit') {
    return {
      cause: `${cause}: an explicit deny forbids it, in a policy that AWS does not name`,
      cure: [
        'Likeliest is an identity-based policy.',
        ...cureOf(denied, 'identity-based policy', 'explicit'),
      ],
      otherwise: GUARDS.map(kind => possibility(denied, kind, 'explicit')),
    }
  }
  return {
    cause: `${cause}, and AWS does not say which policy denies it`,
    cure: ['Likeliest is that no policy allows it.', ...cureOf(denied, 'identity-based policy', 'implicit')],
    otherwise: [
      possibility(denied, 'identity-based policy', 'explicit'),
      ...GUARDS.map(kind => possibility(denied, kind, 'implicit')),
    ],
  }
}

/** Who was denied, for a person. */
export function whoOf({ principal }: Pick<Denied, 'principal'>): string {
  return principal ? `the ${principal.kind} ${principal.name}` : 'the role of the runner'
}

const ONE_AT_A_TIME = [
  'AWS names one kind of policy at a time: where another denies it too, the next run says which.',
]

/** Kinds of policies that may stand in the way beside the caller's own, the likeliest first. */
const GUARDS: PolicyKind[] = [
  'permissions boundary',
  'service control policy',
  'VPC endpoint policy',
  'session policy',
]

function aOf(policy: PolicyKind): string {
  return `${policy === 'identity-based policy' ? 'an' : 'a'} ${policy}`
}

/** A cause that a message without a reason leaves open. */
function possibility(denied: Denied, kind: PolicyKind, reason: 'explicit' | 'implicit'): Possibility {
  const cause =
    reason === 'explicit' ? `an explicit deny in ${aOf(kind)} forbids it` : `${aOf(kind)} does not allow it`
  const shown = showOf(kind, denied)
  const tell = simulated(denied, kind)
  return tell.length > 0
    ? { cause, tell, cure: cureOf(denied, kind, reason, shown) }
    : { cause, tell: shown, cure: cureOf(denied, kind, reason, []) }
}

/** IAM's simulator knows the policies of a role or user, its boundary and the organization's. */
function simulated({ principal, action, resource }: Denied, kind: PolicyKind): Step[] {
  const [query, answer] = SIMULATED[kind] ?? []
  if (!principal || !query) return []
  return [
    `Then this says ${answer}:`,
    shell(
      commandLine(
        ...['aws', 'iam', 'simulate-principal-policy', '--policy-source-arn', principal.arn],
        ...['--action-names', action, '--resource-arns', resource],
        ...['--query', `EvaluationResults[0].${query}`],
      ),
    ),
  ]
}

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html */
const SIMULATED: Partial<Record<PolicyKind, [query: string, answer: string]>> = {
  'identity-based policy': ['EvalDecision', 'explicitDeny'],
  'permissions boundary': ['PermissionsBoundaryDecisionDetail', 'AllowedByPermissionsBoundary: false'],
  'service control policy': ['OrganizationsDecisionDetail', 'AllowedByOrganizations: false'],
}

/** What to do about policies of a kind that deny. */
function cureOf(
  denied: Denied,
  kind: PolicyKind,
  reason: 'explicit' | 'implicit',
  shown: Step[] = showOf(kind, denied),
): Step[] {
  const { principal, policyName, denial, action } = denied
  const statement = statementOf(denied, kind)
  if (reason === 'implicit' && kind === 'identity-based policy')
    return grant(principal, policyName, ...(denied.needs ?? [statement]))
  const place = placeOf(kind, principal)
  if (reason === 'implicit') {
    const levels = kind === 'service control policy' ? ' Each level of the organization needs it in one.' : ''
    return [...shown, `Add this statement to ${place}.${levels}`, json(statement)]
  }
  const { policyArn } = denial
  const found = policyArn ? `The Deny stands in ${policyArn}.` : `Look for the Deny in ${place}.`
  const away = `Take ${action} out of that Deny`
  return [
    found,
    ...(policyArn ? showNamed(kind, policyArn) : shown),
    ...(principal
      ? [
          `${away}. Or, where it is to hold for others, add this condition to the statement, beside those that it has:`,
          exemption(principal),
        ]
      : [`${away}.`]),
  ]
}

function statementOf({ action, resource }: Denied, kind: PolicyKind): Statement {
  return {
    Effect: 'Allow',
    ...(kind === 'VPC endpoint policy' ? { Principal: '*' } : {}),
    Action: action,
    // An organization's policies allow for all accounts below them.
    Resource: kind === 'service control policy' ? '*' : resource,
  }
}

/** Where policies of a kind are attached. */
function placeOf(kind: PolicyKind, principal: Principal | null): string {
  const who = whoOf({ principal })
  const account = principal ? `the account ${principal.account}` : 'the account'
  switch (kind) {
    case 'identity-based policy':
      return `a policy that is attached to ${who}${principal?.kind === 'user' ? ' or its groups' : ''}`
    case 'permissions boundary':
      return `the permissions boundary of ${who}`
    case 'session policy':
      return 'the session policy that the credentials were made with, or make them without one (who calls AssumeRole gives it; to configure-aws-credentials it is inline-session-policy or managed-session-policies)'
    case 'service control policy':
      return `a service control policy of ${account}, or of what stands above it in the organization`
    case 'resource control policy':
      return `a resource control policy of ${account} or of what stands above it in the organization`
    case 'VPC endpoint policy':
      return 'the policy of the VPC endpoint that the call goes through'
    default:
      return `the ${kind} of what was asked for`
  }
}

/** Commands that show policies of a kind. */
function showOf(
  kind: PolicyKind,
  { principal, region, action }: Pick<Denied, 'principal' | 'region' | 'action'>,
): Step[] {
  if (kind === 'VPC endpoint policy') {
    const service = action.replace(/:.*/, '')
    const lines = commandLine(
      ...['aws', 'ec2', 'describe-vpc-endpoints', '--region', region],
      ...['--filters', `Name=service-name,Values=*${endpointService(service, region)}`],
      ...['--query', 'VpcEndpoints[].[VpcEndpointId,VpcId,PolicyDocument]'],
    )
    return ['This shows the VPC endpoints and their policies:', shell(lines)]
  }
  if (!principal) return []
  const { kind: type, name, account } = principal
  switch (kind) {
    case 'identity-based policy':
      return [`These show the policies of the ${type} ${name}:`, showPolicies(principal)]
    case 'permissions boundary': {
      const query = `${type === 'role' ? 'Role' : 'User'}.PermissionsBoundary.PermissionsBoundaryArn`
      const line = commandLine('aws', 'iam', `get-${type}`, `--${type}-name`, name, '--query', query)
      return ['This shows which policy it is:', shell(line)]
    }
    case 'service control policy':
    case 'resource control policy': {
      const filter = kind.toUpperCase().replaceAll(' ', '_')
      const list = ['aws', 'organizations', 'list-policies-for-target', '--target-id', account]
      return [
        'This shows those of the account, asked in the management account of the organization:',
        shell(commandLine(...list, '--filter', filter)),
      ]
    }
    default:
      return []
  }
}

/** The command that shows a policy which AWS names by its ARN. */
function showNamed(kind: PolicyKind, policyArn: string): Step[] {
  const [, id] = /:organizations:.*\/([\w-]+)$/.exec(policyArn) ?? []
  if (id) {
    return [
      'This shows it, asked in the management account of the organization:',
      shell(commandLine('aws', 'organizations', 'describe-policy', '--policy-id', id)),
    ]
  }
  return kind === 'VPC endpoint policy' ? [] : ['This shows it:', showManagedPolicy(policyArn)]
}

/**
 * The name of the service behind an interface VPC endpoint; in China some have `cn.` before it
 * (https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html).
 */
export function endpointService(service: string, region: string): string {
  return `com.amazonaws.${region}.${service}`
}
