import type { AccessEntry } from '../../aws/access-entries.ts'
import type { ApiEvidence } from '../../kube/evidence.ts'
import { tokenDatedWrong } from '../credentials/clock.ts'
import type { About, Diagnosis, Possibility, Step } from '../failure.ts'
import { commandLine, shell } from '../shell.ts'
import type { AwsAuthReading, Slip } from './aws-auth.ts'
import {
  addBlock,
  createAwsAuth,
  createEntry,
  dropPath,
  dropSession,
  EDIT,
  type Mapped,
  mapCure,
  mappedPrincipal,
  renewEntry,
  rewriteLine,
  wantedMapping,
} from './mapping.ts'

/**
 * A 401: the cluster does not take the token. Its server never says why; what may be asked of the EKS API, or of
 * aws-auth with another identity, sometimes does.
 */
export function unauthorized({ path, status, message }: ApiEvidence, about: About): Diagnosis {
  const told = `${path} answered ${status}: ${message}`
  const mapped = mappedPrincipal(about)
  const evidence = [
    told,
    `${mapped.kind}: ${callerLine(about)}`,
    ...(about.authenticationMode ? [`authentication mode: ${about.authenticationMode}`] : []),
    ...(about.accessEntry?.asked ?? []),
    ...skewLine(about),
  ]
  return tokenDatedWrong(about, told) ?? causeOf(about, mapped, evidence)
}

function callerLine({ caller, tokenRole }: About): string {
  if (!caller) return 'unknown'
  return `${caller}, ${caller === tokenRole ? 'by role-arn' : 'by sts:GetCallerIdentity'}`
}

function skewLine({ clockSkewSeconds: skew }: About): string[] {
  if (skew === undefined) return []
  if (skew === 0) return ['the clock here agrees with AWS\u2019s']
  return [`the clock here is ${Math.abs(skew)} s ${skew < 0 ? 'behind' : 'ahead of'} AWS's`]
}

function causeOf(about: About, mapped: Mapped, evidence: string[]): Diagnosis {
  const { accessEntry, awsAuth, authenticationMode } = about
  if (accessEntry?.kind === 'found') return refusedEntry(accessEntry.entry, about, mapped, evidence)
  if (accessEntry?.kind === 'listed') {
    const entry = { principalArn: accessEntry.principalArn, username: '', groups: [] }
    return refusedEntry(entry, about, mapped, evidence)
  }
  if (awsAuth) return aroundAwsAuth(byAwsAuth(awsAuth, about, mapped, evidence), about, mapped)
  if (authenticationMode === 'API' && accessEntry?.kind === 'none' && accessEntry.sure) {
    return notMapped(about, mapped, evidence, 'access entries are all that counts, and there is none for it')
  }
  return undecided(about, mapped, evidence)
}

function notMapped(about: About, mapped: Mapped, evidence: string[], why: string): Diagnosis {
  return {
    code: 'EKS502',
    cause: `the cluster maps the ${mapped.kind} to no user: ${why}`,
    evidence,
    cure: mapCure(about, mapped, wantedMapping(about, mapped)),
  }
}

/* An access entry that there is. */

function refusedEntry(entry: AccessEntry, about: About, mapped: Mapped, evidence: string[]): Diagnosis {
  const { principalArn, username, groups, createdAt } = entry
  const wanted = username ? { username, groups } : wantedMapping(about, mapped)
  const remade: Possibility = {
    cause: `the ${mapped.kind} was deleted and made again after the access entry, which is still for the one before`,
    tell: [
      `The ${mapped.kind} is younger than its access entry${createdAt ? `, of ${createdAt}` : ''}:`,
      creationDate(mapped),
    ],
    cure: renewEntry(about, principalArn, wanted),
  }
  const early: Possibility = {
    cause: 'the access entry was made or changed a moment ago, and does not count yet',
    tell: ['The evidence above has its times, in UTC.'],
    cure: ['Run the job again.'],
  }
  const nameless: Possibility = {
    cause: 'its username holds {{EC2PrivateDNSName}}, which only the session of an instance has',
    tell: [`The username of the access entry is ${username}.`],
    cure: ['Give the runner a role of its own, with an access entry of the type STANDARD.'],
  }
  const [first, second] = isRecent(entry) ? [early, remade] : [remade, early]
  return {
    code: 'EKS503',
    cause: `the ${mapped.kind} has an access entry, and its token is refused all the same (401 Unauthorized)`,
    evidence,
    cure: [`The likeliest: ${first.cause}. To tell:`, ...first.tell, 'If so:', ...first.cure],
    otherwise: [
      second,
      ...(username.includes('{{EC2PrivateDNSName}}') ? [nameless] : []),
      ...ofTheToken(about),
    ],
  }
}

