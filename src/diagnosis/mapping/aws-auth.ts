import { distance } from 'fastest-levenshtein'
import type { Tags } from 'yaml'
import { principalOf } from '../../aws/arn.ts'
import { MAP_LISTS } from './mapping.ts'

type List = (typeof MAP_LISTS)['role' | 'user']['list']

/** A line of a text in aws-auth that should be another. */
interface Mistake {
  list: List
  /** From 1, within the list's text. */
  line: number
  text: string
  /** The line as it should be; absent where no one line makes it right. */
  mended?: string
  /** Whether aws-auth has the same line only there, so that it can be found by what it says. */
  isOnly: boolean
}

/** What is wrong with an entry that was meant for a principal, or may have been. */
export type Slip =
  /** The role's path is left in. */
  | 'path'
  /** A session of the role stands in place of the role. */
  | 'session'
  /** The ARN stands behind another key than the one that counts. */
  | 'key'
  /** An ARN that differs by a letter or two, or by the account: a slip or somebody else's. */
  | 'near'

/** What kube-system/aws-auth says of a principal. */
export type AwsAuthReading =
  /** There is no such ConfigMap. */
  | { kind: 'missing' }
  | ({ kind: 'unparsable'; message: string } & Mistake)
  | { kind: 'mapped'; username: string; groups: string[] }
  | ({ kind: 'slip'; slip: Slip; found: string } & Mistake)
  /** Nothing in it is for the principal. @property indent of the entries that there are */
  | { kind: 'unmapped'; indent: string }

/**
 * What the texts of aws-auth say of a principal, read as aws-iam-authenticator 0.6 reads them
 * (pkg/mapper/configmap, with go-yaml 2): a text that is no YAML, or no list, maps nobody; keys and ARNs are compared
 * without regard to case; of two entries for one ARN the later one counts.
 *
 * @param data of the ConfigMap
 * @param arn of the role or user, a role's without its path, as the authenticator has it
 */
export async function readAwsAuth(
  data: Readonly<Record<string, string>>,
  arn: string,
): Promise<AwsAuthReading> {
  const yaml = await import('yaml')
  return reader(yaml)(data, arn)
}

type Yaml = typeof import('yaml')
type Data = Readonly<Record<string, string>>

/** Of an entry, under their names in lower case, what has the form it must have. */
type Entry = ReadonlyMap<string, unknown>
/** A key and its text, wherever in a list they stand. */
interface Field {
  key: string
  value: string
  line: number
}
type Parsed = { entries: Entry[]; fields: Field[] } | { line: number; message: string }

function reader(yaml: Yaml): (data: Data, arn: string) => AwsAuthReading {
  const parse = (text: string) => parseList(yaml, text)
  const mappingIn = (data: Data, arn: string) => {
    // The role's list is looked at first, whatever the principal is.
    for (const { list, key } of [MAP_LISTS.role, MAP_LISTS.user]) {
      const parsed = parse(data[list] ?? '')
      const entry = 'entries' in parsed && parsed.entries.findLast(one => isSame(textOf(one.get(key)), arn))
      if (entry) return { kind: 'mapped', ...mappingOf(entry) } as const
    }
    const account = principalOf(arn)?.account
    const isListed = account && accountsIn(yaml, data.mapAccounts ?? '').includes(account)
    return isListed ? { kind: 'mapped' as const, username: arn, groups: [] } : null
  }
  return (data, arn) => {
    const mapped = mappingIn(data, arn)
    if (mapped) return mapped
    const { list, key } = MAP_LISTS[principalOf(arn)?.kind ?? 'role']
    const text = data[list] ?? ''
    const parsed = parse(text)
    if (!('entries' in parsed)) {
      const { line, message } = parsed
      const mended = mendedLine(text, line, whole => 'entries' in parse(whole))
      const mistake = mended ?? { line, text: lineOf(text, line) }
      return { kind: 'unparsable', list, message, ...mistake, isOnly: isOnly(data, mistake.text) }
    }
    const found = slipIn(parsed.fields, key, arn)
    if (!found) return { kind: 'unmapped', indent: /^( *)-/m.exec(text)?.[1] ?? '' }
    const { slip, field } = found
    const before = lineOf(text, field.line)
    const after = correct(before, found, key, arn)
    const works = mappingIn({ ...data, [list]: withLine(text, field.line, after) }, arn) !== null
    return {
      ...{ kind: 'slip', slip, found: slip === 'key' ? field.key : field.value },
      ...{ list, line: field.line, text: before, isOnly: isOnly(data, before) },
      ...(works ? { mended: after } : {}),
    }
  }
}

