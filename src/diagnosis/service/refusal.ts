import { readDenial } from '../../aws/denial.ts'
import type { AwsEvidence } from '../../aws/evidence.ts'
import { whoSigns } from '../../aws/sts.ts'
import { readWebIdentity } from '../credentials/web-identity.ts'
import type { About, Findings } from '../failure.ts'
import type { Scene } from '../investigate.ts'
import { lookForCluster, whoDescribes } from './whereabouts.ts'

type Refused = Extract<AwsEvidence, { kind: 'refused' }>

/** What is asked after a refusal, by what was refused. */
export async function lookIntoRefusal(evidence: Refused, about: About, scene: Scene): Promise<Findings> {
  const { asked, code, message } = evidence
  if (asked === 'sts:AssumeRoleWithWebIdentity') return readWebIdentity(scene.run.env)
  if (code === 'ResourceNotFoundException') return lookForCluster(about, scene)
  if (!code.startsWith('AccessDenied') || readDenial(message).principal) return {}
  // AWS does not always say whom it denied.
  const caller =
    asked === 'sts:AssumeRole'
      ? await whoSigns(await scene.credentials(), about.region, scene.run)
      : await whoDescribes(about, scene)
  return { caller }
}
