/** What an API server answers, and how it says no (Status, meta/v1). */
import { quote } from './quote.ts'

export type Answer = {
  readonly status: number
  /** An object is sent as JSON, a text as it is. */
  readonly body: object | string
  /** What the body is; that of objects and texts, if left out. */
  readonly contentType?: string
}

/** A refusal, in the words of the API server. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly answer: Answer

  constructor(status: number, reason: string, message: string, details?: object) {
    super(message)
    const head = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' }
    this.answer = {
      status,
      body: { ...head, message, reason, ...(details ? { details } : {}), code: status },
    }
  }
}

/** A resource as messages name it: `configmaps`, `roles.rbac.authorization.k8s.io`. */
export function qualified({ group, resource }: { group: string; resource: string }): string {
  return group === '' ? resource : `${resource}.${group}`
}

/** Which object, as messages name it. */
export type Place = { readonly group: string; readonly resource: string; readonly name: string }

function details({ group, resource, name }: Place): object {
  return { ...(name ? { name } : {}), ...(group ? { group } : {}), kind: resource }
}

export function unauthorized(): Refusal {
  return new Refusal(401, 'Unauthorized', 'Unauthorized')
}

export function forbidden(message: string, place: Place | undefined): Refusal {
  return new Refusal(403, 'Forbidden', message, place ? details(place) : {})
}

/** There is no object of that name. */
export function notFound(place: Place): Refusal {
  return new Refusal(404, 'NotFound', `${qualified(place)} ${quote(place.name)} not found`, details(place))
}

/** There is no such resource, or it has no such verb. */
export function unknownResource(): Refusal {
  return new Refusal(404, 'NotFound', 'the server could not find the requested resource', {})
}

export function alreadyExists(place: Place): Refusal {
  return new Refusal(
    409,
    'AlreadyExists',
    `${qualified(place)} ${quote(place.name)} already exists`,
    details(place),
  )
}

export function conflict(place: Place): Refusal {
  const message =
    `Operation cannot be fulfilled on ${qualified(place)} ${quote(place.name)}: the object has been modified; ` +
    'please apply your changes to the latest version and try again'
  return new Refusal(409, 'Conflict', message, details(place))
}

/** A field that another manager has, and which an apply would change. */
type FieldConflict = {
  readonly manager: { readonly manager: string; readonly operation: string; readonly apiVersion: string }
  /** Like `.data.key` */
  readonly path: string
}

/** In the words of k8s.io/apimachinery, pkg/util/managedfields/internal/conflict.go. */
export function applyConflict(conflicts: readonly FieldConflict[]): Refusal {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${printed(manager)}`,
    field: path,
  }))
  const [first] = conflicts
  const text =
    first && conflicts.length === 1
      ? `1 conflict: conflict with ${printed(first.manager)}: ${first.path}`
      : `${conflicts.length} conflicts: ${conflictsByManager(conflicts)}`
  return new Refusal(409, 'Conflict', `Apply failed with ${text}`, { causes })
}

function conflictsByManager(conflicts: readonly FieldConflict[]): string {
  const managers = [...Map.groupBy(conflicts, ({ manager }) => printed(manager))]
  return managers
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([manager, theirs]) => [`conflicts with ${manager}:`, ...theirs.map(({ path }) => `- ${path}`)])
    .join('\n')
}

function printed({ manager, operation, apiVersion }: FieldConflict['manager']): string {
  return JSON.stringify(manager) + (operation === 'Update' ? ` using ${apiVersion}` : '')
}

/** A parameter of a request is not as it should be (field.Error of k8s.io/apimachinery). */
export function invalidOptions(kind: string, field: string, problem: string, reason: string): Refusal {
  const causes = [{ reason, message: problem, field }]
  return new Refusal(422, 'Invalid', `${kind}.meta.k8s.io "" is invalid: ${field}: ${problem}`, {
    ...{ group: 'meta.k8s.io', kind, causes },
  })
}

export function unsupportedFormat(contentType: string): Refusal {
  const message = `the body of the request was in an unknown format: ${contentType}`
  return new Refusal(415, 'UnsupportedMediaType', message)
}

export function badRequest(message: string): Refusal {
  return new Refusal(400, 'BadRequest', message)
}

/** What a real API server does and this one does not: it says so, and makes no answer up. */
export function notImplemented(what: string): Refusal {
  return new Refusal(501, 'NotImplemented', `the embedded cluster does not ${what}; the lab's real one does`)
}
