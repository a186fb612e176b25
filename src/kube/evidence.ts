/** What the API server answered instead of what was asked for. */
export interface ApiEvidence {
  kind: 'unauthorized' | 'forbidden' | 'unexpected-answer'
  path: string
  status: number
  /** The server's own words (`Status.message`), or the beginning of an answer that is no Status. */
  message: string
}

/** What the kubeconfig, the exec block or the API server showed us. */
export type KubeEvidence =
  | ApiEvidence
  | { kind: 'exec-not-found'; command: string; path: string }
  | { kind: 'exec-failed'; command: string; exitCode: number | null; signal: string | null; stderr: string }
  | { kind: 'exec-timed-out'; command: string; seconds: number }
  | { kind: 'exec-not-a-credential'; command: string; problem: string }
  | { kind: 'server-unreachable'; server: string; code: string; message: string; issuer?: string }
  | { kind: 'server-timed-out'; server: string; seconds: number }
  | { kind: 'proxy-unreachable'; server: string; proxy: string; code: string; message: string }
  | { kind: 'proxy-refused'; server: string; proxy: string; status: number }
  | { kind: 'kubeconfig-unreadable'; file: string; code: string; message: string }
  | { kind: 'kubeconfig-corrupt'; file: string; line: number; column: number; message: string }
  | { kind: 'kubeconfig-unexpected'; file: string; message: string }
  | { kind: 'kubeconfig-symlink'; file: string; target: string }
  | { kind: 'kubeconfig-locked'; lock: string; holder: string; since: string }
  | { kind: 'kubeconfig-unwritable'; file: string; code: string; message: string }
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
