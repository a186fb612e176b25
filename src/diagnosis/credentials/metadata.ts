import type { AwsEvidence } from '../../aws/evidence.ts'
import { type MetadataAnswer, ROLES_PATH } from '../../aws/instance-metadata.ts'
import type { About, Diagnosis, Paste, Possibility, Step } from '../failure.ts'
import { json } from '../service/iam.ts'
import { commandLine, setForJob, shell, shellWord } from '../shell.ts'
import { findingInstance, instanceOptions, type RunnerInstance } from './instance.ts'

type MetadataFailed = Extract<AwsEvidence, { kind: 'metadata-failed' }>
type NoCredentials = Extract<AwsEvidence, { kind: 'no-credentials' }>

/** Nowhere is anything configured, and metadata may not be asked. */
export function noCredentials({ tried }: NoCredentials): Diagnosis {
  return {
    code: 'EKS101',
    cause:
      'the runner has no AWS credentials, and AWS_EC2_METADATA_DISABLED keeps it from asking for those of its instance',
    evidence: [`looked for, in this order: ${tried.join(', ')}`, 'AWS_EC2_METADATA_DISABLED is true'],
    cure: [
      'Let the instance be asked: take the variable away where the workflow or the runner sets it, or run this in a step before this one:',
      setForJob({ AWS_EC2_METADATA_DISABLED: 'false' }),
    ],
    otherwise: ELSEWHERE,
  }
}

/**
 * What the service's answers, from the session token to the one that failed, amount to. What the statuses mean is of
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
 */
export function metadataFailed(evidence: MetadataFailed, about: About): Diagnosis {
  const { endpoint, answers, message } = evidence
  const instance = about.instance ?? { addresses: [] }
  const told: Told = {
    endpoint,
    evidence: answers.map(answer => tell(endpoint, answer)),
    instance,
    find: findingInstance(instance, about.region),
    options: instanceOptions(instance, about.region),
    container: containerOf(instance),
  }
  const [token] = answers
  const last = answers.at(-1)
  if (!token || !last) return otherFailure([`${endpoint}: ${message}`], message)
  // Who answers 404 to the one and the other may be anybody.
  if (last.asked === LIST && last.status === 404 && token.status !== 404) return noRole(told)
  if (last.problem.startsWith('AssumeRoleUnauthorizedAccess')) return roleWithoutTrust(told, last)
  if (isOfAnother(last)) return anotherService(told)
  if (last.status === 403 && token.status === 403) return turnedOff(told)
  if (last.status === 401 && token.status === 403) return withoutToken(told)
  if (last.status === 401 && token.status === null) return tokenLost(told)
  if (last.status === null && token.status === null) return noAnswer(told, answers.length === 1)
  if (last === token && [404, 405].includes(token.status ?? 0)) return versionOne(told)
  return otherFailure(told.evidence, message)
}

interface Told {
  endpoint: string
  evidence: string[]
  instance: RunnerInstance
  /** How to learn which instance it is, where that is not known. */
  find: Step[]
  /** What names the instance for the AWS CLI. */
  options: string
  /** Whether the runner is in a container, in words. */
  container: string
}

function tell(endpoint: string, { asked, status, problem }: MetadataAnswer): string {
  const what = `${asked} of ${endpoint}`
  if (status === null) return `${what}: ${problem}`
  return `${what} answered ${status}${problem ? `: ${problem}` : ''}`
}

function containerOf({ container }: RunnerInstance): string {
  return container
    ? `the runner is in a container: there is ${container}`
    : 'nothing shows that the runner is in a container'
}

const LIST = `GET ${ROLES_PATH}`

/**
 * A page or a redirect, as of a captive portal, or of whatever else listens there. What is wrong with the role's own
 * document may be the service's.
 */
function isOfAnother({ asked, status, problem }: MetadataAnswer): boolean {
  if (status === null) return false
  return (
    (status >= 300 && status < 400) ||
    (status === 200 && problem !== '' && !/security-credentials\/./.test(asked))
  )
}

const POD: Possibility = {
  cause: 'the runner is a pod, which should have a role of its own',
  tell: [
    'A pod that has one has AWS_CONTAINER_CREDENTIALS_FULL_URI (EKS Pod Identity) or AWS_WEB_IDENTITY_TOKEN_FILE (IRSA) in its environment.',
  ],
  cure: [
    'Give the pod\u2019s service account a role (aws eks create-pod-identity-association), and start the pod anew.',
  ],
}
const OFF_EC2: Possibility = {
  cause: 'the runner is no EC2 instance',
  tell: ['Nothing but EC2 has instance metadata.'],
  cure: ['Get a role by OIDC in a step before this one (aws-actions/configure-aws-credentials).'],
}
const ELSEWHERE = [POD, OFF_EC2]

