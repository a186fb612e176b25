import type { VerdictEvidence } from '../../kube/verdict.ts'
import type { About, Diagnosis, Step } from '../failure.ts'
import { changeMapping, mappingNow } from './change-mapping.ts'
import { type Mapping, withoutEveryone } from './mapping.ts'

type Of<Kind extends VerdictEvidence['kind']> = Extract<VerdictEvidence, { kind: Kind }>

/** The cluster calls us something else than `expect-username`. */
export function usernameDiffers({ expected, found }: Of<'username-differs'>, about: About): Diagnosis {
  return {
    code: 'EKS801',
    cause: `the cluster says we are ${found}, not ${expected}`,
    evidence: [
      `expect-username is ${expected}`,
      `SelfSubjectReview: username ${found}`,
      ...whereItStands(about),
    ],
    cure: changeCure(about, `If ${found} is right, set expect-username to it. If ${expected} is:`),
  }
}

/** The cluster puts us into other groups than `expect-groups`. */
export function groupsDiffer({ expected, found }: Of<'groups-differ'>, about: About): Diagnosis {
  const right = withoutEveryone(found).join(', ') || 'nothing'
  return {
    code: 'EKS802',
    cause: 'the cluster gives us other groups than expected',
    evidence: [
      `expect-groups is ${expected.join(', ') || 'empty'}`,
      `SelfSubjectReview: groups ${found.join(', ') || 'none'}`,
      ...whereItStands(about),
    ],
    cure: changeCure(about, `If ${right} is right, set expect-groups to it. If what is expected is:`),
  }
}

function whereItStands(about: About): string[] {
  const { authenticationMode, accessEntry, roleArn } = about
  return [
    ...(roleArn ? [`role: ${roleArn}`] : []),
    ...(authenticationMode ? [`authentication mode: ${authenticationMode}`] : []),
    ...(accessEntry?.asked ?? []),
  ]
}

/** All that is expected at once, so that two cures of one login agree. */
function changeCure(about: About, first: string): Step[] {
  const { expectUsername, expectGroups } = about
  const { username, groups } = mappingNow(about)
  const wanted: Mapping = {
    username: expectUsername ?? username,
    groups: expectGroups ? withoutEveryone(expectGroups) : groups,
  }
  return [first, ...changeMapping(about, wanted)]
}
