import type { EndpointAccess } from '../../aws/cluster.ts'
import type { KubeEvidence } from '../../kube/evidence.ts'
import type { About, Diagnosis, Possibility, Step } from '../failure.ts'
import { commandLine, shell, shellWord } from '../shell.ts'
import { accessLine, runnerLine } from './endpoint-access.ts'
import { opening } from './no-connection.ts'
import { notByProxy } from './proxy.ts'

type Unresolved = Extract<KubeEvidence, { kind: 'server-unreachable' | 'server-timed-out' }>

/**
 * A name of an API server that does not resolve. That name servers say there is no such name tells more than that none of
 * them answers, which they do not for other names either.
 */
export function unresolved(evidence: Unresolved, about: About): Diagnosis {
  const { server, proxy } = evidence
  const { access, runner } = about
  const byProxy = notByProxy(proxy, server)
  const isAnswered = evidence.kind === 'server-unreachable' && evidence.code === 'ENOTFOUND'
  if (!access || access.publicAccess) return open([...byProxy, nameServers(about)], evidence, about)
  const places = runner?.vpcId === access.vpcId ? [inside(about, access)] : [outside(about, access)]
  const others = runner ? [] : [inside(about, access)]
  if (!isAnswered) return open([...byProxy, nameServers(about), ...places, ...others], evidence, about)
  if (!runner || runner.vpcId === access.vpcId)
    return open([...places, ...others, ...byProxy, nameServers(about)], evidence, about)
  return {
    code: 'EKS310',
    cause: `the API server has a private endpoint only, in ${access.vpcId}, and the runner is in ${runner.vpcId}, where its name does not resolve`,
    evidence: told(evidence, about),
    cure: [
      `Run the job on a runner in ${access.vpcId}, or connect ${runner.vpcId} with it, names included (VPC peering, a Route 53 Resolver endpoint). Or, if the endpoint may be public, open it to one address:`,
      ...opening(about, access),
    ],
    otherwise: [...byProxy, nameServers(about)],
  }
}

/** What fits several causes, the likeliest first. */
function open([first, ...otherwise]: Possibility[], evidence: Unresolved, about: About): Diagnosis {
  const { hostname } = new URL(evidence.server)
  const not =
    evidence.kind === 'server-timed-out'
      ? `had not resolved within ${evidence.seconds} s`
      : 'does not resolve here'
  return {
    code: 'EKS301',
    cause: `the name of the API server, ${hostname}, ${not}`,
    evidence: told(evidence, about),
    cure: first ? [`The likeliest is that ${first.cause}.`, ...first.tell, ...first.cure] : [],
    otherwise,
  }
}

function told(evidence: Unresolved, { access, runner }: About): string[] {
  const what =
    evidence.kind === 'server-timed-out'
      ? `no address for the name within ${evidence.seconds} s`
      : `${evidence.code}, ${evidence.message}`
  return [`${evidence.server}: ${what}`, ...(access ? [accessLine(access), runnerLine(runner)] : [])]
}

function nameServers({ region }: About): Possibility {
  return {
    cause: 'the name servers of the runner cannot be reached, or answer for no names of AWS',
    tell: [
      'See whether another name of AWS resolves:',
      shell(`${commandLine('getent', 'hosts', `eks.${region}.amazonaws.com`)}; cat /etc/resolv.conf`),
    ],
    cure: [
      'Where it does not, let the runner ask the name server of its VPC (169.254.169.253), or one that passes the question on.',
    ],
  }
}

function inside(about: About, { vpcId }: EndpointAccess): Possibility {
  return {
    cause: `${vpcId} does not resolve names of its own: enableDnsSupport or enableDnsHostnames is off`,
    tell: [],
    cure: [shell(...['support', 'hostnames'].map(what => dns(about, vpcId, what)))],
  }
}

function outside(about: About, access: EndpointAccess): Possibility {
  const { vpcId } = access
  return about.runner
    ? {
        cause: `the name resolves in ${vpcId} alone, which the endpoint is private to, and the runner is in ${about.runner.vpcId}`,
        tell: ['Other names of AWS resolve on the runner.'],
        cure: openTo(about, access),
      }
    : {
        cause: `the runner is outside ${vpcId}, which the endpoint is private to`,
        tell: ['Where the runner runs.'],
        cure: openTo(about, access),
      }
}

function openTo(about: About, access: EndpointAccess): Step[] {
  return [
    'Run the job inside, or, if the endpoint may be public, open it to one address:',
    ...opening(about, access),
  ]
}

/** https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html, of private endpoints */
function dns({ region }: About, vpcId: string, what: string): string {
  return `aws ec2 modify-vpc-attribute --region ${shellWord(region)} --vpc-id ${shellWord(vpcId)} --enable-dns-${what}`
}