function noRole({ evidence, find, options }: Told): Diagnosis {
  return {
    code: 'EKS101',
    cause: 'no role is attached to the instance of the runner',
    evidence: [...evidence, 'instance metadata works, and has no role'],
    cure: [
      ...find,
      'Attach an instance profile with the runner\u2019s role, as one who may administer the instance; ROLE is the name of the profile:',
      shell(
        `aws ec2 associate-iam-instance-profile ${options} --iam-instance-profile Name="\${ROLE:?name of the instance profile}"`,
      ),
      'A role has a profile of its own name if the console made it; aws iam list-instance-profiles-for-role tells. The role must trust EC2, by this statement among those of its trust policy:',
      TRUST_EC2,
    ],
    otherwise: [POD],
  }
}

const TRUST_EC2 = json({
  Effect: 'Allow',
  Principal: { Service: 'ec2.amazonaws.com' },
  Action: 'sts:AssumeRole',
})

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html */
function roleWithoutTrust({ evidence }: Told, { asked }: MetadataAnswer): Diagnosis {
  const role = asked.slice(`GET ${ROLES_PATH}`.length)
  return {
    code: 'EKS102',
    cause: `EC2 cannot take on the role ${role} of the instance`,
    evidence,
    cure: [
      `Add this statement to those of the trust policy of ${role}, which is shown by:`,
      shell(`aws iam get-role --role-name ${shellWord(role)} --query Role.AssumeRolePolicyDocument`),
      TRUST_EC2,
    ],
    otherwise: [
      {
        cause: 'the role was deleted, and perhaps made again, after it was attached',
        tell: [shell(`aws iam get-role --role-name ${shellWord(role)}`)],
        cure: ['Make the role again, and take the instance profile off the instance and attach it anew.'],
      },
    ],
  }
}

/** A question without a token is told 401 where only those with one are answered. */
function withoutToken({ evidence, endpoint }: Told): Diagnosis {
  const { tell, cure } = between(endpoint)
  return {
    code: 'EKS107',
    cause: 'instance metadata refuses to give a session token (403), and wants one',
    evidence,
    cure: [...tell, ...cure],
  }
}

function turnedOff({ evidence, find, options, endpoint }: Told): Diagnosis {
  return {
    code: 'EKS107',
    cause:
      'instance metadata refuses all questions (403), as it does where it is turned off for the instance',
    evidence,
    cure: [
      ...find,
      'Turn it on, as one who may administer the instance:',
      shell(`aws ec2 modify-instance-metadata-options ${options} --http-endpoint enabled`),
      TEMPLATE,
    ],
    otherwise: [between(endpoint), ...ELSEWHERE],
  }
}

function between(endpoint: string): Possibility {
  return {
    cause:
      'something between the runner and the service refuses in its place, or adds X-Forwarded-For, with which no token is given',
    tell: [
      `Look for what redirects ${addressOf(endpoint)} on the host or in the cluster: iptables, kube2iam, kiam, a proxy.`,
    ],
    cure: ['Let it pass the runner\u2019s questions on as they are.'],
  }
}

/** Host and port of the service, for a person. */
function addressOf(endpoint: string): string {
  const { hostname, port } = URL.parse(endpoint) ?? { hostname: endpoint, port: '' }
  return `${hostname} port ${port || 80}`
}

const TEMPLATE =
  'Where a launch template or a node group makes instances like it, change its metadata options, too.'

function tokenLost(told: Told): Diagnosis {
  const { evidence, container, endpoint } = told
  return {
    code: 'EKS108',
    cause:
      'the session token of instance metadata does not arrive, as in a container behind a hop limit of 1',
    evidence: [
      ...evidence,
      'the service is up and wants a token, and the one answer that its hop limit bounds got lost',
      container,
    ],
    cure: hopLimitCure(told),
    otherwise: [
      {
        cause: 'a firewall drops the PUT request or its answer',
        tell: ['Run this on the host, where no hop lies between:', probe(endpoint)],
        cure: [`Let PUT to ${addressOf(endpoint)}, and its answers, through.`],
      },
    ],
  }
}

function probe(endpoint: string): Paste {
  const header = ['-H', 'X-aws-ec2-metadata-token-ttl-seconds: 60']
  return shell(commandLine('curl', '-sS', '-m', '5', '-X', 'PUT', ...header, `${endpoint}/latest/api/token`))
}

