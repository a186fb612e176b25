import type * as Yaml from 'yaml'
import type { Document, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { isSameArn } from '../aws/arn.ts'
import { yamlText } from '../kube/yaml-text.ts'
import { type Mapping, says } from './mapping.ts'

// The text mapRoles of the ConfigMap kube-system/aws-auth, in which one role's entry is put or taken out and every other
// byte stays. One wrong indent in it locks every node and person out of the cluster.
// https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html

/** One entry of mapRoles. */
export interface RoleMapping extends Mapping {
  /** ARN of the role without its path: the one form that the authenticator finds. */
  rolearn: string
}

/** A text that is better left to a person: it does not parse, or a change of one entry would change others. */
export class Untouchable extends Error {}

/**
 * Maps a role: adds its entry, or makes the one that counts what it shall be. Of an entry that is there only what
 * differs is written anew; what else stands in it, such as comments, stays.
 *
 * @param text mapRoles as it is; empty where there is none
 * @returns the text with the entry; the same text where it says so already
 * @throws Untouchable
 */
export async function withRole(text: string, mapping: RoleMapping): Promise<string> {
  const roles = await read(text)
  const found = roles.entries.findLast(({ arn }) => isSameArn(arn, mapping.rolearn))
  if (found && says(found, mapping)) return text
  const edited = found ? change(roles, found, mapping) : add(roles, mapping)
  const index = found ? roles.entries.indexOf(found) : roles.entries.length
  const wanted = roles.entries.toSpliced(index, found ? 1 : 0, entryOf(mapping, found))
  await expectEntries(edited, wanted)
  return edited
}

/**
 * Takes a role out: every entry of it.
 *
 * @throws Untouchable
 */
export async function withoutRole(text: string, rolearn: string): Promise<string> {
  const { entries } = await read(text)
  const wanted = entries.filter(({ arn }) => !isSameArn(arn, rolearn))
  let edited = text
  // One after the other: where each stands is known of the text that holds it.
  for (let left = entries.length - wanted.length; left > 0; left--) {
    const roles = await read(edited)
    const gone = roles.entries.find(({ arn }) => isSameArn(arn, rolearn))
    if (gone) edited = remove(edited, roles, gone)
  }
  await expectEntries(edited, wanted)
  return edited
}

/**
 * The entries of the text, in their order. What has not the form that it must have is empty, as it is to the
 * authenticator.
 *
 * @throws Untouchable for a text that does not parse
 */
export async function mappingsOf(text: string): Promise<RoleMapping[]> {
  const { entries } = await read(text)
  return entries.map(({ arn, username, groups }) => ({ rolearn: arn, username, groups }))
}

/* Reading. */

interface Entry {
  arn: string
  username: string
  groups: string[]
  /** All that it says, for the comparison of before and after. */
  value: unknown
  node: Node
}

interface Roles {
  text: string
  yaml: typeof Yaml
  document: Document.Parsed
  /** null: there is no list yet. */
  list: YAMLSeq<Node> | null
  entries: Entry[]
}

async function read(text: string): Promise<Roles> {
  const yaml = await import('yaml')
  // YAML allows for a tab where no indentation depends on it; the authenticator's reader does not.
  const tab = /^ *(- *)*\t/m.exec(text)
  if (tab) throw new Untouchable(`line ${lineOf(text, tab.index)} is indented by a tab`)
  const options = { version: '1.1', keepSourceTokens: true, prettyErrors: false } as const
  const documents = yaml.parseAllDocuments(text, options)
  const document = Array.isArray(documents) ? documents[0] : undefined
  const [error] = (Array.isArray(documents) ? documents : []).flatMap(({ errors }) => errors)
  if (error) throw new Untouchable(`line ${lineOf(text, error.pos[0])} does not parse: ${error.message}`)
  const contents = document?.contents ?? null
  const empty = document ?? new yaml.Document<Node>(null)
  if (contents === null || (yaml.isScalar(contents) && contents.value === null))
    return { text, yaml, document: empty as Document.Parsed, list: null, entries: [] }
  if (!yaml.isSeq<Node>(contents)) throw new Untouchable('it is no list of entries')
  const roles = { text, yaml, document: document as Document.Parsed, list: contents }
  return { ...roles, entries: contents.items.map(node => readEntry(node, roles.document, yaml)) }
}

function readEntry(node: Node, document: Document.Parsed, yaml: typeof Yaml): Entry {
  let value: unknown
  try {
    value = node.toJS(document, { mapAsMap: true })
  } catch (error) {
    throw new Untouchable((error as Error).message)
  }
  if (!isJson(value))
    throw new Untouchable(
      'the authenticator cannot read it: braces or brackets stand without quotes where a text is meant, as in username: {{SessionName}}',
    )
  if (!yaml.isMap(node) && !yaml.isAlias(node)) return { arn: '', username: '', groups: [], value, node }
  const fields = new Map(
    value instanceof Map ? [...value].map(([key, of]) => [String(key).toLowerCase(), of]) : [],
  )
  const groups = fields.get('groups')
  return {
    arn: textOf(fields.get('rolearn')),
    username: textOf(fields.get('username')),
    groups: Array.isArray(groups) ? groups.map(textOf) : [],
    value,
    node,
  }
}

/**
 * Whether a value could stand in JSON, which the authenticator makes of it first (sigs.k8s.io/yaml): there, a key is no
 * collection, and a number is finite. One entry that could not makes the whole list unreadable.
 */
function isJson(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isJson)
  if (value instanceof Map) return [...value].every(([key, held]) => !(key instanceof Object) && isJson(held))
  return typeof value !== 'number' || Number.isFinite(value)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/* Writing. */

/** What an entry says after the change: of one that was there, all that it said beside. */
function entryOf({ rolearn, username, groups }: RoleMapping, found?: Entry): Entry {
  const fields = found ? new Map(found.value as Map<string, unknown>) : new Map<string, unknown>()
  const name = (field: string) => [...fields.keys()].find(key => key.toLowerCase() === field) ?? field
  if (!found) fields.set('rolearn', rolearn)
  fields.set(name('username'), username)
  if (groups.length > 0 || fields.has(name('groups'))) fields.set(name('groups'), groups)
  return { arn: rolearn, username, groups, value: fields, node: undefined as never }
}

/** The promise that every edit keeps: the text parses, and says what it said, but for the one entry. */
async function expectEntries(text: string, wanted: readonly Entry[]): Promise<void> {
  const { entries } = await read(text).catch(error => {
    throw new Untouchable(`it could not be changed in place: ${error.message}`)
  })
  if (comparable(entries) !== comparable(wanted))
    throw new Untouchable('a change of the one entry would change others')
}

function comparable(entries: readonly Entry[]): string {
  const withoutMaps = (_key: string, value: unknown) =>
    value instanceof Map ? [...value].sort(([one], [other]) => (String(one) < String(other) ? -1 : 1)) : value
  return JSON.stringify(
    entries.map(({ value }) => value),
    withoutMaps,
  )
}

/* Adding an entry. */

function add({ text, yaml, document, list }: Roles, mapping: RoleMapping): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  if (list === null) {
    // Where it says "nothing" in a word, in the place of the word.
    const word = document.contents?.range
    const [from, to] = word && word[0] < word[1] ? word : [text.length, text.length]
    const before = text.slice(0, from)
    const gap = before === '' || before.endsWith('\n') ? '' : newline
    return `${before}${gap}${block(mapping, '', newline)}${newline}${text.slice(to).replace(/^\r?\n/, '')}`
  }
  const last = list.items.at(-1)
  if (list.flow) {
    const at = last ? endOf(last, yaml) : rangeOf(list)[0] + 1
    return splice(text, at, at, `${last ? ', ' : ''}${flow(mapping)}`)
  }
  const indent = ' '.repeat(columnOf(text, rangeOf(list)[0]))
  const at = endOfLine(text, last ? endOf(last, yaml) : rangeOf(list)[1])
  return splice(text, at, at, `${newline}${block(mapping, indent, newline)}`)
}

