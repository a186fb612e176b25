import {
  type Caller,
  type Identities,
  notAuthorized,
  type Role,
  type SessionCredentials,
} from './identities.ts'
import { evaluateTrust } from './trust.ts'
import type { TokenClaims, WebIdentities } from './webidentity.ts'

const HOUR = 3600

/** A request to assume a role, its parameters by name. */
export type Parameters = URLSearchParams

/** What became of a request to assume a role; a refusal carries status, code and message of STS. */
export type Assumption =
  | {
      kind: 'assumed'
      role: Role
      sessionName: string
      credentials: SessionCredentials
      claims?: TokenClaims
    }
  | { kind: 'refused'; status: number; code: string; message: string }

type Refusal = Extract<Assumption, { kind: 'refused' }>

/**
 * Assumes a role for a caller who signed for it
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
 */
export function assumeRole(caller: Caller, parameters: Parameters, identities: Identities): Assumption {
  const malformed = checkParameters(parameters, 'sts:AssumeRole')
  if (malformed !== undefined) return malformed
  const arn = parameters.get('RoleArn') ?? ''
  const role = identities.findRole(arn)
  const denied = decide(caller, arn, role, parameters, identities)
  if (denied !== undefined || role === undefined) return denied ?? notFound(caller, arn)
  const chained = caller.principal.kind === 'role'
  return issue(role, parameters, chained ? HOUR : role.maxSessionSeconds, chained, identities)
}

/**
 * Assumes a role for who holds a web identity token; nobody signs
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html).
 */
export function assumeRoleWithWebIdentity(
  parameters: Parameters,
  identities: Identities,
  webIdentities: WebIdentities,
): Assumption {
  const action = 'sts:AssumeRoleWithWebIdentity'
  const malformed = checkParameters(parameters, action)
  if (malformed !== undefined) return malformed
  const role = identities.findRole(parameters.get('RoleArn') ?? '')
  const denied = refused(403, 'AccessDenied', `Not authorized to perform ${action}`)
  if (role === undefined) return denied
  const verdict = webIdentities.verify(
    parameters.get('WebIdentityToken') ?? '',
    role.account,
    identities.clock.now(),
  )
  if (verdict.kind === 'invalid') return refused(400, verdict.code, verdict.message)
  const { provider, subject, audience } = verdict.claims
  const name = provider.toLowerCase()
  const federated = `arn:${role.partition}:iam::${role.account}:oidc-provider/${provider}`
  const { decision } = evaluateTrust(
    identities.trustOf(role),
    { kind: 'federated', provider: federated },
    action,
    { [`${name}:sub`]: subject, [`${name}:aud`]: audience },
  )
  if (decision !== 'allow') return denied
  const assumption = issue(role, parameters, role.maxSessionSeconds, false, identities)
  return assumption.kind === 'assumed' ? { ...assumption, claims: verdict.claims } : assumption
}

function checkParameters(parameters: Parameters, action: string): Refusal | undefined {
  const needed = [
    'RoleArn',
    'RoleSessionName',
    ...(action.endsWith('WebIdentity') ? ['WebIdentityToken'] : []),
  ]
  for (const name of needed) {
    if (parameters.get(name)) continue
    return invalid(`Value null at '${camel(name)}' failed to satisfy constraint: Member must not be null`)
  }
  const sessionName = parameters.get('RoleSessionName') ?? ''
  const value = `Value '${sessionName}' at 'roleSessionName' failed to satisfy constraint: Member must`
  if (!/^[\w+=,.@-]*$/.test(sessionName)) {
    return invalid(`${value} satisfy regular expression pattern: [\\w+=,.@-]*`)
  }
  if (sessionName.length < 2) return invalid(`${value} have length greater than or equal to 2`)
  if (sessionName.length > 64) return invalid(`${value} have length less than or equal to 64`)
  const arn = parameters.get('RoleArn') ?? ''
  if (/^arn:[a-z-]+:iam::\d{12}:role\/.+$/.test(arn)) return undefined
  return refused(400, 'ValidationError', `${arn} is invalid`)
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html: in one account the trust
// policy alone is enough if it names the caller; else the caller's own policies must allow it too.
function decide(
  caller: Caller,
  arn: string,
  role: Role | undefined,
  parameters: Parameters,
  identities: Identities,
): Refusal | undefined {
  const own = identities.verdict(caller, 'sts:AssumeRole', arn)
  const refuse = (message: string) => refused(403, 'AccessDenied', message)
  if (own.decision === 'explicit-deny')
    return refuse(notAuthorized(caller.arn, 'sts:AssumeRole', arn, own.decision, own.policy))
  if (role === undefined) return notFound(caller, arn)
  const trust = evaluateTrust(
    identities.trustOf(role),
    { kind: 'identity', uniqueId: caller.principal.uniqueId, arn: caller.arn, account: caller.account },
    'sts:AssumeRole',
    {
      'sts:externalid': parameters.get('ExternalId') ?? undefined,
      'sts:rolesessionname': parameters.get('RoleSessionName') ?? undefined,
      'aws:principalarn': caller.principal.arn,
      'aws:principalaccount': caller.account,
    },
  )
  const sentence = `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`
  if (trust.decision === 'explicit-deny') {
    return refuse(`${sentence} with an explicit deny in a resource-based policy`)
  }
  if (trust.decision === 'implicit-deny') return refuse(sentence)
  if (own.decision === 'allow') return undefined
  // Naming the caller stands in for its own policies, and for none of what stands above them.
  if (own.policy === 'identity-based policy' && trust.namesCaller && role.account === caller.account)
    return undefined
  return refuse(notAuthorized(caller.arn, 'sts:AssumeRole', arn, own.decision, own.policy))
}

// Whether a role exists is nobody's business.
function notFound(caller: Caller, arn: string): Refusal {
  const message = `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`
  return refused(403, 'AccessDenied', message)
}

function issue(
  role: Role,
  parameters: Parameters,
  maxSeconds: number,
  chained: boolean,
  identities: Identities,
): Assumption {
  const seconds = Number(parameters.get('DurationSeconds') ?? HOUR)
  if (!Number.isInteger(seconds) || seconds < 900) {
    const value = `Value '${parameters.get('DurationSeconds')}' at 'durationSeconds'`
    return invalid(
      `${value} failed to satisfy constraint: Member must have value greater than or equal to 900`,
    )
  }
  if (seconds > maxSeconds) {
    const limit = chained
      ? '1 hour session limit for roles assumed by role chaining.'
      : 'MaxSessionDuration set for this role.'
    return refused(400, 'ValidationError', `The requested DurationSeconds exceeds the ${limit}`)
  }
  const sessionName = parameters.get('RoleSessionName') ?? ''
  const expires = new Date(identities.clock.now().getTime() + seconds * 1000)
  const credentials = identities.issueSession(role, { name: sessionName, expires })
  return { kind: 'assumed', role, sessionName, credentials }
}

function invalid(detail: string): Refusal {
  return refused(400, 'ValidationError', `1 validation error detected: ${detail}`)
}

function refused(status: number, code: string, message: string): Refusal {
  return { kind: 'refused', status, code, message }
}

function camel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}
