import { randomUUID } from 'node:crypto'
import { type Clusters, clusterArn } from './clusters.ts'
import { type Answer, CAPTIVE_PORTAL, type Incoming, type Reading, type Service } from './exchange.ts'
import type { AnsweredFault } from './faults.ts'
import { type Caller, type Identities, notAuthorized } from './identities.ts'
import { partitionOf } from './regions.ts'
import { type SignatureRefusal, type SignatureVerdict, verifySignature } from './signature.ts'

// Status and code of https://docs.aws.amazon.com/eks/latest/APIReference/CommonErrors.html, as the service sends them.
const REFUSALS: Readonly<Record<SignatureRefusal, string>> = {
  missing: 'MissingAuthenticationTokenException',
  incomplete: 'IncompleteSignatureException',
  'unknown-key': 'UnrecognizedClientException',
  mismatch: 'InvalidSignatureException',
  'expired-token': 'ExpiredTokenException',
}

type Operation = { name: 'DescribeCluster'; cluster: string } | { name: 'ListClusters' } | { name: 'Unknown' }

type Signed = { caller: Caller; region: string }

/**
 * Makes the EKS API, as far as the lab serves it: DescribeCluster and ListClusters
 * (https://docs.aws.amazon.com/eks/latest/APIReference/API_Operations.html). A caller sees the clusters of its own
 * account, in the region that its signature is scoped to.
 */
export function createEksService(clusters: Clusters, identities: Identities): Service {
  return {
    name: 'eks',
    read(request, region): Reading {
      const operation = operationOf(request)
      const verdict = verify(request, region, identities)
      const caller = verdict.kind === 'valid' ? identities.callerOf(verdict.accessKeyId) : undefined
      const signed = caller && verdict.kind === 'valid' ? { caller, region: verdict.region } : undefined
      return {
        operation: operation.name,
        region: signed?.region ?? region,
        identity: caller?.arn ?? null,
        answer: () =>
          signed === undefined ? refuse(verdict) : perform(operation, request, signed, clusters, identities),
        answerFault: fault => answerFault(fault, operation, signed),
      }
    },
  }
}

function operationOf({ method, path }: Incoming): Operation {
  if (method !== 'GET') return { name: 'Unknown' }
  if (path === '/clusters') return { name: 'ListClusters' }
  const cluster = /^\/clusters\/([^/]+)$/.exec(path)?.[1]
  return cluster === undefined
    ? { name: 'Unknown' }
    : { name: 'DescribeCluster', cluster: decodeSegment(cluster) }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function verify(request: Incoming, region: string | null, identities: Identities): SignatureVerdict {
  const rules = {
    service: 'eks',
    region: region ?? 'any',
    toleranceMinutes: 5,
    honoursExpires: true,
    mustBeSigned: [],
  } as const
  const verdict = verifySignature(request, rules, id => identities.findKey(id), new Date())
  if (verdict.kind !== 'valid') return verdict
  // Accounts of one partition are unknown in the others.
  if (identities.callerOf(verdict.accessKeyId)?.partition === partitionOf(verdict.region)) return verdict
  return { kind: 'unknown-key', message: 'The security token included in the request is invalid.' }
}

function refuse(verdict: SignatureVerdict): Answer {
  if (verdict.kind === 'valid') throw new TypeError('a valid signature is not refused')
  return failure(verdict.kind === 'incomplete' ? 400 : 403, REFUSALS[verdict.kind], verdict.message)
}

function perform(
  operation: Operation,
  request: Incoming,
  signed: Signed,
  clusters: Clusters,
  identities: Identities,
): Answer {
  if (operation.name === 'Unknown') return failure(404, 'UnknownOperationException', 'Unknown operation')
  const { caller, region } = signed
  const decision = identities.decide(caller, actionOf(operation), resourceOf(operation, signed))
  if (decision !== 'allow') {
    const message = notAuthorized(caller.arn, actionOf(operation), resourceOf(operation, signed), decision)
    return failure(403, 'AccessDeniedException', message)
  }
  if (operation.name === 'ListClusters') return list(request.query, clusters.names(caller.account, region))
  const cluster = clusters.find(resourceOf(operation, signed))
  if (cluster !== undefined) return success({ cluster })
  return failure(404, 'ResourceNotFoundException', `No cluster found for name: ${operation.cluster}.`)
}

function actionOf(operation: Operation): string {
  return `eks:${operation.name}`
}

function resourceOf(operation: Operation, { caller, region }: Signed): string {
  const name = operation.name === 'DescribeCluster' ? operation.cluster : '*'
  return clusterArn(region, caller.account, name)
}

function list(query: URLSearchParams, names: readonly string[]): Answer {
  const maxResults = Number(query.get('maxResults') ?? 100)
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > 100) {
    return failure(400, 'InvalidParameterException', 'maxResults must be between 1 and 100.')
  }
  const start = startOf(query.get('nextToken'), names)
  if (start === undefined) return failure(400, 'InvalidParameterException', 'Invalid nextToken.')
  const page = names.slice(start, start + maxResults)
  const more = start + maxResults < names.length
  const nextToken = more ? Buffer.from(`after:${page.at(-1)}`).toString('base64url') : null
  return success({ clusters: page, nextToken })
}

function startOf(token: string | null, names: readonly string[]): number | undefined {
  if (token === null) return 0
  const last = /^after:(.+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1]
  if (last === undefined) return undefined
  const index = names.findIndex(name => name > last)
  return index < 0 ? names.length : index
}

function answerFault(fault: AnsweredFault, operation: Operation, signed: Signed | undefined): Answer {
  switch (fault.kind) {
    case 'throttle':
      return failure(429, 'ThrottlingException', 'Rate exceeded')
    case 'server-error':
      return fault.status === 503
        ? failure(503, 'ServiceUnavailableException', 'Service is unavailable.')
        : failure(fault.status, 'ServerException', 'Internal server error')
    case 'denied':
      if (signed === undefined) return failure(403, 'AccessDeniedException', 'Access denied')
      return failure(
        403,
        'AccessDeniedException',
        notAuthorized(signed.caller.arn, actionOf(operation), resourceOf(operation, signed), 'implicit-deny'),
      )
    case 'malformed':
      return { ...success({}), body: '{"cluster":{"name":' }
    case 'html':
      return CAPTIVE_PORTAL
  }
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
