import { closest, distance } from 'fastest-levenshtein'
import type { ApiClient } from './client.ts'
import { type ApiResource, type Discovery, discover } from './discovery.ts'
import {
  API_VERBS,
  formatRule,
  mistake,
  RBAC_VERBS,
  type ResourceRule,
  type Rule,
  type RuleMistake,
  type UrlRule,
} from './rules.ts'

/**
 * The question that is put to the authorizer, field by field as kubectl puts it; empty means none, as in the
 * API.
 */
export interface ResourceAttributes {
  namespace: string
  verb: string
  group: string
  resource: string
  subresource: string
  name: string
}

export interface UrlAttributes {
  verb: string
  path: string
}

/** Something that the user should know about a rule which is valid as it stands. */
export interface Note {
  code: 'name-is-subresource' | 'not-namespaced' | 'ambiguous-short-name' | 'custom-verb' | 'core-group-only'
  text: string
}

export type ResolvedRule =
  | {
      kind: 'resource'
      rule: ResourceRule
      attributes: ResourceAttributes
      namespaced: boolean
      notes: Note[]
    }
  | { kind: 'url'; rule: UrlRule; attributes: UrlAttributes; notes: Note[] }

/**
 * Turns rules into the questions that `kubectl auth can-i` would ask, by the cluster's own discovery. All
 * mistakes are found, none hides another.
 *
 * @param defaultNamespace of rules without -n and -A: the context's, else 'default'
 * @throws ApiProblem where discovery is refused or not understood
 */
export async function resolveRules(
  api: ApiClient,
  rules: readonly Rule[],
  defaultNamespace: string,
): Promise<{ resolved: ResolvedRule[]; mistakes: RuleMistake[] }> {
  const discovery = await discover(api, rules)
  const resolved: ResolvedRule[] = []
  const mistakes: RuleMistake[] = []
  for (const rule of rules) {
    const outcome = resolveRule(discovery, rule, defaultNamespace)
    if (outcome.kind === 'mistake') mistakes.push(outcome)
    else resolved.push(outcome)
  }
  return { resolved, mistakes }
}

/**
 * The rule in full as arguments of `kubectl auth can-i`: the resource's own name, its group, the namespace
 * asked about.
 */
export function formatResolved(resolved: ResolvedRule): string {
  if (resolved.kind === 'url') return formatRule(resolved.rule)
  const { rule, attributes, namespaced } = resolved
  const { resource, group, namespace } = attributes
  const asked: ResourceRule['scope'] = namespace === '' ? { kind: 'all' } : { kind: 'namespace', namespace }
  const scope = rule.scope.kind === 'default' && namespaced ? asked : rule.scope
  return formatRule({ ...rule, resource: qualified(resource, group), scope })
}

/* What a rule means. */

/**
 * Finds what a rule asks about, as kubectl does: a name in any case, a short name, a group's beginning
 * instead of its whole (`deployments.app`), the first group in the server's order where several have it, and
 * the namespace sent along even for what is in none.
 *
 * It differs where kubectl only warns, or does not even that, and asks about something that is not there, for
 * then "no" is no proof. These are mistakes, with the nearest that there is:
 * - an unknown resource, and the `podlists` and `lists` that kubectl guesses from kinds
 *   (restmapper/discovery.go);
 * - an unknown subresource;
 * - a verb that the resource does not serve, unless it is one of RBAC_VERBS, which the API server asks the
 *   authorizer itself, or has a colon, the form of Kubernetes' own later verbs
 *   (`impersonate-on:user-info:get`), which is no slip of any verb that is served. A custom verb without a
 *   colon is refused: nothing tells it from a slip.
 *
 * And it knows what kubectl does not: `*.GROUP` and `*.*`, resources and subresources that only the
 * authorizer knows (AUTHORIZER_RESOURCES).
 *
 * @param discovery what `discover` read for this rule
 */
