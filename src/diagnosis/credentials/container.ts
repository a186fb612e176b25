import type { AwsEvidence } from '../../aws/evidence.ts'
import type { Diagnosis, Possibility, Step } from '../failure.ts'
import { json } from '../service/iam.ts'
import { shell } from '../shell.ts'
import { CONTAINER_AWAY } from './take-away.ts'

type Failed = Extract<AwsEvidence, { kind: 'container-failed' }>

/** An agent that containers have their credentials from. */
interface Agent {
  name: string
  /** A statement that lets the agent have the credentials of a role. */
  trust: Step
  /** What else its refusal may mean. */
  refusals: Possibility[]
  /** Why it may not be there. */
  absence: Possibility
}

/** An agent beside a container that gives it no credentials: that of EKS Pod Identity, that of ECS, or another. */
export function containerFailed(evidence: Failed): Diagnosis {
  const { source, url, status, code, file, message } = evidence
  const agent = agentAt(url)
  const failure = { code: 'EKS102' as const, evidence: [`${source}: ${message}`] }
  const cause = `the AWS credentials of the container could not be had: ${agent?.name ?? `the agent at ${hostOf(url)}`}`
  if (file) {
    return {
      ...failure,
      cause: `the AWS credentials of the container could not be had: ${file}, with the token for its agent, cannot be read`,
      cure: [
        'Let the runner read the file that AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names: a job in a container of its own does not see the files of the pod around it.',
      ],
      otherwise: [LEFT_OVER],
    }
  }
  if (status === undefined && code !== '') {
    const { cause: why, tell, cure } = agent?.absence ?? nobodyAt(url)
    return {
      ...failure,
      cause: `${cause} cannot be reached`,
      cure: [`Likeliest is that ${why}.`, ...tell, ...cure],
      otherwise: [LEFT_OVER],
    }
  }
  if (status !== undefined && status >= 400 && status < 500 && status !== 429) {
    const given = `${cause} gives none`
    return agent
      ? { ...failure, cause: given, cure: trusting(agent), otherwise: [...agent.refusals, LEFT_OVER] }
      : { ...failure, cause: given, cure: [ASK_IT], otherwise: [...STAND_INS, LEFT_OVER] }
  }
  if (status === 429 || (status !== undefined && status >= 500)) {
    return {
      ...failure,
      cause: `${cause} answers with an error`,
      cure: [`Run the job again. If it stays, look at what the agent at ${hostOf(url)} logs.`],
    }
  }
  return {
    ...failure,
    cause: `${cause} gives none that can be used`,
    cure: [
      'Check what AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE name, or what answers there in the place of the agent.',
    ],
    otherwise: [LEFT_OVER],
  }
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? url
}

function trusting({ name, trust }: Pick<Agent, 'name' | 'trust'>): Step[] {
  return [`Let the role trust ${name}: add this statement to those of its trust policy:`, trust]
}

/** https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html */
function trustOf(Service: string, Action: string[]): Step {
  return json({ Effect: 'Allow', Principal: { Service }, Action })
}

/** https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html */
const POD_IDENTITY: Agent = {
  name: 'EKS Pod Identity',
  trust: trustOf('pods.eks.amazonaws.com', ['sts:AssumeRole', 'sts:TagSession']),
  refusals: [
    {
      cause: 'the association of the pod\u2019s service account is gone, or its role is',
      tell: [
        shell(`aws eks list-pod-identity-associations --cluster-name "\${CLUSTER:?where the pod runs}"`),
      ],
      cure: ['Make it again (aws eks create-pod-identity-association), and start the pod anew.'],
    },
  ],
  absence: {
    cause: 'the agent does not run on the node, or a network policy keeps the pod from it',
    tell: [
      'This shows whether it runs:',
      shell('kubectl -n kube-system get daemonset eks-pod-identity-agent'),
    ],
    cure: [
      'Install it: aws eks create-addon --addon-name eks-pod-identity-agent; let the pod reach 169.254.170.23 port 80.',
    ],
  },
}

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html */
const ECS: Agent = {
  name: 'ECS',
  trust: trustOf('ecs-tasks.amazonaws.com', ['sts:AssumeRole']),
  refusals: [
    {
      cause: 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is of another task than the one that the runner is in',
      tell: ['The agent speaks of an id that it does not know.'],
      cure: ['Let the runner have the variable of its own container: pass none on from elsewhere.'],
    },
  ],
  absence: {
    cause: 'the agent gives no credentials to tasks in this network mode, or is not there',
    tell: ['Only a container of an ECS task reaches it.'],
    cure: [
      'On the container instance, set ECS_ENABLE_TASK_IAM_ROLE=true in /etc/ecs/ecs.config, for tasks in host mode ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true, too, and start the agent anew; let the container reach 169.254.170.2 port 80.',
    ],
  },
}

const AGENTS: Record<string, Agent> = {
  '169.254.170.23': POD_IDENTITY,
  '[fd00:ec2::23]': POD_IDENTITY,
  '169.254.170.2': ECS,
}

function agentAt(url: string): Agent | undefined {
  return AGENTS[URL.parse(url)?.hostname ?? '']
}

function nobodyAt(url: string): Possibility {
  return {
    cause: `nothing serves credentials at ${hostOf(url)}`,
    tell: [],
    cure: ['Start what is to serve them, or correct AWS_CONTAINER_CREDENTIALS_FULL_URI.'],
  }
}

const ASK_IT =
  'The answer above is that of whatever AWS_CONTAINER_CREDENTIALS_FULL_URI names: let it give this runner credentials.'

/** What stands in for an agent of AWS may pass its refusals on. */
const STAND_INS: Possibility[] = [POD_IDENTITY, ECS].map(agent => ({
  cause: `it stands in for ${agent.name}, which the role does not trust`,
  tell: ['Read the trust policy of the role.'],
  cure: trusting(agent),
}))

const LEFT_OVER: Possibility = {
  cause: 'the variables that lead to the agent are left over from another container',
  tell: ['The runner has a role of its own: of its instance, or by web identity.'],
  cure: ['Take them away, by this in a step before this one:', CONTAINER_AWAY],
}
