import type { KubeEvidence } from '../../kube/evidence.ts'
import type { ProxySetting } from '../../network.ts'
import type { Diagnosis, Possibility, Step } from '../failure.ts'
import { commandLine, shell } from '../shell.ts'
import { envPaste } from '../workflow.ts'
import { hostOf } from './route.ts'

type Refused = Extract<KubeEvidence, { kind: 'proxy-refused' }>
type Unreachable = Extract<KubeEvidence, { kind: 'proxy-unreachable' }>

/** A proxy that answered CONNECT with anything but 200 (RFC 9110, 9.3.6). */
export function refusedByProxy({ server, proxy, status, said, schemes }: Refused): Diagnosis {
  const told = `${proxy.url} (${proxy.setBy}) answered ${status} to CONNECT for ${hostOf(server)}${said ? `: ${said}` : ''}`
  const around = aroundProxy(proxy, server)
  if (status === 407) {
    const evidence = [told, `it takes credentials of ${schemes || 'no scheme that it names'}`]
    return {
      code: 'EKS311',
      cause: proxy.credentials
        ? `the proxy ${proxy.url} does not take the credentials that ${proxy.setBy} has for it`
        : `the proxy ${proxy.url} wants credentials`,
      evidence,
      cure: credentialsCure(proxy),
      otherwise: [direct('the API server can be reached without the proxy', around)],
    }
  }
  const forbidden: Possibility = {
    cause: 'the proxy is the only way, and its rules do not allow the host',
    tell: ['Without the proxy there is no connection to the API server.'],
    cure: [`Let whoever runs the proxy allow CONNECT to ${hostOf(server)}.`],
  }
  const lost: Possibility = {
    cause: 'the proxy is the only way, and cannot resolve or reach the API server itself',
    tell: ['It answers 502, 503 or 504.'],
    cure: [
      'See whether the endpoint is private to the VPC of the cluster: then the proxy has to be inside, too.',
    ],
  }
  return {
    code: 'EKS305',
    cause: `the proxy ${proxy.url} does not let us through to the API server`,
    evidence: [told],
    cure: ['If the API server can be reached without the proxy, keep it out of the way:', ...around],
    otherwise: status >= 500 ? [lost, forbidden] : [forbidden, lost],
  }
}

/** A proxy that no CONNECT could be sent to, or that answered none. */
export function unreachableProxy(evidence: Unreachable): Diagnosis {
  const { server, proxy, connected, code, message } = evidence
  if (proxy.malformed) return malformedProxy(evidence)
  const told = `${proxy.url} (${proxy.setBy}), for ${hostOf(server)}: ${connected ? 'connected, and no answer to CONNECT: ' : ''}${[code, message].filter(Boolean).join(', ')}`
  const look = shell(commandLine('curl', '-sv', '--max-time', '5', proxy.url))
  if (connected) {
    return {
      code: 'EKS308',
      cause: `the proxy ${proxy.url} did not answer CONNECT for the API server`,
      evidence: [told],
      cure: [
        'The likeliest is that it cannot resolve or reach the API server, whose endpoint may be private to the VPC of the cluster. If the API server can be reached without the proxy, keep it out of the way:',
        ...aroundProxy(proxy, server),
      ],
      otherwise: [
        {
          cause: 'the proxy is the only way, and cannot resolve or reach the API server itself',
          tell: ['Through it, other hosts are reached:', proxied(proxy)],
          cure: [
            'Where the endpoint is private to the VPC of the cluster, the proxy has to be inside, too; else let whoever runs it give it a way there.',
          ],
        },
        {
          cause: 'what listens there is no HTTP proxy, or it is overloaded',
          tell: ['No other host is reached through it either.', look],
          cure: [`Correct ${proxy.setBy}, or start the proxy anew.`],
        },
      ],
    }
  }
  return {
    code: 'EKS308',
    cause: `the proxy ${proxy.url} on the way to the API server cannot be reached`,
    evidence: [told],
    cure: [
      'If the API server can be reached without the proxy, keep it out of the way:',
      ...aroundProxy(proxy, server),
    ],
    otherwise: [
      {
        cause: 'the proxy is the only way, and its address is wrong, or it is down',
        tell: [look],
        cure: [`Correct ${proxy.setBy}, or start the proxy.`],
      },
    ],
  }
}

