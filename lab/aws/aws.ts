import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority } from '../certificates.ts'
import { AccessEntries } from './access-entries.ts'
import { type Clock, dated } from './clock.ts'
import { assumeClusterRole } from './cluster-role.ts'
import { type Cluster, type ClusterOptions, Clusters } from './clusters.ts'
import {
  type ContainerEnvironment,
  type ContainerGrant,
  ContainerGrants,
  createContainerService,
} from './container.ts'
import { createEc2Service } from './ec2.ts'
import { createEksService } from './eks.ts'
import { type LoggedRequest, type Service, serve } from './exchange.ts'
import { type Fault, type FaultOrder, Faults, type FaultTarget } from './faults.ts'
import { Identities } from './identities.ts'
import { createMetadataService, type Instance } from './instance.ts'
import { defaultNetwork } from './instance-network.ts'
import { type LabProxy, type ProxyCredentials, startProxy } from './proxy.ts'
import { endpointOf } from './regions.ts'
import { SecurityGroups } from './security-groups.ts'
import { type LocalServer, listen } from './server.ts'
import { createStsService } from './sts.ts'
import { WebIdentities } from './webidentity.ts'

/** What the lab's AWS is started with. */
export type AwsOptions = {
  /** The account that everything is in which names none; 111122223333 if left out. */
  account?: string
  /** The instance that runs in it; all of it can be changed later. */
  instance?: Partial<Instance>
  /** What the proxy wants of its clients; nothing if left out. */
  proxyCredentials?: ProxyCredentials
}

/** The lab's AWS. All of it listens on 127.0.0.1. */
export type LabAws = {
  account: string
  /** The instance that the metadata service speaks of; assign to it to change it. */
  instance: Instance
  identities: Identities
  /** The time by AWS; the runner's own is the machine's. */
  clock: Clock
  webIdentities: WebIdentities
  /** Who may log in to which cluster, as the EKS API has it; the clusters' aws-auth is their own. */
  accessEntries: AccessEntries
  /** Whom the groups of the instance and of the clusters let in; asked about by an endpoint gate alone. */
  securityGroups: SecurityGroups
  proxy: Omit<LabProxy, 'stop'>
  metadataEndpoint: string
  eksEndpoint: string
  stsEndpoint: string
  /** PEM file of the authority that signed the proxy's certificates. */
  caFile: string
  caPem: string
  /** Every request to any service so far, the oldest first. */
  requests: LoggedRequest[]
  putCluster(options: ClusterOptions): Cluster
  /** Takes a cluster away, and its access entries. */
  removeCluster(arn: string): void
  findCluster(arn: string): Cluster | undefined
  /** Orders a fault of a service. */
  fail(target: FaultTarget, fault: Fault): FaultOrder
  /** Grants a container a role; gives the environment that leads its SDKs to the credentials. */
  grantContainer(grant: ContainerGrant): Promise<ContainerEnvironment>
  /** The environment of a process on the instance. */
  env(): Record<string, string>
  /** The environment of what checks tokens for a cluster in a region: it asks STS, and has no role. */
  serverEnv(region?: string): Record<string, string>
  /** The same, with the role of a region's clusters, which may ask EC2 about instances. */
  controlPlaneEnv(region?: string): Record<string, string>
  /** Ends all of it, with every connection that is open, and removes its files. */
  stop(): Promise<void>
}