export function resolveRule(
  discovery: Discovery,
  rule: Rule,
  defaultNamespace: string,
): ResolvedRule | RuleMistake {
  if (rule.kind === 'url') {
    return { kind: 'url', rule, attributes: { verb: rule.verb, path: rule.path }, notes: [] }
  }
  const found = find(discovery, rule)
  if ('problem' in found) return mistake(rule.text, found.problem)
  const { target } = found
  const problem = subresourceProblem(target, rule) ?? verbProblem(target, rule)
  if (problem) return mistake(rule.text, problem)
  return {
    kind: 'resource',
    rule,
    attributes: {
      namespace: namespaceOf(rule, defaultNamespace),
      verb: rule.verb,
      group: target.group,
      resource: target.resource,
      subresource: rule.subresource ?? '',
      name: rule.name ?? '',
    },
    namespaced: target.namespaced,
    notes: [...found.notes, ...notesOn(target, rule)],
  }
}

function namespaceOf({ scope }: ResourceRule, defaultNamespace: string): string {
  if (scope.kind === 'namespace') return scope.namespace
  return scope.kind === 'all' ? '' : defaultNamespace
}

/** What a rule asks about: a resource in all its versions, or `*`. */
interface Target {
  group: string
  resource: string
  namespaced: boolean
  verbs: ReadonlySet<string>
  subresources: ReadonlyMap<string, ReadonlySet<string>>
}

type Found = { target: Target; notes: Note[] } | { problem: string }

function find(discovery: Discovery, rule: ResourceRule): Found {
  const typed = rule.resource.toLowerCase()
  if (typed.startsWith('*')) return findAll(discovery, typed)
  const named = { ...discovery, resources: discovery.resources.filter(({ kind }) => kind !== '') }
  let ambiguity: Found | undefined
  for (const query of readings(typed)) {
    const { expanded, others } = expand(named, query)
    const match = choose(named, expanded)
    // kubectl goes on to the other reading, as if there were no match.
    if (match === 'ambiguous')
      ambiguity = { problem: `"${rule.resource}" fits several resources of one group` }
    else if (match)
      return { target: targetOf(discovery, match), notes: others.map(other => ambiguous(query, other)) }
  }
  return findHidden(discovery, typed) ?? ambiguity ?? { problem: unknownResource(discovery, rule.resource) }
}

interface Query {
  resource: string
  version: string
  group: string
}

/**
 * `a.b.c` is resource a, version b, group c, and if there is none, resource a of group b.c
 * (schema.ParseResourceArg).
 */
function readings(typed: string): Query[] {
  const [resource = '', first = '', ...rest] = typed.split('.')
  const whole = { resource, version: '', group: [first, ...rest].join('.') }
  return rest.length === 0 ? [whole] : [{ resource, version: first, group: rest.join('.') }, whole]
}

/**
 * Short name → full name (restmapper/shortcut.go, expandResourceShortcut); an exact name is never taken for a
 * short one.
 */
function expand({ resources }: Discovery, query: Query): { expanded: Query; others: ApiResource[] } {
  const inGroup = resources.filter(({ group }) => query.group === '' || group === query.group)
  const isExact = inGroup.some(({ name, singular }) => name === query.resource || singular === query.resource)
  if (isExact) return { expanded: query, others: [] }
  const hasShort = ({ shortNames }: ApiResource) => shortNames.includes(query.resource)
  const [first, ...rest] = distinct(inGroup.filter(hasShort))
  if (first) return { expanded: { resource: first.name, group: first.group, version: '' }, others: rest }
  const prefixed = resources.find(resource => resource.group.startsWith(query.group) && hasShort(resource))
  if (!prefixed || query.group === '') return { expanded: query, others: [] }
  return { expanded: { ...query, resource: prefixed.name, group: prefixed.group }, others: [] }
}

function distinct(resources: ApiResource[]): ApiResource[] {
  return [
    ...new Map(resources.map(resource => [qualified(resource.name, resource.group), resource])).values(),
  ]
}

/**
 * The match in the first group and version that has one. A version asks for the exact group, none for a group
 * that begins so (apimachinery v0.37, meta.DefaultRESTMapper.ResourcesFor and
 * meta.PriorityRESTMapper.ResourceFor).
 */
function choose({ resources }: Discovery, query: Query): ApiResource | 'ambiguous' | undefined {
  const inGroup = ({ group, version }: ApiResource) => {
    if (query.version === '') return group.startsWith(query.group)
    return version === query.version && (query.group === '' || group === query.group)
  }
  const matches = resources.filter(resource => inGroup(resource) && answersTo(resource, query.resource))
  const [first] = matches
  const beside = matches.filter(({ group, version }) => group === first?.group && version === first.version)
  return beside.length > 1 ? 'ambiguous' : first
}

