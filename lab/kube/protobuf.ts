/** Objects that a client sends as protobuf, which kubectl does where it knows their kind beforehand. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { badRequest, notImplemented } from './status.ts'

export const PROTOBUF = 'application/vnd.kubernetes.protobuf'

/** What stands before every message (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding). */
const MAGIC = Buffer.from('k8s\0')

/**
 * Reads an object.
 *
 * @returns the object as JSON has it: what is empty is left out
 * @throws Refusal for what is none, and 501 for a kind or a field that the embedded cluster does not know
 */
export async function decodeProtobuf(body: Buffer): Promise<unknown> {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC))
    throw badRequest('the body of the request is no protobuf')
  const messages = await schema()
  const { typeMeta = {}, raw } = decoded(messages, 'Unknown', body.subarray(MAGIC.length)) as Envelope
  const { apiVersion, kind = '' } = typeMeta
  return { apiVersion, kind, ...(withoutEmpty(decoded(messages, kind, raw)) as object | undefined) }
}

type Envelope = { typeMeta?: { apiVersion?: string; kind?: string }; raw: Uint8Array }
type Schema = import('protobufjs').Root

let loading: Promise<Schema> | undefined

/** Loaded with the first message: most clients send none. */
function schema(): Promise<Schema> {
  loading ??= Promise.all([
    import('protobufjs'),
    readFile(join(import.meta.dirname, 'messages.proto'), 'utf8'),
  ]).then(([{ default: protobuf }, text]) => protobuf.parse(text, { keepCase: true }).root)
  return loading
}

function decoded(messages: Schema, kind: string, bytes: Uint8Array): object {
  if (!messages.get(kind)) throw notImplemented(`read a ${kind} from protobuf`)
  const type = messages.lookupType(kind)
  const message = type.decode(bytes)
  // A field that is not among ours is lost in between: the message would be shorter.
  if (type.encode(message).finish().length !== bytes.length) {
    throw notImplemented(`read every field of this ${kind} from protobuf`)
  }
  return type.toObject(message, { longs: Number, defaults: false })
}

/** Protobuf writes texts and messages out that JSON leaves out for being empty. */
function withoutEmpty(value: unknown): unknown {
  // What is in a list is there, be it empty: the core group of a rule is.
  if (Array.isArray(value))
    return value.map(item => (typeof item === 'object' ? (withoutEmpty(item) ?? {}) : item))
  if (typeof value !== 'object' || value === null) return value === '' || value === 0 ? undefined : value
  const kept = Object.entries(value)
    .map(([name, inner]) => [name, withoutEmpty(inner)] as const)
    .filter(([, inner]) => inner !== undefined)
  return kept.length > 0 ? Object.fromEntries(kept) : undefined
}
