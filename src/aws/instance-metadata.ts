/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html */
const TOKEN_PATH = '/latest/api/token'
const TOKEN_SECONDS = '60'
/** The service answers at once; a runner whose cores are all busy does not listen as fast. */
export const METADATA_PATIENCE_MS = 4000

/**
 * Reads one value of the instance's metadata (IMDSv2), like `/latest/meta-data/placement/region`. No proxy is asked,
 * as its answer would be about the proxy's instance.
 *
 * @throws Error in words, when metadata is disabled, out of reach, or without that value
 */
export async function readInstanceMetadata(path: string, env: NodeJS.ProcessEnv): Promise<string> {
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true')
    throw new Error('AWS_EC2_METADATA_DISABLED is true')
  const endpoint = endpointOf(env)
  const token = await ask(endpoint, TOKEN_PATH, {
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': TOKEN_SECONDS },
  })
  return ask(endpoint, path, { headers: { 'x-aws-ec2-metadata-token': token } })
}

function endpointOf(env: NodeJS.ProcessEnv): string {
  const { AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: mode } = env
  if (endpoint) return endpoint.replace(/\/$/, '')
  return mode?.toLowerCase() === 'ipv6' ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254'
}

async function ask(endpoint: string, path: string, request: RequestInit): Promise<string> {
  const answer = await fetch(endpoint + path, {
    ...request,
    signal: AbortSignal.timeout(METADATA_PATIENCE_MS),
  }).catch(error => {
    throw new Error(`${endpoint}${path}: ${error.cause?.message ?? error.message}`)
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${endpoint}${path} answered ${answer.status}`)
  return text.trim()
}
