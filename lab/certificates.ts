import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import type { X509Certificate } from '@peculiar/x509'

import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

const KEYS = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY = 24 * 60 * 60 * 1000

/** A certificate and its private key, both PEM. The certificate is alone: its issuer is the authority itself. */
export type IssuedCertificate = { cert: string; key: string }

/** From when to when a certificate is valid. */
export type Validity = { notBefore: Date; notAfter: Date }

/** A certificate authority that lives in memory. */
export type Authority = {
  /** The authority's own certificate, to be trusted by clients. */
  certificatePem: string
  /**
   * Makes a server certificate with a fresh P-256 key.
   * @param names DNS names and IP addresses the certificate is for; at least one, the first is its common name
   * @param validity from when to when it is valid; yesterday to in 30 days if left out
   */
  issue(names: readonly string[], validity?: Validity): Promise<IssuedCertificate>
}

/**
 * Makes a certificate authority with a P-256 key of its own (profile of RFC 5280: basic constraints, key usage and
 * key identifiers, without which strict verifiers refuse a chain).
 * @param name common name of the authority
 */
export async function createAuthority(name: string): Promise<Authority> {
  x509.cryptoProvider.set(webcrypto as Crypto)
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    serialNumber: serialNumber(),
    signingAlgorithm: KEYS,
    ...validFrom(new Date(), 30),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    certificatePem: pem(certificate),
    issue: (names, validity = validFrom(new Date(), 30)) => issueLeaf(certificate, keys, names, validity),
  }
}

async function issueLeaf(
  issuer: X509Certificate,
  issuerKeys: CryptoKeyPair,
  names: readonly string[],
  validity: Validity,
): Promise<IssuedCertificate> {
  const [commonName] = names
  if (commonName === undefined) throw new TypeError('a certificate needs at least one name')
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [commonName] }],
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: issuerKeys.privateKey,
    signingAlgorithm: KEYS,
    serialNumber: serialNumber(),
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map(value => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuerKeys.publicKey),
    ],
  })
  return { cert: pem(certificate), key: await privateKeyPem(keys.privateKey) }
}

function generateKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify']) as Promise<CryptoKeyPair>
}

// RFC 5280, 4.1.2.2: positive and at most 20 octets; a leading 01 keeps the sign bit clear.
function serialNumber(): string {
  return `01${randomBytes(15).toString('hex')}`
}

function validFrom(now: Date, days: number): Validity {
  return { notBefore: new Date(now.getTime() - DAY), notAfter: new Date(now.getTime() + days * DAY) }
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem').trim()}\n`
}

async function privateKeyPem(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key as webcrypto.CryptoKey))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n')
}
