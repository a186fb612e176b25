import { STSClient } from '@aws-sdk/client-sts'
import type { LabAws } from '../../../lab/aws/aws.ts'
import type { AccessKey } from '../../../lab/aws/identities.ts'
import { ask } from './ask.ts'

export type Posted = { service: 'ec2' | 'eks'; host: string; path: string; body: string }

/** Posts to a service behind the lab's proxy, signed by the AWS SDK for us-east-1. */
export async function signed(aws: LabAws, credentials: AccessKey, { service, host, path, body }: Posted) {
  const client = new STSClient({ region: 'us-east-1', credentials })
  const signer = await client.config.signer({
    name: 'sigv4',
    signingName: service,
    signingRegion: 'us-east-1',
    properties: {},
  })
  const type = service === 'ec2' ? 'application/x-www-form-urlencoded' : 'application/json'
  const { headers } = await signer.sign({
    ...{ method: 'POST', protocol: 'https:', hostname: host, path, query: {}, body },
    headers: { host, 'content-type': type },
  } as never)
  client.destroy()
  const proxy = aws.env().HTTPS_PROXY ?? ''
  return ask(`https://${host}${path}`, { method: 'POST', headers, body, proxy, ca: aws.caPem })
}
