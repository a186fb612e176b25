import { policyFor, policyName, type Subject } from '../../kube/policy.ts'
import { type Grant, grantOf } from '../../kube/reason.ts'
import type { Needed, VerdictEvidence } from '../../kube/verdict.ts'
import type { About, Diagnosis, Paste, Possibility, Step } from '../failure.ts'
import { changeMapping, mappingNow } from '../mapping/change-mapping.ts'
import { changeBlock, type Mapping, mappedPrincipal } from '../mapping/mapping.ts'
import { mappedUsername } from '../mapping/username.ts'
import { commandLine, shell, shellWord } from '../shell.ts'

type Denied = Extract<VerdictEvidence, { kind: 'rule-denied' }>
type Allowed = Extract<VerdictEvidence, { kind: 'rule-allowed' }>

/** What is told of every rule: whose it is. */
export function iAm({ username, tokenRole, roleArn = tokenRole }: About): string {
  return `we are user ${username ?? 'unknown'}${roleArn ? `, role ${roleArn}` : ''}`
}

function groupsLine({ groups }: About): string {
  return `groups: ${groups ? groups.join(', ') || 'none' : 'unknown'}`
}

/* Too little. */

/** A rule of `can` that is denied. */
export function denied({ rule, reason, denied: outright, right }: Denied, about: About): Diagnosis {
  const evidence = [
    `SelfSubjectAccessReview of "${rule}": denied${reason ? `, ${reason}` : ''}`,
    iAm(about),
    groupsLine(about),
  ]
  if (outright) {
    return {
      code: 'EKS607',
      cause: `an authorizer of the cluster denies outright that the role may ${rule}, and it should`,
      evidence,
      cure: [
        'No Role or ClusterRole helps against it. Change what that authorizer goes by, such as the rules of an authorization webhook; the reason above is its own.',
      ],
    }
  }
  const subject = subjectOf(about)
  return {
    code: 'EKS601',
    cause: `the role may not ${rule}, and should`,
    evidence,
    cure: [
      `This is the least that lets ${subject.kind === 'User' ? 'user' : 'group'} ${subject.name} ${rule}; apply it with kubectl apply -f -:`,
      { language: 'yaml', text: policyFor([right], subject, policyName(subject, rule)) },
      ...notesOn(right),
      ...subjectNotes(subject, about),
    ],
  }
}

/** What RBAC cannot narrow to a name (kubernetes.io/docs/reference/access-authn-authz/rbac, Referring to resources). */
function notesOn(right: Denied['right']): string[] {
  if (right.kind !== 'resource' || !right.attributes.name) return []
  const { verb, name, subresource } = right.attributes
  if (verb === 'list' || verb === 'watch')
    return [`It counts for requests with the field selector metadata.name=${name} alone.`]
  if ((verb === 'create' && !subresource) || verb === 'deletecollection')
    return [`RBAC cannot narrow ${verb} to a name, so it allows the verb for any.`]
  return []
}

/** The user that is expected, else the one that is; its own group, where the username is another for each session. */
/** To whom a right is best given: the user, or, where its name is another in each session, a group that it is in. */
export function subjectOf({
  username: found = 'unknown',
  expectUsername,
  groups = [],
  sessionName,
}: Partial<
  Record<'username' | 'expectUsername' | 'sessionName', string | undefined> & Pick<About, 'groups'>
>): Subject {
  const username = expectUsername ?? found
  const group = groups.find(name => !name.startsWith('system:'))
  return group && mappedUsername({ username, sessionName }) !== username
    ? { kind: 'Group', name: group }
    : { kind: 'User', name: username }
}

/** What is to be known of giving it to that one. */
export function subjectNotes(
  { kind, name }: Subject,
  { sessionName }: { sessionName?: string | undefined },
): string[] {
  if (kind === 'Group') return [`It counts for all that are in the group ${name}.`]
  if (mappedUsername({ username: name, sessionName }) === name) return []
  return [
    'The username has the name of the session in it and is another in each: map the role to a fixed username or a group, and bind that.',
  ]
}

