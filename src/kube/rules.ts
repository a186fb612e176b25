/** Where a rule asks: where the context points, in one namespace (`-n`), or in all of them (`-A`). */
export type Scope = { kind: 'default' } | { kind: 'namespace'; namespace: string } | { kind: 'all' }

export interface ResourceRule {
  kind: 'resource'
  /** as the user wrote it, blanks trimmed */
  text: string
  verb: string
  /** RESOURCE, RESOURCE.GROUP or RESOURCE.VERSION.GROUP as written; what it means only the cluster knows */
  resource: string
  name: string | null
  subresource: string | null
  scope: Scope
}

export interface UrlRule {
  kind: 'url'
  text: string
  verb: string
  path: string
}

export type Rule = ResourceRule | UrlRule

/** A rule that asks nothing sensible, and why. */
export interface RuleMistake {
  kind: 'mistake'
  /** the rule as the user wrote it */
  rule: string
  problem: string
  /** the whole sentence, to show as it is */
  message: string
}

/** One form, shown with every mistake of form. */
export const RULE_FORM =
  'VERB RESOURCE[.GROUP][/NAME] [--subresource=S] [-n NAMESPACE | -A], or VERB /non/resource/url'

/**
 * What API resources serve (kubernetes.io/docs/reference/access-authn-authz/authorization, request verbs).
 */
export const API_VERBS = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
] as const

/**
 * What only the authorizer is ever asked, so that discovery lists it nowhere: the rest of the verbs that
 * `kubectl auth can-i` knows (kubectl v1.37, pkg/cmd/auth/cani.go, resourceVerbs).
 */
export const RBAC_VERBS = [
  'use',
  'bind',
  'escalate',
  'impersonate',
  'approve',
  'sign',
  'attest',
  '*',
] as const

/** kubectl's list (cani.go, nonResourceURLVerbs): HTTP methods in lower case. */
const URL_VERBS = ['get', 'put', 'post', 'head', 'options', 'delete', 'patch', '*']

/**
 * Reads one rule: what a person types after `kubectl auth can-i`, flags in any place and in all of pflag's
 * spellings (`-n web`, `-nweb`, `-n=web`, `--namespace web`, `--namespace=web`), words in matching quotes or
 * without. `kubectl auth can-i` itself in front is taken for what it is, a line pasted from a terminal: as a
 * rule it could mean nothing else.
 *
 * Where kubectl accepts what can only be a slip, and then asks about something that does not exist, this is a
 * mistake, for the answer "no" would pass as a proof: a name that holds a slash, is empty or is `*`, a
 * namespace no cluster can have, `-n` together with `-A` or with a URL, a URL verb that is no HTTP method, a
 * URL that is a resource's own.
 *
 * @returns the rule, or the mistake; never throws
 */
export function parseRule(text: string): Rule | RuleMistake {
  const trimmed = text.trim()
  try {
    return readRule(trimmed)
  } catch (error) {
    if (error instanceof Slip) return mistake(trimmed, error.message, RULE_FORM)
    throw error
  }
}

/**
 * Reads a rule a line; blank lines count for nothing. All mistakes are found, each with its line (from 1).
 */
export function parseRules(text: string): { rules: Rule[]; mistakes: (RuleMistake & { line: number })[] } {
  const rules: Rule[] = []
  const mistakes: (RuleMistake & { line: number })[] = []
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (!line.trim()) continue
    const rule = parseRule(line)
    if (rule.kind === 'mistake') mistakes.push({ ...rule, line: index + 1 })
    else rules.push(rule)
  }
  return { rules, mistakes }
}

/**
 * The rule as arguments of `kubectl auth can-i`, to paste into a shell. `parseRule` reads it back as the same
 * rule.
 */
export function formatRule(rule: Rule): string {
  if (rule.kind === 'url') return words(rule.verb, rule.path)
  const { verb, resource, name, subresource, scope } = rule
  return words(
    verb,
    name === null ? resource : `${resource}/${name}`,
    ...(subresource === null ? [] : [`--subresource=${subresource}`]),
    ...(scope.kind === 'namespace' ? ['-n', scope.namespace] : []),
    ...(scope.kind === 'all' ? ['-A'] : []),
  )
}