/** Starts the lab's AWS: instance metadata, container credentials, EKS API, STS, and the proxy that leads to them. */
export async function startAws(options: AwsOptions = {}): Promise<LabAws> {
  const account = options.account ?? '111122223333'
  const folder = await mkdtemp(join(tmpdir(), 'lab-aws-'))
  const authority = await createAuthority('Lab AWS CA')
  const caFile = join(folder, 'ca.pem')
  await writeFile(caFile, authority.certificatePem)

  const instance = createInstance(account, options.instance)
  const identities = new Identities(account)
  const webIdentities = new WebIdentities()
  const clusters = new Clusters(account)
  const accessEntries = new AccessEntries(clusters, identities)
  const securityGroups = new SecurityGroups(() => groupsOf(instance, clusters))
  const grants = new ContainerGrants(folder)
  const faults = new Faults()
  const requests: LoggedRequest[] = []

  const services = {
    imds: createMetadataService(instance, identities),
    container: createContainerService(grants, identities),
    ec2: createEc2Service(instance, identities, securityGroups),
    eks: createEksService({ clusters, accessEntries, identities }),
    sts: createStsService(identities, webIdentities),
  }
  const start = async (service: Service) =>
    withUrl(
      await listen(
        createServer(
          serve(dated(service, identities.clock), faults, requests, request => regionOf(request, service)),
        ),
      ),
    )
  const [imds, container, eks, sts] = [
    await start(services.imds),
    await start(services.container),
    await start(services.eks),
    await start(services.sts),
  ]
  const proxy = await startProxy({
    authority,
    credentials: options.proxyCredentials ?? null,
    answer: ({ service, region }) =>
      serve(dated(services[service], identities.clock), faults, requests, () => region),
  })
  const places = {
    imds: imds.url,
    eks: eks.url,
    proxy: proxyUrl(proxy.port, options.proxyCredentials),
    caFile,
  }

  return {
    account,
    instance,
    identities,
    clock: identities.clock,
    webIdentities,
    accessEntries,
    securityGroups,
    proxy,
    metadataEndpoint: imds.url,
    eksEndpoint: eks.url,
    stsEndpoint: sts.url,
    caFile,
    caPem: authority.certificatePem,
    requests,
    putCluster: cluster => clusters.put(cluster),
    removeCluster: arn => {
      clusters.remove(arn)
      accessEntries.forget(arn)
    },
    findCluster: arn => clusters.find(arn),
    fail: (target, fault) => faults.order(target, fault),
    grantContainer: grant => grants.add(grant, `${container.url}/v1/credentials`),
    env: () => instanceEnvironment(places),
    serverEnv: (region = instance.region) => serverEnvironment(places, region),
    controlPlaneEnv: (region = instance.region) => {
      const { accessKeyId, secretAccessKey, sessionToken } = assumeClusterRole(identities, region, account)
      return {
        ...serverEnvironment(places, region),
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_SESSION_TOKEN: sessionToken,
      }
    },
    stop: async () => {
      await Promise.all([imds, container, eks, sts, proxy].map(server => server.stop()))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The region of the endpoint that a request names as its host; null where it names no endpoint, but the listener. */
function regionOf({ headers }: IncomingMessage, { name }: Service): string | null {
  const endpoint = endpointOf(headers.host ?? '')
  return endpoint?.service === name ? endpoint.region : null
}

type Places = { imds: string; eks: string; proxy: string; caFile: string }

// Not AWS_ENDPOINT_URL_STS: `aws eks get-token` would presign for the lab's own host, which no cluster accepts.
function instanceEnvironment({ imds, eks, proxy, caFile }: Places): Record<string, string> {
  return {
    AWS_EC2_METADATA_SERVICE_ENDPOINT: imds,
    AWS_ENDPOINT_URL_EKS: eks,
    AWS_CA_BUNDLE: caFile,
    HTTPS_PROXY: proxy,
    NO_PROXY: '127.0.0.1,localhost',
  }
}

function serverEnvironment({ proxy, caFile }: Places, region: string): Record<string, string> {
  return {
    AWS_REGION: region,
    AWS_EC2_METADATA_DISABLED: 'true',
    SSL_CERT_FILE: caFile,
    HTTPS_PROXY: proxy,
    NO_PROXY: '127.0.0.1,localhost',
  }
}

function withUrl(server: LocalServer): LocalServer & { url: string } {
  return { ...server, url: `http://127.0.0.1:${server.port}` }
}

function createInstance(account: string, given: Partial<Instance> = {}): Instance {
  const region = given.region ?? 'us-east-1'
  return {
    access: 'token-required',
    hopLimit: 1,
    hops: 0,
    id: 'i-0a1b2c3d4e5f67890',
    account,
    region,
    availabilityZone: `${region}a`,
    privateIp: '10.0.3.17',
    network: defaultNetwork(),
    roleArn: null,
    credentialSeconds: 6 * 3600,
    ...given,
  }
}

/** The VPC of each security group. */
function groupsOf({ network }: Instance, clusters: Clusters): ReadonlyMap<string, string> {
  const own = network.securityGroupIds.map(id => [id, network.vpcId] as const)
  return new Map([...clusters.securityGroups(), ...own])
}

function proxyUrl(port: number, credentials: ProxyCredentials | undefined): string {
  const user = credentials && [credentials.username, credentials.password].map(encodeURIComponent).join(':')
  return `http://${user === undefined ? '' : `${user}@`}127.0.0.1:${port}`
}
