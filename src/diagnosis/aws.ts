import type { AwsEvidence } from '../aws/evidence.ts'
import { isLongLived } from '../aws/token.ts'
import type { About, Diagnoses, Failure } from './failure.ts'

/** Credentials and the EKS API: EKS1xx and EKS2xx. */
export const awsDiagnoses: Diagnoses<AwsEvidence> = {
  'no-region': ({ asked, message }) => ({
    code: 'EKS105',
    cause: 'no region is known for a cluster given by name',
    evidence: [
      'region, AWS_REGION and AWS_DEFAULT_REGION are empty',
      `instance metadata ${asked}: ${message}`,
    ],
    cure: ['Give the input region, or the cluster by its ARN.'],
  }),
  'no-credentials': ({ tried }) => ({
    code: 'EKS101',
    cause: 'the runner has no AWS credentials',
    evidence: [`looked for, in this order: ${tried.join(', ')}`],
    cure: ATTACH_ROLE,
  }),
  'credentials-failed': ({ source, message }) => ({
    code: 'EKS102',
    cause: `the AWS credentials of the ${source} could not be had`,
    evidence: [`${source}: ${message}`],
    cure:
      source === 'instance role'
        ? ATTACH_ROLE
        : [`Put the ${source} in order, or take it away so that the instance role is used.`],
  }),
  'credentials-refused': ({ wanted, source, accessKeyId }) => ({
    code: 'EKS103',
    cause: isLongLived(accessKeyId)
      ? `long-lived user keys come first (${source}), where a role was asked for`
      : `credentials of another source come first (${source}), where the instance role was asked for`,
    evidence: [`credential-source is ${wanted}`, `access key ${accessKeyId}, from: ${source}`],
    cure: [
      `Take these credentials away from the job (${source}), so that the role of the runner is used.`,
      `Or, if they are meant: credential-source: ${isLongLived(accessKeyId) ? 'any' : 'role'}`,
    ],
  }),
  'credentials-expired': ({ source, expiration }) => ({
    code: 'EKS104',
    cause: `the AWS credentials of the ${source} have expired`,
    evidence: [`${source}: expired at ${expiration}`, `the clock here says ${new Date().toISOString()}`],
    cure: ['Renew the credentials before this step, and check that the clock of the runner is right.'],
  }),
  refused: refusedCall,
  unreachable: ({ asked, endpoint, code, message }) => ({
    code: 'EKS208',
    cause: `${asked} had no answer: ${endpoint} cannot be reached`,
    evidence: [`${endpoint}: ${code ? `${code}, ` : ''}${message}`],
    cure: ['Give the runner a way there: a NAT gateway, a VPC endpoint for the service, or HTTPS_PROXY.'],
  }),
  'timed-out': ({ asked, endpoint, seconds }) => ({
    code: 'EKS209',
    cause: `${asked} had no answer within ${seconds} s`,
    evidence: [`${endpoint}: nothing came for ${seconds} s, retries included`],
    cure: [
      'Give the runner a way there: a NAT gateway, a VPC endpoint for the service, or HTTPS_PROXY. Or raise timeout.',
    ],
  }),
  'wrong-account': ({ asked, found }) => ({
    code: 'EKS203',
    cause: 'the credentials belong to another account than the cluster',
    evidence: [`asked for ${asked}`, `DescribeCluster found ${found || 'a cluster without an ARN'}`],
    cure: [
      'Give assume-role-arn a role in the account of the cluster, one that may call eks:DescribeCluster.',
    ],
  }),
  'cluster-not-ready': ({ cluster, status }) => ({
    code: 'EKS204',
    cause: `the cluster is ${status}, not ACTIVE or UPDATING`,
    evidence: [`DescribeCluster of ${cluster}: status ${status}`],
    cure: ['Wait until the cluster is ACTIVE: aws eks wait cluster-active --name NAME'],
  }),
  'cluster-without-endpoint': ({ cluster, status }) => ({
    code: 'EKS205',
    cause: 'the cluster has no endpoint yet',
    evidence: [`DescribeCluster of ${cluster}: status ${status}, without endpoint or certificate authority`],
    cure: ['Wait until the cluster is ACTIVE: aws eks wait cluster-active --name NAME'],
  }),
  'identity-differs': ({ source, checked, token }) => ({
    code: 'EKS405',
    cause: 'the exec block made a token with other credentials than the ones that were checked',
    evidence: [`checked: access key ${checked}, from: ${source}`, `in the token: access key ${token}`],
    cure: [
      'Look for what the aws command here sees and this action does not: a wrapper, an alias, a credential_process.',
    ],
  }),
}

const ATTACH_ROLE = [
  'Attach an instance profile with a role to the instance, or give the pod a role (IRSA or EKS Pod Identity).',
]

type Refused = Extract<AwsEvidence, { kind: 'refused' }>

function refusedCall(evidence: Refused, about: About): Omit<Failure, 'cluster'> {
  const { asked, resource, code, status, message } = evidence
  const told = [`${asked} on ${resource} answered ${status} ${code}: ${message}`]
  if (asked === 'sts:AssumeRole') {
    return {
      code: 'EKS210',
      cause: `the role ${resource} may not be assumed`,
      evidence: told,
      cure: assumeCure(resource),
    }
  }
  if (code === 'AccessDeniedException') {
    return {
      code: 'EKS201',
      cause: 'the role may not call DescribeCluster',
      evidence: told,
      cure: describeCure(about, message),
    }
  }
  if (code === 'ResourceNotFoundException') {
    return {
      code: 'EKS202',
      cause: `there is no cluster ${about.cluster} in ${about.region}`,
      evidence: told,
      cure: [`Check name, region and account: aws eks list-clusters --region ${about.region}`],
    }
  }
  if (/throttl|TooManyRequests/i.test(code)) {
    return {
      code: 'EKS206',
      cause: `${asked} was throttled for longer than timeout`,
      evidence: told,
      cure: ['Raise timeout, or let fewer jobs start at once.'],
    }
  }
  return {
    code: 'EKS207',
    cause: `${asked} was refused`,
    evidence: told,
    cure: ['The answer above is AWS\u2019s own; look it up for the operation named in it.'],
  }
}

/** A policy to attach; where the refusal is an explicit deny, no policy helps. */
function describeCure({ cluster, region, arn }: About, message: string): string[] {
  if (/explicit deny/.test(message))
    return [`Find the deny that the message names and take it away: ${message}`]
  const resource =
    arn ?? /on resource: (arn:\S+)/.exec(message)?.[1] ?? `arn:aws:eks:${region}:*:cluster/${cluster}`
  const statement = { Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: resource }
  return [
    'Attach this policy to the role of the runner:',
    JSON.stringify({ Version: '2012-10-17', Statement: [statement] }, null, 2),
  ]
}

function assumeCure(role: string): string[] {
  return [
    `Let the role of the runner call sts:AssumeRole on ${role}, and name the role of the runner as a principal in that role's trust policy.`,
  ]
}
