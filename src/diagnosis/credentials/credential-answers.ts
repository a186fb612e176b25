import type { AwsEvidence } from '../../aws/evidence.ts'
import type { Diagnosis, Possibility, Step } from '../failure.ts'
import { clockIsOff, SET_CLOCK } from './clock.ts'
import { KEYS_AWAY } from './take-away.ts'

type Refused = Extract<AwsEvidence, { kind: 'refused' }>
type Explanation = Pick<Diagnosis, 'code' | 'cause' | 'cure' | 'otherwise'>

/**
 * What AWS's refusal says of the credentials that a request was signed with, or of the clock that dated it. Codes of
 * https://docs.aws.amazon.com/eks/latest/APIReference/CommonErrors.html and of STS's page of that name.
 *
 * @returns null for a refusal that is about something else
 */
export function refusedForCredentials(refused: Refused): Diagnosis | null {
  const { asked, resource, status, code, message } = refused
  const evidence = [`${asked} on ${resource} answered ${status} ${code}: ${message}`]
  switch (code) {
    case 'ExpiredToken':
    case 'ExpiredTokenException':
      return { ...(asked === BY_WEB_IDENTITY ? EXPIRED_IDENTITY : EXPIRED), evidence }
    case 'UnrecognizedClientException':
    case 'InvalidClientTokenId':
      return { ...UNKNOWN_KEY, evidence }
    case 'InvalidSignatureException':
    case 'SignatureDoesNotMatch': {
      // They stand for a request that is signed for another region, too.
      if (OF_DATE.test(message)) {
        const skew = refused.clockSkewSeconds || skewInWords(message)
        return skew ? clockIsOff(skew, evidence) : { ...CLOCK_OFF, evidence }
      }
      return OF_KEY.test(message) ? mismatch(refused.clockSkewSeconds, evidence) : null
    }
    default:
      return null
  }
}

/** What AWS says of a date that is too far off, whoever has signed. */
const OF_DATE = /^Signature (expired|not yet current)/
const OF_KEY = /signature we calculated does not match/

/** By how much is not told. */
const CLOCK_OFF: Explanation = {
  code: 'EKS111',
  cause: 'the clock of the runner is not AWS\u2019s: the date of a signature is too far off',
  cure: SET_CLOCK,
}

/** A clock that is off is not what AWS says; the evidence leaves it open. */
function mismatch(skew: number | undefined, evidence: string[]): Diagnosis {
  if (!skew) return { ...MISMATCH, evidence }
  const { cause, cure } = clockIsOff(skew, [])
  const tell = ['AWS has words of its own for a date that is too far off, and has not used them.']
  return { ...MISMATCH, evidence, otherwise: [...OTHER_MISMATCHES, { cause, tell, cure }] }
}

/**
 * How far off AWS says that the date of a signature was: the message has the signature's date first, and AWS's own before
 * the tolerance: "Signature expired: 20260102T030405Z is now earlier than \u2026 (20260102T040405Z - 15 min.)".
 */
function skewInWords(message: string): number | undefined {
  const [, signed, now] =
    /^Signature (?:expired|not yet current): (\w+) is .*\((\w+) [-+] \d+ min/.exec(message) ?? []
  const seconds = (timeOf(signed) - timeOf(now)) / 1000
  return Number.isNaN(seconds) ? undefined : seconds
}

function timeOf(basic = ''): number {
  return Date.parse(basic.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
}

const BY_WEB_IDENTITY = 'sts:AssumeRoleWithWebIdentity'

/** Takes what came by the environment away, so that the next source counts. */
const TAKE_KEYS_AWAY: Step[] = [
  'If they stand in the environment and the runner has a role of its own, take them away, by this in a step before this one:',
  KEYS_AWAY,
]

const EXPIRED: Explanation = {
  code: 'EKS115',
  cause: 'AWS says that the session token of the credentials has expired',
  cure: [
    'Get new credentials in a step right before this one, or for longer (role-duration-seconds of aws-actions/configure-aws-credentials, up to the role\u2019s maximum session duration).',
    ...TAKE_KEYS_AWAY,
  ],
}

const EXPIRED_IDENTITY: Explanation = {
  code: 'EKS115',
  cause: 'AWS says that the web identity token has expired',
  cure: [
    'Let the runner read the token where it is renewed: Kubernetes renews the file that it has projected into a pod, and no copy of it.',
  ],
}

const UNKNOWN_KEY: Explanation = {
  code: 'EKS116',
  cause: 'AWS does not know the access key of the credentials, or not with this session token',
  cure: ['Get new credentials from where these came from.', ...TAKE_KEYS_AWAY],
  otherwise: [
    {
      cause: 'the key was deleted or deactivated, or its user or role was',
      tell: ['aws iam list-access-keys, or aws iam get-role, as one who may ask: is it there, and active?'],
      cure: ['Use the role of the runner, or a key that is active.'],
    },
    {
      cause: 'AWS_SESSION_TOKEN is missing, or belongs to another key than AWS_ACCESS_KEY_ID',
      tell: [
        'A key that begins with ASIA is of a session and needs its token; one that begins with AKIA has none.',
      ],
      cure: ['Set all three variables from one and the same answer of STS, or none.'],
    },
    {
      cause: 'the region is one to opt in to, and the session came from STS\u2019s global endpoint',
      tell: [
        'aws ec2 describe-regions --all-regions shows opt-in-not-required for the regions that take such sessions.',
      ],
      cure: ['Get the session from the regional endpoint: AWS_STS_REGIONAL_ENDPOINTS=regional.'],
    },
  ],
}

const OTHER_MISMATCHES: Possibility[] = [
  {
    cause: 'a proxy changes requests on their way, which breaks what they were signed for',
    tell: ['The same credentials work from a machine without that proxy: aws sts get-caller-identity'],
    cure: ['Let the proxy pass requests to AWS on as they are, or name AWS in NO_PROXY.'],
  },
]

const MISMATCH: Explanation = {
  code: 'EKS117',
  cause: 'AWS finds that the signature does not match the access key',
  cure: [
    'Set AWS_SECRET_ACCESS_KEY, or the key in the profile, anew: it belongs to another access key, or lost or won a character on its way (a blank or line end in a secret).',
    ...TAKE_KEYS_AWAY,
  ],
  otherwise: OTHER_MISMATCHES,
}
