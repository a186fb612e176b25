import { closest, distance } from 'fastest-levenshtein'
import type { AwsEvidence } from '../../aws/evidence.ts'
import { isLongLived } from '../../aws/token.ts'
import type { About, Diagnoses, Diagnosis, Paste, Possibility, Step } from '../failure.ts'
import { commandLine, setForJob, shell, shellWord } from '../shell.ts'
import { withPaste } from '../workflow.ts'
import { clockIsOff } from './clock.ts'
import { containerFailed } from './container.ts'
import { type KeyFile, profileOf } from './keys.ts'
import { metadataFailed, noCredentials } from './metadata.ts'
import { nameSection } from './profile-section.ts'
import { CONTAINER_AWAY, KEYS_AWAY, WEB_IDENTITY_AWAY } from './take-away.ts'

type Evidence = Extract<
  AwsEvidence,
  {
    kind:
      | 'no-region'
      | 'no-credentials'
      | 'metadata-failed'
      | 'profile-missing'
      | 'token-file-unusable'
      | 'credentials-failed'
      | 'container-failed'
      | 'credentials-refused'
      | 'credentials-timed-out'
      | 'credentials-expired'
      | 'ca-bundle-unreadable'
      | 'identity-differs'
  }
>

/** The runner's own credentials and region: EKS1xx, and EKS405. */
export const credentialsDiagnoses: Diagnoses<Evidence> = {
  'no-region': ({ asked, message }) => ({
    code: 'EKS105',
    cause: 'no region is known for a cluster given by name',
    evidence: [
      'region, AWS_REGION and AWS_DEFAULT_REGION are empty',
      `instance metadata ${asked}: ${message}`,
    ],
    cure: ['Give the input region, or the cluster by its ARN.'],
  }),
  'no-credentials': noCredentials,
  'metadata-failed': metadataFailed,
  'credentials-failed': failedSource,
  'container-failed': containerFailed,
  'credentials-refused': refusedCredentials,
  'credentials-timed-out': slowSource,
  'credentials-expired': expiredCredentials,
  'token-file-unusable': unusableTokenFile,
  'profile-missing': missingProfile,
  'ca-bundle-unreadable': ({ file, message }) => ({
    code: 'EKS106',
    cause: 'the file that AWS_CA_BUNDLE names cannot be read',
    evidence: [`AWS_CA_BUNDLE is ${file}`, message],
    cure: ['Set AWS_CA_BUNDLE to a PEM file that is there, or unset it.'],
  }),
  'identity-differs': ({ source, checked, token }) => ({
    code: 'EKS405',
    cause: 'the exec block made a token with other credentials than the ones that were checked',
    evidence: [`checked: access key ${checked}, from: ${source}`, `in the token: access key ${token}`],
    cure: [
      'Look for what the aws command sees and this action does not: a wrapper, an alias, a credential_process. On the runner, as its user, these show which command it is, and where it has its credentials from:',
      shell('type -a aws', 'aws configure list'),
    ],
  }),
}

type Failed = Extract<AwsEvidence, { kind: 'credentials-failed' }>

/** What the SDK says of credentials that were over when it got them (credential-provider-process, -sso). */
const EXPIRED =
  /credential_process returned expired credentials|session associated with this profile has expired|Token is expired/

function failedSource({ source, message }: Failed): Diagnosis {
  const evidence = [`${source}: ${message}`]
  const profile = profileOf(source)
  if (profile && EXPIRED.test(message)) {
    return {
      code: 'EKS104',
      cause: `the AWS credentials of the ${source} have expired`,
      evidence: [...evidence, clockHere()],
      cure: message.includes('credential_process')
        ? [
            `Let the credential_process of the profile ${profile} give new credentials, not ones that it keeps.`,
          ]
        : ['Log in anew:', shell(`aws sso login --profile ${shellWord(profile)}`)],
      otherwise: [CLOCK],
    }
  }
  return {
    code: 'EKS102',
    cause: `the AWS credentials of the ${source} could not be had`,
    evidence,
    cure: [
      ...(profile && message.startsWith('its credential_process') ? runProcess(profile) : []),
      ...(profile
        ? [
            'This shows, on the runner, where the AWS CLI has its credentials from, and what it says of them:',
            shell(commandLine('aws', 'configure', 'list', '--profile', profile)),
          ]
        : []),
      `Mend in the ${source} what the line above says, or let the role of the runner be used.`,
      ...takeAway(source),
    ],
  }
}