function block({ rolearn, username, groups }: RoleMapping, indent: string, newline: string): string {
  const lines = [
    `- rolearn: ${yamlText(rolearn)}`,
    `  username: ${yamlText(username)}`,
    ...(groups.length > 0 ? ['  groups:', ...groups.map(group => `    - ${yamlText(group)}`)] : []),
  ]
  return lines.map(line => indent + line).join(newline)
}

function flow({ rolearn, username, groups }: RoleMapping): string {
  const list = groups.length > 0 ? `, groups: ${flowList(groups)}` : ''
  return `{rolearn: ${JSON.stringify(rolearn)}, username: ${JSON.stringify(username)}${list}}`
}

function flowList(texts: readonly string[]): string {
  return `[${texts.map(text => JSON.stringify(text)).join(', ')}]`
}

/* Changing an entry. */

function change({ text, yaml }: Roles, found: Entry, mapping: RoleMapping): string {
  const { node } = found
  if (!yaml.isMap<Scalar, Node | null>(node))
    throw new Untouchable('the entry of the role is an alias of another one')
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const groups =
    !says(found, { ...mapping, username: found.username }) &&
    setField(text, node, 'groups', mapping.groups, yaml, newline)
  const username =
    found.username !== mapping.username && setField(text, node, 'username', mapping.username, yaml, newline)
  // The later place first, so that the earlier one stays true.
  return [groups, username]
    .filter(edit => edit !== false && edit !== null)
    .sort((one, other) => other.from - one.from || other.order - one.order)
    .reduce((edited, { from, to, put }) => splice(edited, from, to, put), text)
}

