/** The three processes of an EKS control plane that a client can tell apart from any other Kubernetes. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Authority } from '../certificates.ts'
import type { Keeper, KeptProcess } from '../runner/keeper.ts'
import { ask, type ServerAddress } from './admin.ts'
import { buildRealCluster, type RealPrograms } from './build.ts'
import { freePort } from './ports.ts'

export type ControlPlaneOptions = {
  /** Keeps the processes and their files. */
  readonly keeper: Keeper
  readonly authority: Authority
  /** The cluster's name, which every token must be signed for. */
  readonly name: string
  /** Names and addresses of the API server beside 127.0.0.1 and localhost. */
  readonly hostNames: readonly string[]
  /** The authenticator's environment, the whole of it: where its STS and its proxy are. */
  readonly authenticatorEnv: Readonly<Record<string, string>>
}

export type ControlPlane = {
  readonly apiServer: ServerAddress
  /** The authenticator's own address, which the API server asks what a token is worth. */
  readonly authenticator: ServerAddress
  /** Path of a kubeconfig file with the administrator's token. */
  readonly adminKubeconfig: string
  /** Path of the authenticator's log. */
  readonly authenticatorLog: string
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/**
 * Starts etcd, the API server and the authenticator, and returns when the API server says it is ready.
 *
 * @throws Error with the end of its log when one of them ends before, or after 60 seconds
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const [programs, apiPort, authenticatorPort] = await Promise.all([
    buildRealCluster(),
    freePort(),
    freePort(),
  ])
  const token = randomBytes(16).toString('hex')
  const caPem = options.authority.certificatePem
  const apiServer = { port: apiPort, caPem, token }
  const authenticator = { port: authenticatorPort, caPem }
  const { keeper } = options
  await writeFiles(options, apiServer, authenticator)

  const etcd = startEtcd(keeper, programs)
  const server = startApiServer(keeper, programs, apiPort)
  const serverLog = join(keeper.folder, 'kube-apiserver.log')
  // Not before it can watch aws-auth: after a watch that failed, the authenticator sleeps for five seconds.
  await answers(apiServer, '/api/v1/namespaces/kube-system/configmaps', server, serverLog)
  const webhook = startAuthenticator(options, programs)
  const authenticatorLog = join(keeper.folder, 'authenticator.log')
  await Promise.all([
    answers(authenticator, '/healthz', webhook, authenticatorLog),
    answers(apiServer, '/readyz', server, serverLog),
  ])

  return {
    apiServer,
    authenticator,
    adminKubeconfig: join(keeper.folder, 'admin.yaml'),
    authenticatorLog,
    pids: [etcd.pid, server.pid, webhook.pid],
    async stop() {
      // On SIGTERM the authenticator waits for its watch, which may never end.
      await webhook.end('SIGKILL')
      await server.end('SIGTERM')
      await etcd.end('SIGTERM')
    },
  }
}

/** All files that the three read, written before any of them starts. */
async function writeFiles(options: ControlPlaneOptions, api: ServerAddress, webhook: ServerAddress) {
  const { keeper, authority, name, hostNames } = options
  const serviceAccounts = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const [apiCertificate, webhookCertificate] = await Promise.all([
    authority.issue(['127.0.0.1', 'localhost', ...hostNames]),
    authority.issue(['127.0.0.1', 'localhost']),
  ])
  const state = join(keeper.folder, 'authenticator')
  await mkdir(state, { recursive: true })
  const write = (file: string, text: string) => writeFile(join(keeper.folder, file), text, { mode: 0o600 })
  await Promise.all([
    write('api.crt', apiCertificate.cert),
    write('api.key', apiCertificate.key),
    write('service-accounts.key', serviceAccounts.privateKey),
    write('service-accounts.pub', serviceAccounts.publicKey),
    write('tokens.csv', `${api.token},admin,admin,"system:masters"\n`),
    write('admin.yaml', kubeconfig(name, `https://127.0.0.1:${api.port}`, api)),
    write('webhook.yaml', kubeconfig(name, `https://127.0.0.1:${webhook.port}/authenticate`, webhook)),
    // Found under these names in its state folder, the authenticator makes none of its own.
    write('authenticator/cert.pem', webhookCertificate.cert),
    write('authenticator/key.pem', webhookCertificate.key),
    write('authenticator.yaml', authenticatorConfig(name, webhook.port, state)),
  ])
}

/** A kubeconfig in JSON, which is YAML too. */
function kubeconfig(name: string, server: string, { caPem, token }: ServerAddress): string {
  const ca = Buffer.from(caPem).toString('base64')
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': ca } }],
    users: [{ name: 'admin', user: token === undefined ? {} : { token } }],
    contexts: [{ name, context: { cluster: name, user: 'admin' } }],
    'current-context': name,
  })
}

function authenticatorConfig(clusterID: string, port: number, stateDir: string): string {
  const server = { port, address: '127.0.0.1', stateDir, generateKubeconfig: join(stateDir, 'webhook.yaml') }
  return JSON.stringify({ clusterID, server })
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

function startAuthenticator(options: ControlPlaneOptions, programs: RealPrograms): KeptProcess {
  const { keeper, authenticatorEnv: env } = options
  const args = [
    'server',
    '--config',
    join(keeper.folder, 'authenticator.yaml'),
    '--backend-mode',
    'EKSConfigMap',
    '--kubeconfig',
    join(keeper.folder, 'admin.yaml'),
  ]
  return keeper.start(
    { command: programs.authenticator, args, env },
    join(keeper.folder, 'authenticator.log'),
  )
}

/** Asks until the answer is 200. Nothing tells us of that moment, so we ask every 20 ms. */
async function answers(server: ServerAddress, path: string, kept: KeptProcess, log: string): Promise<void> {
  let ended: number | undefined
  kept.exited.then(code => (ended = code))
  const deadline = Date.now() + 60_000
  for (;;) {
    const answer = await ask(server, 'GET', path).catch(() => undefined)
    if (answer?.status === 200) return
    if (ended !== undefined || Date.now() > deadline) {
      const what = ended === undefined ? 'is not ready after 60 s' : `ended with ${ended}`
      const end = (await readFile(log, 'utf8')).slice(-2_000)
      throw new Error(`the server behind port ${server.port} ${what}; the end of its log:\n${end}`)
    }
    await sleep(20)
  }
}
