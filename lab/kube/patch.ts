/** Changes to an object that a client sends as a patch. */
import { badRequest, notImplemented } from './status.ts'

type Json = { readonly [name: string]: unknown }

/** Of server-side apply, which is no change to what there is (managed-fields.ts). */
export const APPLY = 'application/apply-patch+yaml'
const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'

/**
 * The object with a patch applied: a merge patch (RFC 7386), or a strategic merge patch, which for the kinds that
 * the embedded cluster keeps is the same where it holds none of its own directives: their lists are replaced whole
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-update; of their fields only metadata's
 * finalizers and ownerReferences are merged, which it does not know).
 *
 * @throws Refusal for another kind of patch, and for directives
 */
export function patched(object: object, contentType: string, body: unknown): object {
  if (contentType !== MERGE && contentType !== STRATEGIC)
    throw notImplemented(`take a patch as ${contentType}`)
  if (!isObject(body)) throw badRequest('the patch is no JSON object')
  if (contentType === STRATEGIC && holdsDirective(body)) {
    throw notImplemented('follow the directives of a strategic merge patch')
  }
  return merged(object, body) as object
}

function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = merged(result[name], value)
  }
  return result
}

function holdsDirective(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsDirective)
  if (!isObject(value)) return false
  return Object.entries(value).some(([name, inner]) => name.startsWith('$') || holdsDirective(inner))
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
