import { randomUUID } from 'node:crypto'
import { type AccessEntries, AccessEntryRefused } from './access-entries.ts'
import { type Clusters, clusterArn } from './clusters.ts'
import { type Input, type Operation, operationOf, readInput, type Served } from './eks-operations.ts'
import { permissionsOf } from './eks-permissions.ts'
import { updateOf } from './endpoint-access.ts'
import { type Answer, CAPTIVE_PORTAL, type Incoming, type Reading, type Service } from './exchange.ts'
import type { AnsweredFault } from './faults.ts'
import { type Identities, notAuthorized } from './identities.ts'
import type { SignatureRefusal, SignatureRules } from './signature.ts'
import { type Signer, signerOf } from './signer.ts'

// Status and code of https://docs.aws.amazon.com/eks/latest/APIReference/CommonErrors.html, as the service sends them.
const REFUSALS: Readonly<Record<SignatureRefusal, string>> = {
  missing: 'MissingAuthenticationTokenException',
  incomplete: 'IncompleteSignatureException',
  'unknown-key': 'UnrecognizedClientException',
  mismatch: 'InvalidSignatureException',
  'expired-token': 'ExpiredTokenException',
}

type Signed = Extract<Signer, { kind: 'known' }>
type Unknown = Exclude<Signer, Signed>

/** What the API is made from. */
export type EksState = { clusters: Clusters; accessEntries: AccessEntries; identities: Identities }

/**
 * Makes the EKS API, as far as the lab serves it: DescribeCluster, ListClusters, the access entries and their access
 * policies (https://docs.aws.amazon.com/eks/latest/APIReference/API_Operations.html). A caller sees the
 * clusters of its own account, in the region that its signature is scoped to.
 */
export function createEksService(state: EksState): Service {
  const { identities } = state
  return {
    name: 'eks',
    read(request, region): Reading {
      const operation = operationOf(request)
      const signer = signerOf(request, rules(region), identities)
      const signed = signer.kind === 'known' ? signer : undefined
      return {
        operation: operation.name,
        region: signed?.region ?? region,
        identity: signed?.caller.arn ?? null,
        answer: () => (signer.kind === 'known' ? perform(operation, request, signer, state) : refuse(signer)),
        answerFault: fault => answerFault(fault, operation, signed, state),
      }
    },
  }
}

function rules(region: string | null): SignatureRules {
  return {
    service: 'eks',
    region: region ?? 'any',
    toleranceMinutes: 5,
    honoursExpires: true,
    mustBeSigned: [],
  }
}

function refuse({ kind, message }: Unknown): Answer {
  return failure(kind === 'incomplete' ? 400 : 403, REFUSALS[kind], message)
}

function perform(operation: Operation, request: Incoming, signed: Signed, state: EksState): Answer {
  if (operation.kind === 'unknown') return failure(404, 'UnknownOperationException', 'Unknown operation')
  if (operation.kind === 'absent')
    return failure(501, 'NotImplementedException', `the lab has no ${operation.name}`)
  const input = readInput(request)
  if (input === undefined) return failure(400, 'SerializationException', 'The request body is malformed.')
  const { caller } = signed
  for (const { action, resource, about } of permissionsOf(operation, input, signed, state.accessEntries)) {
    const verdict = state.identities.verdict(caller, action, resource, about)
    if (verdict.decision === 'allow') continue
    const message = notAuthorized(caller.arn, action, resource, verdict.decision, verdict.policy)
    return failure(403, 'AccessDeniedException', message)
  }
  try {
    return serve(operation, input, request.query, signed, state)
  } catch (error) {
    if (error instanceof AccessEntryRefused) return failure(error.status, error.code, error.message)
    throw error
  }
}