function malformedProxy({ server, proxy }: Unreachable): Diagnosis {
  return {
    code: 'EKS308',
    cause: `${proxy.setBy}, which is to name the proxy, is no URL`,
    evidence: [`${proxy.setBy} is ${proxy.url}, for ${hostOf(server)}`],
    cure: [
      `Write ${proxy.setBy} as http://HOST:PORT. In a user or password before an @, percent-encode what is neither a letter nor a digit.`,
      'Or, if the API server can be reached without a proxy, keep it out of the way:',
      ...aroundProxy(proxy, server),
    ],
  }
}

/** Asks another host through the proxy; the credentials that it may want are not told. */
function proxied({ url }: ProxySetting): Step {
  return shell(commandLine(...['curl', '-sv', '--max-time', '5', '-x', url, 'https://checkip.amazonaws.com']))
}

/** What lets the host be reached without the proxy. */
export function aroundProxy({ setBy, exceptions }: ProxySetting, server: string): Step[] {
  if (!exceptions) return [`Leave the input ${setBy} out.`]
  const { name, value } = exceptions
  const entries = [...value.split(/[,\s]+/).filter(Boolean), hostOf(server)]
  return [
    'Set this for the job, so that kubectl in later steps has it, too:',
    envPaste({ [name]: entries.join(',') }),
  ]
}

/** That a proxy is set which the host is excepted from, and what would lead through it; nothing where none is. */
export function notByProxy(proxy: ProxySetting | undefined, server: string): Possibility[] {
  if (!proxy?.exceptions || proxy.used) return []
  return [
    {
      cause: `the way there is through the proxy ${proxy.url}, which ${proxy.exceptions.name} keeps this host from`,
      tell: [`${proxy.exceptions.name} is ${proxy.exceptions.value}`],
      cure: withoutException(proxy.exceptions, server),
    },
  ]
}

/** What makes a host go through the proxy again that it is excepted from. */
function withoutException({ name, value }: NonNullable<ProxySetting['exceptions']>, server: string): Step[] {
  const host = hostOf(server)
  const left = value.split(/[,\s]+/).filter(entry => entry && !excepts(entry, host))
  return [
    `Take what names the host out of ${name}, for the job, so that kubectl in later steps has it, too:`,
    envPaste({ [name]: left.join(',') }),
  ]
}

/** Whether an entry of NO_PROXY names the host; kubectl takes a domain for all that is below it, too. */
function excepts(entry: string, host: string): boolean {
  const name = entry.toLowerCase().replace(/:\d+$/, '').replace(/^\*/, '')
  return name === '' || host === name || host.endsWith(name.startsWith('.') ? name : `.${name}`)
}

function credentialsCure({ setBy, url, exceptions }: ProxySetting): Step[] {
  const target = new URL(url)
  const secrets = ['PROXY_USER', 'PROXY_PASSWORD'].map(name => `\${{ secrets.${name} }}`).join(':')
  const variable = exceptions ? setBy : 'HTTPS_PROXY'
  return [
    ...(exceptions
      ? []
      : ['Leave the input proxy-url out: a kubeconfig of this action holds no credentials.']),
    'Keep user and password of the proxy as secrets, percent-encoded, and set for the job:',
    envPaste({ [variable]: `${target.protocol}//${secrets}@${target.host}` }),
  ]
}

function direct(cause: string, cure: Step[]): Possibility {
  return { cause, tell: ['It answers to a connection that goes around the proxy.'], cure }
}
