/** The processes that check tokens, one for each name that a token may be signed for. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import type { ServerAddress } from '../admin.ts'
import type { Partition } from '../aws/regions.ts'
import type { Authority } from '../certificates.ts'
import { CREATOR } from '../cluster.ts'
import type { Keeper, KeptProcess } from '../runner/keeper.ts'
import { buildRealCluster } from './build.ts'
import { freePort } from './ports.ts'
import { answers } from './readiness.ts'

export type Authenticator = {
  /** The name that every token must be signed for. */
  readonly name: string
  /** Where it answers TokenReviews, under `/authenticate`. */
  readonly address: ServerAddress
  /** Path of its configuration. */
  readonly config: string
  /** Path of its log. */
  readonly log: string
}

/** At least one; the first is that of the cluster's own name. */
export type Authenticators = readonly [Authenticator, ...Authenticator[]]

/** How many start at once: each keeps a core busy while it does. */
const atOnce = 8

/** Finds a port for each authenticator, and writes all files that they read but the kubeconfig. */
export async function prepareAuthenticators(
  keeper: Keeper,
  authority: Authority,
  [name, ...neighbours]: readonly [string, ...string[]],
  { partition, creator }: { readonly partition: Partition; readonly creator: string | undefined },
): Promise<Authenticators> {
  const stateDir = join(keeper.folder, 'authenticators')
  const write = (file: string, text: string) => writeFile(join(stateDir, file), text, { mode: 0o600 })
  const { cert, key } = await authority.issue(['127.0.0.1', 'localhost'])
  await mkdir(stateDir)
  // Found under these names in their state folder, the authenticators make none of their own.
  await Promise.all([write('cert.pem', cert), write('key.pem', key)])
  const prepare = async (clusterID: string): Promise<Authenticator> => {
    const file = (ending: string) => join(stateDir, `${clusterID}.${ending}`)
    const port = await freePort()
    const server = {
      port,
      address: '127.0.0.1',
      stateDir,
      generateKubeconfig: file('webhook.yaml'),
      // Whose STS hosts a token may name.
      partition,
      // What EKS mounts beside its own files: nobody finds it in aws-auth.
      ...(creator ? { mapRoles: [{ roleARN: creator, ...CREATOR }] } : {}),
    }
    await write(`${clusterID}.yaml`, JSON.stringify({ clusterID, server }))
    const address = { port, caPem: authority.certificatePem }
    return { name: clusterID, address, config: file('yaml'), log: file('log') }
  }
  return [await prepare(name), ...(await Promise.all(neighbours.map(prepare)))]
}

/**
 * Starts the authenticators, and returns when each listens.
 *
 * @param kubeconfig path of the file that leads them to aws-auth
 * @param env the environment of each, the whole of it
 * @throws Error with the end of its log when one does not start; none is started after that
 */
export async function startAuthenticators(
  keeper: Keeper,
  authenticators: Authenticators,
  kubeconfig: string,
  env: Readonly<Record<string, string>>,
): Promise<KeptProcess[]> {
  const { authenticator: command } = await buildRealCluster()
  const limit = pLimit(atOnce)
  const start = async ({ address, config, log }: Authenticator) => {
    const backend = ['--backend-mode', 'MountedFile,EKSConfigMap', '--kubeconfig', kubeconfig]
    const kept = keeper.start({ command, args: ['server', '--config', config, ...backend], env }, log)
    await answers(address, '/healthz', kept, log)
    return kept
  }
  try {
    return await limit.map(authenticators, start)
  } catch (error) {
    limit.clearQueue()
    throw error
  }
}
