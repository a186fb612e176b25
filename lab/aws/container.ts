import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Answer, CAPTIVE_PORTAL, type Reading, type Service } from './exchange.ts'
import type { AnsweredFault } from './faults.ts'
import type { Identities } from './identities.ts'
import { evaluateTrust } from './trust.ts'

/** Which agent gives a container its credentials. */
export type ContainerAgent = 'pods.eks.amazonaws.com' | 'ecs-tasks.amazonaws.com'

/** What a container has a role by. */
export type ContainerGrant = {
  roleArn: string
  agent: ContainerAgent
  sessionName: string
  /** An hour if left out. */
  credentialSeconds?: number
}

/** The environment that leads a container's SDKs to its credentials. */
export type ContainerEnvironment = {
  AWS_CONTAINER_CREDENTIALS_FULL_URI: string
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: string
}

/** The tokens that containers have, and what each is good for. */
export class ContainerGrants {
  readonly #folder: string
  readonly #byToken = new Map<string, ContainerGrant>()

  /** @param folder where token files are written */
  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * Grants a container a role: writes a token file.
   * @param url the address of the credentials service
   */
  async add(grant: ContainerGrant, url: string): Promise<ContainerEnvironment> {
    const token = randomBytes(32).toString('base64url')
    this.#byToken.set(token, grant)
    const file = join(this.#folder, `container-token-${this.#byToken.size}`)
    await writeFile(file, token, { mode: 0o600 })
    return { AWS_CONTAINER_CREDENTIALS_FULL_URI: url, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file }
  }

  /** What a token is good for. */
  find(token: string): ContainerGrant | undefined {
    return this.#byToken.get(token)
  }
}

/**
 * Makes the credentials service of containers: the EKS Pod Identity Agent's and the ECS agent's
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
 */
export function createContainerService(grants: ContainerGrants, identities: Identities): Service {
  return {
    name: 'container',
    read({ method, headers }): Reading {
      const grant = grants.find(headers.authorization ?? '')
      const answer = (): Answer => {
        if (method !== 'GET') return json(405, { message: 'Method Not Allowed' })
        if (grant === undefined) return json(401, { code: 'InvalidToken', message: 'Invalid token' })
        return issue(grant, identities)
      }
      return { operation: 'GetCredentials', region: null, identity: null, answer, answerFault }
    },
  }
}

function issue(grant: ContainerGrant, identities: Identities): Answer {
  const role = identities.findRole(grant.roleArn)
  const trustee = { kind: 'service', name: grant.agent } as const
  const trusted =
    role && evaluateTrust(identities.trustOf(role), trustee, 'sts:AssumeRole', {}).decision === 'allow'
  if (role === undefined || !trusted) {
    return json(400, { code: 'AccessDeniedException', message: `Unable to assume role ${grant.roleArn}` })
  }
  const expires = new Date(identities.clock.now().getTime() + (grant.credentialSeconds ?? 3600) * 1000)
  const credentials = identities.issueSession(role, { name: grant.sessionName, expires })
  return json(200, {
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: credentials.secretAccessKey,
    Token: credentials.sessionToken,
    Expiration: `${expires.toISOString().slice(0, 19)}Z`,
    AccountId: role.account,
  })
}

function answerFault(fault: AnsweredFault): Answer {
  switch (fault.kind) {
    case 'throttle':
      return json(429, { message: 'Too Many Requests' })
    case 'server-error':
      return json(fault.status, { message: 'Internal Server Error' })
    case 'denied':
      return json(403, { code: 'AccessDeniedException', message: 'Access denied' })
    case 'malformed':
      return { ...json(200, {}), body: '{"AccessKeyId":' }
    case 'html':
      return CAPTIVE_PORTAL
  }
}

function json(status: number, value: object): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }
}
