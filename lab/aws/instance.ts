import { randomBytes } from 'node:crypto'
import { type Answer, CAPTIVE_PORTAL, type Incoming, type Reading, type Service } from './exchange.ts'
import type { AnsweredFault } from './faults.ts'
import type { Identities, Role, SessionCredentials } from './identities.ts'
import { type InstanceNetwork, networkMetadata } from './instance-network.ts'
import { evaluateTrust } from './trust.ts'

const TOKEN_HEADER = 'x-aws-ec2-metadata-token'
const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds'
const MAX_TTL_SECONDS = 21_600
// The real service shows new credentials at least this long before the old ones end.
const RENEWAL_MS = 5 * 60_000

/** How the metadata service lets itself be asked. */
export type MetadataAccess =
  /** As instances are started today: a session token is needed for everything. */
  | 'token-required'
  /** Questions without a token are answered too. */
  | 'token-optional'
  /** An old stand-in that knows nothing of session tokens: PUT is 405. */
  | 'no-tokens'
  /** Turned off for the instance: 403. */
  | 'disabled'

/** The instance that the metadata service speaks of. A test may change any of it at any time. */
export type Instance = {
  access: MetadataAccess
  /** Hops that the answer to a token's PUT may travel. */
  hopLimit: number
  /** Hops that lie between the runner and the instance: 0 on the instance itself, 1 in a container on it. */
  hops: number
  id: string
  account: string
  region: string
  availabilityZone: string
  /** Its address in its network. */
  privateIp: string
  network: InstanceNetwork
  /** ARN of the role in its instance profile; null if it has no profile. */
  roleArn: string | null
  /** How long credentials that are issued live; negative for some that are over already. */
  credentialSeconds: number
}

/**
 * The name that EC2 gives an instance in its network
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html).
 */
export function privateDnsName({ privateIp, region }: Pick<Instance, 'privateIp' | 'region'>): string {
  const domain = region === 'us-east-1' ? 'ec2.internal' : `${region}.compute.internal`
  return `ip-${privateIp.replaceAll('.', '-')}.${domain}`
}

type Issued = { credentials: SessionCredentials; roleId: string; at: Date }

/**
 * Makes the instance metadata service
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html).
 */
export function createMetadataService(instance: Instance, identities: Identities): Service {
  const tokens = new Map<string, number>()
  const credentials = new RoleCredentials(instance, identities)
  return {
    name: 'imds',
    read(request): Reading {
      const operation = operationOf(request)
      const answer = (): Answer | 'silence' => {
        if (instance.access === 'disabled') return page(403, 'Forbidden')
        if (operation === 'PutToken') return putToken(request, instance, tokens)
        if (request.method !== 'GET' && request.method !== 'HEAD') return page(405, 'Method Not Allowed')
        if (!mayAsk(request, instance.access, tokens)) return page(401, 'Unauthorized')
        return describe(request.path, instance, credentials)
      }
      return { operation, region: instance.region, identity: null, answer, answerFault }
    },
  }
}

function operationOf({ method, path }: Incoming): string {
  if (method === 'PUT' && path === '/latest/api/token') return 'PutToken'
  if (path.startsWith('/latest/meta-data/iam/security-credentials')) {
    return path.replace(/\/$/, '').endsWith('security-credentials') ? 'GetRoleName' : 'GetCredentials'
  }
  if (path === '/latest/meta-data/iam/info') return 'GetInstanceProfile'
  if (path.startsWith('/latest/meta-data/placement')) return 'GetPlacement'
  if (path === '/latest/dynamic/instance-identity/document') return 'GetIdentityDocument'
  return 'GetMetadata'
}

function putToken(
  request: Incoming,
  { access, hopLimit, hops }: Instance,
  tokens: Map<string, number>,
): Answer | 'silence' {
  // The answer's time to live is the limit, and is over at the last hop.
  if (hops >= hopLimit) return 'silence'
  if (access === 'no-tokens') return page(405, 'Method Not Allowed')
  // So that an open proxy on the instance cannot be used to get a token.
  if (request.headers['x-forwarded-for'] !== undefined) return page(403, 'Forbidden')
  const ttl = String(request.headers[TTL_HEADER] ?? '')
  if (!/^\d+$/.test(ttl) || Number(ttl) < 1 || Number(ttl) > MAX_TTL_SECONDS) return page(400, 'Bad Request')
  const token = randomBytes(40).toString('base64')
  tokens.set(token, Date.now() + Number(ttl) * 1000)
  return { status: 200, headers: { 'content-type': 'text/plain', [TTL_HEADER]: ttl }, body: token }
}

function mayAsk(request: Incoming, access: MetadataAccess, tokens: Map<string, number>): boolean {
  if (access === 'no-tokens') return true
  const token = request.headers[TOKEN_HEADER]
  if (token === undefined) return access === 'token-optional'
  return (tokens.get(String(token)) ?? 0) > Date.now()
}

