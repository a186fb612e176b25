import { type Principal, principalOf } from '../../aws/arn.ts'
import { type Denial, readDenial } from '../../aws/denial.ts'
import type { AwsEvidence } from '../../aws/evidence.ts'
import type { About, Diagnosis, Possibility, Step } from '../failure.ts'
import { commandLine, shell } from '../shell.ts'
import { withPaste } from '../workflow.ts'
import { type Denied, deniedByPolicy, whoOf } from './denial.ts'
import { describePolicyName, exemption, grant, json, policyOf, type Statement, trust } from './iam.ts'

// A role that may not be assumed: its trust policy and the caller's own policies both have a say
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html).

type Refused = Extract<AwsEvidence, { kind: 'refused' }>

/** AssumeRole that was denied: by the caller's side, by the role's, or by one of the two. */
export function deniedAssumption({ resource, message }: Refused, about: About): Omit<Diagnosis, 'evidence'> {
  const denial = readDenial(message)
  const principal = denial.principal ?? principalOf(about.caller ?? '')
  const denied: Denied = {
    denial,
    action: 'sts:AssumeRole',
    resource,
    principal,
    region: about.region,
    policyName: `eks-login-assume-${nameOf(resource)}`,
    deed: `assume the role ${resource}`,
  }
  const trusts = isOfRole(denial)
  if (denial.reason && !trusts) return { code: 'EKS210', ...deniedByPolicy(denied) }
  const { cause, cure } = trusts ? byTrust(denied) : byEither(denied)
  return { code: 'EKS210', cause, cure, otherwise: trusts ? [] : undecided(denied) }
}

/** What the AWS CLI prints of a refusal (botocore, exceptions.py, ClientError). */
const TOLD_BY_CLI = /An error occurred \((AccessDenied\w*)\) when calling the AssumeRole operation[^:]*: (.+)/

/** The same where the AWS CLI asked: null where it says nothing of it, or not of which role. */
export function assumptionDeniedToCli(stderr: string, about: About): Omit<Diagnosis, 'evidence'> | null {
  const [, code = '', message = ''] = TOLD_BY_CLI.exec(stderr) ?? []
  const resource = readDenial(message).resource ?? about.tokenRole
  if (!code || !resource) return null
  return deniedAssumption(
    { kind: 'refused', asked: 'sts:AssumeRole', resource, code, status: 403, message },
    about,
  )
}

/** A trust policy is the resource-based policy of a role. */
function isOfRole({ policy }: Denial): boolean {
  return policy === 'role trust policy' || policy === 'resource-based policy'
}

function byTrust(denied: Denied): Pick<Diagnosis, 'cause' | 'cure'> {
  const { resource, principal, denial } = denied
  const role = nameOf(resource)
  if (denial.reason === 'explicit') {
    return {
      cause: `${whoOf(denied)} may not assume the role ${resource}: an explicit deny in its trust policy forbids it`,
      cure: [
        ...showTrust(role),
        'Take sts:AssumeRole out of that Deny, or add this condition to the statement, beside those that it has:',
        ...(principal ? [exemption(principal)] : []),
      ],
    }
  }
  const cause = `${whoOf(denied)} may not assume the role ${resource}: its trust policy does not allow it`
  return { cause, cure: trustCure(resource, principal) }
}

/** Where AWS says no more than no. Of the two, the trust policy is what such a message mostly means. */
function byEither(denied: Denied): Pick<Diagnosis, 'cause' | 'cure'> {
  const { resource, principal } = denied
  return {
    cause: `${whoOf(denied)} may not assume the role ${resource}: the role does not trust it, or it has no permission; AWS does not say which`,
    cure: ['Likeliest is that the role does not trust the caller.', ...trustCure(resource, principal)],
  }
}