function parseList(yaml: Yaml, text: string): Parsed {
  // YAML allows for a tab where no indentation depends on it, an empty line for one; go-yaml does not.
  const tab = text.split('\n').findIndex(line => /^ *(- *)*\t/.test(line))
  if (tab >= 0) return { line: tab + 1, message: 'a tab, which is no indentation in YAML' }
  const lines = new yaml.LineCounter()
  const documents = yaml.parseAllDocuments(text, { ...AS_GO_YAML, lineCounter: lines })
  const [document] = Array.isArray(documents) ? documents : []
  if (!document) return { entries: [], fields: [] }
  const [error] = document.errors
  if (error) return { line: lines.linePos(error.pos[0]).line, message: error.message }
  const fields: Field[] = []
  let odd: number | null = null
  yaml.visit(document, {
    Pair(_, { key, value }) {
      const at = (node: { range?: readonly number[] | null }) => lines.linePos(node.range?.[0] ?? 0).line
      if (!yaml.isScalar(key)) odd ??= yaml.isNode(key) ? at(key) : 1
      else if (yaml.isScalar(value) && typeof value.value === 'string') {
        fields.push({ key: String(key.value), value: value.value, line: at(value) })
      }
    },
  })
  if (odd !== null)
    return { line: odd, message: 'a mapping where a text belongs, as {{ begins one that stands in no quotes' }
  try {
    const value: unknown = document.toJS({ mapAsMap: true })
    if (value === null) return { entries: [], fields }
    if (!Array.isArray(value)) return { line: 1, message: 'no list, whose entries begin with "- "' }
    if (value.some(isNoJson)) return { line: 1, message: 'a key or a number that JSON has not' }
    return { entries: value.map(entryOf), fields }
  } catch (error) {
    // An alias without its anchor.
    return { line: 1, message: (error as Error).message }
  }
}

const AS_GO_YAML = {
  version: '1.1',
  uniqueKeys: false,
  prettyErrors: false,
  // Whether something is a number or a date makes no difference to who is mapped, but for what JSON has not (.inf, .nan).
  customTags: (tags: Tags) =>
    tags.filter(
      tag => typeof tag === 'string' || !/:(int|float|timestamp)$/.test(tag.tag) || isTagOfInfinity(tag),
    ),
} as const

function isTagOfInfinity(tag: Exclude<Tags[number], string>): boolean {
  return 'test' in tag && tag.test?.test('.inf') === true
}

function isNoJson(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  if (Array.isArray(value)) return value.some(isNoJson)
  if (!(value instanceof Map)) return false
  return [...value].some(([key, item]) => typeof key === 'object' || isNoJson(item))
}

/** As Go's decoder of JSON finds them: the keys come in the order of their bytes, and the last one counts. */
function entryOf(value: unknown): Entry {
  if (!(value instanceof Map)) return new Map()
  const pairs = [...value].map(([key, item]) => [String(key), item] as const)
  return new Map(
    pairs
      .filter(([, item]) => item !== null)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, item]) => [key.toLowerCase(), item]),
  )
}

