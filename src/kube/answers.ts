import { redact } from '../redact.ts'
import type { ApiClient, Method, RequestOptions } from './client.ts'
import { type ApiEvidence, KubeProblem } from './evidence.ts'

/** Thrown for an answer that is a refusal or no answer to the question. */
export class ApiProblem extends KubeProblem {
  declare readonly evidence: ApiEvidence

  constructor(evidence: ApiEvidence) {
    super(evidence)
  }
}

/** The status that an API server refused something with; 0 for any other error. */
export function statusOf(error: unknown): number {
  return error instanceof ApiProblem ? error.evidence.status : 0
}

export type JsonObject = Record<string, unknown>

/**
 * Asks the API server one question.
 *
 * @returns the JSON object of a 2xx answer
 * @throws ApiProblem for any other answer; what the client rejects with when no answer came. Repeating what
 * may pass by itself (429, 5xx, resets) is the client's work, so an answer that arrives here is the last one.
 */
export async function ask(
  api: ApiClient,
  method: Method,
  path: string,
  options: RequestOptions = {},
): Promise<JsonObject> {
  const { status, body } = await api.request(method, path, options)
  const answer = parse(body)
  if (status >= 200 && status < 300 && answer) return answer
  // A page with status 401 or 403 is a proxy's or a firewall's: an API server refuses in JSON.
  const said = typeof answer?.message === 'string' ? answer.message : ''
  throw new ApiProblem({
    kind: answer ? kindOf(status) : 'unexpected-answer',
    path,
    status,
    // Whoever answers may quote what it was asked with.
    message: redact(said || beginning(body)),
  })
}

/** The answer came, and is not of the shape that this path promises. */
export function unexpected(path: string, message: string): ApiProblem {
  return new ApiProblem({ kind: 'unexpected-answer', path, status: 200, message })
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A field that should be a string; empty, which the API means by a field left out, if it is none. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

export function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function parse(body: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(body)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function kindOf(status: number): ApiEvidence['kind'] {
  if (status === 401) return 'unauthorized'
  if (status === 403) return 'forbidden'
  return 'unexpected-answer'
}

/** Enough to recognise a proxy's or load balancer's page, and one line of a log. */
function beginning(body: string): string {
  const line = body.replace(/\s+/g, ' ').trim()
  if (!line) return 'an empty body'
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}
