import type { PeerCertificate } from 'node:tls'
import { codeOf, isLoopback, ProxyRefusal, proxySetting } from '../network.ts'
import { redact } from '../redact.ts'
import type { ApiServer } from './client.ts'
import { type Certificate, KubeProblem, type Way } from './evidence.ts'

// What a connection to the API server showed, once it has failed: nothing here runs before.

/** How far a connection had come; the error of one that failed carries it. */
export type Progress = Omit<Way, 'proxy'> & { certificate?: PeerCertificate }

/** What bounded the request that failed. */
export interface Bounds {
  seconds: number
  /** Whether its time was over. */
  isOver: boolean
  /** Whether the connection had been there to ask on. */
  isOpen: boolean
}

/** What an error of a connection, or of a request on it, is evidence of. */
export function problemOf(cause: unknown, { server, proxyUrl }: ApiServer, bounds: Bounds): KubeProblem {
  const {
    message,
    proxy: isProxys,
    connected = false,
    progress,
  } = cause as Error & { proxy?: string; connected?: boolean; progress?: Progress }
  const code = codeOf(cause)
  const proxy = isLoopback(server) && !proxyUrl ? undefined : proxySetting(server, proxyUrl)
  // The handshake has a bound of its own, which began earlier.
  const isCut = isTimeoutOf(cause)
  // That a name server had no answer, again and again, is what was wrong for all of the time.
  const isTimeout = code !== 'EAI_AGAIN' && (bounds.isOver || isCut)
  const problem = (evidence: KubeProblem['evidence']) => new KubeProblem(evidence, { cause })
  if (proxy && cause instanceof ProxyRefusal) {
    const { status, schemes } = cause
    return problem({ kind: 'proxy-refused', server, proxy, status, said: redact(cause.said), schemes })
  }
  if (proxy?.malformed && proxy.used) {
    return problem({ kind: 'proxy-unreachable', server, proxy, connected, code, message: 'it is no URL' })
  }
  if (proxy && isProxys) {
    const told = isCut
      ? { code: 'ETIMEDOUT', message: `no answer for ${bounds.seconds} s` }
      : { code, message }
    return problem({ kind: 'proxy-unreachable', server, proxy, connected, ...told })
  }
  const { certificate, ...reached } = progress ?? { stage: 'handshake' as const }
  const way: Way = {
    ...(bounds.isOpen ? { stage: 'request' as const } : reached),
    ...(proxy ? { proxy } : {}),
  }
  if (isTimeout) return problem({ kind: 'server-timed-out', server, seconds: bounds.seconds, ...way })
  const known = certificateOf(certificate)
  const shown = known ? { certificate: known } : {}
  return problem({ kind: 'server-unreachable', server, code, message: message || code, ...way, ...shown })
}

/** What a certificate says of itself; null where none came, for which Node has an object without anything in it. */
export function certificateOf(shown: Partial<PeerCertificate> | null | undefined): Certificate | null {
  const { issuer, subjectaltname = '', valid_from = '', valid_to = '' } = shown ?? {}
  if (!issuer) return null
  // DNS:one.example, IP Address:192.0.2.1
  const names = subjectaltname.split(', ').map(name => name.replace(/^[^:]*:/, ''))
  return {
    // Whoever is in the way may have put anything there.
    issuer: [issuer.CN ?? issuer.OU, issuer.O]
      .filter(Boolean)
      .join(', ')
      .replace(/\p{Cc}+/gu, ' '),
    names: names.filter(Boolean),
    validFrom: valid_from,
    validTo: valid_to,
  }
}

/** What an aborted operation rejects with is the signal's reason, or an error with the reason as its cause. */
function isTimeoutOf(error: unknown): boolean {
  const { name, cause } = error as Error
  return name === 'TimeoutError' || (cause as Error | undefined)?.name === 'TimeoutError'
}