const RECENT_MINUTES = 5

function isRecent({ createdAt = '', modifiedAt = createdAt }: AccessEntry): boolean {
  return Date.now() - Date.parse(modifiedAt) < RECENT_MINUTES * 60_000
}

function creationDate({ kind, name }: Mapped): Step {
  const [command, option, query] =
    kind === 'user'
      ? (['get-user', '--user-name', 'User.CreateDate'] as const)
      : (['get-role', '--role-name', 'Role.CreateDate'] as const)
  return shell(commandLine('aws', 'iam', command, option, name, '--query', query))
}

/* aws-auth, where the runner's own role may read it. */

/** What aws-auth says decides where nothing counts before it, which an access entry does. */
function aroundAwsAuth(found: Diagnosis, about: About, mapped: Mapped): Diagnosis {
  if (about.authenticationMode === 'CONFIG_MAP') return found
  const { otherwise = [], code, cause, cure } = found
  const entries = ofAccessEntries(about, mapped)
  if (entries.length === 0) return found
  if (code === 'EKS506') return { ...found, otherwise: [...entries, ...otherwise] }
  return {
    ...found,
    code: 'EKS501',
    cause: refused(mapped),
    cure: [`The likeliest, unless it has an access entry, which counts before: ${cause}.`, ...cure],
    otherwise: [...entries, ...otherwise, ...ofTheToken(about)],
  }
}

const READ = "kube-system/aws-auth, read with the runner's own role"

function byAwsAuth(reading: AwsAuthReading, about: About, mapped: Mapped, evidence: string[]): Diagnosis {
  const { list, kind, mappedArn } = mapped
  switch (reading.kind) {
    case 'missing':
      return {
        ...notMapped(about, mapped, [...evidence, `${READ}: there is none`], 'there is no aws-auth'),
        cure: [
          'Make the ConfigMap kube-system/aws-auth:',
          createAwsAuth(mapped, wantedMapping(about, mapped)),
        ],
      }
    case 'unmapped':
      return {
        ...notMapped(
          about,
          mapped,
          [...evidence, `${READ}: no entry for ${mappedArn}`],
          'aws-auth has no entry for it',
        ),
        cure: addBlock(mapped, wantedMapping(about, mapped), reading.indent),
      }
    case 'unparsable':
      return unparsable(reading, mapped, evidence)
    case 'slip':
      return slipped(reading, about, mapped, evidence)
    case 'mapped':
      return {
        code: 'EKS506',
        cause: `aws-auth maps the ${kind}, and its token is refused all the same (401 Unauthorized)`,
        evidence: [
          ...evidence,
          `${READ}: ${list} maps ${mappedArn} to username ${reading.username || 'none'}, groups ${reading.groups.join(', ') || 'none'}`,
        ],
        cure: ['Run the job again: an entry that was made a moment ago does not count yet.'],
        otherwise: [
          {
            cause:
              'a placeholder of the entry cannot be filled, such as {{EC2PrivateDNSName}} for a session of no instance',
            tell: ['The username and groups are in the evidence above.'],
            cure: ['Write the username as a fixed name.'],
          },
          ...ofTheToken(about),
        ],
      }
  }
}

type Of<Kind extends AwsAuthReading['kind']> = Extract<AwsAuthReading, { kind: Kind }>

