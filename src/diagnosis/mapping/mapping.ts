import { principalOf, withoutPath } from '../../aws/arn.ts'
import { yamlItems, yamlText } from '../../kube/yaml-text.ts'
import type { About, Paste, Step } from '../failure.ts'
import { commandLine, sedPattern, sedReplacement, shell, substitution } from '../shell.ts'

// How a role or user is mapped to a user of the cluster, as steps for whoever administers it.

/** Where of aws-auth a kind of principal is mapped, and by which key. */
export const MAP_LISTS = {
  role: { list: 'mapRoles', key: 'rolearn' },
  user: { list: 'mapUsers', key: 'userarn' },
} as const

/** Whom a principal shall be in the cluster. */
export interface Mapping {
  username: string
  groups: string[]
}

/** A role or user, as each place that maps it wants to have it named. */
export interface Mapped {
  /** Its ARN as far as it is known. */
  arn: string
  /** What aws-auth wants: a role without its path. */
  mappedArn: string
  list: string
  key: string
  name: string
  /** "role" or "user". */
  kind: string
  /** Whether the ARN may lack the path of the role. */
  mayHavePath: boolean
}

/** Who made the token; a role that nobody told is named in capitals. */
export function mappedPrincipal({ caller, tokenRole, roleArn }: About): Mapped {
  const arn = caller ?? tokenRole ?? roleArn ?? 'arn:aws:iam::ACCOUNT:role/ROLE'
  const principal = principalOf(arn)
  const kind = principal?.kind ?? 'role'
  return {
    arn,
    mappedArn: principal ? withoutPath(principal) : arn,
    ...MAP_LISTS[kind],
    name: principal?.name ?? arn.slice(arn.lastIndexOf('/') + 1),
    kind,
    mayHavePath: kind === 'role' && arn !== tokenRole,
  }
}

/** Whom the workflow expects it to be, else one that is called like the role. */
export function wantedMapping({ expectUsername, expectGroups = [] }: About, { name }: Mapped): Mapping {
  return { username: expectUsername ?? name, groups: withoutEveryone(expectGroups) }
}

/** Every authenticated user is in that group, and no mapping says so. */
export function withoutEveryone(groups: readonly string[]): string[] {
  return groups.filter(group => group !== 'system:authenticated')
}

/** Maps one who is not mapped, where the cluster's authentication mode takes it from. */
export function mapCure(about: About, mapped: Mapped, wanted: Mapping): Step[] {
  const { authenticationMode = 'CONFIG_MAP' } = about
  const rights =
    'Give the user what it needs after that: a run that is let in says which rights are missing, with the manifest.'
  const byBlock = [
    ...addBlock(mapped, wanted),
    'Where there is no such ConfigMap, make it:',
    createAwsAuth(mapped, wanted),
  ]
  if (authenticationMode === 'API') return [...createEntry(about, mapped, wanted), rights]
  if (authenticationMode === 'CONFIG_MAP') return [...byBlock, rights]
  return [...createEntry(about, mapped, wanted), 'Or, in its place:', ...byBlock, rights]
}

/** https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html */
export function createEntry(about: About, mapped: Mapped, wanted: Mapping): Step[] {
  const { arn, kind } = mapped
  return [
    `Map the ${kind} with an access entry:`,
    shell(entryCommand('create-access-entry', about, arn, wanted)),
    ...pathHint(mapped),
    ...policyHint(wanted),
  ]
}

/** Makes the access entry of a principal what it shall be. */
export function updateEntry(about: About, principalArn: string, wanted: Mapping): Step[] {
  return [shell(entryCommand('update-access-entry', about, principalArn, wanted)), ...policyHint(wanted)]
}

/** Makes the access entry of a principal anew, which is then for the principal that has the ARN today. */
export function renewEntry(about: About, principalArn: string, wanted: Mapping): Step[] {
  const { region, cluster } = about
  const of = ['--region', region, '--cluster-name', cluster, '--principal-arn', principalArn]
  const policies = commandLine('aws', 'eks', 'list-associated-access-policies', ...of)
  return [
    `Delete the access entry and make it again. Its access policies go with it and have to be associated anew; \`${policies}\` lists them:`,
    shell(
      [
        commandLine('aws', 'eks', 'delete-access-entry', ...of),
        entryCommand('create-access-entry', about, principalArn, wanted),
      ].join('\n'),
    ),
  ]
}

function entryCommand(
  command: string,
  about: About,
  principalArn: string,
  { username, groups }: Mapping,
): string {
  const { region, cluster } = about
  const takes = groups.filter(group => !isOfSystem(group))
  const none = command === 'update-access-entry' ? ['[]'] : []
  const listed = takes.length > 0 ? takes : none
  return commandLine(
    ...['aws', 'eks', command, '--region', region, '--cluster-name', cluster],
    ...['--principal-arn', principalArn],
    ...(RESERVED.test(username) ? [] : ['--username', username]),
    ...(listed.length > 0 ? ['--kubernetes-groups', ...listed] : []),
  )
}