function serve(
  operation: Served,
  input: Input,
  query: URLSearchParams,
  { caller, region }: Signed,
  { clusters, accessEntries }: EksState,
): Answer {
  if (operation.kind === 'clusters') return list('clusters', query, clusters.names(caller.account, region))
  if (operation.kind === 'tags') {
    accessEntries.tag(operation.resourceArn, input.tags ?? {})
    return success({})
  }
  const arn = clusterArn(region, caller.account, operation.cluster)
  switch (operation.name) {
    case 'DescribeCluster': {
      const cluster = clusters.find(arn)
      if (cluster !== undefined) return success({ cluster })
      return failure(404, 'ResourceNotFoundException', `No cluster found for name: ${operation.cluster}.`)
    }
    case 'UpdateClusterConfig': {
      const { resourcesVpcConfig: changes } = input
      if (!changes) return failure(501, 'NotImplementedException', 'the lab changes resourcesVpcConfig alone')
      if (clusters.changeAccess(arn, changes)) return success({ update: updateOf(changes) })
      return failure(404, 'ResourceNotFoundException', `No cluster found for name: ${operation.cluster}.`)
    }
    case 'CreateAccessEntry':
      return success({ accessEntry: accessEntries.create(arn, { principalArn: '', ...input }) })
    case 'ListAccessEntries':
      if (query.has('associatedPolicyArn'))
        return failure(
          501,
          'NotImplementedException',
          'the lab lists no access entries by their access policies',
        )
      return list('accessEntries', query, accessEntries.list(arn))
    case 'AssociateAccessPolicy': {
      const { policyArn, accessScope } = input
      const { cluster: clusterName, principalArn } = operation
      const associatedAccessPolicy = accessEntries.associate(arn, principalArn, policyArn, accessScope)
      return success({ clusterName, principalArn, associatedAccessPolicy })
    }
    case 'ListAssociatedAccessPolicies': {
      const { cluster: clusterName, principalArn } = operation
      const associatedAccessPolicies = accessEntries.policiesOf(arn, principalArn)
      return success({ clusterName, principalArn, associatedAccessPolicies, nextToken: null })
    }
    case 'DisassociateAccessPolicy':
      accessEntries.disassociate(arn, operation.principalArn, operation.policyArn)
      return success({})
    case 'DescribeAccessEntry':
      return success({ accessEntry: accessEntries.describe(arn, operation.principalArn) })
    case 'UpdateAccessEntry':
      return success({ accessEntry: accessEntries.update(arn, operation.principalArn, input) })
    case 'DeleteAccessEntry':
      accessEntries.delete(arn, operation.principalArn)
      return success({})
  }
}

function list(member: string, query: URLSearchParams, names: readonly string[]): Answer {
  const maxResults = Number(query.get('maxResults') ?? 100)
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > 100) {
    return failure(400, 'InvalidParameterException', 'maxResults must be between 1 and 100.')
  }
  const start = startOf(query.get('nextToken'), names)
  if (start === undefined) return failure(400, 'InvalidParameterException', 'Invalid nextToken.')
  const page = names.slice(start, start + maxResults)
  const more = start + maxResults < names.length
  const nextToken = more ? Buffer.from(`after:${page.at(-1)}`).toString('base64url') : null
  return success({ [member]: page, nextToken })
}

function startOf(token: string | null, names: readonly string[]): number | undefined {
  if (token === null) return 0
  const last = /^after:(.+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1]
  if (last === undefined) return undefined
  const index = names.findIndex(name => name > last)
  return index < 0 ? names.length : index
}

function answerFault(
  fault: AnsweredFault,
  operation: Operation,
  signed: Signed | undefined,
  state: EksState,
): Answer {
  switch (fault.kind) {
    case 'throttle':
      return failure(429, 'ThrottlingException', 'Rate exceeded')
    case 'server-error':
      return fault.status === 503
        ? failure(503, 'ServiceUnavailableException', 'Service is unavailable.')
        : failure(fault.status, 'ServerException', 'Internal server error')
    case 'denied':
      return failure(403, 'AccessDeniedException', deniedMessage(operation, signed, state))
    case 'malformed':
      return { ...success({}), body: '{"cluster":{"name":' }
    case 'html':
      return CAPTIVE_PORTAL
  }
}

function deniedMessage(operation: Operation, signed: Signed | undefined, state: EksState): string {
  if (signed === undefined || operation.kind === 'unknown' || operation.kind === 'absent')
    return 'Access denied'
  const [{ action, resource }] = permissionsOf(operation, {}, signed, state.accessEntries)
  return notAuthorized(signed.caller.arn, action, resource, 'implicit-deny')
}

function success(value: object): Answer {
  return { status: 200, headers: head(), body: JSON.stringify(value) }
}

function failure(status: number, type: string, message: string): Answer {
  return { status, headers: { ...head(), 'x-amzn-errortype': type }, body: JSON.stringify({ message }) }
}

function head(): Record<string, string> {
  return { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() }
}
