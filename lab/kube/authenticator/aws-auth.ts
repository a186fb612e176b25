import { parseAllDocuments, type ScalarTag, type Tags } from 'yaml'
import type { ConfigMap } from '../objects.ts'
import type { MappingSource, UserPattern } from './mapping.ts'

/**
 * The mappings of the ConfigMap kube-system/aws-auth, as aws-iam-authenticator 0.6.13 reads them in its mode
 * EKSConfigMap (pkg/mapper/configmap): mapRoles, mapUsers and mapAccounts, each a text of YAML.
 *
 * A text that is no YAML at all maps nobody; what was in it before is forgotten, and the other two texts still count.
 * Of a text that is YAML, every part counts that has the form it must have: an entry whose username is a number is an
 * entry without a username. ARNs are compared without regard to case, byte for byte else; of two entries of one ARN the
 * later one counts; roles come before users, and users before accounts.
 *
 * @param configMap undefined: there is none
 */
export function readAwsAuth(configMap: ConfigMap | undefined): MappingSource {
  const { mapRoles = '', mapUsers = '', mapAccounts = '' } = configMap?.data ?? {}
  const roles = patternsOf(mapRoles, 'rolearn')
  const users = patternsOf(mapUsers, 'userarn')
  const accounts = new Set(accountsOf(mapAccounts))
  return identity => {
    const arn = identity.canonicalArn.toLowerCase()
    const own = accounts.has(identity.accountId) ? { username: identity.canonicalArn, groups: [] } : undefined
    return roles.get(arn) ?? users.get(arn) ?? own
  }
}

function patternsOf(text: string, arnField: 'rolearn' | 'userarn'): Map<string, UserPattern> {
  const entries = readYaml(text)
  if (!Array.isArray(entries)) return new Map()
  return new Map(
    entries
      .map(fieldsOf)
      .map(fields => [
        textOf(fields.get(arnField)).toLowerCase(),
        { username: textOf(fields.get('username')), groups: textsOf(fields.get('groups')) },
      ]),
  )
}

/**
 * The fields of an entry, as Go's decoder of JSON finds them: names are compared without regard to case, and the keys
 * come in the order of their bytes, of which the last one counts.
 */
function fieldsOf(entry: unknown): Map<string, unknown> {
  if (!(entry instanceof Map)) return new Map()
  const fields = [...entry].map(([key, value]) => [String(key), value] as const).sort(byKey)
  return new Map(
    fields.filter(([, value]) => value !== null).map(([key, value]) => [key.toLowerCase(), value]),
  )
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(textOf) : []
}

/**
 * The value of a text, with a Map for each mapping; undefined for a text that go-yaml 2 refuses. What only a fuzzer
 * writes is read by YAML's own rules: a colon, a dash or a question mark at the edge of an entry of a `[list]`, a tag.
 */
function readYaml(text: string): unknown {
  const value = parse(text, { version: '1.1', customTags: asGoYaml })
  return isNoJson(value) ? undefined : value
}

// go-yaml has one grammar of numbers, none of them to the base 60; and for what is stored as JSON a date is a text.
const NUMBER: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  test: /^([-+]_*)?[.\d]\S*$/,
  resolve(text) {
    if (/^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$/.test(text)) return Number.NaN
    const size = Number(text.replaceAll('_', '').replace(/^[-+]/, ''))
    return Number.isFinite(size) ? size : text
  },
}

function asGoYaml(tags: Tags): Tags {
  const others = tags.filter(tag => typeof tag === 'string' || !/:(int|float|timestamp)$/.test(tag.tag))
  return [...others, NUMBER]
}

/**
 * Whether a value has something that JSON has not, as what is no number, or a key that is nothing or a mapping. The
 * common one is `{SessionName}`: a `{{SessionName}}` without quotes takes the whole text with it.
 */
function isNoJson(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  if (Array.isArray(value)) return value.some(isNoJson)
  if (!(value instanceof Map)) return false
  return [...value].some(([key, item]) => typeof key === 'object' || isNoJson(item))
}

// They are read as texts whatever they look like: an account without quotes may begin with a zero.
function accountsOf(text: string): string[] {
  return textsOf(parse(text, { schema: 'failsafe' }))
}

/** The value of the first document of a text; undefined for one that is no YAML to go-yaml. */
function parse(text: string, options: Parameters<typeof parseAllDocuments>[1]): unknown {
  // YAML allows for a tab where no indentation depends on it, an empty line for one; go-yaml does not.
  if (/^ *(- *)*\t/m.test(text)) return undefined
  const documents = parseAllDocuments(text, { ...options, uniqueKeys: false, prettyErrors: false })
  const [document] = Array.isArray(documents) ? documents : []
  if (document === undefined || document.errors.length > 0) return undefined
  try {
    return document.toJS({ mapAsMap: true })
  } catch {
    // An alias without its anchor, or more of them than anyone writes.
    return undefined
  }
}
