import { createHash } from 'node:crypto'
import { type ClusterReference, type Principal, principalOf } from '../aws/arn.ts'
import { BadInput } from '../bad-input.ts'
import { InputReader } from '../input-reader.ts'
import { TOKEN_PROVIDERS, type TokenProviderName } from '../inputs.ts'
import type { Rule } from '../kube/rules.ts'

/** Where the role is mapped: what the cluster's authentication mode allows, an access entry, or aws-auth. */
export const METHODS = ['auto', 'access-entry', 'aws-auth'] as const
export const MODES = ['apply', 'plan', 'revoke'] as const

/** What an administrator's workflow asks for, checked. */
export interface GrantInputs {
  cluster: ClusterReference
  /** Of a cluster given by name; undefined: ask the instance. */
  region: string | undefined
  /** To be granted, with its path. */
  role: Principal
  /** May hold placeholders such as `{{SessionName}}`. */
  username: string
  groups: string[]
  can: Rule[]
  /** Of every object that is made. */
  name: string
  method: (typeof METHODS)[number]
  mode: (typeof MODES)[number]
  allowAdmin: boolean
  tokenProvider: TokenProviderName
  timeoutSeconds: number
  summary: boolean
  /** The profile that the environment names, in the AWS CLI's order. */
  profile: string | undefined
}

/**
 * Reads the inputs of a grant from the environment. Nothing is asked of any network.
 *
 * @throws BadInput with every mistake that was found
 */
export function readGrantInputs(env: NodeJS.ProcessEnv): GrantInputs {
  const reader = new GrantReader(env)
  const clusters = reader.oneCluster()
  const role = reader.role()
  const mode = reader.oneOf('mode', MODES, 'apply')
  // Nothing else of a session is the same for all of a role's.
  const username = (reader.line('username') ?? role.name).replaceAll('{{AccountID}}', role.account)
  const groups = reader.groups()
  const can = mode === 'revoke' ? [] : reader.rulesOf('can', 'list namespaces')
  const inputs: GrantInputs = {
    cluster: clusters[0] ?? { name: '' },
    region: reader.region(clusters),
    role,
    username,
    groups,
    can,
    name: reader.objectName(username),
    method: reader.oneOf('method', METHODS, 'auto'),
    mode,
    allowAdmin: reader.flag('allow-admin', false),
    tokenProvider: reader.oneOf('token-provider', TOKEN_PROVIDERS, 'aws'),
    timeoutSeconds: reader.seconds('timeout', 30),
    summary: reader.flag('summary', true),
    profile: env.AWS_DEFAULT_PROFILE || env.AWS_PROFILE || undefined,
  }
  reader.checkSubject(inputs)
  if (reader.mistakes.length > 0) throw new BadInput(reader.mistakes)
  return inputs
}

/**
 * Whether a username of a mapping stands for many: something of the session is put in its place
 * (aws-iam-authenticator, README, "Full Configuration Format").
 */
export function isTemplate(username: string): boolean {
  return /\{\{(?:SessionName|SessionNameRaw|AccessKeyID|EC2PrivateDNSName)\}\}/.test(username)
}

/** Of a role that could not be read; never used, as that is a mistake. */
const NOBODY: Principal = { partition: '', account: '', kind: 'role', path: '/', name: '', arn: '' }

/** The value of a label (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/), which a name is, too. */
const LABEL_VALUE = /^(?=.{1,63}$)[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?$/

class GrantReader extends InputReader {
  oneCluster(): ClusterReference[] {
    const clusters = this.clusters()
    if (clusters.length > 1)
      this.wrong('cluster-name', `it names ${clusters.length} clusters`, 'one cluster, by name or ARN')
    return clusters
  }

  role(): Principal {
    const arn = this.roleArn('role-arn')
    if (arn === undefined && this.text('role-arn') === undefined)
      this.wrong('role-arn', 'it is missing', 'arn:aws:iam::ACCOUNT:role/NAME')
    return principalOf(arn ?? '') ?? NOBODY
  }

  /** One line of text. */
  line(name: string): string | undefined {
    const text = this.text(name)
    if (text !== undefined && /[\p{Cc}]/u.test(text))
      this.wrong(name, 'it holds control characters', 'one line of text')
    return text
  }

  groups(): string[] {
    const groups = this.list('groups') ?? []
    for (const twice of new Set(groups.filter((text, index) => groups.indexOf(text) !== index)))
      this.wrong('groups', `"${twice}" stands there twice`, 'each group once')
    for (const group of groups.filter(text => text.includes('{{')))
      this.wrong('groups', `"${group}" is another group for each session`, 'groups that are the same for all')
    return [...new Set(groups)].sort()
  }

  objectName(username: string): string {
    const accepted = 'letters, digits, "-", "_" and ".", a letter or digit first and last, at most 63'
    return this.matching('name', text => LABEL_VALUE.test(text), accepted) ?? nameFor(username)
  }

  /** Rules have to be bound to somebody. */
  checkSubject({ username, groups, can }: GrantInputs): void {
    if (can.length === 0 || groups.length > 0 || !isTemplate(username)) return
    this.wrong(
      'groups',
      `without one there is nobody to give rules to: "${username}" is another for each session`,
      'one or several groups, a line each or with commas; or an empty can',
    )
  }
}

/** What was lost in the spelling is in the digest. */
function nameFor(username: string): string {
  const plain = `eks-login-${username}`
  if (LABEL_VALUE.test(plain)) return plain
  const digest = createHash('sha256').update(plain).digest('hex').slice(0, 8)
  const spelled = plain.replace(/[^-\w.]+/g, '-').slice(0, 63 - 9)
  return `${spelled.replace(/[-_.]+$/, '')}-${digest}`
}
