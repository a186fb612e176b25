import type { MetadataAnswer } from './instance-metadata.ts'

/** What AWS, or its absence, showed us. `asked` names the request or the thing looked for. */
export type AwsEvidence =
  | { kind: 'no-region'; asked: string; message: string }
  | { kind: 'no-credentials'; tried: string[] }
  | { kind: 'credentials-failed'; source: string; message: string }
  /**
   * The agent beside a container, asked at `url`. `status` is absent where no answer came; `code` is the answer's, or the
   * one of what the connection failed with; `file` is the one of the authorization token, where that could not be read.
   */
  | {
      kind: 'container-failed'
      source: string
      url: string
      status?: number
      code: string
      file?: string
      message: string
    }
  /** `message` says what failed in the end. */
  | { kind: 'metadata-failed'; endpoint: string; answers: MetadataAnswer[]; message: string }
  /**
   * `variable` names `profile`: one of the environment, or source_profile of the profile `of`. `files` are those that
   * were looked through, the config file first; `profiles` are all that are in them.
   */
  | {
      kind: 'profile-missing'
      variable: string
      of?: string
      profile: string
      files: string[]
      profiles: string[]
    }
  /** `named`: the variable or profile that names the file. */
  | { kind: 'token-file-unusable'; named: string; file: string; problem: string }
  /** `source` is what was asked when the time was over; empty where none was yet. */
  | { kind: 'credentials-timed-out'; source: string; seconds: number }
  | { kind: 'credentials-refused'; wanted: string; source: string; accessKeyId: string }
  | { kind: 'credentials-expired'; source: string; expiration: string }
  | {
      kind: 'refused'
      asked: string
      resource: string
      code: string
      status: number
      message: string
      /** By how many seconds the clock here is ahead of the answer's Date header: 0 while they agree; absent without one. */
      clockSkewSeconds?: number
    }
  /** Something answered that is not the service. */
  | { kind: 'answer-unreadable'; asked: string; endpoint: string; status: number; problem: string }
  | Unreachable
  | { kind: 'ca-bundle-unreadable'; file: string; message: string }
  | { kind: 'timed-out'; asked: string; endpoint: string; seconds: number }
  | { kind: 'wrong-account'; asked: string; found: string }
  | { kind: 'cluster-not-ready'; cluster: string; status: string }
  | { kind: 'cluster-without-endpoint'; cluster: string; status: string }
  | { kind: 'identity-differs'; source: string; checked: string; token: string }

interface Unreachable {
  kind: 'unreachable'
  asked: string
  endpoint: string
  code: string
  message: string
  /** Who signed the certificate that was refused. */
  issuer?: string
  /** The proxy that could not be reached, or did not let us through, without its password. */
  proxy?: string
  /** What the proxy answered, if it did. */
  proxyStatus?: number
}

/** Thrown by this room: evidence, and no opinion on its cause. */
export class AwsProblem extends Error {
  override readonly name = 'AwsProblem'

  readonly evidence: AwsEvidence

  constructor(evidence: AwsEvidence, options?: ErrorOptions) {
    super(evidence.kind, options)
    this.evidence = evidence
  }
}

/** The code that AWS refused something with, like `AccessDeniedException`; null for any other error. */
export function refusalCode(error: unknown): string | null {
  const evidence = error instanceof AwsProblem ? error.evidence : null
  return evidence?.kind === 'refused' ? evidence.code : null
}
