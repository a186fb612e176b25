import { randomUUID } from 'node:crypto'
import type { Answer } from './exchange.ts'

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/'

/** The two forms that STS answers in: XML, or JSON for who accepts it. */
export type Form = 'xml' | 'json'

/** What an operation results in. */
export type Result = { readonly [name: string]: string | number | Date | Result }

/** The form that a client asks for by its Accept header. */
export function formOf(accept: string | undefined): Form {
  return accept?.includes('application/json') ? 'json' : 'xml'
}

/** The answer of an operation that was done. */
export function success(form: Form, operation: string, result: Result): Answer {
  const document = { [`${operation}Result`]: result, ResponseMetadata: { RequestId: randomUUID() } }
  return form === 'json'
    ? json(200, { [`${operation}Response`]: document })
    : xml(200, `${operation}Response`, document)
}

/** The answer of an operation that was refused, or went wrong on the server's side (status 500 and up). */
export function failure(form: Form, status: number, code: string, message: string): Answer {
  const Type = status < 500 ? 'Sender' : 'Receiver'
  const RequestId = randomUUID()
  return form === 'json'
    ? json(status, { Error: { Code: code, Message: message, Type }, RequestId })
    : xml(status, 'ErrorResponse', { Error: { Type, Code: code, Message: message }, RequestId })
}

function json(status: number, document: Result): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(document, asJson) }
}

// Dates are seconds since 1970 in the JSON form. JSON.stringify has turned them to text when it asks.
function asJson(this: Result, key: string, value: unknown): unknown {
  const raw = this[key]
  return raw instanceof Date ? Math.floor(raw.getTime() / 1000) : value
}

function xml(status: number, root: string, document: Result): Answer {
  const body = `<${root} xmlns="${NAMESPACE}">\n${elements(document, '  ')}</${root}>\n`
  return { status, headers: { 'content-type': 'text/xml' }, body }
}

function elements(result: Result, indent: string): string {
  return Object.entries(result)
    .map(([name, value]) => {
      const text = scalar(value)
      const content = text ?? `\n${elements(value as Result, `${indent}  `)}${indent}`
      return `${indent}<${name}>${content}</${name}>\n`
    })
    .join('')
}

function scalar(value: Result[string]): string | undefined {
  if (value instanceof Date) return `${value.toISOString().slice(0, 19)}Z`
  if (typeof value === 'object') return undefined
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