function runProcess(profile: string): Step[] {
  const text = `sh -c "$(aws configure get credential_process --profile ${shellWord(profile)})" > /dev/null`
  return [
    'Run it as the runner does, and read what it says; the keys that it prints when it works go nowhere:',
    shell(text),
  ]
}

function clockHere(): string {
  return `the clock here says ${new Date().toISOString()}`
}

type Slow = Extract<AwsEvidence, { kind: 'credentials-timed-out' }>

/** A source that goes on and on: nothing that was asked for it has a bound of its own that is shorter. */
function slowSource({ source, seconds }: Slow): Diagnosis {
  const profile = profileOf(source)
  return {
    code: 'EKS118',
    cause: `the search for AWS credentials did not end within ${seconds} s${source ? `: it waits for the ${source}` : ''}`,
    evidence: [`${source || 'no source'}: asked, and without an answer when ${seconds} s were over`],
    cure: profile
      ? [
          'See on the runner, as its user, whether it ends by itself:',
          shell(`time ${commandLine('aws', 'sts', 'get-caller-identity', '--profile', profile)}`),
          `If it does not: a credential_process of the profile ${profile} may ask nobody and has to end; a login by SSO, and a role of the profile, need a way to AWS (${PROXY_OF_AWS}).`,
        ]
      : [`Look at what answers for the ${source || 'source'}, and whether the runner has a fast way there.`],
    otherwise: [
      {
        cause: 'it would have ended later',
        tell: [`The timeout was ${seconds} s; the default is 30 s.`],
        cure: [withPaste({ timeout: String(Math.max(30, seconds * 2)) })],
      },
    ],
  }
}

const PROXY_OF_AWS = 'HTTPS_PROXY, a NAT gateway, or VPC endpoints'

/** Where nobody could be asked for the time. */
const CLOCK: Possibility = {
  cause: 'the clock of the runner is ahead, and they have not expired yet',
  tell: [shell('date -u; curl -sI https://sts.amazonaws.com | grep -i ^date')],
  cure: ['Set the clock: sudo chronyc makestep || sudo timedatectl set-ntp true'],
}

type Expired = Extract<AwsEvidence, { kind: 'credentials-expired' }>

function expiredCredentials({ source, expiration }: Expired, { clockSkewSeconds }: About): Diagnosis {
  const evidence = [`${source}: expired at ${expiration}`, clockHere()]
  const now = Date.now() - (clockSkewSeconds ?? 0) * 1000
  if (clockSkewSeconds && now < Date.parse(expiration)) {
    return clockIsOff(clockSkewSeconds, [
      `${source}: ends at ${expiration}, which by AWS\u2019s clock is yet to come`,
    ])
  }
  const away = takeAway(source)
  return {
    code: 'EKS104',
    cause: `the AWS credentials of the ${source} have expired`,
    evidence,
    cure: [
      'Get new ones in a step right before this one, or for longer (role-duration-seconds of aws-actions/configure-aws-credentials).',
      ...(away.length > 0 ? ['Or let the role of the runner be used:', ...away] : []),
    ],
    ...(clockSkewSeconds === undefined ? { otherwise: [CLOCK] } : {}),
  }
}

type RefusedCredentials = Extract<AwsEvidence, { kind: 'credentials-refused' }>

function refusedCredentials(
  { wanted, source, accessKeyId }: RefusedCredentials,
  { caller, keyFile }: About,
): Diagnosis {
  const evidence = [
    `credential-source is ${wanted}`,
    `access key ${accessKeyId}, from: ${source}`,
    ...(keyFile ? [`it stands in ${keyFile.path}`] : []),
    ...(source === ENVIRONMENT ? ['AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set'] : []),
    ...(caller ? [`AWS says that it belongs to ${caller}`] : []),
  ]
  const whose = caller ? ` of ${caller}` : ''
  const away: Step[] = [
    `Take these credentials away from the job (${source}), so that the role of the runner is used.`,
    ...takeAway(source, keyFile),
  ]
  const asked = 'where a role was asked for'
  if (isLongLived(accessKeyId)) {
    const cause = `long-lived user keys${whose} come first (${source}), ${asked}`
    return { code: 'EKS103', cause, evidence, cure: [...away, ...orAllow('any')] }
  }
  if (wanted === 'role') {
    const cause = `temporary credentials${whose} (${source}) come without their session token`
    return { code: 'EKS103', cause, evidence, cure: ['Set AWS_SESSION_TOKEN, too. Or:', ...away] }
  }
  const cause = `credentials${whose} of another source come first (${source}), where the instance role was asked for`
  return { code: 'EKS103', cause, evidence, cure: [...away, ...orAllow('role')] }
}

