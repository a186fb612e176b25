import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'

/** An OpenID Connect provider that an account trusts, as IAM keeps it. */
export type OidcProvider = { account: string; issuer: string; audiences: readonly string[] }

/** What a token is to say. */
export type TokenOptions = { issuer: string; subject: string; audience: string; lifetimeSeconds?: number }

/** What a token that verified says. */
export type TokenClaims = { provider: string; issuer: string; subject: string; audience: string }

/** What became of a token; a refusal carries the code and message of STS. */
export type TokenVerdict =
  | { kind: 'valid'; claims: TokenClaims }
  | { kind: 'invalid'; code: 'InvalidIdentityToken' | 'ExpiredTokenException'; message: string }

type Payload = { iss: string; sub: string; aud: string; iat: number; exp: number }

/** Token issuers and the accounts that trust them. All issuers sign with the lab's one key (ES256, RFC 7518). */
export class WebIdentities {
  readonly #keys: { privateKey: KeyObject; publicKey: KeyObject }
  readonly #providers: OidcProvider[] = []

  constructor() {
    this.#keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  }

  /** Lets an account trust an issuer, for some audiences. */
  trustProvider(provider: OidcProvider): void {
    this.#providers.push(provider)
  }

  /** Issues a token (RFC 7519); its lifetime is an hour if left out, and may be negative. */
  issueToken({ issuer, subject, audience, lifetimeSeconds = 3600 }: TokenOptions): string {
    const iat = Math.floor(Date.now() / 1000)
    const payload: Payload = { iss: issuer, sub: subject, aud: audience, iat, exp: iat + lifetimeSeconds }
    const signed = `${part({ alg: 'ES256', typ: 'JWT', kid: 'lab' })}.${part(payload)}`
    const signature = sign('sha256', Buffer.from(signed), {
      key: this.#keys.privateKey,
      dsaEncoding: 'ieee-p1363',
    })
    return `${signed}.${signature.toString('base64url')}`
  }

  /** Verifies a token for an account, as AssumeRoleWithWebIdentity does. */
  verify(token: string, account: string, now: Date): TokenVerdict {
    const payload = this.#payloadOf(token)
    if (payload === undefined)
      return invalid("Couldn't retrieve verification key from your identity provider")
    const provider = this.#providers.find(one => one.account === account && one.issuer === payload.iss)
    if (provider === undefined) {
      return invalid(`No OpenIDConnect provider found in your account for ${payload.iss}`)
    }
    if (!provider.audiences.includes(payload.aud)) return invalid('Incorrect token audience')
    const seconds = Math.floor(now.getTime() / 1000)
    if (payload.exp <= seconds) {
      const message = `Token expired: current date/time ${seconds} must be before the expiration date/time ${payload.exp}`
      return { kind: 'invalid', code: 'ExpiredTokenException', message }
    }
    const claims = {
      provider: payload.iss.replace(/^https:\/\//, ''),
      issuer: payload.iss,
      subject: payload.sub,
      audience: payload.aud,
    }
    return { kind: 'valid', claims }
  }

  #payloadOf(token: string): Payload | undefined {
    const [header, payload, signature, ...more] = token.split('.')
    if (payload === undefined || signature === undefined || more.length > 0) return undefined
    const key = { key: this.#keys.publicKey, dsaEncoding: 'ieee-p1363' } as const
    const authentic = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      key,
      Buffer.from(signature, 'base64url'),
    )
    return authentic ? JSON.parse(Buffer.from(payload, 'base64url').toString()) : undefined
  }
}

function invalid(message: string): TokenVerdict {
  return { kind: 'invalid', code: 'InvalidIdentityToken', message }
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
