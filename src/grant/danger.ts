import type { TaggedEntry } from '../aws/access-entry-changes.ts'
import {
  formatResolved,
  type ResolvedRule,
  type ResourceAttributes,
  type UrlAttributes,
} from '../kube/resolve.ts'
import type { GrantEvidence } from './evidence.ts'
import type { GrantInputs } from './inputs.ts'
import type { Mapping } from './mapping.ts'

// What makes an administrator of whoever has it, or of whoever steals it
// (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#kubernetes-rbac-privilege-escalation-risks).

/** What becomes of the mapping of the role. */
export interface MappingChange {
  /** Whom it is mapped to now, in each place that counts. */
  now: readonly Mapping[]
  /** Its access entry, which may have access policies beside. */
  entry: TaggedEntry | null | undefined
  isChanged: boolean
  /** Whether it is the role of whoever grants. */
  isOwn: boolean
}

/** All that is dangerous in what a grant would give, or in what it would change. */
export function dangersOf(
  { username, groups, mode, role }: GrantInputs,
  rules: readonly ResolvedRule[],
  { now, entry, isChanged, isOwn }: MappingChange,
): GrantEvidence[] {
  const policies = (entry?.policies ?? []).filter(isOfAdministrator)
  const given = [
    ...ofUsername(username),
    ...groups.flatMap(ofGroup),
    ...rules.flatMap(ofRule),
    ...policies.map(
      policy => `the access entry of ${role.arn} has the access policy ${policy}, which allows all`,
    ),
  ]
  const changed = [
    ...(now.some(isOfNode) || isNodeEntry(entry)
      ? [`${role.arn} is mapped as a node: with another mapping its nodes leave the cluster`]
      : []),
    ...(now.some(({ groups }) => groups.includes(MASTERS))
      ? [`${role.arn} is mapped as an administrator (${MASTERS}), and would be one no more`]
      : []),
    ...(isOwn ? [`${role.arn} is the role that grants: with another mapping it may lock itself out`] : []),
  ]
  const found = [...(mode === 'revoke' ? [] : given), ...(isChanged ? changed : [])]
  return found.map(what => ({ kind: 'grant-dangerous', what }))
}

const MASTERS = 'system:masters'
const NODES = ['system:nodes', 'system:bootstrappers', 'system:node-proxier']
const NODE_USER = 'system:node:'
/** What Kubernetes and EKS name their own users and groups by. */
const OWN_NAME = /^(?:system|eks):/

function ofUsername(username: string): string[] {
  if (username.startsWith(NODE_USER)) return [`username: ${username} is that of a node of the cluster`]
  if (OWN_NAME.test(username)) return [`username: ${username} is one of the cluster itself, with its rights`]
  // A session's name may hold no colon, so that one before it keeps it from being anybody else's username.
  const [before = '', ...after] = username.split('{{')
  if (after.length === 0 || before.includes(':')) return []
  return [
    `username: ${username} lets whoever names the session choose who it is; put a word and a colon before it`,
  ]
}

/** Everybody who has authenticated is in that one, and nobody gets anything by it. */
const EVERYONE = 'system:authenticated'

function ofGroup(group: string): string[] {
  if (group === MASTERS) return [`groups: ${MASTERS} may do everything, and no RBAC can take it away`]
  if (NODES.includes(group)) return [`groups: ${group} is for nodes of the cluster`]
  const isOwn = OWN_NAME.test(group) && group !== EVERYONE
  return isOwn ? [`groups: ${group} is one of the cluster itself, with its rights`] : []
}

function isOfNode({ username, groups }: Mapping): boolean {
  return groups.some(group => NODES.includes(group)) || username.startsWith(NODE_USER)
}

/** Entries of people and programs are STANDARD. */
function isNodeEntry(entry: TaggedEntry | null | undefined): boolean {
  return Boolean(entry?.type && entry.type !== 'STANDARD')
}

function isOfAdministrator(policyArn: string): boolean {
  return /\/AmazonEKSClusterAdminPolicy$/.test(policyArn)
}

function ofRule(rule: ResolvedRule): string[] {
  const why = rule.kind === 'url' ? ofUrl(rule.attributes) : ofResource(rule.attributes)
  return why ? [`can: ${formatResolved(rule)} ${why}`] : []
}

function ofUrl({ verb, path }: UrlAttributes): string | null {
  return verb === '*' && /^\/?\*$/.test(path) ? 'allows every URL' : null
}

function ofResource(attributes: ResourceAttributes): string | null {
  const { verb, group, resource, subresource, namespace, name } = attributes
  const may = (...verbs: string[]) => verb === '*' || verbs.includes(verb)
  const on = (owner: string, ...some: string[]) =>
    (group === '*' || group === owner) && (resource === '*' || some.includes(resource))
  // `*` is every resource with all of its subresources.
  const of = (part: string) => [part, '*'].includes(subresource) || (resource === '*' && subresource === '')
  const inSystem = namespace === '' || namespace === 'kube-system'
  // What is in no namespace is given by no Role.
  const onWhole = (owner: string, ...some: string[]) => namespace === '' && on(owner, ...some)
  if (verb === '*' && on('', '*')) return 'allows everything'
  if (/^(?:escalate|bind)$/.test(verb) || (verb === '*' && on(RBAC, 'clusterroles', 'roles')))
    return 'lets it give itself rights (escalate, bind)'
  if (/^impersonate(?::|-on:|$)/.test(verb) || (verb === '*' && on('', 'users', 'groups', 'serviceaccounts')))
    return 'lets it act as somebody else (impersonate)'
  if (may('get', 'list', 'watch') && on('', 'secrets') && inSystem && name === '')
    return `reads the secrets of ${namespace === '' ? 'every namespace' : namespace}, tokens of administrators among them`
  if (may('create') && on('', 'serviceaccounts') && of('token') && inSystem)
    return 'makes tokens of service accounts of the cluster itself'
  if (
    may(...WRITES) &&
    on('', 'configmaps') &&
    inSystem &&
    (['', 'aws-auth'].includes(name) || may('create'))
  )
    return 'may write aws-auth, and so let anybody in as an administrator'
  if (onWhole('', 'nodes') && of('proxy')) return 'reaches every container by its node'
  if (/^(?:approve|sign)$/.test(verb)) return 'lets it certify anybody'
  if (may('update', 'patch') && onWhole(CERTIFICATES, 'certificatesigningrequests') && of('approval'))
    return 'lets it certify anybody'
  if (
    may(...WRITES) &&
    onWhole(ADMISSION, 'mutatingwebhookconfigurations', 'validatingwebhookconfigurations')
  )
    return 'lets it see and change all that is written, secrets among it'
  return null
}

const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection']
const RBAC = 'rbac.authorization.k8s.io'
const CERTIFICATES = 'certificates.k8s.io'
const ADMISSION = 'admissionregistration.k8s.io'
