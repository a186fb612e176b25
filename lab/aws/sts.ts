import { type Assumption, assumeRole, assumeRoleWithWebIdentity } from './assumption.ts'
import { type Answer, CAPTIVE_PORTAL, type Incoming, type Reading, type Service } from './exchange.ts'
import type { AnsweredFault } from './faults.ts'
import type { Caller, Identities } from './identities.ts'
import type { SignatureRefusal, SignatureRules } from './signature.ts'
import { type Signer, signerOf } from './signer.ts'
import { type Form, failure, formOf, success } from './stsanswers.ts'
import type { WebIdentities } from './webidentity.ts'

// Codes of https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, as the service sends them.
const REFUSALS: Readonly<Record<SignatureRefusal, string>> = {
  missing: 'MissingAuthenticationToken',
  incomplete: 'IncompleteSignature',
  'unknown-key': 'InvalidClientTokenId',
  mismatch: 'SignatureDoesNotMatch',
  'expired-token': 'ExpiredToken',
}

const VERSION = '2011-06-15'

type Unknown = Exclude<Signer, { kind: 'known' }>
type Call = { operation: string; parameters: URLSearchParams; form: Form }

/**
 * Makes the Security Token Service, as far as the lab serves it: GetCallerIdentity, AssumeRole and
 * AssumeRoleWithWebIdentity (https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html), by GET or
 * POST, signed by header or presigned. A presigned URL is good for 15 minutes from X-Amz-Date, whatever
 * X-Amz-Expires says (https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster).
 */
export function createStsService(identities: Identities, webIdentities: WebIdentities): Service {
  return {
    name: 'sts',
    read(request, region): Reading {
      const call = callOf(request)
      const signer = signerOf(request, rules(region), identities)
      const caller = signer.kind === 'known' ? signer.caller : undefined
      return {
        operation: call.operation,
        region: signer.kind === 'known' ? signer.region : region,
        identity: caller?.arn ?? null,
        answer: () => {
          if (call.operation === 'AssumeRoleWithWebIdentity') {
            return assumed(call, assumeRoleWithWebIdentity(call.parameters, identities, webIdentities))
          }
          return signer.kind === 'known'
            ? perform(call, signer.caller, identities)
            : refuse(call.form, signer)
        },
        answerFault: fault => answerFault(fault, call, caller),
      }
    },
  }
}

function callOf(request: Incoming): Call {
  const parameters = new URLSearchParams(request.query)
  if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    for (const [name, value] of new URLSearchParams(request.body.toString())) parameters.set(name, value)
  }
  return {
    operation: parameters.get('Action') ?? 'Unknown',
    parameters,
    form: formOf(request.headers.accept),
  }
}

function rules(region: string | null): SignatureRules {
  return {
    service: 'sts',
    region: region ?? 'any',
    toleranceMinutes: 15,
    honoursExpires: false,
    // The header that ties a token to its cluster would tie nothing if it were not signed.
    mustBeSigned: ['x-k8s-aws-id'],
  }
}

function refuse(form: Form, { kind, message }: Unknown): Answer {
  const text = kind === 'missing' ? 'Request is missing Authentication Token' : message
  return failure(form, kind === 'incomplete' ? 400 : 403, REFUSALS[kind], text)
}

function perform(call: Call, caller: Caller, identities: Identities): Answer {
  const version = call.parameters.get('Version')
  const unknown = `Could not find operation ${call.operation} for version ${version ?? 'NO_VERSION_SPECIFIED'}`
  if (version !== VERSION) return failure(call.form, 400, 'InvalidAction', unknown)
  switch (call.operation) {
    // It needs no permission, and no policy can deny it.
    case 'GetCallerIdentity':
      return success(call.form, call.operation, {
        Arn: caller.arn,
        UserId: caller.userId,
        Account: caller.account,
      })
    case 'AssumeRole':
      return assumed(call, assumeRole(caller, call.parameters, identities))
    default:
      return failure(call.form, 400, 'InvalidAction', unknown)
  }
}

function assumed({ form, operation }: Call, assumption: Assumption): Answer {
  if (assumption.kind === 'refused') {
    return failure(form, assumption.status, assumption.code, assumption.message)
  }
  const { role, sessionName, credentials, claims } = assumption
  return success(form, operation, {
    ...(claims === undefined
      ? {}
      : {
          SubjectFromWebIdentityToken: claims.subject,
          Audience: claims.audience,
          Provider: `arn:${role.partition}:iam::${role.account}:oidc-provider/${claims.provider}`,
        }),
    AssumedRoleUser: {
      AssumedRoleId: `${role.uniqueId}:${sessionName}`,
      Arn: `arn:${role.partition}:sts::${role.account}:assumed-role/${role.name}/${sessionName}`,
    },
    Credentials: {
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey,
      SessionToken: credentials.sessionToken,
      Expiration: credentials.expires,
    },
  })
}

function answerFault(fault: AnsweredFault, { form, operation }: Call, caller: Caller | undefined): Answer {
  switch (fault.kind) {
    case 'throttle':
      return failure(form, 400, 'Throttling', 'Rate exceeded')
    case 'server-error':
      return fault.status === 503
        ? failure(form, 503, 'ServiceUnavailable', 'Service is unavailable.')
        : failure(form, fault.status, 'InternalFailure', 'Internal server error')
    case 'denied': {
      const who = caller === undefined ? '' : `User: ${caller.arn} is `
      return failure(form, 403, 'AccessDenied', `${who}not authorized to perform: sts:${operation}`)
    }
    case 'malformed':
      return {
        ...success(form, operation, {}),
        body: form === 'json' ? '{"GetCallerIdentityResponse":{' : `<${operation}Response><`,
      }
    case 'html':
      return CAPTIVE_PORTAL
  }
}