function orAllow(source: 'any' | 'role'): Step[] {
  return [
    'Or, if they are meant, give this step the input:',
    { language: 'yaml', text: `credential-source: ${source}` },
  ]
}

const ENVIRONMENT = 'environment'

/** What takes a source away for the rest of the job, where variables can. */
function takeAway(source: string, keyFile?: KeyFile): Step[] {
  const paste = pasteThatTakesAway(source, keyFile)
  if (paste) return ['For all steps of the job, by this in a step before this one:', paste]
  const profile = profileOf(source)
  return profile
    ? [
        `Take AWS_PROFILE or AWS_DEFAULT_PROFILE, which names ${profile}, away where the workflow or the runner sets it; to make it empty is not enough, as the AWS CLI then looks for a profile without a name.`,
      ]
    : []
}

function pasteThatTakesAway(source: string, keyFile: KeyFile | undefined): Paste | null {
  if (source === ENVIRONMENT) return KEYS_AWAY
  if (source.startsWith('web identity')) return WEB_IDENTITY_AWAY
  if (source.startsWith('container')) return CONTAINER_AWAY
  // Any other profile has to be in a file once a variable names it.
  if (profileOf(source) !== 'default' || !keyFile) return null
  return setForJob({ [keyFile.variable]: '/dev/null' })
}

type UnusableTokenFile = Extract<AwsEvidence, { kind: 'token-file-unusable' }>

function unusableTokenFile({ named, file, problem }: UnusableTokenFile): Diagnosis {
  const byVariable = named === 'AWS_WEB_IDENTITY_TOKEN_FILE'
  return {
    code: 'EKS113',
    cause: `the web identity token file that ${named} names cannot be used: ${file}`,
    evidence: [`${named} names ${file}`, problem],
    cure: [
      'Let the runner have the file: a job in a container of its own does not see the files of the pod around it, and another user than the pod\u2019s may not read them (securityContext.fsGroup).',
      ...(byVariable
        ? [
            'Or, if the runner has another role, take the variables away by this in a step before this one:',
            WEB_IDENTITY_AWAY,
          ]
        : []),
    ],
  }
}

type MissingProfile = Extract<AwsEvidence, { kind: 'profile-missing' }>

function missingProfile(evidence: MissingProfile, { bareSection }: About): Diagnosis {
  const { variable, of, profile, files, profiles } = evidence
  const where = of ? `${variable} of the profile ${of}` : variable
  if (bareSection) {
    return {
      code: 'EKS114',
      cause: `the section of the profile ${profile}, which ${where} names, lacks the word profile`,
      evidence: [`${where} is ${profile}`, `[${profile}] stands in ${files[0]}, where it has no meaning`],
      cure: ['Give the section its word, on the runner:', nameSection(evidence)],
    }
  }
  const nearest = nearestOf(profile, profiles)
  return {
    code: 'EKS114',
    cause: `there is no profile ${profile}, which ${where} names${nearest ? `; did you mean ${nearest}?` : ''}`,
    evidence: [
      `${where} is ${profile}`,
      `looked through ${files.join(' and ')}`,
      `profiles in them: ${profiles.length > 0 ? profiles.join(', ') : 'none'}`,
    ],
    cure: [
      ...(nearest ? nameProfile(evidence, nearest) : []),
      ...(of
        ? []
        : [
            `${nearest ? 'Or take' : 'Take'} ${variable} away where it is set, so that the role of the runner is used; to make it empty is not enough for the AWS CLI.`,
          ]),
      `A section of ${files[0]} has to be [profile NAME], one of ${files[1]} [NAME]; aws configure list-profiles lists what the AWS CLI finds.`,
    ],
  }
}

function nameProfile({ variable, of }: MissingProfile, nearest: string): Step[] {
  if (of) {
    const text = `aws configure set ${variable} ${shellWord(nearest)} --profile ${shellWord(of)}`
    return [`Name the profile ${nearest} there, on the runner:`, shell(text)]
  }
  return [
    `Name the profile ${nearest} where the workflow or the runner sets ${variable}, or by this in a step before this one:`,
    setForJob({ [variable]: nearest }),
  ]
}

/** As near as a slip of the finger, of which two letters that change places are two. */
function nearestOf(word: string, words: string[]): string | undefined {
  if (words.length === 0) return undefined
  const nearest = closest(word, words)
  return distance(word, nearest) <= Math.max(word.length < 4 ? 1 : 2, word.length * 0.4) ? nearest : undefined
}