interface Edit {
  from: number
  to: number
  put: string
  /** Of two edits at one place, the one that comes first in the text. */
  order: number
}

type Field = Pair<Scalar, Node | null>

function setField(
  text: string,
  entry: YAMLMap<Scalar, Node | null>,
  name: 'username' | 'groups',
  value: string | string[],
  yaml: typeof Yaml,
  newline: string,
): Edit | null {
  const fields = entry.items.filter(({ key }) => String(key.value).toLowerCase() === name) as Field[]
  const [field, ...others] = fields
  if (others.length > 0) throw new Untouchable(`the entry of the role has ${name} twice`)
  const order = name === 'username' ? 0 : 1
  const inFlow = entry.flow === true
  if (field === undefined) {
    if (Array.isArray(value) && value.length === 0) return null
    const rendered = `${name}: ${Array.isArray(value) ? flowList(value) : inFlow ? JSON.stringify(value) : yamlText(value)}`
    const last = endOf(entry.items.at(-1) as Field, yaml)
    if (inFlow) return { from: last, to: last, put: `, ${rendered}`, order }
    const at = endOfLine(text, last)
    const indent = ' '.repeat(columnOf(text, rangeOf(entry)[0]))
    return { from: at, to: at, put: `${newline}${indent}${rendered}`, order }
  }
  const present = field.value
  if (present === null || rangeOf(present)[0] === rangeOf(present)[1]) {
    const colon = text.indexOf(':', endOf(field.key, yaml)) + 1
    return { from: colon, to: colon, put: ` ${valueText(value, inFlow)}`, order }
  }
  const [from] = rangeOf(present)
  const to = endOf(present, yaml)
  if (Array.isArray(value) && yaml.isSeq(present) && !present.flow && value.length > 0) {
    const indent = ' '.repeat(columnOf(text, from))
    const items = value.map(group => `- ${yamlText(group)}`).join(newline + indent)
    return { from, to, put: items, order }
  }
  return { from, to, put: valueText(value, inFlow), order }
}

function valueText(value: string | string[], inFlow: boolean): string {
  if (Array.isArray(value)) return flowList(value)
  return inFlow ? JSON.stringify(value) : yamlText(value)
}

/* Taking an entry out. */

function remove(text: string, { yaml, list }: Roles, { node }: Entry): string {
  const items = list?.items ?? []
  const index = items.indexOf(node)
  const [from, to] = [rangeOf(node)[0], endOf(node, yaml)]
  if (!list?.flow) {
    // The dash stands before the entry, with its anchor or tag between them.
    const dash = text.lastIndexOf('-', startOf(text, node) - 1)
    const start = text.lastIndexOf('\n', dash) + 1
    const end = endOfLine(text, to)
    const newline = /^\r?\n/.exec(text.slice(end))?.[0] ?? ''
    return splice(text, start, end + newline.length, '')
  }
  const [before, after] = [items[index - 1], items[index + 1]]
  if (after) return splice(text, startOf(text, node), startOf(text, after), '')
  if (before) return splice(text, endOf(before, yaml), to, '')
  const comma = /^\s*,/.exec(text.slice(to))?.[0] ?? ''
  return splice(text, from, to + comma.length, '')
}

/* Places in the text. */

function splice(text: string, from: number, to: number, put: string): string {
  return text.slice(0, from) + put + text.slice(to)
}

function rangeOf(node: { range?: readonly number[] | null }): [number, number] {
  const [from, to] = node.range ?? []
  if (from === undefined || to === undefined) throw new Untouchable('it could not be found in the text')
  return [from, to]
}

/** Where a node begins with its anchor and its tag, which stand before what it holds. */
function startOf(text: string, node: Node): number {
  const [from] = rangeOf(node)
  const properties = /(?:[&!][^\s,[\]{}]*[ \t]+)+$/.exec(text.slice(0, from))
  return from - (properties?.[0].length ?? 0)
}

/** Where the last of what a node holds ends, without the comments and empty lines after it. */
function endOf(node: Node | Field, yaml: typeof Yaml): number {
  if (yaml.isPair(node))
    return Math.max(...[node.key, node.value].flatMap(part => (part ? [endOf(part as Node, yaml)] : [])))
  if (yaml.isCollection(node) && !node.flow)
    return Math.max(rangeOf(node)[0], ...node.items.map(item => endOf(item as Node | Field, yaml)))
  return rangeOf(node)[1]
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1)
}

/** The end of the line on which something ends; a block of text ends with its own line. */
function endOfLine(text: string, offset: number): number {
  const from = text[offset - 1] === '\n' ? offset - 1 : offset
  const at = text.indexOf('\n', from)
  const end = at < 0 ? text.length : at
  return text[end - 1] === '\r' ? end - 1 : end
}
