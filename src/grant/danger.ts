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

/**
 * All that is dangerous in what a grant would give, or in what it would change.
 *
 * @param mapped whom the role is mapped to now, in whatever place
 * @param entry the role's access entry, which may have access policies beside
 */
export function dangersOf(
  { username, groups, mode, role }: GrantInputs,
  rules: readonly ResolvedRule[],
  mapped: readonly Mapping[],
  entry: TaggedEntry | null | undefined,
): GrantEvidence[] {
  const policies = (entry?.policies ?? []).filter(isOfAdministrator)
  const given = [
    ...ofNames(username, groups),
    ...rules.flatMap(ofRule),
    ...policies.map(
      policy => `the access entry of ${role.arn} has the access policy ${policy}, which allows all`,
    ),
  ]
  const changed =
    mapped.some(isOfNode) || isNodeEntry(entry)
      ? [`${role.arn} is mapped as a node: with another mapping its nodes leave the cluster`]
      : []
  const found = mode === 'revoke' ? changed : [...given, ...changed]
  return found.map(what => ({ kind: 'grant-dangerous', what }))
}

function ofNames(username: string, groups: readonly string[]): string[] {
  return [
    ...groups.flatMap(group => {
      if (group === MASTERS) return [`groups: ${MASTERS} may do everything, and no RBAC can take it away`]
      return NODES.includes(group) ? [`groups: ${group} is for nodes of the cluster`] : []
    }),
    ...(username.startsWith(NODE_USER) ? [`username: ${username} is that of a node of the cluster`] : []),
    ...(username === CONTROLLER || username.startsWith('system:serviceaccount:')
      ? [`username: ${username} is one of the cluster itself, with the rights that it has`]
      : []),
  ]
}

const MASTERS = 'system:masters'
const NODES = ['system:nodes', 'system:bootstrappers', 'system:node-proxier']
const NODE_USER = 'system:node:'
const CONTROLLER = 'system:kube-controller-manager'

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

function ofResource({
  verb,
  group,
  resource,
  subresource,
  namespace,
  name,
}: ResourceAttributes): string | null {
  const verbs = (...some: string[]) => verb === '*' || some.includes(verb)
  const isOf = (owner: string, ...some: string[]) =>
    (group === '*' || group === owner) && (resource === '*' || some.includes(resource))
  const inSystem = namespace === '' || namespace === 'kube-system'
  if (verb === '*' && isOf('', '*')) return 'allows everything'
  if (['escalate', 'bind'].includes(verb) || (verb === '*' && isOf(RBAC, 'clusterroles', 'roles')))
    return 'lets it give itself rights (escalate, bind)'
  if (verb === 'impersonate' || (verb === '*' && isOf('', 'users', 'groups', 'serviceaccounts')))
    return 'lets it act as somebody else (impersonate)'
  if (verbs('get', 'list', 'watch') && isOf('', 'secrets') && namespace === '' && name === '')
    return 'reads the secrets of every namespace, tokens of administrators among them'
  if (verbs('create') && isOf('', 'serviceaccounts') && ['token', '*'].includes(subresource) && inSystem)
    return 'makes tokens of service accounts of the cluster itself'
  if (verbs('update', 'patch') && isOf('', 'configmaps') && inSystem && ['', 'aws-auth'].includes(name))
    return 'may change aws-auth, and so let anybody in as an administrator'
  return null
}

const RBAC = 'rbac.authorization.k8s.io'