function unparsable(reading: Of<'unparsable'>, mapped: Mapped, evidence: string[]): Diagnosis {
  const { list, line, text, message, mended } = reading
  return {
    code: 'EKS505',
    cause: `${list} in aws-auth cannot be read as YAML, so that nobody who is mapped there gets in`,
    evidence: [
      ...evidence,
      `${READ}: line ${line} of ${list}: ${message}`,
      `line ${line}: ${JSON.stringify(text)}`,
    ],
    cure:
      mended === undefined
        ? [
            `Mend ${list} at line ${line}: each entry begins with "- ", its keys stand one below the other, and nothing is indented with a tab.`,
            EDIT,
            `An entry looks like this, whether ${mapped.mappedArn} has one already or not:`,
            { language: 'yaml', text: `- ${mapped.key}: ${mapped.mappedArn}\n  username: ${mapped.name}` },
          ]
        : mendedSteps(reading, mended),
  }
}

/** A line that stands there more than once is right in one place and wrong in another: no program finds the wrong one. */
function mendedSteps({ list, line, text, isOnly }: Of<'unparsable' | 'slip'>, mended: string): Step[] {
  const meant = `Write line ${line} of ${list} as ${JSON.stringify(mended)}`
  return isOnly
    ? [
        `${meant}, by hand or by this, which changes that line and nothing else:`,
        shell(rewriteLine(text, mended)),
      ]
    : [`${meant}; the same line stands elsewhere, too, and is left there:`, EDIT]
}

const SLIPS: Readonly<Record<Slip, (mapped: Mapped, found: string) => string>> = {
  path: ({ mappedArn }) => `aws-auth maps the role with its path left in, where only ${mappedArn} is found`,
  session: () => 'aws-auth maps a session (assumed-role) in place of the role',
  key: ({ key }, found) => `aws-auth has the ARN behind ${found}, where it counts behind ${key} alone`,
  near: ({ kind }, found) => `aws-auth does not map the ${kind}, but ${found}, which is nearly the same`,
}

function slipped(reading: Of<'slip'>, about: About, mapped: Mapped, evidence: string[]): Diagnosis {
  const { slip, found, list, line, text, mended } = reading
  const block = addBlock(mapped, wantedMapping(about, mapped), /^ */.exec(text)?.[0])
  return {
    code: 'EKS504',
    cause: SLIPS[slip](mapped, found),
    evidence: [...evidence, `${READ}: line ${line} of ${list}: ${text.trim()}`],
    cure: [
      ...(slip === 'near' ? ['If the two are meant to be one:'] : []),
      ...(mended === undefined ? block : mendedSteps(reading, mended)),
    ],
    ...(slip === 'near'
      ? {
          otherwise: [
            {
              cause: `${found} is somebody else, and rightly there`,
              tell: ['Ask whoever wrote the entry, or look for it in IAM:', lookUp(found, mapped)],
              cure: block,
            },
          ],
        }
      : {}),
  }
}

function lookUp(arn: string, { kind }: Mapped): Step {
  const name = arn.slice(arn.lastIndexOf('/') + 1)
  return shell(commandLine('aws', 'iam', `get-${kind}`, `--${kind}-name`, name))
}

/* What nobody could tell. */

function undecided(about: About, mapped: Mapped, evidence: string[]): Diagnosis {
  const { authenticationMode } = about
  return {
    code: 'EKS501',
    cause: refused(mapped),
    evidence,
    cure: mapCure(about, mapped, wantedMapping(about, mapped)),
    otherwise: [
      ...(authenticationMode === 'API' ? [] : ofAwsAuth(mapped)),
      ...(authenticationMode === undefined || authenticationMode === 'CONFIG_MAP'
        ? []
        : ofAccessEntries(about, mapped)),
      ...ofTheToken(about),
    ],
  }
}

function refused({ kind }: Mapped): string {
  return `the cluster does not take the token of this ${kind} (401 Unauthorized); most often it is mapped to no user`
}

const LOOK: Step = shell('kubectl -n kube-system get configmap aws-auth -o yaml')

