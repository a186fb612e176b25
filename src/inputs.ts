import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import type { ClusterReference } from './aws/arn.ts'
import { CREDENTIAL_SOURCES, type CredentialSource } from './aws/credential-source.ts'
import { BadInput } from './bad-input.ts'
import { concealed } from './concealed.ts'
import { InputReader } from './input-reader.ts'
import { formatRule, isNamespace, type Rule } from './kube/rules.ts'
import {
  type KubectlRequest,
  type KubectlVersion,
  OFFICIAL_HOST,
  parseChecksum,
  parseHost,
  parseKubectlVersion,
} from './kubectl/request.ts'

/** What the workflow asks for, checked. */
export interface Inputs {
  clusters: ClusterReference[]
  /** Of clusters given by name; undefined: ask the instance. */
  region: string | undefined
  alias: string | undefined
  userAlias: string | undefined
  namespace: string | undefined
  /** Absolute path. */
  kubeconfig: string
  roleArn: string | undefined
  assumeRoleArn: string | undefined
  credentialSource: CredentialSource
  tokenProvider: TokenProviderName
  can: Rule[]
  cannot: Rule[]
  expectUsername: string | undefined
  /** undefined: any groups will do. */
  expectGroups: string[] | undefined
  /** undefined: none is installed. */
  kubectl: KubectlRequest | undefined
  proxyUrl: string | undefined
  timeoutSeconds: number
  cleanup: boolean
  summary: boolean
  /** The profile that the environment names, in the AWS CLI's order: the exec block hands it on as AWS_PROFILE. */
  profile: string | undefined
}

/** Whose program the exec block runs: the AWS CLI, or the action's own signer. */
export const TOKEN_PROVIDERS = ['aws', 'builtin'] as const
export type TokenProviderName = (typeof TOKEN_PROVIDERS)[number]

type Env = NodeJS.ProcessEnv

/**
 * Reads the action's inputs from the environment. Nothing is asked of any network.
 *
 * @throws BadInput with every mistake that was found
 */
export function readInputs(env: Env): Inputs {
  const reader = new LoginReader(env)
  const clusters = reader.clusters()
  const { can, cannot } = reader.rules()
  const inputs: Inputs = {
    clusters,
    region: reader.region(clusters),
    alias: reader.forOneCluster('alias'),
    userAlias: reader.forOneCluster('user-alias'),
    namespace: reader.matching(
      'namespace',
      isNamespace,
      'a namespace: lower-case letters, digits and "-", at most 63',
    ),
    kubeconfig: reader.kubeconfig(),
    roleArn: reader.roleArn('role-arn'),
    assumeRoleArn: reader.roleArn('assume-role-arn'),
    credentialSource: reader.oneOf('credential-source', CREDENTIAL_SOURCES, 'role'),
    tokenProvider: reader.oneOf('token-provider', TOKEN_PROVIDERS, 'aws'),
    can,
    cannot,
    expectUsername: reader.text('expect-username'),
    expectGroups: reader.list('expect-groups'),
    kubectl: reader.kubectl(),
    proxyUrl: reader.proxyUrl(),
    timeoutSeconds: reader.seconds('timeout', 30),
    cleanup: reader.flag('cleanup', true),
    summary: reader.flag('summary', true),
    profile: env.AWS_DEFAULT_PROFILE || env.AWS_PROFILE || undefined,
  }
  if (reader.mistakes.length > 0) throw new BadInput(reader.mistakes)
  return inputs
}

