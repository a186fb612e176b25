import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { CLUSTER_HEADER, type PresignedCall } from './token.ts'

/** Who made a token, as STS says it. */
export type Identity = {
  /** Of the session, or of the user. */
  readonly arn: string
  /** The role's in place of its session's. It has no path, which a session's does not tell. */
  readonly canonicalArn: string
  readonly accountId: string
  /** AROA… of the role, or AIDA… of the user. */
  readonly userId: string
  /** Empty for a user. */
  readonly sessionName: string
  readonly accessKeyId: string
}

/** Where tokens are checked. */
export type Sts = {
  /** Asks who made a call. @returns undefined when STS refuses it, or does not answer as it should */
  identify(call: PresignedCall): Promise<Identity | undefined>
}

// The API server gives its authenticator this long (k8s.io/apiserver, pkg/util/webhook).
const PATIENCE_MS = 30_000

/**
 * Makes what asks STS about tokens for one cluster, as the authenticator does (aws-iam-authenticator 0.6.13, pkg/token):
 * it sends the presigned request with the cluster's name in the header that the signature must cover.
 *
 * @param endpoint where every STS host is served over plain HTTP: the lab's own STS
 */
export function createSts(endpoint: string, clusterName: string): Sts {
  const agent = new Agent({ keepAlive: true })
  return {
    async identify({ host, target, accessKeyId }) {
      const headers = { host, [CLUSTER_HEADER]: clusterName, accept: 'application/json', 'user-agent': AGENT }
      const answer = await get(endpoint, target, headers, agent).catch(() => undefined)
      return answer?.status === 200 ? readIdentity(answer.body, accessKeyId) : undefined
    },
  }
}

// As the real one calls itself.
const AGENT = 'Go-http-client/1.1'

async function get(endpoint: string, path: string, headers: Record<string, string>, agent: Agent) {
  const { hostname, port } = new URL(endpoint)
  const options = { hostname, port, path, headers, agent, signal: AbortSignal.timeout(PATIENCE_MS) }
  const ask = () =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const asking = request(options, resolve)
      // Like Go's client, it asks again when a connection that had served before ends without an answer.
      asking.on('error', error => (asking.reusedSocket ? resolve(ask()) : reject(error)))
      asking.end()
    })
  const answer = await ask()
  return { status: answer.statusCode, body: await text(answer) }
}

function readIdentity(body: string, accessKeyId: string): Identity | undefined {
  const { Account: accountId = '', Arn: arn = '', UserId = '' } = resultOf(body)
  const canonicalArn = canonicalArnOf(arn)
  if (canonicalArn === undefined) return undefined
  // A federated user's id has a colon, too, but belongs together.
  if (!arn.includes(':assumed-role/'))
    return { arn, canonicalArn, accountId, userId: UserId, sessionName: '', accessKeyId }
  const [userId = '', sessionName, ...more] = UserId.split(':')
  if (sessionName === undefined || more.length > 0) return undefined
  return { arn, canonicalArn, accountId, userId, sessionName, accessKeyId }
}

type CallerIdentity = { readonly Account?: string; readonly Arn?: string; readonly UserId?: string }

function resultOf(body: string): CallerIdentity {
  try {
    return JSON.parse(body).GetCallerIdentityResponse.GetCallerIdentityResult ?? {}
  } catch {
    return {}
  }
}

/**
 * The ARN that a principal is mapped by: a session's is that of its role, all others are their own
 * (aws-iam-authenticator 0.6.13, pkg/arn, Canonicalize).
 *
 * @returns undefined for an ARN of anything but a session, a federated user, a role, a user or an account's root
 */
function canonicalArnOf(arn: string): string | undefined {
  const session = /^arn:([^:]*):sts:[^:]*:([^:]*):assumed-role\/(.+)\/[^/]*$/.exec(arn)
  if (session !== null) return `arn:${session[1]}:iam::${session[2]}:role/${session[3]}`
  return /^arn:[^:]*:(sts:[^:]*:[^:]*:federated-user|iam:[^:]*:[^:]*:(role|user|root))(\/|$)/.test(arn)
    ? arn
    : undefined
}
