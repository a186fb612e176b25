import type { LabAws } from '../../aws/aws.ts'
import { clusterArn } from '../../aws/clusters.ts'
import { privateDnsName } from '../../aws/instance.ts'
import { CREATOR } from '../../cluster.ts'
import type { ConfigMap, UserInfo } from '../objects.ts'
import { readAwsAuth } from './aws-auth.ts'
import { createSts, type Identity } from './identity.ts'
import { type MappedUser, type MappingSource, mapIdentity } from './mapping.ts'
import { stsHostsFor } from './sts-hosts.ts'
import { readToken } from './token.ts'

/** Whose tokens are checked, and what they are checked with. */
export type AuthenticatorOptions = {
  /** A token must be signed for it. */
  readonly clusterName: string
  readonly region: string
  /** The cluster's; that of the lab's AWS if left out. */
  readonly account?: string | undefined
  /** Its STS says who made a token; it has the access entries, and says by the cluster's mode whether they count. */
  readonly aws: LabAws
  /** Gives kube-system/aws-auth as it is now. @returns undefined when there is none */
  readonly awsAuth: () => ConfigMap | undefined
  /** ARN of the role that made the cluster, if anybody did. */
  readonly creator?: string | undefined
}

export type Authenticator = {
  /**
   * Says who a token's bearer is; the groups are those of the mapping alone.
   * @returns undefined for a token that is refused, or whose identity is not mapped
   */
  authenticate(token: string): Promise<UserInfo | undefined>
}

// The API server keeps an authenticator's answers; the lab's real one keeps them this long (lab/real/control-plane.ts).
const KEPT_MS = 1_000

/**
 * Makes the authenticator of a cluster, as EKS runs it: aws-iam-authenticator, with access entries before aws-auth where
 * the cluster's authentication mode has both.
 *
 * What STS said of a token is kept for a second. What it is mapped to is not: a change of a mapping counts at once.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { clusterName, region, aws } = options
  const hosts = stsHostsFor(region)
  const sts = createSts(aws.stsEndpoint, clusterName)
  const identities = new Map<string, Promise<Identity | undefined>>()

  const identify = async (token: string): Promise<Identity | undefined> => {
    const reading = readToken(token, hosts, Date.now())
    return reading.kind === 'call' ? sts.identify(reading.call) : undefined
  }
  const identifyOnce = (token: string): Promise<Identity | undefined> => {
    const known = identities.get(token)
    if (known !== undefined) return known
    const asked = identify(token)
    identities.set(token, asked)
    const forget = () => identities.delete(token)
    asked.then(identity => (identity ? setTimeout(forget, KEPT_MS).unref() : forget()), forget)
    return asked
  }
  return {
    async authenticate(token) {
      const identity = await identifyOnce(token)
      if (identity === undefined) return undefined
      const user = mapIdentity(identity, sourcesOf(options), id => instanceName(options, id))
      return user && userInfo(identity, user)
    },
  }
}

/**
 * What the cluster's authentication mode lets count
 * (https://docs.aws.amazon.com/eks/latest/userguide/grant-k8s-access.html#set-cam). A cluster that AWS does not know, as
 * it is no more or not yet there, has no access entries.
 */
function sourcesOf(options: AuthenticatorOptions): readonly MappingSource[] {
  const { clusterName, region, aws, awsAuth, account = aws.account, creator } = options
  const made: MappingSource = ({ canonicalArn }) =>
    creator?.toLowerCase() === canonicalArn.toLowerCase() ? CREATOR : undefined
  const arn = clusterArn(region, account, clusterName)
  const accessEntries: MappingSource = ({ userId }) => aws.accessEntries.mappingOf(arn, userId)
  const configMap = readAwsAuth(awsAuth())
  switch (aws.findCluster(arn)?.accessConfig.authenticationMode) {
    case 'API':
      return [made, accessEntries]
    case 'API_AND_CONFIG_MAP':
      return [made, accessEntries, configMap]
    default:
      return [made, configMap]
  }
}

/** As the authenticator asks EC2 for it: in the region and the account of the cluster. */
function instanceName(options: AuthenticatorOptions, id: string): string | undefined {
  const { instance, account } = options.aws
  const theirs = instance.region === options.region && instance.account === (options.account ?? account)
  return theirs && instance.id === id ? privateDnsName(instance) : undefined
}

/** As aws-iam-authenticator 0.6.13 words it (pkg/server, authenticateEndpoint). */
function userInfo(identity: Identity, { username, groups }: MappedUser): UserInfo {
  const { arn, canonicalArn, accountId, userId, sessionName, accessKeyId } = identity
  return {
    username,
    uid: `aws-iam-authenticator:${accountId}:${userId}`,
    groups,
    extra: {
      accessKeyId: [accessKeyId],
      arn: [arn],
      canonicalArn: [canonicalArn],
      principalId: [userId],
      sessionName: [sessionName],
    },
  }
}
