import type { Caller, Identities } from './identities.ts'
import { partitionOf } from './regions.ts'
import {
  type SignatureRefusal,
  type SignatureRules,
  type SignedRequest,
  verifySignature,
} from './signature.ts'

/** Who signed a request, and for which region; or why nobody did. */
export type Signer =
  | { readonly kind: 'known'; readonly caller: Caller; readonly region: string }
  | { readonly kind: SignatureRefusal; readonly message: string }

/**
 * Finds who signed a request.
 * @param rules what the endpoint wants of a signature
 */
export function signerOf(request: SignedRequest, rules: SignatureRules, identities: Identities): Signer {
  const verdict = verifySignature(request, rules, id => identities.findKey(id), identities.clock.now())
  if (verdict.kind !== 'valid') return verdict
  const caller = identities.callerOf(verdict.accessKeyId)
  // Accounts of one partition are unknown in the others.
  const known = caller !== undefined && caller.partition === partitionOf(verdict.region)
  return known
    ? { kind: 'known', caller, region: verdict.region }
    : { kind: 'unknown-key', message: 'The security token included in the request is invalid.' }
}
