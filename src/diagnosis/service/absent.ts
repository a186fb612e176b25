import { closest, distance } from 'fastest-levenshtein'
import { type Principal, principalOf } from '../../aws/arn.ts'
import type { AwsEvidence } from '../../aws/evidence.ts'
import { partition } from '../../aws/hosts.ts'
import type { About, Diagnosis, Elsewhere, Possibility, Step } from '../failure.ts'
import { commandLine, shell } from '../shell.ts'
import { withPaste } from '../workflow.ts'
import { describerCure } from './assumption.ts'

// A cluster that is not where it was looked for: no such name, another region, another account.

type Refused = Extract<AwsEvidence, { kind: 'refused' }>

/** DescribeCluster found none by the name. */
export function absentCluster(told: string[], about: About): Diagnosis {
  const { arn, caller, elsewhere = [] } = about
  const describer = principalOf(caller ?? '')
  if (arn && describer && accountOf(arn) !== describer.account) return wrongAccount(told, arn, about)
  const evidence = [...told, ...lookedUp(about)]
  const [place, ...others] = elsewhere
  return place
    ? inAnotherRegion(evidence, about, describer, [place, ...others])
    : underAnotherName(evidence, about, describer)
}

/** What else was asked, and what came back. */
function lookedUp({ region, caller, clusterNames, elsewhere = [] }: About): string[] {
  return [
    ...(caller ? [`asked by ${caller}`] : []),
    ...(clusterNames ? [`eks:ListClusters in ${region}: ${listed(clusterNames)}`] : []),
    ...elsewhere.map(place =>
      place.arn
        ? `eks:DescribeCluster in ${place.region}: ${place.arn}`
        : `eks:ListClusters in ${place.region}: has the name`,
    ),
  ]
}

const SHOWN = 20

function listed(names: string[]): string {
  if (names.length === 0) return 'no cluster'
  const more = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : ''
  return names.slice(0, SHOWN).join(', ') + more
}

function inAnotherRegion(
  evidence: string[],
  about: About,
  describer: Principal | null,
  [place, ...others]: [Elsewhere, ...Elsewhere[]],
): Diagnosis {
  const { cluster, region } = about
  const regions = [place, ...others].map(one => one.region).join(' and in ')
  const otherwise = [
    ...others.map(other => ({
      cause: `the cluster in ${other.region} is meant`,
      tell: [],
      cure: placed(about, other),
    })),
    ...nameMeant(about),
  ]
  return {
    code: 'EKS212',
    cause: `there is no cluster ${cluster} in ${region}${of(describer)}; there is one in ${regions}`,
    evidence,
    cure: placed(about, place),
    ...(otherwise.length > 0 ? { otherwise } : {}),
  }
}

/** The inputs that lead to a cluster in another region. */
function placed({ cluster, arn }: About, place: Elsewhere): Step[] {
  if (arn) {
    return [
      'Correct the ARN in the step:',
      withPaste({ 'cluster-name': place.arn ?? arn.replace(/:eks:[^:]+:/, `:eks:${place.region}:`) }),
    ]
  }
  const several = place.arn ? `, or ${place.arn} for the name` : ''
  return [
    `Correct the region in the step. In a step with clusters of several regions, give this one by its ARN${several}.`,
    withPaste({ 'cluster-name': cluster, region: place.region }),
  ]
}

function underAnotherName(evidence: string[], about: About, describer: Principal | null): Diagnosis {
  const { cluster, region, clusterNames } = about
  const nearest = nearestName(about)
  const where = `${region}${of(describer)}`
  const cause = `there is no cluster ${cluster} in ${where}${nearest ? `; the nearest name there is ${nearest}` : ''}`
  const list = shell(commandLine('aws', 'eks', 'list-clusters', '--region', region))
  const otherwise = [regionMeant(about), accountMeant(about, describer)]
  const rest = { code: 'EKS202' as const, cause, evidence, otherwise }
  if (nearest)
    return {
      ...rest,
      cure: [`If ${nearest} is meant, correct the name in the step:`, ...renamed(about, nearest)],
    }
  if (clusterNames && clusterNames.length > 0) {
    return { ...rest, cure: ['Correct the name in the step: the clusters that there are stand above.'] }
  }
  const cure: Step[] = clusterNames
    ? [`There is no cluster at all in ${where}: see below for region and account.`]
    : ['Compare the name with those that there are:', list]
  return { ...rest, cure }
}

