/** The processes of an EKS control plane that a client can tell apart from any other Kubernetes. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { kubeconfigOf, type ServerAddress } from '../admin.ts'
import type { Partition } from '../aws/regions.ts'
import type { VerificationKey } from '../aws/signature.ts'
import type { Authority } from '../certificates.ts'
import type { Keeper, KeptProcess } from '../runner/keeper.ts'
import { type Authenticators, prepareAuthenticators, startAuthenticators } from './authenticators.ts'
import { buildRealCluster, type RealPrograms } from './build.ts'
import { freePort } from './ports.ts'
import { answers } from './readiness.ts'
import { startTokenRelay } from './token-relay.ts'

export type ControlPlaneOptions = {
  /** Keeps the processes and their files. */
  readonly keeper: Keeper
  readonly authority: Authority
  /** The cluster's name: a token must be signed for it, or for a neighbour. */
  readonly name: string
  /** Names of further clusters behind the API server, each with an authenticator of its own. */
  readonly neighbours: readonly string[]
  /** Of the cluster's region: what STS hosts a token may name. */
  readonly partition: Partition
  /** ARN of the role that made the cluster, if anybody did. */
  readonly creator: string | undefined
  /** Names and addresses of the API server beside 127.0.0.1 and localhost. */
  readonly hostNames: readonly string[]
  /** The authenticators' environment, the whole of it: where their STS and their proxy are. */
  readonly authenticatorEnv: Readonly<Record<string, string>>
  /** Gives the key that a token was signed with, by which the name is found that it was signed for. */
  readonly findKey: (accessKeyId: string) => VerificationKey | undefined
}

export type ControlPlane = {
  readonly apiServer: ServerAddress
  readonly authenticators: Authenticators
  /** Path of a kubeconfig file with the administrator's token. */
  readonly adminKubeconfig: string
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/**
 * Starts etcd, the API server and the authenticators, and returns when the API server says it is ready and each
 * authenticator listens. The API server asks its authenticator what a token is worth; where there are several, it
 * asks a relay, in this process, that asks the right one.
 *
 * @throws Error with the end of its log when one of them ends before, or after 60 seconds
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { keeper, authority, name, neighbours, findKey } = options
  const authenticators = await prepareAuthenticators(keeper, authority, [name, ...neighbours], options)
  const relay =
    neighbours.length > 0 ? await startTokenRelay({ checkers: authenticators, findKey }) : undefined
  const origin = relay
    ? `http://127.0.0.1:${relay.port}`
    : `https://127.0.0.1:${authenticators[0].address.port}`
  try {
    const { stop, ...plane } = await startProcesses(options, authenticators, `${origin}/authenticate`)
    return {
      ...plane,
      async stop() {
        await stop()
        await relay?.stop()
      },
    }
  } catch (error) {
    await relay?.stop()
    throw error
  }
}

async function startProcesses(
  options: ControlPlaneOptions,
  authenticators: Authenticators,
  webhook: string,
): Promise<ControlPlane> {
  const { keeper, authenticatorEnv } = options
  const programs = await buildRealCluster()
  const token = randomBytes(16).toString('hex')
  const apiServer = { port: await freePort(), caPem: options.authority.certificatePem, token }
  const adminKubeconfig = join(keeper.folder, 'admin.yaml')
  await writeFiles(options, apiServer, webhook)

  const etcd = startEtcd(keeper, programs)
  const server = startApiServer(keeper, programs, apiServer.port)
  const serverLog = join(keeper.folder, 'kube-apiserver.log')
  // Not before they can watch aws-auth: after a watch that failed, an authenticator sleeps for five seconds.
  await answers(apiServer, '/api/v1/namespaces/kube-system/configmaps', server, serverLog)
  const checking = await startAuthenticators(keeper, authenticators, adminKubeconfig, authenticatorEnv)
  await answers(apiServer, '/readyz', server, serverLog)

  return {
    apiServer,
    authenticators,
    adminKubeconfig,
    pids: [etcd, server, ...checking].map(({ pid }) => pid),
    async stop() {
      // On SIGTERM an authenticator waits for its watch, which may never end.
      await Promise.all(checking.map(authenticator => authenticator.end('SIGKILL')))
      await server.end('SIGTERM')
      await etcd.end('SIGTERM')
    },
  }
}

/** All files that etcd and the API server read, and the authenticators' kubeconfig. */
async function writeFiles(options: ControlPlaneOptions, api: ServerAddress, webhook: string) {
  const { keeper, authority, name, hostNames } = options
  const serviceAccounts = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const apiCertificate = await authority.issue(['127.0.0.1', 'localhost', ...hostNames])
  const write = (file: string, text: string) => writeFile(join(keeper.folder, file), text, { mode: 0o600 })
  await Promise.all([
    write('api.crt', apiCertificate.cert),
    write('api.key', apiCertificate.key),
    write('service-accounts.key', serviceAccounts.privateKey),
    write('service-accounts.pub', serviceAccounts.publicKey),
    write('tokens.csv', `${api.token},admin,admin,"system:masters"\n`),
    write('admin.yaml', kubeconfigOf(name, `https://127.0.0.1:${api.port}`, api)),
    write('webhook.yaml', kubeconfigOf(name, webhook, { caPem: api.caPem })),
  ])
}

function startEtcd(keeper: Keeper, programs: RealPrograms): KeptProcess {
  // Sockets in our own folder need no port and let nobody else in.
  const client = `unix://${keeper.folder}/client.sock`
  const peer = `unix://${keeper.folder}/peer.sock`
  const args = [
    `--data-dir=${keeper.folder}/etcd`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--log-level=warn',
    // It elects itself after one beat, and the API server waits for that.
    '--heartbeat-interval=10',
    '--election-timeout=100',
    // The data live only as long as the process.
    '--unsafe-no-fsync',
  ]
  return keeper.start({ command: programs.etcd, args, env: {} }, join(keeper.folder, 'etcd.log'))
}

function startApiServer(keeper: Keeper, programs: RealPrograms, port: number): KeptProcess {
  const file = (name: string) => join(keeper.folder, name)
  const args = [
    `--etcd-servers=unix://${file('client.sock')}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    // Without these two it looks for an address of the machine's own that others could reach it under.
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--tls-cert-file=${file('api.crt')}`,
    `--tls-private-key-file=${file('api.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('service-accounts.pub')}`,
    `--service-account-signing-key-file=${file('service-accounts.key')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=RBAC',
    `--token-auth-file=${file('tokens.csv')}`,
    `--authentication-token-webhook-config-file=${file('webhook.yaml')}`,
    // Long enough that one step's requests cost one review, short enough that a test sees a change.
    '--authentication-token-webhook-cache-ttl=1s',
  ]
  return keeper.start({ command: programs.kubeApiserver, args, env: {} }, file('kube-apiserver.log'))
}
