import type { KubeEvidence } from '../../kube/evidence.ts'
import { clockIsOff } from '../credentials/clock.ts'
import type { About, Diagnosis, Possibility, Step } from '../failure.ts'
import { shell, shellWord } from '../shell.ts'
import { aroundProxy } from './proxy.ts'

type Unreachable = Extract<KubeEvidence, { kind: 'server-unreachable' }>

// Names of Node's errors (https://nodejs.org/api/tls.html#x509-certificate-error-codes).
/** Whether a connection failed by the certificate that it was shown, by Node's name of the error. */
export function isOfCertificate(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_/.test(code)
}

const FOREIGN = /SELF_SIGNED|UNABLE_TO_|CERT_SIGNATURE|CERT_UNTRUSTED/
const OUT_OF_TIME = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']
const OTHER_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID'

/** What is wrong with the certificate that the API server showed; null where the error is about none. */
export function certificateDiagnosis(evidence: Unreachable, about: About): Diagnosis | null {
  if (FOREIGN.test(evidence.code)) return signedByAnother(evidence)
  if (OUT_OF_TIME.includes(evidence.code)) return outOfTime(evidence, about)
  return evidence.code === OTHER_NAME ? forAnotherName(evidence) : null
}

/** Name of the authority of every EKS cluster, and of most others: it stands in the certificateAuthority of DescribeCluster. */
const OF_A_CLUSTER = 'kubernetes'

function signedByAnother(evidence: Unreachable): Diagnosis {
  const { certificate } = evidence
  const issuer = certificate?.issuer
  const told = [...seen(evidence), ...(issuer ? [`its certificate was signed by ${issuer}`] : [])]
  const elsewhere = otherServer(evidence)
  const inspected: Possibility = {
    cause: 'a proxy or firewall on the way opens TLS and signs with a CA of its own',
    tell: ['The signer above is of a product that inspects traffic, or of the company.'],
    cure: exclude(evidence),
  }
  const isCluster = issuer === OF_A_CLUSTER
  return {
    code: 'EKS304',
    cause: `the certificate of the API server is not signed by the CA of the cluster${issuer ? `, but by ${issuer}` : ''}`,
    evidence: told,
    cure: isCluster ? elsewhere.cure : inspected.cure,
    otherwise: [isCluster ? inspected : elsewhere],
  }
}

function exclude({ server, proxy }: Unreachable): Step[] {
  const { hostname } = new URL(server)
  const rule = `Exclude ${hostname} from the inspection of TLS: kubectl trusts nothing but the CA of the cluster.`
  if (!proxy?.used) return [rule]
  return [rule, 'Or, where the API server can be reached without the proxy:', ...aroundProxy(proxy, server)]
}

function otherServer({ server }: Unreachable): Possibility {
  const { hostname } = new URL(server)
  return {
    cause: `the name ${hostname} leads to another server here, such as another cluster\u2019s`,
    tell: [shell(`getent hosts ${shellWord(hostname)}`)],
    cure: [
      `Take what overrides the name away: a line of /etc/hosts, or a zone of the network\u2019s own DNS.`,
    ],
  }
}

/**
 * A certificate that is not valid by the clock here is by AWS's, or is not: where nobody told how far the two are apart,
 * either may be.
 */
function outOfTime(evidence: Unreachable, { clockSkewSeconds: skew }: About): Diagnosis {
  const { code, certificate } = evidence
  const span = certificate
    ? [
        `it is valid from ${certificate.validFrom} to ${certificate.validTo}; the clock here says ${new Date().toISOString()}`,
      ]
    : []
  const told = [...seen(evidence), ...span]
  if (skew && isValidAt(certificate, Date.now() - skew * 1000)) return clockIsOff(skew, told)
  const server = otherServer(evidence)
  const failure = {
    code: 'EKS307',
    cause: `the certificate of the API server ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}, by the clock of the runner`,
  } as const
  if (skew === undefined) {
    return {
      ...failure,
      evidence: told,
      cure: [
        'AWS renews the certificates of its endpoints: see whether the clock is right, and let it be set.',
        shell('date -u\nsudo timedatectl set-ntp true'),
      ],
      otherwise: [server],
    }
  }
  const clocks = skew
    ? `the clock here is ${Math.abs(skew)} s ${skew > 0 ? 'ahead of' : 'behind'} AWS\u2019s, by which the certificate is not valid either`
    : 'the clock here agrees with AWS\u2019s'
  return {
    ...failure,
    evidence: [...told, clocks],
    cure: [
      `AWS renews the certificates of its endpoints. The likeliest is that ${server.cause}. See where it leads to:`,
      ...server.tell,
      ...server.cure,
    ],
  }
}

/** Of a certificate that was not seen nothing speaks against it. */
function isValidAt(certificate: Unreachable['certificate'], time: number): boolean {
  return (
    !certificate || (Date.parse(certificate.validFrom) <= time && time <= Date.parse(certificate.validTo))
  )
}

function forAnotherName(evidence: Unreachable): Diagnosis {
  const { server, certificate } = evidence
  const { hostname } = new URL(server)
  const names = certificate?.names.join(', ') || 'no name'
  return {
    code: 'EKS307',
    cause: `the certificate of the API server is not for ${hostname}`,
    evidence: [...seen(evidence), `it is for ${names}`],
    cure: ['See where the name leads to:', ...otherServer(evidence).tell, ...otherServer(evidence).cure],
  }
}

function seen({ server, address, code, message, proxy }: Unreachable): string[] {
  const way = proxy?.used ? `, through the proxy ${proxy.url}` : address ? ` (${address})` : ''
  return [`${server}${way}: ${code}, ${message}`]
}