function undecided(denied: Denied): Possibility[] {
  const { resource, principal, policyName } = denied
  const role = nameOf(resource)
  const permission: Possibility = {
    cause: `${whoOf(denied)} has no permission for it, which it needs for a role of another account, and for one that trusts its account as a whole`,
    tell: principal ? ['Then this says implicitDeny:', simulate(principal, resource)] : [],
    cure: grant(principal, policyName, {
      Effect: 'Allow',
      Action: 'sts:AssumeRole',
      Resource: resource,
    }),
  }
  const [, account] = /^arn:[^:]*:iam::(\d{12}):/.exec(resource) ?? []
  const absent: Possibility = {
    cause: `there is no role ${role} in the account ${account ?? 'of its ARN'}, with the path that its ARN has`,
    tell: ['AWS tells nobody. Ask there, as an administrator of that account:', roleArn(role)],
    cure: ['Correct the ARN in the input.'],
  }
  const condition: Possibility = {
    cause:
      'a condition of the trust policy is not met, as of an external id, which this action does not send',
    tell: showTrust(role),
    cure: ['Let the statement for this caller stand without that condition.'],
  }
  return [permission, absent, condition]
}

function simulate(principal: Principal, resource: string): Step {
  return shell(
    commandLine(
      ...['aws', 'iam', 'simulate-principal-policy', '--policy-source-arn', principal.arn],
      ...['--action-names', 'sts:AssumeRole', '--resource-arns', resource],
      ...['--query', 'EvaluationResults[0].EvalDecision'],
    ),
  )
}

/** A statement to add: what else a trust policy has stays. */
export function trustCure(roleArnToAssume: string, principal: Principal | null): Step[] {
  const role = nameOf(roleArnToAssume)
  if (!principal)
    return [`Name the role of the runner as a principal in the trust policy of ${roleArnToAssume}.`]
  return [
    `Add this statement to the trust policy of the role ${role}:`,
    json(trust(principal)),
    ...(principal.kind === 'role'
      ? [
          ...wholeArn(principal),
          'If the role stands there as AROA\u2026, that is one that was deleted; made anew by its name it is another, and is to be named again.',
        ]
      : []),
    ...showTrust(role),
  ]
}

/** What a principal of a trust policy must be, and a session does not tell. */
function wholeArn({ name }: Principal): Step[] {
  return [
    `A session does not tell the path of its role: where ${name} has one, its ARN above needs it, as this shows:`,
    roleArn(name),
  ]
}

function showTrust(role: string): Step[] {
  const query = 'Role.AssumeRolePolicyDocument'
  return [
    `This shows the trust policy of the role ${role}, as an administrator of its account:`,
    shell(commandLine('aws', 'iam', 'get-role', '--role-name', role, '--query', query)),
  ]
}

function roleArn(role: string): Step {
  const shown = ['--query', 'Role.Arn', '--output', 'text']
  return shell(commandLine('aws', 'iam', 'get-role', '--role-name', role, ...shown))
}

function nameOf(role: string): string {
  return principalOf(role)?.name ?? role
}

