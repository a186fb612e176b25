/** What the release host or the tool cache showed us. */
export type KubectlEvidence =
  | { kind: 'kubectl-unsupported'; platform: string; arch: string }
  | { kind: 'kubectl-unknown'; wanted: string; url: string; status: number }
  | { kind: 'kubectl-unreachable'; url: string; code: string; message: string }
  | { kind: 'kubectl-timed-out'; url: string; seconds: number; came: string }
  | { kind: 'kubectl-host-failing'; url: string; status: number }
  /** Something else than what was asked for: a web page, another status, a redirect that is not followed. */
  | { kind: 'kubectl-unexpected'; url: string; wanted: string; found: string }
  /** `from` names who says what the file must hash to. */
  | { kind: 'kubectl-mismatch'; url: string; from: string; expected: string; found: string; came: string }
  | { kind: 'kubectl-unwritable'; folder: string; code: string; message: string }
  | { kind: 'kubectl-locked'; lock: string; holder: string; since: string }

/** Thrown by this room: evidence, and no opinion on its cause. */
export class KubectlProblem extends Error {
  override readonly name = 'KubectlProblem'

  readonly evidence: KubectlEvidence

  constructor(evidence: KubectlEvidence, options?: ErrorOptions) {
    super(evidence.kind, options)
    this.evidence = evidence
  }
}

/** A folder that cannot be written, in the words of the file system. */
export function unwritable(folder: string, cause: unknown): KubectlProblem {
  const { code = '', message } = cause as NodeJS.ErrnoException
  return new KubectlProblem({ kind: 'kubectl-unwritable', folder, code, message }, { cause })
}