/** What no username of an access entry may begin with (same page, --username). */
const RESERVED = /^(?:system|eks|aws|amazon|iam):/

function isOfSystem(group: string): boolean {
  return group.startsWith('system:')
}

/** That an access entry wants more than may be known of the ARN. */
export function pathHint({ name, mayHavePath }: Mapped): string[] {
  if (!mayHavePath) return []
  return [
    `If the role has a path, this wants the ARN with the path, which \`${commandLine('aws', 'iam', 'get-role', '--role-name', name, '--query', 'Role.Arn', '--output', 'text')}\` tells.`,
  ]
}

function policyHint({ groups }: Mapping): string[] {
  const refused = groups.filter(isOfSystem)
  if (refused.length === 0) return []
  return [
    `An access entry takes no group of the system (${refused.join(', ')}): what that group may do is given by an access policy (aws eks associate-access-policy) or by bindings of another group.`,
  ]
}

/** https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html */
export function addBlock(mapped: Mapped, wanted: Mapping, indent = ''): Step[] {
  const { list, arn, mappedArn, mayHavePath } = mapped
  return [
    `Add this entry to the list under ${list} in the ConfigMap kube-system/aws-auth, as deep as the entries that are there:`,
    EDIT,
    {
      language: 'yaml',
      text: mapBlock(mapped, wanted)
        .map(line => indent + line)
        .join('\n'),
    },
    ...(mappedArn !== arn || mayHavePath
      ? ['The ARN stands there without the path of the role, as a session does not tell it.']
      : []),
  ]
}

/** Makes the entry of one who is mapped already what it shall be. */
export function changeBlock(mapped: Mapped, wanted: Mapping): Step[] {
  return [
    `Make the entry for ${mapped.mappedArn} under ${mapped.list} in the ConfigMap kube-system/aws-auth this:`,
    EDIT,
    { language: 'yaml', text: mapBlock(mapped, wanted).join('\n') },
  ]
}

/**
 * Makes aws-auth, for a cluster that has none; where there is one, it fails and changes nothing. Each line is a word of
 * its own, so that it may be copied from a log that indents it.
 */
export function createAwsAuth(mapped: Mapped, wanted: Mapping): Paste {
  const lines = commandLine('printf', '%s\\n', ...mapBlock(mapped, wanted))
  return shell(`kubectl -n kube-system create configmap aws-auth --from-literal=${mapped.list}="$(${lines})"`)
}

/** Opens aws-auth in an editor. */
export const EDIT: Paste = shell('kubectl -n kube-system edit configmap aws-auth')

function mapBlock({ key, mappedArn }: Mapped, { username, groups }: Mapping): string[] {
  return [
    `- ${key}: ${yamlText(mappedArn)}`,
    `  username: ${yamlText(username)}`,
    ...(groups.length > 0 ? ['  groups:', ...yamlItems(groups, '  ')] : []),
  ]
}

/**
 * Writes aws-auth with one text in place of another, and nothing if somebody else writes it meanwhile: what is replaced
 * carries its resourceVersion.
 *
 * @param pattern an extended regular expression
 */
function rewriteAwsAuth(pattern: string, replacement: string): string {
  return [
    'kubectl -n kube-system get configmap aws-auth -o json |',
    `  sed -E ${substitution(pattern, replacement)} |`,
    '  kubectl replace -f -',
  ].join('\n')
}

/** What stands around a line, in the JSON of the text that it is a line of. */
const EDGE = '(\\\\n|")'

/** Writes one line of aws-auth anew. */
export function rewriteLine(before: string, after: string): string {
  const [old, fresh] = [inJson(before), inJson(after)]
  return rewriteAwsAuth(`${EDGE}${sedPattern(old)}${EDGE}`, `\\1${sedReplacement(fresh)}\\2`)
}

/** A text as kubectl has it in JSON: Go escapes what HTML would read (https://pkg.go.dev/encoding/json#HTMLEscape). */
function inJson(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[<>&\u2028\u2029]/g, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** What ends an ARN, in the JSON of a text. */
const END = '([^[:alnum:]_+=,.@/-]|$)'
const WITHIN = '[^[:space:]"\'\\\\]*'

/** Takes the path out of the ARN of a role, whatever the path is. */
export function dropPath({ mappedArn, name }: Mapped): string {
  const beginning = mappedArn.slice(0, -name.length)
  return rewriteAwsAuth(
    `${sedPattern(beginning)}${WITHIN}/${sedPattern(name)}${END}`,
    `${sedReplacement(mappedArn)}\\1`,
  )
}

/** Puts a role in place of any session of it. */
export function dropSession({ mappedArn, name }: Mapped): string {
  const session = `${mappedArn
    .slice(0, -name.length)
    .replace(':iam:', ':sts:')
    .replace(/:role\/$/, ':assumed-role/')}${name}`
  return rewriteAwsAuth(`${sedPattern(session)}(/${WITHIN})?${END}`, `${sedReplacement(mappedArn)}\\2`)
}
