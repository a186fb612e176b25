import type { ApiEvidence, KubeEvidence } from '../kube/evidence.ts'
import type { VerdictEvidence } from '../kube/verdict.ts'
import type { About, Diagnoses, Failure } from './failure.ts'

type Exec = Extract<KubeEvidence, { kind: `exec-${string}` }>
type Server = Extract<KubeEvidence, { kind: `server-${string}` | `proxy-${string}` }>

/** The exec block: EKS4xx. */
export const execDiagnoses: Diagnoses<Exec> = {
  'exec-not-found': ({ command, path }) => ({
    code: 'EKS401',
    cause: `the exec block's command ${command} is not on PATH`,
    evidence: [`PATH is ${path}`],
    cure: [
      'Install the AWS CLI on the runner: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html',
    ],
  }),
  'exec-failed': ({ command, exitCode, signal, stderr }) => ({
    code: 'EKS402',
    cause: 'the exec block\u2019s command failed',
    evidence: [
      `${command}: ${signal ? `ended by ${signal}` : exitCode === null ? 'it could not be started' : `exit code ${exitCode}`}`,
      ...lastLines(stderr),
    ],
    cure: ['Run the command above on the runner, as the job\u2019s user; what it says names the cause.'],
  }),
  'exec-timed-out': ({ command, seconds }) => ({
    code: 'EKS403',
    cause: `the exec block\u2019s command had not ended after ${seconds} s`,
    evidence: [`${command}: ended by us, with all that it had started`],
    cure: ['Run the command above on the runner and see what it waits for, or raise timeout.'],
  }),
  'exec-not-a-credential': ({ command, problem }) => ({
    code: 'EKS404',
    cause: 'the exec block\u2019s command printed no ExecCredential',
    evidence: [`${command}: ${problem}`],
    cure: [
      'Update the AWS CLI: version 1.24.0 or 2.7.0 and later speak client.authentication.k8s.io/v1beta1.',
    ],
  }),
}

function lastLines(stderr: string): string[] {
  return stderr.trim().split('\n').slice(-10).filter(Boolean)
}

/** The network to the cluster: EKS3xx. */
export const serverDiagnoses: Diagnoses<Server> = {
  'server-unreachable': unreachable,
  'server-timed-out': ({ server, seconds }) => ({
    code: 'EKS302',
    cause: `the API server did not answer within ${seconds} s`,
    evidence: [`${server}: nothing came for ${seconds} s`],
    cure: [
      'Let the runner in on port 443 in the security group of the cluster, and check the public access CIDRs of its endpoint.',
    ],
  }),
  'proxy-unreachable': ({ server, proxy, code, message }) => ({
    code: 'EKS308',
    cause: `the proxy ${proxy} on the way to the API server cannot be reached`,
    evidence: [`${proxy}, for ${server}: ${code ? `${code}, ` : ''}${message}`],
    cure: [
      'Check proxy-url or HTTPS_PROXY, or name the API server in NO_PROXY if it can be reached directly.',
    ],
  }),
  'proxy-refused': ({ server, proxy, status }) => ({
    code: 'EKS305',
    cause: 'the proxy does not let us through to the API server',
    evidence: [`${proxy} answered ${status} to CONNECT for ${server}`],
    cure: [
      'Allow the host of the API server in the proxy, or name it in NO_PROXY if it can be reached directly.',
    ],
  }),
}

// Names of Node's errors (https://nodejs.org/api/tls.html#x509-certificate-error-codes).
const FOREIGN_CERTIFICATE = /SELF_SIGNED|UNABLE_TO_|CERT_SIGNATURE|CERT_UNTRUSTED/
const UNFIT_CERTIFICATE: Record<string, string> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name',
  CERT_HAS_EXPIRED: 'has expired, or the clock here is wrong',
  CERT_NOT_YET_VALID: 'is not valid yet, or the clock here is wrong',
}

type Unreachable = Extract<Server, { kind: 'server-unreachable' }>

function unreachable({ server, code, message, issuer }: Unreachable): Omit<Failure, 'cluster'> {
  const evidence = [`${server}: ${code ? `${code}, ` : ''}${message}`]
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return {
      code: 'EKS301',
      cause: 'the name of the API server does not resolve here',
      evidence,
      cure: [
        'A private endpoint resolves only inside its VPC or one that is peered with DNS: run the job there, or enable public access.',
      ],
    }
  }
  if (code === 'ECONNREFUSED') {
    const cure = [
      'Nothing listens there: check the endpoint of the cluster, and whether a proxy or firewall stands between.',
    ]
    return { code: 'EKS303', cause: 'the API server refused the connection', evidence, cure }
  }
  const unfit = UNFIT_CERTIFICATE[code]
  if (unfit) {
    const cure = [
      'Check the clock of the runner, and whether the endpoint is the one that DescribeCluster gives.',
    ]
    return { code: 'EKS307', cause: `the certificate of the API server ${unfit}`, evidence, cure }
  }
  if (FOREIGN_CERTIFICATE.test(code)) {
    return {
      code: 'EKS304',
      cause: 'the certificate of the API server is not signed by the CA of the cluster',
      evidence: issuer ? [...evidence, `it was signed by ${issuer}`] : evidence,
      cure: [
        'Something between here and the cluster opens TLS: exclude the API server from it (NO_PROXY, the inspection rules of the firewall).',
      ],
    }
  }
  const cure = [
    'Let the runner in on port 443 in the security group of the cluster, and check what lies between.',
  ]
  return { code: 'EKS306', cause: 'the connection to the API server broke', evidence, cure }
}

