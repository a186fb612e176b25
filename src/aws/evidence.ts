/** What AWS, or its absence, showed us. `asked` names the request or the thing looked for. */
export type AwsEvidence =
  | { kind: 'no-region'; asked: string; message: string }
  | { kind: 'no-credentials'; tried: string[] }
  | { kind: 'credentials-failed'; source: string; message: string }
  | { kind: 'credentials-refused'; wanted: string; source: string; accessKeyId: string }
  | { kind: 'credentials-expired'; source: string; expiration: string }
  | { kind: 'refused'; asked: string; resource: string; code: string; status: number; message: string }
  | { kind: 'unreachable'; asked: string; endpoint: string; code: string; message: string }
  | { kind: 'ca-bundle-unreadable'; file: string; message: string }
  | { kind: 'timed-out'; asked: string; endpoint: string; seconds: number }
  | { kind: 'wrong-account'; asked: string; found: string }
  | { kind: 'cluster-not-ready'; cluster: string; status: string }
  | { kind: 'cluster-without-endpoint'; cluster: string; status: string }
  | { kind: 'identity-differs'; source: string; checked: string; token: string }

/** Thrown by this room: evidence, and no opinion on its cause. */
export class AwsProblem extends Error {
  override readonly name = 'AwsProblem'

  readonly evidence: AwsEvidence

  constructor(evidence: AwsEvidence, options?: ErrorOptions) {
    super(evidence.kind, options)
    this.evidence = evidence
  }
}
