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
  'credentials-refused': refusedCredentials,
  'credentials-expired': ({ source, expiration }) => ({
    code: 'EKS104',
    cause: `the AWS credentials of the ${source} have expired`,
    evidence: [`${source}: expired at ${expiration}`, `the clock here says ${new Date().toISOString()}`],
    cure: ['Renew the credentials before this step, and check that the clock of the runner is right.'],
  }),
  refused: refusedCall,
  unreachable: unreachableService,
  'ca-bundle-unreadable': ({ file, message }) => ({
    code: 'EKS106',
    cause: 'the file that AWS_CA_BUNDLE names cannot be read',
    evidence: [`AWS_CA_BUNDLE is ${file}`, message],
    cure: ['Set AWS_CA_BUNDLE to a PEM file that is there, or unset it.'],
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

type RefusedCredentials = Extract<AwsEvidence, { kind: 'credentials-refused' }>

function refusedCredentials({ wanted, source, accessKeyId }: RefusedCredentials): Omit<Failure, 'cluster'> {
  const evidence = [`credential-source is ${wanted}`, `access key ${accessKeyId}, from: ${source}`]
  const away = `Take these credentials away from the job (${source}), so that the role of the runner is used.`
  if (isLongLived(accessKeyId)) {
    const cause = `long-lived user keys come first (${source}), where a role was asked for`
    return { code: 'EKS103', cause, evidence, cure: [away, 'Or, if they are meant: credential-source: any'] }
  }
  if (wanted === 'role') {
    const cause = `temporary credentials (${source}) come without their session token`
    return { code: 'EKS103', cause, evidence, cure: ['Set AWS_SESSION_TOKEN, too.', `Or: ${away}`] }
  }
  const cause = `credentials of another source come first (${source}), where the instance role was asked for`
  return { code: 'EKS103', cause, evidence, cure: [away, 'Or, if they are meant: credential-source: role'] }
}

type Unreachable = Extract<AwsEvidence, { kind: 'unreachable' }>

function unreachableService({ asked, endpoint, code, message }: Unreachable): Omit<Failure, 'cluster'> {
  const evidence = [`${endpoint}: ${code ? `${code}, ` : ''}${message}`]
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code)) {
    return {
      code: 'EKS211',
      cause: `${asked} had no answer that can be trusted: the certificate of ${endpoint} was refused`,
      evidence,
      cure: [
        'Where a proxy opens TLS, set AWS_CA_BUNDLE to a PEM file with its CA; a ca_bundle of a profile is not read.',
      ],
    }
  }
  return {
    code: 'EKS208',
    cause: `${asked} had no answer: ${endpoint} cannot be reached`,
    evidence,
    cure: ['Give the runner a way there: a NAT gateway, a VPC endpoint for the service, or HTTPS_PROXY.'],
  }
}

type Refused = Extract<AwsEvidence, { kind: 'refused' }>

function refusedCall(evidence: Refused, about: About): Omit<Failure, 'cluster'> {
  const { asked, resource, code, status, message } = evidence
  const told = [`${asked} on ${resource} answered ${status} ${code}: ${message}`]
  if (asked === 'sts:AssumeRole' && code === 'AccessDenied') {
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
      cause: `there is no cluster ${about.cluster} in ${about.region}${about.arn ? ', in the account of the credentials' : ''}`,
      evidence: told,
      cure: [`Check name, region and account: aws eks list-clusters --region ${about.region}`],
    }
  }
  if (/throttl|TooManyRequests/i.test(code) || status === 429) {
    return {
      code: 'EKS206',
      cause: `${asked} was throttled until its retries or timeout ran out`,
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
    'Attach this policy to the role that the message above names:',
    JSON.stringify({ Version: '2012-10-17', Statement: [statement] }, null, 2),
  ]
}

function assumeCure(role: string): string[] {
  return [
    `Let the role of the runner call sts:AssumeRole on ${role}, and name the role of the runner as a principal in that role's trust policy.`,
  ]
}