/* Too much. */

/** A rule of `cannot` that is allowed. */
export function allowed({ rule, reason, needed }: Allowed, about: About): Diagnosis {
  const grant = grantOf(reason)
  return {
    code: 'EKS701',
    cause: `the role may ${rule}, and should not`,
    evidence: [
      `SelfSubjectAccessReview of "${rule}": allowed${reason ? `, ${reason}` : ''}`,
      iAm(about),
      groupsLine(about),
    ],
    ...withFirst(keep(needed, about), remedyOf(grant, reason, rule, about)),
  }
}

type Remedy = Pick<Diagnosis, 'cure' | 'otherwise'>

function withFirst(steps: Step[], { cure, ...rest }: Remedy): Remedy {
  return { cure: [...steps, ...cure], ...rest }
}

function remedyOf(grant: Grant | null, reason: string, rule: string, about: About): Remedy {
  if (grant?.by === 'access-policy') return { cure: takePolicy(grant, about) }
  if (grant) return { cure: takeBinding(grant, rule, about) }
  if (about.groups?.includes(MASTERS)) return leaveMasters(about)
  return {
    cure: [
      reason
        ? 'Take away what the reason above names.'
        : 'The server does not say what allows it. Look for what is bound to the user and groups above:',
      ...(reason ? [] : [LOOK]),
    ],
  }
}

const MASTERS = 'system:masters'
const LOOK: Paste = shell('kubectl get clusterrolebindings,rolebindings -A -o wide')

/** What else would go away with it, and shall stay. */
function keep(needed: readonly Needed[], about: About): Step[] {
  if (needed.length === 0) return []
  const subject = subjectOf(about)
  const rules = needed.map(({ rule }) => rule)
  const name = policyName(subject, rules.join(' and '))
  return [
    `The same also allows what is needed: ${rules.join(', ')}. Give that by itself first, with kubectl apply -f -:`,
    {
      language: 'yaml',
      text: policyFor(
        needed.map(({ right }) => right),
        subject,
        name,
      ),
    },
  ]
}

function takeBinding({ binding, role, subject }: Grant, rule: string, about: About): Step[] {
  const { name, kind } = binding
  if (subject.name === EVERYONE || subject.name === 'system:unauthenticated') {
    return [
      `Everybody in the cluster may, by ${kind} ${name} to ${subject.name}. If that is meant to be, take "${rule}" out of cannot; if not, look at the binding:`,
      shell(commandLine('kubectl', 'get', ...objectOf(binding), '-o', 'yaml')),
    ]
  }
  const others = role.name.startsWith('system:') || DEFAULT_ROLES.includes(role.name)
  return [
    ...(subject.kind === 'Group' ? takeGroup(binding, subject, about) : takeUser(binding, subject)),
    others
      ? `Leave ${role.kind} ${role.name} as it is: others go by it.`
      : `Or take the rule out of ${role.kind} ${role.name} (kubectl edit), which takes it from all that are bound to it.`,
  ]
}

function takeUser(binding: Grant['binding'], subject: Grant['subject']): Step[] {
  return [
    `Take ${subject.kind} ${subject.name} out of the ${inWords(binding)}. This does, and takes from ${subject.name} all that it gives:`,
    shell(takeSubject(binding, subject)),
  ]
}

/** A group may have others in it; one of the system has the cluster's own parts in it. */
function takeGroup(binding: Grant['binding'], subject: Grant['subject'], about: About): Step[] {
  const group = subject.name
  if (group.startsWith('system:')) {
    return [
      `The role is in ${group}, which is for parts of the cluster itself, and the ${inWords(binding)} has to stay as it is. If such a part, like a node, has this role, give the runner a role of its own. If none has:`,
      ...leaveGroup(group, about),
    ]
  }
  return [
    ...leaveGroup(group, about),
    `Or take the group out of the ${inWords(binding)}, which takes from all that are in the group ${group} all that it gives:`,
    shell(takeSubject(binding, subject)),
  ]
}

function inWords({ kind, name, namespace }: Grant['binding']): string {
  return `${kind} ${name}${namespace ? ` in ${namespace}` : ''}`
}