function ofAwsAuth(mapped: Mapped): Possibility[] {
  const { kind, list, key, mappedArn, name } = mapped
  const ofRole: Possibility[] = [
    {
      cause: 'aws-auth maps the role with its path left in',
      tell: [`An entry of ${list} has :role/, a path, and then ${name}:`, LOOK],
      cure: ['Take the path out; this does, and changes nothing else:', shell(dropPath(mapped))],
    },
    {
      cause: 'aws-auth maps a session of the role (assumed-role) in place of the role',
      tell: [`An entry of ${list} has :assumed-role/${name}:`, LOOK],
      cure: ['Write the role in its place; this does, and changes nothing else:', shell(dropSession(mapped))],
    },
  ]
  return [
    ...(kind === 'role' ? ofRole : []),
    {
      cause: `aws-auth has a slip in the entry: another name or account, or another key than ${key}`,
      tell: [`Hold the entry under ${list} against ${mappedArn}, letter by letter:`, LOOK],
      cure: ['Write its first line so:', EDIT, { language: 'yaml', text: `- ${key}: ${mappedArn}` }],
    },
    {
      cause: `${list} cannot be read as YAML, so that nobody who is mapped there gets in`,
      tell: [
        'Others who are mapped there are refused, too. A tab, a key that stands out of line, or a {{SessionName}} at the beginning of a value without quotes is enough:',
        shell(`kubectl -n kube-system get configmap aws-auth -o jsonpath='{.data.${list}}'`),
      ],
      cure: ['Mend the line:', EDIT],
    },
  ]
}

function ofAccessEntries(about: About, mapped: Mapped): Possibility[] {
  if (about.accessEntry?.kind === 'none' && about.accessEntry.sure) return []
  const { region, cluster } = about
  const of = ['--region', region, '--cluster-name', cluster]
  return [
    {
      cause: `there is an access entry, for a ${mapped.kind} that was deleted and made again since`,
      tell: [
        'There is an access entry for it, older than it is:',
        shell(commandLine('aws', 'eks', 'describe-access-entry', ...of, '--principal-arn', mapped.arn)),
        creationDate(mapped),
      ],
      cure: renewEntry(about, mapped.arn, wantedMapping(about, mapped)),
    },
    {
      cause: `there is an access entry with a slip in it: another name, path or account than that of the ${mapped.kind}`,
      tell: [
        `Look for ${mapped.name}, letter by letter:`,
        shell(commandLine('aws', 'eks', 'list-access-entries', ...of)),
      ],
      cure: [
        'Delete that one (aws eks delete-access-entry), and make the right one.',
        ...createEntry(about, mapped, wantedMapping(about, mapped)),
      ],
    },
  ]
}

/** What else makes a cluster refuse a token, however well its bearer is mapped. */
function ofTheToken(about: About): Possibility[] {
  const { clockSkewSeconds: skew, region, cluster } = about
  const clock: Possibility = {
    cause: 'the clock of the runner is wrong, so that the token is over or not begun',
    tell: ['Hold the clock against that of AWS:', shell(clockCheck(region))],
    cure: [
      'Let the time of the runner be set by NTP, such as the Amazon Time Sync Service (169.254.169.123).',
    ],
  }
  const checker: Possibility = {
    cause: 'the cluster cannot check any token of IAM now, as its control plane does not reach STS',
    tell: [
      'Nobody gets in with an identity of IAM. Where the control plane logs its authenticator, this says why it refused whom:',
      shell(
        commandLine(
          ...['aws', 'logs', 'filter-log-events', '--region', region],
          ...['--log-group-name', `/aws/eks/${cluster}/cluster`],
          ...['--log-stream-name-prefix', 'authenticator', '--filter-pattern', '"access denied"'],
        ),
      ),
    ],
    cure: ['See whether STS is active in the region (IAM, account settings), and ask AWS support.'],
  }
  return skew === 0 ? [checker] : [clock, checker]
}

function clockCheck(region: string): string {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  return `date -u; curl -sI https://sts.${region}.${suffix} | grep -i '^date'`
}
