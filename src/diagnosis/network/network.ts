import { isIPv6 } from 'node:net'
import type { KubeEvidence } from '../../kube/evidence.ts'
import type { About, Diagnoses, Diagnosis, Possibility } from '../failure.ts'
import { commandLine, shell, shellWord } from '../shell.ts'
import { certificateDiagnosis } from './certificate.ts'
import { noConnection } from './no-connection.ts'
import { aroundProxy, notByProxy, refusedByProxy, unreachableProxy } from './proxy.ts'
import { unresolved } from './unresolved.ts'

type Evidence = Extract<KubeEvidence, { kind: `server-${string}` | `proxy-${string}` }>
type Unreachable = Extract<Evidence, { kind: 'server-unreachable' }>
type TimedOut = Extract<Evidence, { kind: 'server-timed-out' }>

/** The network to the cluster: EKS3xx. */
export const networkDiagnoses: Diagnoses<Evidence> = {
  'server-unreachable': unreachable,
  'server-timed-out': timedOut,
  'proxy-unreachable': unreachableProxy,
  'proxy-refused': refusedByProxy,
}

/** Names that do not resolve, and name servers that do not answer (getaddrinfo(3)). */
const UNRESOLVED = ['ENOTFOUND', 'EAI_AGAIN']

/** What the system, or a router that it asked, says where no route leads (connect(2)). */
const UNROUTED = ['ENETUNREACH', 'EHOSTUNREACH']

/** Whether it matters where the runner is. */
export function isAboutPlaces(evidence: Unreachable | TimedOut): boolean {
  if (evidence.kind === 'server-timed-out') return evidence.stage === 'connecting'
  return evidence.code === 'ETIMEDOUT' || UNRESOLVED.includes(evidence.code)
}

function timedOut(evidence: TimedOut, about: About): Diagnosis {
  const { seconds, stage, address } = evidence
  if (stage === 'connecting')
    return address
      ? noConnection({ ...evidence, message: `no connection within ${seconds} s` }, about)
      : unresolved(evidence, about)
  const what = evidence.stage === 'handshake' ? 'no TLS handshake' : 'no whole answer'
  return incomplete(evidence, `${what} within ${seconds} s`)
}

function unreachable(evidence: Unreachable, about: About): Diagnosis {
  const { code, message, server, stage } = evidence
  const told = `${code ? `${code}, ` : ''}${message}`
  if (UNRESOLVED.includes(code)) return unresolved(evidence, about)
  if (code === 'ETIMEDOUT' && stage === 'connecting')
    return noConnection({ ...evidence, message: told }, about)
  if (code === 'ECONNREFUSED') return refused(evidence, told)
  if (UNROUTED.includes(code)) return unrouted(evidence, told)
  const certificate = certificateDiagnosis(evidence, about)
  if (certificate) return certificate
  if (stage === 'request') return incomplete(evidence, told)
  return {
    code: 'EKS306',
    cause: 'the connection to the API server broke before it stood',
    evidence: [`${placed(evidence)}: ${told}`],
    cure: [
      'See what answers there: an API server speaks TLS and shows a certificate of its cluster.',
      look(server),
      'A firewall that tears connections off has to let this one through.',
    ],
    otherwise: [...notByProxy(evidence.proxy, server), ...withoutProxy(evidence)],
  }
}

function refused(evidence: Unreachable, told: string): Diagnosis {
  const { server } = evidence
  const { hostname } = new URL(server)
  return {
    code: 'EKS303',
    cause: 'the connection to the API server is refused',
    evidence: [`${placed(evidence)}: ${told}`],
    cure: [
      'An endpoint of EKS listens as long as its cluster is there. See where the name leads to from here, and what overrides it (/etc/hosts, the network\u2019s own DNS); where it leads to the endpoint, a firewall on the way refuses in its place:',
      shell(`getent hosts ${shellWord(hostname)}`),
    ],
    otherwise: notByProxy(evidence.proxy, server),
  }
}

function unrouted(evidence: Unreachable, told: string): Diagnosis {
  const { server, address } = evidence
  const { hostname } = new URL(server)
  const target = address ?? hostname
  const own: Possibility = isIPv6(target)
    ? {
        cause: 'the name leads to an IPv6 address, and the runner\u2019s network has no way out by IPv6',
        tell: [
          'It has none where this shows no default route, and the name has no IPv4 address where the second line shows none:',
          shell('ip -6 route', commandLine('getent', 'ahostsv4', hostname)),
        ],
        cure: [
          'Give its subnet an IPv6 CIDR block and a route for ::/0 (an egress-only internet gateway), or let the name servers of the runner answer with IPv4 addresses.',
        ],
      }
    : {
        cause: 'the route table of the runner\u2019s subnet has no route for it',
        tell: [
          'What the runner itself has:',
          shell(address ? commandLine('ip', 'route', 'get', address) : 'ip route'),
        ],
        cure: [
          'Give it one: for a public address to a NAT or internet gateway, for a private one to the peering connection or transit gateway that leads to the VPC of the cluster.',
        ],
      }
  return {
    code: 'EKS306',
    cause: `there is no route to the API server at ${target}`,
    evidence: [`${placed(evidence)}: ${told}`],
    cure: [`The likeliest is that ${own.cause}.`, ...own.tell, ...own.cure],
    otherwise: [
      ...notByProxy(evidence.proxy, server),
      {
        cause: 'a firewall on the way, or on the runner, answers in its place that there is none',
        tell: ['A route is there by the lines above.'],
        cure: [`Let the runner out to ${target} on port 443.`],
      },
    ],
  }
}

/** Connected, and then not a whole answer: something between lets the beginning through, and no more. */
function incomplete(evidence: TimedOut | Unreachable, told: string): Diagnosis {
  return {
    code: 'EKS312',
    cause: 'the API server was connected to, and gave no whole answer',
    evidence: [`${placed(evidence)}: ${told}`],
    cure: [
      'See whether it answers a question that needs no role, and how fast:',
      look(evidence.server),
      'Where that has no answer either, the connection stands and what follows is lost: what inspects traffic on the way, or an MTU that is too large for it (VPN, jumbo frames).',
    ],
    otherwise: [
      ...withoutProxy(evidence),
      {
        cause: 'the control plane is overloaded',
        tell: ['The question above is answered, slowly, or now and then.'],
        cure: ['Raise timeout, and see the control plane\u2019s metrics of the cluster.'],
      },
    ],
  }
}

function withoutProxy({ proxy, server }: TimedOut | Unreachable) {
  if (!proxy?.used) return []
  const cause = `the proxy ${proxy.url} does it, and the API server can be reached without it`
  return [{ cause, tell: [], cure: aroundProxy(proxy, server) }]
}

function look(server: string) {
  return shell(`curl -skv --max-time 10 ${shellWord(`${server}/version`)}`)
}

function placed({ server, address, proxy }: TimedOut | Unreachable): string {
  return `${server}${proxy?.used ? `, through the proxy ${proxy.url}` : address ? ` (${address})` : ''}`
}
