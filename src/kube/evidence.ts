import type { ProxySetting } from '../network.ts'
import type { Obstacle } from './obstacle.ts'

/** What the API server answered instead of what was asked for. */
export interface ApiEvidence {
  kind: 'unauthorized' | 'forbidden' | 'unexpected-answer'
  path: string
  status: number
  /** The server's own words (`Status.message`), or the beginning of an answer that is no Status. */
  message: string
}

/** How far a connection to the API server came: a request is made once TCP and TLS stand. */
export type Stage = 'connecting' | 'handshake' | 'request'

/** What a server showed as its certificate. */
export interface Certificate {
  /** Name of the authority that signed it; empty where it names none. */
  issuer: string
  /** Names and addresses that it is for. */
  names: string[]
  /** As OpenSSL prints times: `Nov 25 23:00:00 2026 GMT`. */
  validFrom: string
  validTo: string
}

/** The way that a connection to the API server took, as far as it is known. */
export interface Way {
  stage: Stage
  /** The IP address that was connected to; absent where there was none, and behind a proxy. */
  address?: string
  /** Absent where no proxy is set. */
  proxy?: ProxySetting
}

/** What the kubeconfig, the exec block or the API server showed us. */
export type KubeEvidence =
  | ApiEvidence
  /** `words` is the command line: the command, then its arguments. */
  | { kind: 'exec-not-found'; command: string; path: string }
  | {
      kind: 'exec-failed'
      words: readonly string[]
      exitCode: number | null
      signal: string | null
      stderr: string
    }
  | { kind: 'exec-timed-out'; words: readonly string[]; seconds: number }
  /** With `apiVersion` where it is an ExecCredential, but of that version. */
  | { kind: 'exec-not-a-credential'; command: string; problem: string; apiVersion?: string }
  | ({
      kind: 'server-unreachable'
      server: string
      code: string
      message: string
      certificate?: Certificate
    } & Way)
  | ({ kind: 'server-timed-out'; server: string; seconds: number } & Way)
  /** `connected` where it was there to be asked, and gave no answer. */
  | {
      kind: 'proxy-unreachable'
      server: string
      proxy: ProxySetting
      connected: boolean
      code: string
      message: string
    }
  /** With the first line of what the proxy said, and the schemes of credentials that it takes. */
  | {
      kind: 'proxy-refused'
      server: string
      proxy: ProxySetting
      status: number
      said: string
      schemes: string
    }
  | { kind: 'kubeconfig-unreadable'; file: string; code: string; message: string; obstacle?: Obstacle }
  | { kind: 'kubeconfig-corrupt'; file: string; line: number; column: number; message: string }
  | { kind: 'kubeconfig-unexpected'; file: string; message: string }
  /** `target` is null where there is no such file. */
  | { kind: 'kubeconfig-symlink'; file: string; target: string | null }
  /** `pid` where the lock tells whose it is, `host` where that is another machine's. */
  | { kind: 'kubeconfig-locked'; lock: string; holder: string; since: string; pid?: number; host?: string }
  | { kind: 'kubeconfig-unwritable'; file: string; code: string; message: string; obstacle?: Obstacle }
  | { kind: 'kubeconfig-secret'; file: string; where: string[] }

/** Thrown by this room: evidence, and no opinion on its cause. */
export class KubeProblem extends Error {
  override readonly name = 'KubeProblem'

  readonly evidence: KubeEvidence

  constructor(evidence: KubeEvidence, options?: ErrorOptions) {
    super(evidence.kind, options)
    this.evidence = evidence
  }
}