/** AssumeRoleWithWebIdentity that was denied: nobody signs it, and what the token says decides. */
export function deniedWebIdentity(
  { resource, code: name, message }: Refused,
  about: About,
): Omit<Diagnosis, 'evidence'> {
  // The SDK adds it to those of its own list.
  const code = name.replace(/Exception$/, '')
  const role = principalOf(resource)
  const { webIdentity } = about
  const cause = `the web identity token may not assume the role ${resource}`
  if (!webIdentity || !role) {
    const cure = [
      'Let the trust policy of the role name the OIDC provider, the audience and the subject of the token.',
    ]
    return { code: 'EKS210', cause, cure }
  }
  const { issuer, subject, audience } = webIdentity
  const provider = issuer.replace(/^https:\/\//, '')
  const providerArn = `arn:${role.partition}:iam::${role.account}:oidc-provider/${provider}`
  if (code === 'InvalidIdentityToken' && /No OpenIDConnect provider found/.test(message)) {
    return {
      code: 'EKS210',
      cause: `${cause}: the account ${role.account} has no OIDC provider for its issuer ${issuer}`,
      cure: [
        `Create it in the account ${role.account}, and let the trust policy of the role name it:`,
        shell(
          commandLine(
            ...['aws', 'iam', 'create-open-id-connect-provider', '--url', issuer],
            ...['--client-id-list', audience],
          ),
        ),
        json(webTrust(providerArn, provider, webIdentity)),
      ],
    }
  }
  if (code === 'InvalidIdentityToken' && /audience/i.test(message)) {
    return {
      code: 'EKS210',
      cause: `${cause}: the OIDC provider of the account ${role.account} does not take its audience ${audience}`,
      cure: [
        'Let the provider take it:',
        shell(
          commandLine(
            ...['aws', 'iam', 'add-client-id-to-open-id-connect-provider'],
            ...['--open-id-connect-provider-arn', providerArn, '--client-id', audience],
          ),
        ),
      ],
    }
  }
  if (code === 'InvalidIdentityToken') {
    return {
      code: 'EKS210',
      cause: `${cause}: STS does not take the token`,
      cure: [
        `STS asks ${issuer} for the keys that the token is signed with: check that it is the issuer, and that STS can reach it.`,
      ],
    }
  }
  return {
    code: 'EKS210',
    cause: `${cause}: its trust policy does not allow the subject ${subject}, or there is no such role; AWS does not say which`,
    cure: [
      `Likeliest is the trust policy. Add this statement to the one of the role ${role.name}:`,
      json(webTrust(providerArn, provider, webIdentity)),
      ...showTrust(role.name),
    ],
    otherwise: [
      {
        cause: `there is no role ${role.name} in the account ${role.account}, with the path that its ARN has`,
        tell: [`Ask as an administrator of the account ${role.account}:`, roleArn(role.name)],
        cure: ['Correct AWS_ROLE_ARN, which of a pod is the annotation eks.amazonaws.com/role-arn.'],
      },
    ],
  }
}

type WebIdentity = NonNullable<About['webIdentity']>

/** https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html */
function webTrust(
  providerArn: string,
  provider: string,
  { subject, audience }: WebIdentity,
): Omit<Statement, 'Effect'> & { Effect: 'Allow' } {
  return {
    Effect: 'Allow',
    Principal: { Federated: providerArn },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: { StringEquals: { [`${provider}:sub`]: subject, [`${provider}:aud`]: audience } },
  }
}

/** A role that may describe a cluster for another account, whole: what to run there, and what here. */
export function describerCure(clusterArn: string, principal: Principal | null): Step[] {
  const [, partition, region, account, cluster] =
    /^arn:([^:]+):eks:([^:]+):(\d{12}):cluster\/(.+)$/.exec(clusterArn) ?? []
  if (!partition || !region || !account || !cluster || !principal)
    return [
      'Give assume-role-arn a role in the account of the cluster, one that may call eks:DescribeCluster.',
    ]
  const name = `eks-login-${principal.name}`.slice(0, 64)
  const describer = `arn:${partition}:iam::${account}:role/${name}`
  const trusting = policyOf(trust(principal))
  const describing = policyOf({ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: clusterArn })
  const assuming = { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: describer } as const
  return [
    `Let a role of the account ${account} describe the cluster, and the runner assume it. Create it there, with this trust policy and this policy:`,
    json(trusting),
    json(describing),
    ...(principal.kind === 'role' ? wholeArn(principal) : []),
    `With the AWS CLI, as an administrator of the account ${account}:`,
    shell(
      commandLine(
        ...['aws', 'iam', 'create-role', '--role-name', name],
        ...['--assume-role-policy-document', JSON.stringify(trusting)],
      ),
      commandLine(
        ...[
          'aws',
          'iam',
          'put-role-policy',
          '--role-name',
          name,
          '--policy-name',
          describePolicyName(region, cluster),
        ],
        ...['--policy-document', JSON.stringify(describing)],
      ),
    ),
    ...grant(principal, `eks-login-assume-${name}`, assuming),
    'Then name it in the step:',
    withPaste({ 'cluster-name': clusterArn, 'assume-role-arn': describer }),
  ]
}
