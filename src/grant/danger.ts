import type { TaggedEntry } from '../aws/access-entry-changes.ts'
import type { Right } from '../kube/policy.ts'
import { formatResolved, type ResolvedRule } from '../kube/resolve.ts'
import type { GrantEvidence } from './evidence.ts'
import type { GrantInputs } from './inputs.ts'
import type { Mapping } from './mapping.ts'

// What makes an administrator of whoever has it, or of whoever steals it
// (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#kubernetes-rbac-privilege-escalation-risks).

/**
 * All that is dangerous in what a grant would give, or in what it would change.
 *
 * @param mapped whom the role is mapped to now
 * @param entry the role's access entry, which may have access policies beside
 */
export function dangersOf(
  { username, groups, mode, role }: GrantInputs,
  rules: readonly ResolvedRule[],
  mapped: Mapping | null,
  entry: TaggedEntry | null | undefined,
): GrantEvidence[] {
  const given = mode === 'revoke' ? [] : [...ofNames(username, groups), ...rules.flatMap(ofRule)]
  const policies = mode === 'revoke' ? [] : (entry?.policies ?? []).filter(isOfAdministrator)
  const found = [
    ...given,
    ...policies.map(
      policy => `the access entry of ${role.arn} has the access policy ${policy}, which allows all`,
    ),
    ...(isOfNode(mapped, entry)
      ? [`${role.arn} is mapped as a node: with another mapping its nodes leave the cluster`]
      : []),
  ]
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

function isOfNode(mapped: Mapping | null, entry: TaggedEntry | null | undefined): boolean {
  if (entry && entry.type !== '' && entry.type !== 'STANDARD') return true
  return (
    mapped !== null &&
    (mapped.groups.some(group => NODES.includes(group)) || mapped.username.startsWith(NODE_USER))
  )
}

function isOfAdministrator(policyArn: string): boolean {
  return /\/AmazonEKSClusterAdminPolicy$/.test(policyArn)
}

function ofRule(rule: ResolvedRule): string[] {
  const why = whyDangerous(rule)
  return why ? [`can: ${formatResolved(rule)} ${why}`] : []
}

function whyDangerous(right: Right): string | null {
  const { verb } = right.attributes
  if (right.kind === 'url') return verb === '*' && right.attributes.path === '*' ? 'allows every URL' : null
  const { resource, namespace, group, name } = right.attributes
  if (verb === '*' && resource === '*') return 'allows everything'
  if (verb === 'escalate' || verb === 'bind') return 'lets it give itself any right'
  if (verb === 'impersonate') return 'lets it act as somebody else'
  const isSecrets = group === '' && (resource === 'secrets' || resource === '*')
  const isReading = ['get', 'list', 'watch', '*'].includes(verb)
  if (isSecrets && isReading && namespace === '' && name === '')
    return 'reads the secrets of every namespace, tokens of administrators among them'
  return null
}
