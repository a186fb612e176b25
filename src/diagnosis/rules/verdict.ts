import type { VerdictEvidence } from '../../kube/verdict.ts'
import type { Diagnoses } from '../failure.ts'
import { groupsDiffer, usernameDiffers } from '../mapping/identity.ts'
import { allowed, denied, iAm } from './rules.ts'

/** Rules and identity: EKS6xx, EKS7xx, EKS8xx. */
export const verdictDiagnoses: Diagnoses<VerdictEvidence> = {
  'rule-denied': denied,
  'rule-allowed': allowed,
  'rule-unproven': ({ rule, message }, about) => ({
    code: 'EKS603',
    cause: `the cluster could not decide whether the role may ${rule}`,
    evidence: [`SelfSubjectAccessReview of "${rule}": ${message}`, iAm(about)],
    cure: [
      'Mend what the message names, such as an authorization webhook that does not answer; until then a "no" proves nothing.',
    ],
  }),
  'rule-mistaken': ({ rule, problem }) => ({
    code: 'EKS602',
    cause: `the rule "${rule}" asks for nothing that the cluster has: ${problem}`,
    evidence: ['looked up in the discovery of the API server'],
    cure: ['Write the rule as `kubectl api-resources` shows the resource, its group and its verbs.'],
  }),
  'username-differs': usernameDiffers,
  'groups-differ': groupsDiffer,
  'identity-unknown': ({ expected }) => ({
    code: 'EKS803',
    cause: 'the cluster cannot say who we are',
    evidence: [`expected: ${expected}`, 'SelfSubjectReview: not served, as before Kubernetes 1.28'],
    cure: ['Update the cluster, or leave out expect-username and expect-groups.'],
  }),
}