function mappingOf(entry: Entry): { username: string; groups: string[] } {
  const groups = entry.get('groups')
  return {
    username: textOf(entry.get('username')),
    groups: Array.isArray(groups) ? groups.map(textOf) : [],
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** They are texts whatever they look like: an account without quotes may begin with a zero. */
function accountsIn(yaml: Yaml, text: string): string[] {
  const documents = yaml.parseAllDocuments(text, { schema: 'failsafe', prettyErrors: false })
  const [document] = Array.isArray(documents) ? documents : []
  if (!document || document.errors.length > 0) return []
  try {
    const value: unknown = document.toJS()
    return Array.isArray(value) ? value.map(textOf) : []
  } catch {
    return []
  }
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

type Found = { slip: Slip; field: Field }

/** The slip that is the surest, of all entries. */
function slipIn(fields: readonly Field[], key: string, arn: string): Found | null {
  for (const { slip, is } of SLIPS) {
    const field = fields.find(one => is(one, key, arn))
    if (field) return { slip, field }
  }
  return null
}

const SLIPS: readonly { slip: Slip; is: (field: Field, key: string, arn: string) => boolean }[] = [
  { slip: 'key', is: ({ key, value }, wanted, arn) => isSame(value.trim(), arn) && !isSame(key, wanted) },
  {
    slip: 'path',
    is({ value }, _key, arn) {
      const [own, other] = [principalOf(arn), principalOf(value.trim())]
      return own?.kind === 'role' && other?.path !== '/' && isSame(withoutPath(value.trim()), arn)
    },
  },
  {
    slip: 'session',
    is: ({ value }, _key, arn) => value.includes(':assumed-role/') && isSame(roleOfAny(value.trim()), arn),
  },
  { slip: 'near', is: ({ key, value }, wanted, arn) => isSame(key, wanted) && isNear(value, arn) },
]

function withoutPath(arn: string): string {
  return arn.replace(/:role\/.*\//, ':role/')
}

/** Of a session's ARN, also of one that lacks the session's name. */
function roleOfAny(arn: string): string {
  return arn.replace(/^(arn:[^:]+):sts::(\d+):assumed-role\/([^/]+)(?:\/.*)?$/, '$1:iam::$2:role/$3')
}

/** As many letters as a hand slips by; or all is the same but the account, or blanks around it. */
function isNear(value: string, arn: string): boolean {
  const [one, other] = [value.trim().toLowerCase(), arn.toLowerCase()]
  return distance(one, other) <= 2 || one.replace(/:\d+:/, '::') === other.replace(/:\d+:/, '::')
}

function correct(line: string, { slip, field }: Found, key: string, arn: string): string {
  if (slip !== 'key') return line.replace(field.value, () => arn)
  return line.replace(field.key, () => key)
}

function lineOf(text: string, line: number): string {
  return String(text.split('\n')[line - 1])
}

function isOnly(data: Data, line: string): boolean {
  const lines = Object.values(data).flatMap(text => text.split('\n'))
  return lines.filter(one => one === line).length === 1
}

function withLine(text: string, line: number, replacement: string): string {
  return text
    .split('\n')
    .map((one, index) => (index === line - 1 ? replacement : one))
    .join('\n')
}

/** The one line, at the place of an error or beside it, that makes a text right when it is written as people mean it. */
function mendedLine(
  text: string,
  near: number,
  isRight: (text: string) => boolean,
): { line: number; text: string; mended: string } | null {
  const lines = text.split('\n')
  for (const line of [near, near - 1, near + 1]) {
    const before = lines[line - 1]
    if (!before?.trim()) continue
    const mended = meant(lines, line - 1).find(after => isRight(withLine(text, line, after)))
    if (mended !== undefined) return { line, text: before, mended }
  }
  return null
}

/** What people write as a text, and YAML does not read as one: nothing that may be meant as a list, or is quoted. */
const TEXT_TO_PEOPLE = /^(?:\{\{|[@`%]|[^[{&*!|>'"#].*: )/

/** What a line may have been meant to be. */
function meant(lines: readonly string[], index: number): string[] {
  const line = String(lines[index])
  const content = line.trimStart()
  const above = lines.slice(0, index).filter(one => one.trim() && !one.includes('\t'))
  const begins = above.findLast(one => /^ *- /.test(one)) ?? ''
  const [, indent = '', dash = ''] = /^( *)(- +)?/.exec(begins) ?? []
  const beside = content.startsWith('- ') ? indent : indent + ' '.repeat(dash.length)
  const quoted = line.replace(
    /^(\s*(?:- +)?\w+: *)(.*?)\s*$/,
    (_, key, value) => `${key}${TEXT_TO_PEOPLE.test(value) ? JSON.stringify(value) : value}`,
  )
  return [beside + content, quoted, line.replace(/^(\s*(?:- *)?\w+):(?=\S)/, '$1: ')]
}