/** A mistake in a rule; `accepted` is said where the rule's form is what is wrong. */
export function mistake(rule: string, problem: string, accepted?: string): RuleMistake {
  const message = `rule "${rule}": ${problem}${accepted ? `; accepted: ${accepted}` : ''}`
  return { kind: 'mistake', rule, problem, message }
}

/** Quotes only what a shell would expand. */
function words(...list: string[]): string {
  return list.map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`)).join(' ')
}

/** Never leaves this file: parseRule turns it into a RuleMistake. */
class Slip extends Error {}

function readRule(text: string): Rule {
  const { arguments: given, flags } = readFlags(withoutCommand(text.split(/\s+/).map(unquote)))
  const [verb, target, extra] = given
  if (!verb) throw new Slip('a verb is missing')
  if (verb === 'kubectl') throw new Slip('a rule begins with its verb: drop "kubectl"')
  if (!target) throw new Slip('a resource or a URL is missing')
  if (extra !== undefined) throw new Slip(`"${extra}" is one word too many`)
  return target.startsWith('/') ? readUrl(text, verb, target, flags) : readResource(text, verb, target, flags)
}

function withoutCommand(given: string[]): string[] {
  const command = given[0] === 'kubectl' ? given.slice(1) : given
  return command[0] === 'auth' && command[1] === 'can-i' ? command.slice(2) : given
}

function unquote(word: string): string {
  const inner = /^'([^']*)'$/.exec(word)?.[1] ?? /^"([^"]*)"$/.exec(word)?.[1] ?? word
  if (/["']/.test(inner)) throw new Slip(`the quotes in ${word} do not match`)
  return inner
}

interface Flags {
  namespace: string | null
  subresource: string | null
  all: boolean
}

function readFlags(given: string[]): { arguments: string[]; flags: Flags } {
  const flags: Flags = { namespace: null, subresource: null, all: false }
  const rest: string[] = []
  const waiting = [...given]
  for (let word = waiting.shift(); word !== undefined; word = waiting.shift()) {
    if (word.startsWith('#')) throw new Slip('a rule takes no comment')
    if (!word.startsWith('-')) {
      rest.push(word)
      continue
    }
    const { flag, value } = readFlag(word)
    if (flag === 'all') {
      flags.all = true
      continue
    }
    if (flags[flag] !== null) throw new Slip(`--${flag} is given twice`)
    flags[flag] = value ?? waiting.shift() ?? ''
    if (!flags[flag]) throw new Slip(`${word} has no value`)
  }
  return { arguments: rest, flags }
}

function readFlag(word: string): { flag: keyof Flags; value?: string } {
  if (word === '-A' || word === '--all-namespaces') return { flag: 'all' }
  const long = /^--(namespace|subresource)(?:=(.*))?$/.exec(word)
  if (long) return { flag: long[1] as keyof Flags, ...(long[2] === undefined ? {} : { value: long[2] }) }
  const short = /^-n(?:=(.*)|(.+))?$/.exec(word)
  if (!short) throw new Slip(`the flag ${word} is not accepted`)
  return { flag: 'namespace', ...(word === '-n' ? {} : { value: short[1] ?? short[2] ?? '' }) }
}

/**
 * RESOURCE, RESOURCE.GROUP, RESOURCE.VERSION.GROUP (an empty GROUP is the core one), `*`, `*.GROUP`, `*.*`
 */
const RESOURCE = /^(?:\*(?:\.(?:\*|[a-z0-9.-]+))?|[a-z0-9][a-z0-9-]*(?:\.[a-z0-9.-]*)?)$/i
/** One colon joins the parts of verbs like Kubernetes' own `impersonate-on:user-info:get`. */
const VERB = /^(?:\*|[a-z][a-z0-9-]*(?::[a-z0-9-]+)*)$/i
/** Whether a namespace can be called so: an RFC 1123 label, as the API server demands. */
export function isNamespace(text: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text)
}

function readResource(text: string, verb: string, target: string, flags: Flags): ResourceRule {
  const slash = target.indexOf('/')
  const resource = slash < 0 ? target : target.slice(0, slash)
  const verbs: readonly string[] = API_VERBS
  if (`${verb}${target}`.includes(','))
    throw new Slip('a rule has one verb and one resource: write a line for each')
  if (!VERB.test(verb)) throw new Slip(`"${verb}" is no verb`)
  if (!RESOURCE.test(resource)) throw new Slip(`"${resource}" is no resource`)
  if (verbs.includes(resource) && !verbs.includes(verb)) {
    throw new Slip(`the verb comes first: write "${resource} ${verb}"`)
  }
  const name = slash < 0 ? null : readName(resource, target.slice(slash + 1))
  const subresource = flags.subresource === null ? null : readSubresource(flags.subresource)
  return { kind: 'resource', text, verb, resource, name, subresource, scope: readScope(flags) }
}

/**
 * What the API server takes for an object's name in a URL (apimachinery, IsValidPathSegmentName); signers'
 * hold a slash.
 */
function readName(resource: string, name: string): string {
  if (!name) throw new Slip('a name is missing after the slash')
  if (name === '*') throw new Slip('a name is that of one object: leave it out to ask about any')
  const [first, subresource] = name.split('/')
  if (subresource !== undefined && !/^signers(\.|$)/i.test(resource)) {
    throw new Slip(
      `a name holds no slash: for a subresource write ${resource}/${first} --subresource=${subresource}`,
    )
  }
  if (/%/.test(name) || name === '.' || name === '..') throw new Slip(`"${name}" is no name`)
  return name
}

function readSubresource(subresource: string): string {
  const last = subresource.slice(subresource.lastIndexOf('/') + 1)
  if (subresource.includes('/')) throw new Slip(`a subresource is one word: write --subresource=${last}`)
  if (!/^(\*|[a-z0-9][a-z0-9-]*)$/i.test(subresource)) throw new Slip(`"${subresource}" is no subresource`)
  return subresource
}

function readScope({ namespace, all }: Flags): Scope {
  if (namespace === null) return all ? { kind: 'all' } : { kind: 'default' }
  if (all) throw new Slip('-n and -A exclude each other')
  if (namespace === '*') throw new Slip('a namespace is that of one: -A asks about all')
  if (!isNamespace(namespace)) {
    throw new Slip(`"${namespace}" is no namespace: it is lower-case letters, digits and "-", at most 63`)
  }
  return { kind: 'namespace', namespace }
}

function readUrl(text: string, verb: string, path: string, flags: Flags): UrlRule {
  if (flags.subresource !== null) throw new Slip('a URL has no subresource')
  if (flags.namespace !== null || flags.all) throw new Slip('a URL is in no namespace: drop -n or -A')
  if (!URL_VERBS.includes(verb)) throw new Slip(`a URL has no verb "${verb}", only ${URL_VERBS.join(', ')}`)
  if (/[?#]/.test(path)) throw new Slip('a URL is its path alone, without "?" and "#"')
  if (/\*./.test(path)) throw new Slip('a "*" in a URL stands only at its end')
  if (isResourceUrl(path)) {
    throw new Slip(
      `${path} is the URL of a resource, and the API server asks about its resource: write VERB RESOURCE`,
    )
  }
  return { kind: 'url', text, verb, path }
}

/**
 * Whether the API server takes a request for this path as one for a resource, so that no rule on URLs ever
 * counts (apiserver v0.37, pkg/endpoints/request/requestinfo.go). A pattern is left to whoever wrote it.
 */
function isResourceUrl(path: string): boolean {
  const parts = path.split('/').filter(Boolean)
  if (path.endsWith('*')) return false
  return (parts[0] === 'api' && parts.length >= 3) || (parts[0] === 'apis' && parts.length >= 4)
}
