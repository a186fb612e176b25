import type { Right } from '../kube/policy.ts'
import type { VerdictEvidence } from '../kube/verdict.ts'

/** A call that the administrator may not make, in words, and what the refusal said. */
export interface DeniedCall {
  /** `list ClusterRoles`, `change ConfigMap kube-system/aws-auth` */
  call: string
  message: string
}

/** What a grant found that it does not go on with. */
export type GrantEvidence =
  /** `what` is a sentence: which of the inputs, and what it would give. */
  | { kind: 'grant-dangerous'; what: string }
  /** With all that the administrator needs for the whole grant, of which `denied` is what was missed. */
  | {
      kind: 'calls-denied'
      grant: string
      denied: DeniedCall[]
      username: string
      sessionName?: string | undefined
      groups: string[]
      needs: Right[]
    }
  /** By something else than RBAC. */
  | { kind: 'call-refused'; call: string; status: number; message: string }
  /** An object, or a field of it, that somebody else manages; with what it shall be, where it may be handed over. */
  | { kind: 'object-conflict'; object: string; message: string; manifest: string | null }
  /** A rule is to be granted in it. */
  | { kind: 'namespace-missing'; namespace: string }
  /** An object of the same name that is of the grant of another role. */
  | { kind: 'name-of-another'; object: string; name: string; role: string }
  | { kind: 'aws-auth-untouchable'; list: string; problem: string }
  /** Somebody else wrote aws-auth each time between our reading and our writing. */
  | { kind: 'aws-auth-contended'; tries: number }
  /** An access entry without the tag of a grant, and other than it shall be. */
  | { kind: 'entry-of-another'; principalArn: string; accessEntryArn: string; found: string; wanted: string }
  /** What EKS does not take in an access entry, and why. */
  | { kind: 'name-unusable'; what: 'username' | 'group'; name: string; why: string }
  | { kind: 'method-unavailable'; method: string; authenticationMode: string }
  /** An access entry counts before aws-auth, and maps the role to somebody else. */
  | { kind: 'mapping-shadowed'; principalArn: string; found: string; wanted: string }
  | { kind: 'rule-not-granted'; rule: string; reason: string; seconds: number }

/** What stands against a grant: its own evidence, or that of a rule which a login would not understand either. */
export type Obstacle = GrantEvidence | Extract<VerdictEvidence, { kind: 'rule-mistaken' }>

/** Thrown by these rooms: all that was found at once, and no opinion on its cause. */
export class GrantProblem extends Error {
  override readonly name = 'GrantProblem'

  readonly evidence: readonly Obstacle[]

  constructor(...evidence: Obstacle[]) {
    super(evidence.map(({ kind }) => kind).join(', '))
    this.evidence = evidence
  }
}