function hopLimitCure({ find, options }: Told): Step[] {
  return [
    ...find,
    'Let the answer travel one hop more, as one who may administer the instance:',
    shell(
      `aws ec2 modify-instance-metadata-options ${options} --http-put-response-hop-limit 2 --http-endpoint enabled`,
    ),
    TEMPLATE,
  ]
}

/** @param onlyToken whether nothing but a token was asked for, whose answer alone the hop limit bounds */
function noAnswer(told: Told, onlyToken: boolean): Diagnosis {
  const { evidence, container, endpoint } = told
  const [likeliest, ...others] = silences(told, onlyToken)
  return {
    code: 'EKS109',
    cause: `the instance metadata service gives no answer (${endpoint})`,
    evidence: [...evidence, container],
    cure: [`Likeliest is that ${likeliest.cause}.`, ...likeliest.tell, ...likeliest.cure],
    otherwise: others,
  }
}

/** What may be the cause of silence, the likeliest first, by what the runner can tell of itself. */
function silences(told: Told, onlyToken: boolean): [Possibility, ...Possibility[]] {
  const { endpoint, instance } = told
  const cut: Possibility = {
    cause: `a firewall or network policy keeps the runner from ${addressOf(endpoint)}`,
    tell: ['Run this beside the runner, and on its host, where it has an answer:', probe(endpoint)],
    cure: [`Let the runner reach ${addressOf(endpoint)}.`],
  }
  const hop: Possibility = {
    cause: 'the hop limit of the instance is 1, and its answer does not come as far as the container',
    tell: ['This has an answer on the host, and none in the container:', probe(endpoint)],
    cure: hopLimitCure(told),
  }
  const offEc2 = instance.id ? [] : [OFF_EC2]
  if (!OWN_ENDPOINTS.includes(endpoint)) return [named(endpoint), cut, ...offEc2]
  if (instance.container?.includes('kubernetes')) return [POD, cut, ...(onlyToken ? [hop] : []), ...offEc2]
  if (instance.container) return onlyToken ? [hop, cut, ...offEc2, POD] : [cut, ...offEc2, POD]
  return instance.id ? [cut, POD] : [OFF_EC2, cut, POD]
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html */
const OWN_ENDPOINTS = ['http://169.254.169.254', 'http://[fd00:ec2::254]']

function named(endpoint: string): Possibility {
  return {
    cause: `nothing serves metadata at ${endpoint}, which AWS_EC2_METADATA_SERVICE_ENDPOINT names`,
    tell: [probe(endpoint)],
    cure: [
      'Correct the variable, or, on an instance of EC2, take it away where the workflow or the runner sets it.',
    ],
  }
}

function versionOne({ evidence }: Told): Diagnosis {
  return {
    code: 'EKS110',
    cause: 'the metadata service knows version 1 only, which AWS_EC2_METADATA_V1_DISABLED forbids to use',
    evidence: [...evidence, 'AWS_EC2_METADATA_V1_DISABLED is true'],
    cure: [
      'Allow version 1: take the variable away where the workflow or the runner sets it, or run this in a step before this one:',
      setForJob({ AWS_EC2_METADATA_V1_DISABLED: 'false' }),
      'Better, let what stands in for the metadata service (EC2\u2019s own knows version 2) give session tokens.',
    ],
  }
}

function anotherService({ evidence, endpoint }: Told): Diagnosis {
  const own = OWN_ENDPOINTS.includes(endpoint)
  return {
    code: 'EKS112',
    cause: `what answers at ${endpoint} is not the instance metadata service`,
    evidence,
    cure: [
      'Look at what answers there, as a captive portal, a proxy or a stand-in does:',
      shell(commandLine('curl', '-i', '-m', '5', `${endpoint}${ROLES_PATH}`)),
      own
        ? `On an instance of EC2, take away what redirects ${addressOf(endpoint)}.`
        : 'On an instance of EC2, take AWS_EC2_METADATA_SERVICE_ENDPOINT away, which leads there.',
    ],
    otherwise: ELSEWHERE,
  }
}

function otherFailure(evidence: string[], message: string): Diagnosis {
  return {
    code: 'EKS102',
    cause: 'the AWS credentials of the instance role could not be had',
    evidence: [...evidence, message],
    cure: ['Run the job again; if it stays, look at what answers in place of the instance metadata service.'],
    otherwise: ELSEWHERE,
  }
}