/**
 * A kind is found by its singular, which is the kind in lower case; servers that name no singular mean just
 * that.
 */
function answersTo(resource: ApiResource, name: string): boolean {
  return resource.name === name || (resource.singular || resource.kind.toLowerCase()) === name
}

/** Verbs and subresources of all versions together: the authorizer does not look at the version. */
function targetOf({ resources }: Discovery, { group, name, namespaced }: ApiResource): Target {
  const versions = resources.filter(resource => resource.group === group && resource.name === name)
  const hidden = AUTHORIZER_SUBRESOURCES.filter(({ of }) => of === null || of === qualified(name, group))
  const subresources = new Map<string, ReadonlySet<string>>()
  for (const one of [...versions, ...hidden].flatMap(source => source.subresources)) {
    subresources.set(one.name, new Set([...(subresources.get(one.name) ?? []), ...one.verbs]))
  }
  return {
    group,
    resource: name,
    namespaced,
    verbs: new Set(versions.flatMap(({ verbs }) => verbs)),
    subresources,
  }
}

/**
 * `*` asks about the core group, as kubectl asks; `*.GROUP` and `*.*` are ours: kubectl asks about a resource
 * that is called `*.GROUP`. A group of "*" means all in a review (API reference, ResourceAttributes).
 */
function findAll({ resources }: Discovery, typed: string): Found {
  const group = typed.slice(2)
  const within = resources.filter(resource => typed === '*' || group === '*' || resource.group === group)
  if (group !== '' && group !== '*' && within.length === 0) {
    const nearest = nearestOf(group, resources.map(resource => resource.group).filter(Boolean))
    return { problem: `the cluster has no API group "${group}"${suggestion(nearest && `*.${nearest}`)}` }
  }
  const names = [...within, ...AUTHORIZER_SUBRESOURCES].flatMap(({ subresources }) => subresources)
  const subresources = new Map(names.map(({ name }) => [name, new Set<string>(API_VERBS)]))
  const text = '"*" asks about the core group, as in kubectl; "*.*" asks about every group'
  return {
    target: { group, resource: '*', namespaced: true, verbs: new Set(API_VERBS), subresources },
    notes: typed === '*' ? [{ code: 'core-group-only', text }] : [],
  }
}

/* What no discovery lists. */

/**
 * Resources that exist for the authorizer alone: whom one may impersonate
 * (kubernetes.io/docs/reference/access-authn-authz/ authentication, user impersonation), and whose
 * certificates one may approve, sign and attest (…/certificate-signing-requests). kubectl knows users and
 * groups and asks about the others in the wrong group.
 */
const AUTHORIZER_RESOURCES = [
  { group: '', resource: 'users' },
  { group: '', resource: 'groups' },
  { group: 'authentication.k8s.io', resource: 'uids' },
  { group: 'authentication.k8s.io', resource: 'userextras' },
  { group: 'certificates.k8s.io', resource: 'signers' },
]

/**
 * Subresources that exist for the authorizer alone: what a kubelet asks about requests to it
 * (kubernetes.io/docs/reference/ access-authn-authz/kubelet-authn-authz), and what owner references need
 * (…/admission-controllers, OwnerReferencesPermissionEnforcement).
 */
const AUTHORIZER_SUBRESOURCES = [
  {
    of: 'nodes',
    subresources: ['checkpoint', 'configz', 'healthz', 'log', 'metrics', 'pods', 'stats', 'statusz'].map(
      name => ({ name, verbs: ['get', 'create', 'update', 'patch', 'delete'] }),
    ),
  },
  { of: null, subresources: [{ name: 'finalizers', verbs: ['update'] }] },
]

function findHidden(discovery: Discovery, typed: string): Found | undefined {
  const place = ({ resource, group }: { resource: string; group: string }) =>
    qualified(resource, group) === typed
  const known = AUTHORIZER_RESOURCES.find(place)
  if (known) {
    // userextras' subresource is the key of the extra, any word.
    return { target: { ...known, namespaced: false, verbs: new Set(), subresources: new Map() }, notes: [] }
  }
  const parent = discovery.resources.find(
    ({ name, group, kind }) => kind === '' && place({ resource: name, group }),
  )
  return parent && { target: targetOf(discovery, parent), notes: [] }
}

