import { STSClient } from '@aws-sdk/client-sts'
import type { AccessKey, SessionCredentials } from '../../../lab/aws/identities.ts'

/** What a URL is presigned with. */
export type PresignOptions = {
  credentials: AccessKey | SessionCredentials
  host: string
  region: string
  headers?: Record<string, string>
  signedAt?: Date
  expiresSeconds?: number
}

/**
 * Presigns GetCallerIdentity with the signer of the AWS SDK, as `aws eks get-token` does.
 * @returns path and query of the URL
 */
export async function presignGetCallerIdentity(options: PresignOptions): Promise<string> {
  const { credentials, host, region, headers = {}, signedAt = new Date(), expiresSeconds = 60 } = options
  const client = new STSClient({ region, credentials })
  const signer = await client.config.signer({
    name: 'sigv4',
    signingName: 'sts',
    signingRegion: region,
    properties: {},
  })
  if (!('presign' in signer) || typeof signer.presign !== 'function')
    throw new Error('the SDK cannot presign')
  const request = {
    method: 'GET',
    protocol: 'https:',
    hostname: host,
    path: '/',
    query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
    headers: { host, ...headers },
  }
  const names = new Set(Object.keys(headers))
  const signing = { expiresIn: expiresSeconds, signingDate: signedAt }
  const signed = await signer.presign(request, {
    ...signing,
    unhoistableHeaders: names,
    signableHeaders: new Set(['host', ...names]),
  })
  client.destroy()
  return `/?${new URLSearchParams(signed.query).toString().replaceAll('+', '%20')}`
}