function of(describer: Principal | null): string {
  return describer ? ` in the account ${describer.account}` : ''
}

function renamed({ cluster, arn }: About, name: string): Step[] {
  const corrected = arn ? arn.slice(0, arn.length - cluster.length) + name : name
  return [withPaste({ 'cluster-name': corrected })]
}

/** The name that a slip would explain: a third of it may be wrong. */
function nearestName({ cluster, clusterNames = [] }: About): string | null {
  if (clusterNames.length === 0) return null
  const lower = (text: string) => text.toLowerCase()
  const nearest = closest(lower(cluster), clusterNames.map(lower))
  const name = clusterNames.find(one => lower(one) === nearest)
  const slips = Math.max(2, Math.floor(cluster.length / 3))
  return name && distance(lower(cluster), nearest) <= slips ? name : null
}

function nameMeant(about: About): Possibility[] {
  const nearest = nearestName(about)
  if (!nearest) return []
  return [
    { cause: `the cluster ${nearest} in ${about.region} is meant`, tell: [], cure: renamed(about, nearest) },
  ]
}

function regionMeant({ cluster, region }: About): Possibility {
  return {
    cause: 'the cluster is in another region',
    tell: [
      'Ask the regions that it may be in:',
      shell(
        `for region in $(aws ec2 describe-regions --region ${region} --query 'Regions[].RegionName' --output text); do`,
        `  aws eks list-clusters --region "$region" --query "clusters[?@=='${cluster}'].[@, '$region']" --output text`,
        'done',
      ),
    ],
    cure: ['Give the step that region, or the cluster by its ARN.'],
  }
}

function accountMeant({ cluster, region, isGrant }: About, describer: Principal | null): Possibility {
  return {
    cause: 'the cluster is in another account',
    tell: [
      describer
        ? `The credentials see the clusters of the account ${describer.account} alone.`
        : 'The credentials see the clusters of their own account alone.',
    ],
    cure: isGrant
      ? ['Run the job with credentials of the account of the cluster.']
      : [
          `Give the cluster by its ARN, like arn:${partition(region)}:eks:${region}:ACCOUNT:cluster/${cluster}, and assume-role-arn a role of its account that may call eks:DescribeCluster.`,
        ],
  }
}

/**
 * Credentials that belong to another account than the cluster that is asked for.
 * @param own the account of the credentials, where it is known by other means than by whom AWS names
 */
export function wrongAccount(told: string[], asked: string, about: About, own?: string): Diagnosis {
  const { caller, assumeRoleArn, isGrant } = about
  const describer = principalOf(caller ?? '')
  const account = describer?.account ?? own
  const who = assumeRoleArn ? 'assume-role-arn is a role' : 'the credentials are'
  return {
    code: 'EKS203',
    cause: `${who} of ${account ? `the account ${account}` : 'another account'}, and the cluster is in the account ${accountOf(asked)}`,
    evidence: [`asked for ${asked}`, ...(caller ? [`asked by ${caller}`] : []), ...told],
    cure: isGrant
      ? [`Run the job with credentials of the account ${accountOf(asked)}.`]
      : assumeRoleArn
        ? [
            'Give assume-role-arn a role of the account of the cluster, one that may call eks:DescribeCluster.',
          ]
        : describerCure(asked, describer),
  }
}

/** The twelve digits in an ARN, or what stands in their place. */
export function accountOf(arn: string): string {
  return arn.split(':')[4] ?? ''
}

/** Whether AWS denied a cluster of another account than the one that is asked for. */
export function deniedElsewhere({ resource }: Refused, denied: string | undefined): boolean {
  return resource.startsWith('arn:') && denied !== undefined && accountOf(denied) !== accountOf(resource)
}