/** What the API server answers instead of what was asked: EKS5xx and EKS60x. */
export const apiDiagnoses: Diagnoses<ApiEvidence> = {
  unauthorized: ({ path, status, message }, about) => ({
    code: 'EKS501',
    cause: 'the cluster does not know this role (401 Unauthorized)',
    evidence: [`${path} answered ${status}: ${message}`, `role: ${about.roleArn ?? 'unknown'}`],
    cure: mapCure(about),
  }),
  forbidden: ({ path, status, message }) => ({
    code: 'EKS604',
    cause: 'the cluster does not let the role ask what it may do',
    evidence: [`${path} answered ${status}: ${message}`],
    cure: [
      'Give it back the default bindings system:discovery and system:basic-user, which let every authenticated user ask.',
    ],
  }),
  'unexpected-answer': unexpectedAnswer,
}

type Unexpected = Extract<ApiEvidence, { kind: 'unexpected-answer' }>

function unexpectedAnswer({ path, status, message }: Unexpected): Omit<Failure, 'cluster'> {
  if (status === 429 || status >= 500) {
    return {
      code: 'EKS606',
      cause: `the API server answered ${status} until its retries or timeout ran out`,
      evidence: [`${path} answered ${status}: ${message}`],
      cure: [
        'Look at the health and load of the control plane, raise timeout, or let fewer jobs start at once.',
      ],
    }
  }
  return {
    code: 'EKS605',
    cause: 'the API server answered with something else than what was asked for',
    evidence: [`${path} answered ${status}: ${message}`],
    cure: [
      'Check that the endpoint is the API server\u2019s own, without a proxy or load balancer that answers in its place.',
    ],
  }
}

/** The mapping that is missing, in the form that the cluster's authentication mode takes. */
function mapCure({
  cluster,
  region,
  authenticationMode = 'CONFIG_MAP',
  roleArn = 'arn:aws:iam::ACCOUNT:role/ROLE',
}: About): string[] {
  const entry = [
    'Map the role with an access entry (a role with a path: its ARN with the path):',
    `aws eks create-access-entry --region ${region} --cluster-name ${cluster} --principal-arn ${roleArn} --username demo`,
  ]
  const [list, key] = roleArn.includes(':user/') ? ['mapUsers', 'userarn'] : ['mapRoles', 'rolearn']
  const block = [
    `Add this block to ${list} in the ConfigMap kube-system/aws-auth (a role with a path: its ARN without the path):`,
    `- ${key}: ${roleArn}\n  username: demo`,
  ]
  if (authenticationMode === 'API') return entry
  return authenticationMode === 'CONFIG_MAP' ? block : [...entry, 'Or, as well:', ...block]
}

/** Rules and identity: EKS6xx, EKS7xx, EKS8xx. */
export const verdictDiagnoses: Diagnoses<VerdictEvidence> = {
  'rule-denied': ({ rule, reason }, about) => ({
    code: 'EKS601',
    cause: `the role may not ${rule}, and should`,
    evidence: [`SelfSubjectAccessReview of "${rule}": denied${reason ? `, ${reason}` : ''}`, iAm(about)],
    cure: ['Bind a Role or ClusterRole that allows it to the user or one of the groups above.'],
  }),
  'rule-allowed': ({ rule, reason }, about) => ({
    code: 'EKS701',
    cause: `the role may ${rule}, and should not`,
    evidence: [`SelfSubjectAccessReview of "${rule}": allowed${reason ? `, ${reason}` : ''}`, iAm(about)],
    cure: ['Take the rule out of what the reason names, or the binding away.'],
  }),
  'rule-unproven': ({ rule, message }, about) => ({
    code: 'EKS603',
    cause: `the cluster could not decide whether the role may ${rule}`,
    evidence: [`SelfSubjectAccessReview of "${rule}": ${message}`, iAm(about)],
    cure: [
      'Mend what the message names, such as an authorization webhook that does not answer; until then a "no" proves nothing.',
    ],
  }),
  'rule-mistaken': ({ rule, problem }) => ({
    code: 'EKS602',
    cause: `the rule "${rule}" asks for nothing that the cluster has: ${problem}`,
    evidence: ['looked up in the discovery of the API server'],
    cure: ['Write the rule as `kubectl api-resources` shows the resource, its group and its verbs.'],
  }),
  'username-differs': ({ expected, found }) => ({
    code: 'EKS801',
    cause: `the cluster says we are ${found}, not ${expected}`,
    evidence: [`expect-username is ${expected}`, `SelfSubjectReview: username ${found}`],
    cure: ['Change the username in the access entry or the aws-auth block of the role, or expect-username.'],
  }),
  'groups-differ': ({ expected, found }) => ({
    code: 'EKS802',
    cause: 'the cluster gives us other groups than expected',
    evidence: [
      `expect-groups is ${expected.join(', ') || 'empty'}`,
      `SelfSubjectReview: groups ${found.join(', ') || 'none'}`,
    ],
    cure: ['Change the groups in the access entry or the aws-auth block of the role, or expect-groups.'],
  }),
  'identity-unknown': ({ expected }) => ({
    code: 'EKS803',
    cause: 'the cluster cannot say who we are',
    evidence: [`expected: ${expected}`, 'SelfSubjectReview: not served, as before Kubernetes 1.28'],
    cure: ['Update the cluster, or leave out expect-username and expect-groups.'],
  }),
}

function iAm({ username, roleArn }: About): string {
  return `we are user ${username ?? 'unknown'}${roleArn ? `, role ${roleArn}` : ''}`
}
