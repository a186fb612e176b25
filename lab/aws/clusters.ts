import { randomBytes, randomUUID } from 'node:crypto'
import { type AccessChanges, withAccess } from './endpoint-access.ts'
import { partitionOf } from './regions.ts'

/** Where the state of a cluster stands. */
export type ClusterStatus = 'CREATING' | 'ACTIVE' | 'DELETING' | 'FAILED' | 'UPDATING' | 'PENDING'

/** Where a cluster looks for who may log in: at its access entries, in aws-auth, or at both. */
export type AuthenticationMode = 'API' | 'API_AND_CONFIG_MAP' | 'CONFIG_MAP'

/** What a cluster is made from; all but name and region has a value that fits if it is left out. */
export type ClusterOptions = {
  name: string
  region: string
  /** The lab's account if left out. */
  account?: string
  status?: ClusterStatus
  /** null: there is none yet, as with a cluster that is being created. */
  endpoint?: string | null
  /** PEM of the authority that signed the API server's certificate; null: none yet. */
  certificateAuthorityPem?: string | null
  version?: string
  platformVersion?: string
  authenticationMode?: AuthenticationMode
  endpointPublicAccess?: boolean
  endpointPrivateAccess?: boolean
  publicAccessCidrs?: readonly string[]
  securityGroupId?: string
  vpcId?: string
  subnetIds?: readonly string[]
  serviceIpv4Cidr?: string
  tags?: Readonly<Record<string, string>>
  /** Makes it a local cluster on AWS Outposts, which has an id. */
  outpost?: { outpostArn: string; id?: string }
  createdAt?: Date
}

/** A cluster as DescribeCluster answers it (https://docs.aws.amazon.com/eks/latest/APIReference/API_Cluster.html). */
export type Cluster = Readonly<{
  name: string
  arn: string
  id?: string
  /** Seconds since 1970. */
  createdAt: number
  version: string
  platformVersion: string
  status: ClusterStatus
  endpoint?: string
  roleArn: string
  resourcesVpcConfig: Readonly<Record<string, unknown>>
  kubernetesNetworkConfig: Readonly<Record<string, unknown>>
  certificateAuthority: { data?: string }
  accessConfig: { readonly authenticationMode: AuthenticationMode }
  identity?: { oidc: { issuer: string } }
  tags: Readonly<Record<string, string>>
  outpostConfig?: Readonly<Record<string, unknown>>
}>

/** The clusters of all accounts and regions. */
export class Clusters {
  readonly #account: string
  readonly #byArn = new Map<string, Cluster>()

  /** @param account the account of clusters that name none */
  constructor(account: string) {
    this.#account = account
  }

  /**
   * Puts a cluster, in the place of the one of the same name, region and account if there is one.
   * @throws TypeError for a region that does not exist or a name that EKS would not take
   */
  put(options: ClusterOptions): Cluster {
    const cluster = describe(options, options.account ?? this.#account)
    this.#byArn.set(cluster.arn, cluster)
    return cluster
  }

  /** Takes a cluster away. */
  remove(arn: string): void {
    if (!this.#byArn.delete(arn)) throw new TypeError(`there is no cluster ${arn}`)
  }

  /** The cluster of an ARN. */
  find(arn: string): Cluster | undefined {
    return this.#byArn.get(arn)
  }

  /** Changes how the API server of a cluster is reached. */
  changeAccess(arn: string, changes: AccessChanges): Cluster | undefined {
    const cluster = this.find(arn)
    if (cluster) this.#byArn.set(arn, withAccess(cluster, changes))
    return cluster
  }

  /** Each cluster's security group, with its VPC. */
  securityGroups(): [id: string, vpcId: string][] {
    return [...this.#byArn.values()].map(({ resourcesVpcConfig: { clusterSecurityGroupId, vpcId } }) => [
      String(clusterSecurityGroupId),
      String(vpcId),
    ])
  }

  /** Names of the clusters of an account in a region, in order. */
  names(account: string, region: string): string[] {
    return [...this.#byArn.values()]
      .filter(({ arn }) => arn.includes(`:eks:${region}:${account}:`))
      .map(({ name }) => name)
      .sort()
  }
}

/**
 * The ARN of a cluster.
 * @throws TypeError for a region that does not exist
 */
export function clusterArn(region: string, account: string, name: string): string {
  const partition = partitionOf(region)
  if (partition === undefined) throw new TypeError(`there is no region ${region}`)
  return `arn:${partition}:eks:${region}:${account}:cluster/${name}`
}

/**
 * The ARN of the role that the clusters of an account have.
 * @throws TypeError for a region that does not exist
 */
export function clusterRoleArn(region: string, account: string): string {
  return clusterArn(region, account, '').replace(/:eks:.*$/, `:iam::${account}:role/eks-cluster`)
}

function describe(options: ClusterOptions, account: string): Cluster {
  const { name, region, status = 'ACTIVE', outpost } = options
  if (!/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/.test(name)) throw new TypeError(`${name} is no name of a cluster`)
  const arn = clusterArn(region, account, name)
  const issuerId = randomBytes(16).toString('hex').toUpperCase()
  const host = `${issuerId}.gr7.${region}.eks.amazonaws.com`
  const started = status !== 'CREATING' && status !== 'PENDING'
  const endpoint = options.endpoint === undefined && started ? `https://${host}` : options.endpoint
  const pem = options.certificateAuthorityPem
  return {
    name,
    arn,
    createdAt: (options.createdAt ?? new Date()).getTime() / 1000,
    version: options.version ?? '1.37',
    platformVersion: options.platformVersion ?? 'eks.4',
    status,
    ...(endpoint ? { endpoint } : {}),
    roleArn: clusterRoleArn(region, account),
    resourcesVpcConfig: network(options),
    kubernetesNetworkConfig: {
      serviceIpv4Cidr: options.serviceIpv4Cidr ?? '10.100.0.0/16',
      ipFamily: 'ipv4',
    },
    certificateAuthority: pem ? { data: Buffer.from(pem).toString('base64') } : {},
    accessConfig: { authenticationMode: options.authenticationMode ?? 'API_AND_CONFIG_MAP' },
    ...(started && !outpost
      ? { identity: { oidc: { issuer: `https://oidc.eks.${region}.amazonaws.com/id/${issuerId}` } } }
      : {}),
    tags: options.tags ?? {},
    ...(outpost ? onOutpost(outpost) : {}),
  }
}

function network(options: ClusterOptions): Cluster['resourcesVpcConfig'] {
  return {
    subnetIds: options.subnetIds ?? ['subnet-0a1b2c3d4e5f60718', 'subnet-0f9e8d7c6b5a40312'],
    securityGroupIds: [],
    clusterSecurityGroupId: options.securityGroupId ?? 'sg-0123456789abcdef0',
    vpcId: options.vpcId ?? 'vpc-0a1b2c3d4e5f67890',
    endpointPublicAccess: options.endpointPublicAccess ?? true,
    endpointPrivateAccess: options.endpointPrivateAccess ?? true,
    publicAccessCidrs: options.publicAccessCidrs ?? ['0.0.0.0/0'],
  }
}

function onOutpost({ outpostArn, id = randomUUID() }: NonNullable<ClusterOptions['outpost']>) {
  return { id, outpostConfig: { outpostArns: [outpostArn], controlPlaneInstanceType: 'm5.large' } }
}