function describe(path: string, instance: Instance, credentials: RoleCredentials): Answer {
  const { availabilityZone, id: instanceId, privateIp, region, account: accountId } = instance
  switch (path) {
    case '/latest/meta-data/instance-id':
      return text(instanceId)
    case '/latest/meta-data/local-ipv4':
      return text(privateIp)
    case '/latest/meta-data/local-hostname':
      return text(privateDnsName(instance))
    case '/latest/meta-data/placement/region':
      return text(region)
    case '/latest/meta-data/placement/availability-zone':
      return text(availabilityZone)
    case '/latest/dynamic/instance-identity/document':
      return json({ accountId, availabilityZone, instanceId, region, version: '2017-09-30' })
    case '/latest/meta-data/iam/info':
      return credentials.profile()
    case '/latest/meta-data/iam/security-credentials':
    case '/latest/meta-data/iam/security-credentials/':
      return credentials.roleName()
  }
  const ofNetwork = networkMetadata(path, instance)
  if (ofNetwork !== undefined) return text(ofNetwork)
  const name = /^\/latest\/meta-data\/iam\/security-credentials\/([^/]+)$/.exec(path)?.[1]
  return name === undefined ? page(404, 'Not Found') : credentials.show(name)
}

/** The credentials of the instance's role: kept until shortly before they end, then issued anew. */
class RoleCredentials {
  readonly #instance: Instance
  readonly #identities: Identities
  #issued: Issued | undefined

  constructor(instance: Instance, identities: Identities) {
    this.#instance = instance
    this.#identities = identities
  }

  roleName(): Answer {
    const { roleArn } = this.#instance
    return roleArn === null ? page(404, 'Not Found') : text(nameIn(roleArn))
  }

  profile(): Answer {
    const { roleArn } = this.#instance
    if (roleArn === null) return page(404, 'Not Found')
    // The console makes an instance profile of the role's own name.
    const InstanceProfileArn = roleArn.replace(':role/', ':instance-profile/')
    return json({ Code: 'Success', LastUpdated: timestamp(this.#identities.clock.now()), InstanceProfileArn })
  }

  show(name: string): Answer {
    const { roleArn } = this.#instance
    if (roleArn === null || nameIn(roleArn) !== name) return page(404, 'Not Found')
    const role = this.#identities.findRole(roleArn)
    if (role === undefined || !trustsInstances(role, this.#identities)) return json(unassumable(name))
    const { credentials, at } = this.#current(role)
    return json({
      Code: 'Success',
      LastUpdated: timestamp(at),
      Type: 'AWS-HMAC',
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey,
      Token: credentials.sessionToken,
      Expiration: timestamp(credentials.expires),
    })
  }

  #current(role: Role): Issued {
    const { id, credentialSeconds } = this.#instance
    const issued = this.#issued
    const lasts =
      issued !== undefined &&
      issued.credentials.expires.getTime() - this.#identities.clock.now().getTime() > RENEWAL_MS
    const known = issued && this.#identities.findKey(issued.credentials.accessKeyId) !== undefined
    if (lasts && known && issued.roleId === role.uniqueId) return issued
    const at = this.#identities.clock.now()
    const expires = new Date(at.getTime() + credentialSeconds * 1000)
    const credentials = this.#identities.issueSession(role, { name: id, expires })
    this.#issued = { credentials, roleId: role.uniqueId, at }
    return this.#issued
  }
}

function trustsInstances(role: Role, identities: Identities): boolean {
  const domain = role.partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com'
  const trust = identities.trustOf(role)
  return ['ec2.amazonaws.com', `ec2.${domain}`].some(
    name => evaluateTrust(trust, { kind: 'service', name }, 'sts:AssumeRole', {}).decision === 'allow',
  )
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html
function unassumable(name: string): object {
  return {
    Code: 'AssumeRoleUnauthorizedAccess',
    Message: `EC2 cannot assume the role ${name}.  Please see documentation at https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc.`,
    LastUpdated: timestamp(new Date()),
  }
}

function answerFault(fault: AnsweredFault): Answer {
  switch (fault.kind) {
    case 'throttle':
      return page(429, 'Too Many Requests')
    case 'server-error':
      return page(fault.status, 'Internal Server Error')
    case 'denied':
      return page(403, 'Forbidden')
    case 'malformed':
      return { ...json({}), body: '{"Code" : "Success", "LastUpd' }
    case 'html':
      return CAPTIVE_PORTAL
  }
}

function nameIn(roleArn: string): string {
  return roleArn.slice(roleArn.lastIndexOf('/') + 1)
}

function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}

function text(body: string): Answer {
  return { status: 200, headers: { 'content-type': 'text/plain' }, body }
}

// The metadata service calls its JSON plain text.
function json(value: object): Answer {
  return text(JSON.stringify(value, null, 2))
}

function page(status: number, title: string): Answer {
  const body = `<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
  "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head><title>${status} - ${title}</title></head>
 <body><h1>${status} - ${title}</h1></body>
</html>
`
  return { status, headers: { 'content-type': 'text/html' }, body }
}
