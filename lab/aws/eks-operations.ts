/** What a request of the EKS API asks for (https://docs.aws.amazon.com/eks/latest/APIReference/API_Operations.html). */
import type { AccessEntryOptions } from './access-entries.ts'
import type { AccessScope } from './access-policies.ts'
import { type AccessChanges, isAccessChanges } from './endpoint-access.ts'

/** An operation, and what of it the path says. */
export type Operation =
  | { readonly kind: 'clusters'; readonly name: 'ListClusters' }
  | { readonly kind: 'cluster'; readonly name: ClusterOperation; readonly cluster: string }
  | {
      readonly kind: 'entry'
      readonly name: EntryOperation
      readonly cluster: string
      readonly principalArn: string
      /** Of the access policy that it is about; empty for none. */
      readonly policyArn: string
    }
  | { readonly kind: 'tags'; readonly name: 'TagResource'; readonly resourceArn: string }
  /** The lab does not serve it. */
  | { readonly kind: 'absent'; readonly name: AbsentOperation }
  | { readonly kind: 'unknown'; readonly name: 'Unknown' }

/** The operations that the lab serves. */
export type Served = Exclude<Operation, { kind: 'absent' | 'unknown' }>

type ClusterOperation = 'DescribeCluster' | 'UpdateClusterConfig' | 'CreateAccessEntry' | 'ListAccessEntries'
type EntryOperation =
  | 'DescribeAccessEntry'
  | 'UpdateAccessEntry'
  | 'DeleteAccessEntry'
  | 'AssociateAccessPolicy'
  | 'DisassociateAccessPolicy'
  | 'ListAssociatedAccessPolicies'
type AbsentOperation = 'ListAccessPolicies'

type Segments = Readonly<Record<'cluster' | 'principalArn' | 'policyArn' | 'resourceArn', string>>
type Route = readonly [request: RegExp, read: (segments: Segments) => Operation]

const CLUSTER = '/clusters/(?<cluster>[^/]+)'
const ENTRIES = `${CLUSTER}/access-entries`
const ENTRY = `${ENTRIES}/(?<principalArn>[^/]+)`
const POLICIES = `${ENTRY}/access-policies`

const ROUTES: readonly Route[] = [
  [/^GET \/clusters$/, () => ({ kind: 'clusters', name: 'ListClusters' })],
  ofCluster('GET', CLUSTER, 'DescribeCluster'),
  ofCluster('POST', `${CLUSTER}/update-config`, 'UpdateClusterConfig'),
  ofCluster('POST', ENTRIES, 'CreateAccessEntry'),
  ofCluster('GET', ENTRIES, 'ListAccessEntries'),
  ofEntry('GET', ENTRY, 'DescribeAccessEntry'),
  ofEntry('POST', ENTRY, 'UpdateAccessEntry'),
  ofEntry('DELETE', ENTRY, 'DeleteAccessEntry'),
  ofEntry('POST', POLICIES, 'AssociateAccessPolicy'),
  ofEntry('GET', POLICIES, 'ListAssociatedAccessPolicies'),
  ofEntry('DELETE', `${POLICIES}/(?<policyArn>[^/]+)`, 'DisassociateAccessPolicy'),
  [
    /^POST \/tags\/(?<resourceArn>[^/]+)$/,
    ({ resourceArn }) => ({ kind: 'tags', name: 'TagResource', resourceArn }),
  ],
  absent('GET', '/access-policies', 'ListAccessPolicies'),
]

/** Reads what a request asks for. */
export function operationOf({ method, path }: { method: string; path: string }): Operation {
  for (const [request, read] of ROUTES) {
    const found = request.exec(`${method} ${path}`)
    if (found === null) continue
    const { cluster = '', principalArn = '', policyArn = '', resourceArn = '' } = found.groups ?? {}
    return read({
      cluster: decoded(cluster),
      principalArn: decoded(principalArn),
      policyArn: decoded(policyArn),
      resourceArn: decoded(resourceArn),
    })
  }
  return { kind: 'unknown', name: 'Unknown' }
}

function ofCluster(method: string, path: string, name: ClusterOperation): Route {
  return [new RegExp(`^${method} ${path}$`), ({ cluster }) => ({ kind: 'cluster', name, cluster })]
}

function ofEntry(method: string, path: string, name: EntryOperation): Route {
  return [new RegExp(`^${method} ${path}$`), segments => ({ kind: 'entry', name, ...segments })]
}

function absent(method: string, path: string, name: AbsentOperation): Route {
  return [new RegExp(`^${method} ${path}$`), () => ({ kind: 'absent', name })]
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** What of an operation the body says: the members that the lab knows. */
export type Input = Partial<AccessEntryOptions & { readonly resourcesVpcConfig: AccessChanges }> & {
  readonly policyArn?: string
  readonly accessScope?: AccessScope
}

const isText = (value: unknown) => typeof value === 'string'

function isScope(value: unknown): boolean {
  const { type = '', namespaces = [] } = Object(value)
  return isText(type) && Array.isArray(namespaces) && namespaces.every(isText)
}

// The members of the operations that have a body, and the types that they must be of.
const MEMBERS: Readonly<Record<keyof Input, (value: unknown) => boolean>> = {
  principalArn: isText,
  username: isText,
  type: isText,
  clientRequestToken: isText,
  resourcesVpcConfig: isAccessChanges,
  policyArn: isText,
  accessScope: isScope,
  kubernetesGroups: value => Array.isArray(value) && value.every(isText),
  tags: value =>
    typeof value === 'object' && !Array.isArray(value) && Object.values(value ?? {}).every(isText),
}

/** Reads the body of a request. @returns undefined for one that is malformed */
export function readInput({ body }: { body: Buffer }): Input | undefined {
  try {
    const given = Object.entries(body.length === 0 ? {} : (JSON.parse(body.toString()) ?? {})).filter(
      ([name, value]) => Object.hasOwn(MEMBERS, name) && value !== null,
    )
    if (given.every(([name, value]) => MEMBERS[name as keyof Input](value))) return Object.fromEntries(given)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return undefined
}
