/** An embedded cluster: an API server and an authenticator in this process, which the lab's AWS knows of. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import { ask, demand, kubeconfigOf, type ServerAddress } from '../admin.ts'
import { clusterArn } from '../aws/clusters.ts'
import type { LocalServer } from '../aws/server.ts'
import { AwsAuth } from '../aws-auth.ts'
import { createAuthority } from '../certificates.ts'
import { type ClusterStart, grantDemo, type LabCluster } from '../cluster.ts'
import { accessPolicies } from './access-policies.ts'
import { type Authenticate, answerRequest } from './api.ts'
import { createAuthenticator } from './authenticator/authenticator.ts'
import { bootstrap } from './bootstrap.ts'
import { serveHttps } from './endpoint.ts'
import { apiVersionOf, CONFIG_MAP, KINDS } from './kinds.ts'
import type { ConfigMap, KubeObject } from './objects.ts'
import { Store } from './store.ts'

/**
 * Starts an API server for the cluster and each of its neighbours, which share their objects, and registers them with
 * the lab's AWS.
 */
export async function startCluster(options: ClusterStart): Promise<LabCluster> {
  const { aws, region = aws.instance.region, neighbours = [], creator, ...described } = options
  const { name, account } = described
  const hostName = `${name}.${region}.eks.lab.test`.toLowerCase()
  const authority = await createAuthority(`${name} CA`)
  const caPem = authority.certificatePem
  const certificate = await authority.issue(['127.0.0.1', 'localhost', hostName])
  const store = bootstrap(new Store())
  const token = randomBytes(16).toString('hex')
  const awsAuth = () => store.find(CONFIG_MAP, 'kube-system', 'aws-auth') as ConfigMap | undefined

  const policiesOf = (clusterName: string) => {
    const arn = clusterArn(region, account ?? aws.account, clusterName)
    return accessPolicies(uniqueId => aws.accessEntries.holderOf(arn, uniqueId))
  }
  const start = async (clusterName: string) => {
    const { authenticate } = createAuthenticator({ clusterName, region, account, aws, awsAuth, creator })
    const whose: Authenticate = async given => (given === token ? ADMINISTRATOR : authenticate(given))
    const server = await serveHttps(certificate, received =>
      answerRequest(received, store, whose, policiesOf(clusterName)),
    )
    return { clusterName, server }
  }
  const servers = await Promise.all([name, ...neighbours].map(start))
  const put = ({ clusterName, server }: (typeof servers)[number]) => {
    const endpoint = `https://127.0.0.1:${server.port}`
    const { arn } = aws.putCluster({
      ...{ ...described, name: clusterName, region, endpoint, certificateAuthorityPem: caPem },
    })
    return { name: clusterName, arn, endpoint, port: server.port }
  }
  const stop = (folder?: string) =>
    stopAll(
      servers.map(({ server }) => server),
      folder,
    )
  try {
    const [own, ...others] = servers.map(put)
    if (own === undefined) throw new Error('a cluster without a server')
    aws.proxy.route(hostName, own.port)
    const apiServer = { port: own.port, caPem, token }
    const folder = await mkdtemp(join(tmpdir(), 'cluster-'))
    const adminKubeconfig = join(folder, 'admin.yaml')
    await writeFile(adminKubeconfig, kubeconfigOf(name, own.endpoint, apiServer), { mode: 0o600 })
    return {
      ...{ ...own, region, neighbours: others, hostName, caPem, adminKubeconfig },
      ...administration(apiServer),
      stop: async () => {
        aws.proxy.unroute(hostName)
        await stop(folder)
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const ADMINISTRATOR = { username: 'admin', uid: 'admin', groups: ['system:masters'] }

async function stopAll(servers: readonly LocalServer[], folder: string | undefined): Promise<void> {
  await Promise.all(servers.map(server => server.stop()))
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}

function administration(
  apiServer: ServerAddress,
): Pick<LabCluster, 'apply' | 'mapRole' | 'writeMapRoles' | 'grantDemo'> {
  const awsAuth = new AwsAuth(apiServer, [])
  return {
    async apply(manifests) {
      for (const object of loadAll(manifests)) if (object) await put(apiServer, object as KubeObject)
    },
    mapRole: (rolearn, username, groups = []) => awsAuth.add({ rolearn, username, groups }),
    writeMapRoles: text => awsAuth.write(text),
    grantDemo: () => grantDemo(apiServer),
  }
}

/** Makes an object, or makes it what is given. */
async function put(apiServer: ServerAddress, object: KubeObject): Promise<void> {
  const kind = KINDS.find(kind => kind.kind === object.kind && apiVersionOf(kind) === object.apiVersion)
  if (kind === undefined)
    throw new Error(`the embedded cluster keeps no ${object.kind} of ${object.apiVersion}`)
  const { namespace = 'default', name } = object.metadata
  const version = apiVersionOf(kind)
  const prefix = `/${kind.group ? 'apis' : 'api'}/${version}`
  const collection = `${prefix}${kind.namespaced ? `/namespaces/${namespace}` : ''}/${kind.resource}`
  const made = await ask(apiServer, 'POST', collection, object)
  if (made.status !== 409) demand(made, 201)
  else demand(await ask(apiServer, 'PUT', `${collection}/${name}`, object), 200)
}