/** The inputs that only a login has. */
class LoginReader extends InputReader {
  forOneCluster(name: string): string | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    // Those that are wrongly written count, too: all mistakes are told at once.
    const clusters = this.list('cluster-name')?.length ?? 0
    if (clusters > 1)
      this.wrong(name, `"${text}" cannot name ${clusters} clusters`, 'an alias with one cluster only')
    if (/[\p{Cc}]/u.test(text)) this.wrong(name, 'it holds control characters', 'one line of text')
    return text
  }

  kubeconfig(): string {
    const name = 'kubeconfig'
    const { RUNNER_TEMP, GITHUB_WORKSPACE } = this.env
    const text = this.text(name)
    const accepted = `the path of one file, without "${delimiter}"`
    if (text === undefined) {
      if (RUNNER_TEMP) return join(RUNNER_TEMP, 'eks-login', 'kubeconfig')
      this.wrong(name, 'it is not given, and RUNNER_TEMP, where it would go by itself, is not set', accepted)
      return ''
    }
    // KUBECONFIG is a list: a path that holds its delimiter would be read as two.
    if (text.includes(delimiter) || /[\p{Cc}]/u.test(text))
      this.wrong(name, `"${text}" is not one path`, accepted)
    if (/[/\\]$/.test(text)) this.wrong(name, `"${text}" is a folder`, accepted)
    const path = text.replace(/^~(?=[/\\])/, () => homedir())
    return resolve(GITHUB_WORKSPACE ?? '.', path)
  }

  proxyUrl(): string | undefined {
    const name = 'proxy-url'
    const text = this.text(name)
    if (text === undefined) return undefined
    const url = URL.parse(text)
    const accepted = 'http://HOST:PORT or https://HOST:PORT'
    if (!url?.hostname || !['http:', 'https:'].includes(url.protocol)) {
      this.wrong(name, `"${concealed(text)}" is no URL of an HTTP proxy`, accepted)
    } else if (text.includes('@')) {
      this.wrong(name, 'it holds a user or password, which would be a secret in the kubeconfig', accepted)
    }
    return text
  }

  kubectl(): KubectlRequest | undefined {
    const version = this.#kubectlVersion()
    const checksum = this.#kubectlChecksum(version)
    const host = this.#kubectlHost()
    if (!version) return undefined
    for (const folder of ['RUNNER_TOOL_CACHE', 'RUNNER_TEMP'].filter(name => !this.env[name])) {
      this.wrong(
        'kubectl-version',
        `${folder} is not set, and a download needs it`,
        'on a runner that sets it',
      )
    }
    return { version: version.kind === 'exact' && checksum ? { ...version, checksum } : version, host }
  }

  #kubectlVersion(): KubectlVersion | undefined {
    const name = 'kubectl-version'
    const text = this.text(name)
    const version = text === undefined ? undefined : parseKubectlVersion(text)
    if (version?.kind !== 'mistake') return version
    this.wrong(name, version.problem, 'a version like 1.37.2, a minor version like 1.37, or cluster')
    return undefined
  }

  /** It is of one file, and only an exact version names one. */
  #kubectlChecksum(version: KubectlVersion | undefined): string | undefined {
    const name = 'kubectl-checksum'
    const text = this.text(name)
    if (text === undefined) return undefined
    const checksum = parseChecksum(text)
    if (!checksum) this.wrong(name, `"${text}" is no sha256`, '64 hexadecimal digits')
    // One that is wrongly written is told already.
    const exact = version ? version.kind === 'exact' : this.text('kubectl-version')
    if (!exact)
      this.wrong(
        name,
        'kubectl-version names no one file that it could be of',
        'with an exact kubectl-version, like 1.37.2',
      )
    return checksum ?? undefined
  }

  #kubectlHost(): string {
    const name = 'kubectl-mirror'
    const text = this.text(name)
    if (text === undefined) return OFFICIAL_HOST
    const parsed = parseHost(text, this.text('kubectl-checksum') !== undefined)
    if ('host' in parsed) return parsed.host
    this.wrong(
      name,
      parsed.problem,
      'https://HOST[:PORT][/PATH]; http:// of this machine, or with kubectl-checksum',
    )
    return OFFICIAL_HOST
  }

  /** Rules given once allowed and once not contradict each other. */
  rules(): { can: Rule[]; cannot: Rule[] } {
    const can = this.rulesOf('can', 'list namespaces')
    const cannot = this.rulesOf('cannot', 'list pods')
    const allowed = new Set(can.map(formatRule))
    for (const rule of cannot.map(formatRule).filter(text => allowed.has(text))) {
      this.wrong('cannot', `"${rule}" is among the rules of can, too`, 'a rule in one of the two')
    }
    return { can, cannot }
  }
}