const EVERYONE = 'system:authenticated'
/** https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles */
const DEFAULT_ROLES = ['cluster-admin', 'admin', 'edit', 'view']

function objectOf({ kind, name, namespace }: Grant['binding']): string[] {
  return [kind.toLowerCase(), name, ...(namespace ? ['-n', namespace] : [])]
}

/**
 * Takes one subject out of a binding and leaves the others. It is found by kubectl itself, and the patch is refused if
 * another stands in its place by then.
 */
function takeSubject(binding: Grant['binding'], { kind, name }: Grant['subject']): string {
  const [quotedKind, quotedName] = [kind, name].map(text => JSON.stringify(text))
  const template = `{{range $at, $subject := .subjects}}{{if and (eq $subject.kind ${quotedKind}) (eq $subject.name ${quotedName})}}{{$at}}{{end}}{{end}}`
  const patch = (at: string) =>
    `[{"op":"test","path":"/subjects/${at}/name","value":${quotedName}},{"op":"remove","path":"/subjects/${at}"}]`
  const [before = '', between = '', after = ''] = patch('\0').split('\0')
  const object = objectOf(binding)
  return [
    `at=$(${commandLine('kubectl', 'get', ...object)} -o go-template=${shellWord(template)})`,
    `${commandLine('kubectl', 'patch', ...object)} --type json -p ${shellWord(before)}"$at"${shellWord(between)}"$at"${shellWord(after)}`,
  ].join('\n')
}

function leaveGroup(group: string, about: About): Step[] {
  return [
    `Take the role alone out of the group ${group}, in what maps it.`,
    ...changeMapping(about, without(group, about)),
  ]
}

function without(group: string, about: About): Mapping {
  const { username, groups } = mappingNow(about)
  return { username, groups: groups.filter(name => name !== group) }
}

/**
 * Who is in system:masters is allowed everything, and no rule is looked at. Only aws-auth puts somebody into it, and EKS
 * itself the one who made the cluster, by no mapping that could be seen
 * (https://docs.aws.amazon.com/eks/latest/userguide/grant-k8s-access.html).
 */
function leaveMasters(about: About): Remedy {
  const change = changeBlock(mappedPrincipal(about), without(MASTERS, about))
  const all = `The role is in ${MASTERS}, which may do everything whatever RBAC says.`
  if (about.username !== CREATOR) return { cure: [`${all} Take it out of that group:`, ...change] }
  const mapped: Possibility = {
    cause: `aws-auth maps the role to ${CREATOR} and ${MASTERS}`,
    tell: ['It has an entry there:', shell('kubectl -n kube-system get configmap aws-auth -o yaml')],
    cure: change,
  }
  return {
    cure: [
      `${all} Most likely it has made the cluster: EKS calls its maker ${CREATOR} and puts it into that group, and no mapping takes it out. Run the job with another role (role-arn); or let access entries count in the cluster, which cannot be taken back, and delete that of the role (aws eks update-cluster-config --access-config, aws eks delete-access-entry).`,
    ],
    otherwise: [mapped],
  }
}

/** https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html */
const CREATOR = 'kubernetes-admin'

/**
 * The binding of an access policy is named after the entry's principal and the policy, with a plus between them, and its
 * role after the policy, as audit logs show. Names of roles may have a plus in them, too.
 */
function takePolicy({ binding, role }: Grant, about: About): Step[] {
  const { region, cluster } = about
  const policy = `+${role.name}`
  const principalArn = binding.name.endsWith(policy)
    ? binding.name.slice(0, -policy.length)
    : mappedPrincipal(about).arn
  const of = ['--region', region, '--cluster-name', cluster, '--principal-arn', principalArn]
  return [
    `The access policy ${role.name} of its access entry allows it. Take that from it:`,
    shell(commandLine('aws', 'eks', 'disassociate-access-policy', ...of, '--policy-arn', role.name)),
    'What it needs of that, give it by RBAC or by a smaller access policy (aws eks list-access-policies).',
  ]
}
