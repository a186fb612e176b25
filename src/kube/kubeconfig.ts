import type { Document, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { KubeProblem } from './evidence.ts'
import type { ExecConfig } from './exec.ts'
import { EXEC_API_VERSION } from './exec-credential.ts'

/**
 * One login: the context that it adds to a kubeconfig, with its cluster and user.
 * https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
export interface KubeconfigEntry {
  context: string
  namespace?: string
  cluster: { name: string; server: string; certificateAuthorityData: string; proxyUrl?: string }
  user: { name: string; exec: ExecConfig }
}

/**
 * Gives entries that share a context's name their cluster's name (its ARN) instead: two clusters of one name in two
 * regions or accounts.
 */
export function uniqueContexts(entries: KubeconfigEntry[]): KubeconfigEntry[] {
  const sharing = Map.groupBy(entries, ({ context }) => context)
  return entries.map(entry =>
    sharing.get(entry.context)?.length === 1 ? entry : { ...entry, context: entry.cluster.name },
  )
}

/** What a login changed in a file, as much as taking it back needs. */
export interface Undo {
  file: string
  /** The file did not exist before. */
  created: boolean
  /** Nor did its folder. */
  createdFolder: boolean
  entries: KubeconfigEntry[]
  before: Contexts
}

/** The contexts of a kubeconfig. */
export interface Contexts {
  /** The current one; null when there is none. */
  current: string | null
  names: string[]
}

const SECTIONS = ['clusters', 'users', 'contexts'] as const
type Section = (typeof SECTIONS)[number]

/**
 * Adds the entries to a kubeconfig's text, in place of entries of the same name, and makes the first one's context
 * the current one. Everything else stays: other entries, unknown fields, comments.
 *
 * @param text the file as it is; null when there is none
 * @throws KubeProblem kubeconfig-corrupt, kubeconfig-unexpected
 */
export async function merge(file: string, text: string | null, entries: KubeconfigEntry[]): Promise<string> {
  const document = await parse(file, text)
  const { visit } = await import('yaml')
  for (const [section, items] of Object.entries(render(entries))) {
    for (const item of items) put(file, document, section as Section, item)
  }
  document.set('current-context', document.createNode(entries[0]?.context))
  visit(document, { Scalar: (_key, scalar) => quoteForeign(scalar) })
  return print(file, document)
}

/** The contexts in a kubeconfig's text. */
export async function contextsOf(file: string, text: string | null): Promise<Contexts> {
  const document = await parse(file, text)
  const current = document.get('current-context')
  const names = sectionOf(document, 'contexts').items.map(item => String(item.get('name')))
  return { current: typeof current === 'string' && current !== '' ? current : null, names }
}

/**
 * The arguments of all exec blocks in a kubeconfig's text, a list for each.
 *
 * @throws KubeProblem kubeconfig-corrupt, kubeconfig-unexpected
 */
export async function execArguments(file: string, text: string | null): Promise<string[][]> {
  const document = await parse(file, text)
  return sectionOf(document, 'users').items.map(item => {
    const args = item.toJS(document).user?.exec?.args
    return Array.isArray(args) ? args.map(String) : []
  })
}

/**
 * Takes a login's entries out of a kubeconfig's text again. An entry that somebody changed since is theirs, and
 * stays; so does a context of a name that was there before, and a cluster or user that a context still uses.
 *
 * @returns the text without them, or null when nothing but an empty kubeconfig would be left of a file that the
 *   login had created
 */
export async function unmerge(
  text: string,
  { file, created, entries, before }: Omit<Undo, 'createdFolder'>,
): Promise<string | null> {
  const document = await parse(file, text)
  const ours = render(entries)
  for (const item of ours.contexts) if (!before.names.includes(item.name)) drop(document, 'contexts', item)
  const used = namesInUse(document)
  for (const item of ours.clusters) if (!used.clusters.has(item.name)) drop(document, 'clusters', item)
  for (const item of ours.users) if (!used.users.has(item.name)) drop(document, 'users', item)
  const current = String(document.get('current-context'))
  if (ours.contexts.some(({ name }) => name === current)) {
    const back = [before.current, current].find(name => name !== null && find(document, 'contexts', name))
    document.set('current-context', back ?? '')
  }
  const empty = SECTIONS.every(section => sectionOf(document, section).items.length === 0)
  return created && empty ? null : print(file, document)
}

/** The entries as the three lists of a kubeconfig, every cluster and user once. */
function render(entries: KubeconfigEntry[]) {
  const clusters = entries.map(({ cluster }) => ({
    name: cluster.name,
    cluster: {
      'certificate-authority-data': cluster.certificateAuthorityData,
      server: cluster.server,
      ...(cluster.proxyUrl ? { 'proxy-url': cluster.proxyUrl } : {}),
    },
  }))
  const users = entries.map(({ user }) => ({
    name: user.name,
    user: {
      exec: {
        apiVersion: EXEC_API_VERSION,
        command: user.exec.command,
        args: user.exec.args,
        ...(user.exec.env.length > 0 ? { env: user.exec.env } : {}),
        interactiveMode: 'Never',
      },
    },
  }))
  const contexts = entries.map(({ context, namespace, cluster, user }) => ({
    name: context,
    context: { cluster: cluster.name, ...(namespace ? { namespace } : {}), user: user.name },
  }))
  return { clusters, users, contexts }
}

type Item = ReturnType<typeof render>[Section][number]

/**
 * Reads a kubeconfig with YAML 1.1's rules, as kubectl does: what is written by them, a context named `on` or `1e3`
 * comes out quoted, and stays a string for every reader.
 */
async function parse(file: string, text: string | null): Promise<Document> {
  const { parseAllDocuments, parseDocument, Document, LineCounter } = await import('yaml')
  if (text === null || text.trim() === '') {
    return new Document({ apiVersion: 'v1', kind: 'Config', clusters: [], users: [], contexts: [] }, YAML_1_1)
  }
  const lineCounter = new LineCounter()
  const parsed = parseAllDocuments(text, { ...YAML_1_1, lineCounter, prettyErrors: false })
  const documents = Array.isArray(parsed) ? parsed : []
  const error = documents.flatMap(document => document.errors)[0]
  if (error) {
    const { line, col: column } = lineCounter.linePos(error.pos[0])
    throw new KubeProblem({ kind: 'kubeconfig-corrupt', file, line, column, message: error.message })
  }
  if (documents.length > 1) throw unexpected(file, `it holds ${documents.length} documents, not one`)
  // A text of comments alone is a stream without documents; read as one, it keeps them.
  const [document = parseDocument(text, YAML_1_1)] = documents
  await check(file, document)
  return document
}

// What is a number by YAML 1.2's rules alone, like `0o14`, is one to kubectl, too.
const YAML_1_1 = { version: '1.1', compat: 'core', merge: true, keepSourceTokens: false } as const

function unexpected(file: string, message: string): KubeProblem {
  return new KubeProblem({ kind: 'kubeconfig-unexpected', file, message })
}

/** That the document has a kubeconfig's shape as far as merging touches it; missing sections are made. */
async function check(file: string, document: Document): Promise<void> {
  const { isCollection, isMap, isSeq, isScalar, visit } = await import('yaml')
  refuseUnreadable(file, document)
  visit(document, {
    // What is read as JSON has texts for keys (sigs.k8s.io/yaml, by which kubectl reads it).
    Pair(_key, { key }) {
      if (isCollection(key)) throw unexpected(file, 'a key in it is no text')
    },
  })
  // Of `---` alone, contents is a scalar without value.
  if (document.toJS() === null) document.contents = document.createNode({}) as never
  if (!isMap(document.contents)) throw unexpected(file, 'it is not a mapping')
  const kind = document.get('kind')
  if (kind !== undefined && kind !== 'Config')
    throw unexpected(file, `its kind is ${JSON.stringify(kind)}, not "Config"`)
  if (kind === undefined) {
    document.set('apiVersion', document.get('apiVersion') ?? 'v1')
    document.set('kind', 'Config')
  }
  for (const section of SECTIONS) {
    const node = document.get(section, true)
    if (node === undefined || (isScalar(node) && node.value === null))
      document.set(section, document.createNode([]))
    else if (!isSeq(node)) throw unexpected(file, `its ${section} is not a list`)
    else if (!node.items.every(item => isMap(item) && typeof item.get('name') === 'string')) {
      throw unexpected(file, `an entry of its ${section} has no name`)
    }
    const names = sectionOf(document, section).items.map(item => item.get('name'))
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    // kubectl refuses the whole file then, whatever else we would put into it.
    if (twice !== undefined) throw unexpected(file, `two entries of its ${section} are named ${twice}`)
  }
}

/** An alias without its anchor, or one that grows beyond measure, is well-formed and means nothing. */
function refuseUnreadable(file: string, document: Document): void {
  try {
    document.toJS()
  } catch (cause) {
    throw unexpected(file, (cause as Error).message)
  }
}

function sectionOf(document: Document, section: Section): YAMLSeq<YAMLMap> {
  return document.get(section) as YAMLSeq<YAMLMap>
}

/** Each line of a comment gets a `#` when it is printed, and what is a line of text to JavaScript is none to YAML. */
function keepOnLine(node: { comment?: string | null; commentBefore?: string | null }): void {
  for (const place of ['comment', 'commentBefore'] as const)
    if (node[place]) node[place] = node[place].replace(/[\r\u2028\u2029]/g, ' ')
}

function find(document: Document, section: Section, name: string): YAMLMap | undefined {
  return sectionOf(document, section).items.find(item => item.get('name') === name)
}

function put(file: string, document: Document, section: Section, { name, ...value }: Item): void {
  const [[key, content] = ['', {}]] = Object.entries(value)
  const there = find(document, section, name)
  if (there) {
    refuseOthersUser(file, document, section, there)
    there.set(key, document.createNode(content))
    return
  }
  const list = sectionOf(document, section)
  // An empty list is written `[]`; what is added to it shall not stand inside the brackets.
  if (list.items.length === 0) list.flow = (document.contents as YAMLMap).flow === true
  list.add(document.createNode({ [key]: content, name }) as YAMLMap)
}

/** A user that authenticates in another way cannot be brought back once it is replaced. */
function refuseOthersUser(file: string, document: Document, section: Section, there: YAMLMap): void {
  if (section !== 'users') return
  const { name, user } = there.toJS(document)
  if (user && Object.keys(user).some(key => key !== 'exec')) {
    throw unexpected(file, `it has a user ${name} already, which is not an exec block's`)
  }
}

/** Takes an item out when it still says what we wrote. */
function drop(document: Document, section: Section, { name, ...value }: Item): void {
  const list = sectionOf(document, section)
  const index = list.items.findIndex(item => item.get('name') === name)
  const there = list.items[index]?.toJS(document)
  if (there && isSame(there, { name, ...value })) list.delete(index)
}

function isSame(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    inner && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

function namesInUse(document: Document) {
  const contexts = sectionOf(document, 'contexts').items.map(item => item.toJS(document).context ?? {})
  return {
    clusters: new Set(contexts.map(context => context.cluster)),
    users: new Set(contexts.map(context => context.user)),
  }
}

/** Not every reader takes the same of Unicode for blanks: a text that holds any is safe in quotes alone. */
function quoteForeign(scalar: Scalar): void {
  const plain = scalar.type === undefined || scalar.type === 'PLAIN'
  if (plain && typeof scalar.value === 'string' && /[^\x20-\x7e]/.test(scalar.value))
    scalar.type = 'QUOTE_DOUBLE'
}

async function print(file: string, document: Document): Promise<string> {
  const { visit } = await import('yaml')
  for (const one of [document, document.contents]) if (one) keepOnLine(one)
  visit(document, { Node: (_key, node) => keepOnLine(node) })
  try {
    // Without a directive of its own, the version that the file was read by is not written into it.
    return document.toString({ lineWidth: 0, directives: false })
  } catch (cause) {
    // What we replaced or took out was the anchor of something that somebody else wrote.
    throw unexpected(file, (cause as Error).message)
  }
}
