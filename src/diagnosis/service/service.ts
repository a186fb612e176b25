import { type Principal, principalOf } from '../../aws/arn.ts'
import { readDenial } from '../../aws/denial.ts'
import type { AwsEvidence } from '../../aws/evidence.ts'
import { partition } from '../../aws/hosts.ts'
import { refusedForCredentials } from '../credentials/credential-answers.ts'
import type { About, Diagnoses, Diagnosis } from '../failure.ts'
import { commandLine, shell } from '../shell.ts'
import { absentCluster, accountOf, deniedElsewhere, wrongAccount } from './absent.ts'
import { deniedAssumption, deniedWebIdentity } from './assumption.ts'
import { deniedByPolicy } from './denial.ts'
import { describePolicyName, type Statement } from './iam.ts'
import { timedOut, unreachableService, unreadableAnswer } from './reach.ts'
import { failingService, throttledService } from './retries.ts'
import { clusterWithoutEndpoint, unreadyCluster } from './unready.ts'

type Evidence = Extract<
  AwsEvidence,
  {
    kind:
      | 'refused'
      | 'answer-unreadable'
      | 'unreachable'
      | 'timed-out'
      | 'wrong-account'
      | 'cluster-not-ready'
      | 'cluster-without-endpoint'
  }
>

/** The EKS API and STS: EKS2xx. */
export const serviceDiagnoses: Diagnoses<Evidence> = {
  refused: refusedCall,
  'answer-unreadable': unreadableAnswer,
  unreachable: unreachableService,
  'timed-out': timedOut,
  'wrong-account': ({ asked, found }, about) =>
    wrongAccount([`eks:DescribeCluster found ${found}`], asked, about, accountOf(found)),
  'cluster-not-ready': unreadyCluster,
  'cluster-without-endpoint': clusterWithoutEndpoint,
}

type Refused = Extract<AwsEvidence, { kind: 'refused' }>

function refusedCall(evidence: Refused, about: About): Diagnosis {
  const ofCredentials = refusedForCredentials(evidence)
  if (ofCredentials) return ofCredentials
  const { asked, resource, code, status, message } = evidence
  const told = [`${asked} on ${resource} answered ${[status, code].filter(Boolean).join(' ')}: ${message}`]
  if (/throttl|TooManyRequests/i.test(code) || status === 429) return throttledService(evidence, told)
  if (status >= 500) return failingService(evidence, told)
  if (asked === 'sts:AssumeRole' && code === 'AccessDenied')
    return { ...deniedAssumption(evidence, about), evidence: told }
  if (asked === 'sts:AssumeRoleWithWebIdentity' && /^(AccessDenied|InvalidIdentityToken)/.test(code))
    return { ...deniedWebIdentity(evidence, about), evidence: [...told, ...claims(about)] }
  if (code === 'AccessDeniedException')
    return isOfEntries(asked) ? deniedEntry(evidence, told, about) : deniedDescription(evidence, told, about)
  if (code === 'ResourceNotFoundException' && !isOfEntries(asked)) return absentCluster(told, about)
  return {
    code: 'EKS207',
    cause: `${asked} was refused: ${code || status}`,
    evidence: told,
    cure: [
      `The answer above is AWS\u2019s own. What ${code || status} means stands in ${MEANINGS[asked.split(':')[0] ?? ''] ?? MEANINGS.eks}`,
      ...(asked === 'eks:DescribeCluster'
        ? [
            'The AWS CLI has the same answer, if it is not the action\u2019s question that is amiss:',
            shell(
              commandLine(
                'aws',
                'eks',
                'describe-cluster',
                '--region',
                about.region,
                '--name',
                about.cluster,
              ),
            ),
          ]
        : []),
    ],
  }
}

/** Codes that every operation of a service may answer with. */
const MEANINGS: Record<string, string> = {
  eks: 'https://docs.aws.amazon.com/eks/latest/APIReference/CommonErrors.html',
  sts: 'https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html',
}

function claims({ webIdentity }: About): string[] {
  if (!webIdentity) return []
  const { issuer, subject, audience } = webIdentity
  return [`the token says: issuer ${issuer}, subject ${subject}, audience ${audience}`]
}

function deniedDescription(evidence: Refused, told: string[], about: About): Diagnosis {
  const { cluster, region, arn, isGrant = false } = about
  const denial = readDenial(evidence.message)
  const { principal = principalOf(about.caller ?? '') } = denial
  if (arn && deniedElsewhere(evidence, denial.resource))
    return wrongAccount(told, arn, principal ? { ...about, caller: principal.arn } : about)
  const resource = arn ?? denial.resource ?? likelyArn(about, principal)
  return {
    code: 'EKS201',
    evidence: told,
    ...deniedByPolicy({
      denial,
      action: 'eks:DescribeCluster',
      resource,
      principal,
      region,
      policyName: isGrant ? grantPolicyName(region, cluster) : describePolicyName(region, cluster),
      deed: 'call eks:DescribeCluster',
      ...(isGrant ? { needs: needsOfGrant(resource) } : {}),
    }),
  }
}

/** The ARN of a cluster that nobody told: in the account of who asks for it. */
function likelyArn({ region, cluster }: About, principal: Principal | null): string {
  return `arn:${principal?.partition ?? partition(region)}:eks:${region}:${principal?.account ?? '*'}:cluster/${cluster}`
}

/** What a grant asks of access entries (a login that failed asks for them, too, and a denial tells it nothing). */
function isOfEntries(asked: string): boolean {
  return /^eks:\w*Access(Entry|Policies)/.test(asked)
}

function deniedEntry(evidence: Refused, told: string[], about: About): Diagnosis {
  const { region, cluster } = about
  const denial = readDenial(evidence.message)
  const { principal = principalOf(about.caller ?? '') } = denial
  const arn = about.arn ?? likelyArn(about, principal)
  // Of any role: the policy is the same for all grants in the cluster, and replaces the one of its name.
  const entryArn = entriesOf(arn)
  // To make an entry with tags is to tag it, too.
  const action = /perform: (eks:\w+)/.exec(evidence.message)?.[1] ?? evidence.asked
  return {
    code: 'EKS215',
    evidence: told,
    ...deniedByPolicy({
      denial,
      action,
      resource: action === 'eks:CreateAccessEntry' ? arn : entryArn,
      principal,
      region,
      policyName: grantPolicyName(region, cluster),
      deed: `call ${action}`,
      needs: needsOfGrant(arn),
    }),
  }
}

function entriesOf(clusterArn: string): string {
  return `${clusterArn.replace(':cluster/', ':access-entry/')}/*`
}

function grantPolicyName(region: string, cluster: string): string {
  return `eks-login-grant-${region}-${cluster}`.slice(0, 128)
}

/** All that a grant asks of the EKS API. */
function needsOfGrant(clusterArn: string): Statement[] {
  return [
    { Effect: 'Allow', Action: ['eks:DescribeCluster', 'eks:CreateAccessEntry'], Resource: clusterArn },
    { Effect: 'Allow', Action: ENTRY_ACTIONS, Resource: entriesOf(clusterArn) },
  ]
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html */
const ENTRY_ACTIONS = [
  'eks:DescribeAccessEntry',
  'eks:ListAssociatedAccessPolicies',
  'eks:UpdateAccessEntry',
  'eks:DeleteAccessEntry',
  'eks:TagResource',
]