/* What is wrong with a rule, and what is odd. */

function unknownResource({ resources, unavailable }: Discovery, typed: string): string {
  const name = typed.toLowerCase()
  const [plain = '', ...group] = name.split('.')
  const elsewhere = group.length > 0 && resources.find(resource => answersTo(resource, plain))
  const spelled = resources.flatMap(resource =>
    group.length > 0
      ? [qualified(resource.name, resource.group)]
      : [resource.name, resource.singular, ...resource.shortNames],
  )
  const nearest = elsewhere ? qualified(elsewhere.name, elsewhere.group) : nearestOf(name, spelled)
  const missing =
    unavailable.length > 0 ? ` (these API servers do not answer: ${unavailable.join(', ')})` : ''
  return `the cluster has no resource "${typed}"${suggestion(nearest)}${missing}`
}

function subresourceProblem(target: Target, { subresource }: ResourceRule): string | null {
  if (subresource === null || subresource === '*' || target.subresources.has(subresource)) return null
  if (target.resource === 'userextras') return null
  const names = [...target.subresources.keys()]
  const listed = names.length > 0 ? `; it has: ${names.sort().join(', ')}` : ''
  const name = qualified(target.resource, target.group)
  return `${name} has no subresource "${subresource}"${suggestion(nearestOf(subresource, names))}${listed}`
}

function verbProblem(target: Target, { verb, subresource }: ResourceRule): string | null {
  const special: readonly string[] = RBAC_VERBS
  if (special.includes(verb) || isCustom(verb)) return null
  const served = servedBy(target, subresource)
  if (served.has(verb)) return null
  const name = qualified(target.resource, target.group) + (subresource === null ? '' : `/${subresource}`)
  const known = [...served, ...RBAC_VERBS]
  const list = [[...served].sort().join(', '), `of RBAC: ${RBAC_VERBS.join(', ')}`].filter(Boolean).join('; ')
  return `${name} has no verb "${verb}"${suggestion(nearestOf(verb, known))}; it has ${list}`
}

function servedBy(target: Target, subresource: string | null): ReadonlySet<string> {
  if (subresource === null) return target.verbs
  if (subresource === '*') return new Set(API_VERBS)
  return target.subresources.get(subresource) ?? new Set()
}

function isCustom(verb: string): boolean {
  return verb.includes(':')
}

function notesOn(target: Target, { verb, name, subresource, scope }: ResourceRule): Note[] {
  const resource = qualified(target.resource, target.group)
  const notes: Note[] = []
  if (name !== null && subresource === null && target.subresources.has(name)) {
    const text = `kubectl and this rule read "${name}" as a name; the subresource is --subresource=${name}`
    notes.push({ code: 'name-is-subresource', text })
  }
  if (scope.kind === 'namespace' && !target.namespaced) {
    notes.push({
      code: 'not-namespaced',
      text: `${resource} is in no namespace; -n is sent, as kubectl does`,
    })
  }
  if (isCustom(verb)) {
    notes.push({ code: 'custom-verb', text: `"${verb}" is asked as it is: the cluster lists no such verbs` })
  }
  return notes
}

function ambiguous(query: Query, other: ApiResource): Note {
  const text = `the short name "${query.resource}" also fits ${qualified(other.name, other.group)}`
  return { code: 'ambiguous-short-name', text }
}

function qualified(resource: string, group: string): string {
  return group ? `${resource}.${group}` : resource
}

function suggestion(nearest: string | undefined): string {
  return nearest ? `; did you mean "${nearest}"?` : ''
}

/** A slip changes fewer than half of a word's letters; what is farther is another word. */
function nearestOf(word: string, candidates: readonly string[]): string | undefined {
  const spelled = candidates.filter(Boolean)
  if (spelled.length === 0) return undefined
  const nearest = closest(word.toLowerCase(), spelled)
  return distance(word.toLowerCase(), nearest) <= Math.max(1, word.length * 0.4) ? nearest : undefined
}
