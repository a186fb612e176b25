import { readFile } from 'node:fs/promises'
import type { Findings } from '../failure.ts'

/**
 * What the web identity token of the environment says of itself: who issued it, of whom, for whom. That is no secret;
 * the token is, and stays here. Never rejects.
 */
export async function readWebIdentity({
  AWS_WEB_IDENTITY_TOKEN_FILE: file = '',
}: NodeJS.ProcessEnv): Promise<Findings> {
  try {
    const [, payload = ''] = (await readFile(file, 'utf8')).split('.')
    const { iss, sub, aud } = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const [audience] = [aud].flat()
    const told = [iss, sub, audience]
    if (!told.every(claim => typeof claim === 'string' && /^[\x20-\x7e]+$/.test(claim))) return {}
    return { webIdentity: { issuer: iss, subject: sub, audience } }
  } catch {
    return {}
  }
}
