/**
 * A later step of a job that has no kubectl: lists a resource with the kubeconfig that a login wrote, as any client
 * does that follows its exec block (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins).
 *
 *   node list.ts namespaces|pods|configmaps [--context NAME]
 *
 * Prints names as `kubectl get -o name` prints them, and what the server said when it refused.
 */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { Agent, get } from 'node:https'
import { parseArgs, promisify } from 'node:util'
import { load } from 'js-yaml'

type Exec = { command: string; args: string[]; env?: { name: string; value: string }[] | null }
type Cluster = { server: string; 'certificate-authority-data': string; 'proxy-url'?: string }
type Kubeconfig = {
  'current-context': string
  contexts: { name: string; context: { cluster: string; user: string; namespace?: string } }[]
  clusters: { name: string; cluster: Cluster }[]
  users: { name: string; user: { exec: Exec } }[]
}
type Answer = { message?: string; reason?: string; items?: { metadata: { name: string } }[] }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { context: { type: 'string' } },
})
const answer = await list(positionals[0] ?? '', values.context)
if (answer.items) {
  for (const { metadata } of answer.items) console.log(`${positionals[0]?.slice(0, -1)}/${metadata.name}`)
} else {
  console.error(`Error from server (${answer.reason}): ${answer.message}`)
  process.exitCode = 1
}

async function list(resource: string, name: string | undefined): Promise<Answer> {
  const config = load(await readFile(process.env.KUBECONFIG ?? '', 'utf8')) as Kubeconfig
  const { context } = named(config.contexts, name ?? config['current-context'])
  const { cluster } = named(config.clusters, context.cluster)
  const token = await credential(named(config.users, context.user).user.exec)
  const scope = resource === 'namespaces' ? '' : `namespaces/${context.namespace ?? 'default'}/`
  return ask(cluster, `/api/v1/${scope}${resource}`, token)
}

function named<Entry extends { name: string }>(entries: readonly Entry[], name: string): Entry {
  const found = entries.find(entry => entry.name === name)
  if (found === undefined) throw new Error(`the kubeconfig names no ${name}`)
  return found
}

async function credential({ command, args, env }: Exec): Promise<string> {
  const given = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]))
  const { stdout } = await promisify(execFile)(command, args, { env: { ...process.env, ...given } })
  return JSON.parse(stdout).status.token
}

function ask(cluster: Cluster, path: string, token: string): Promise<Answer> {
  const proxy = cluster['proxy-url']
  const agent = new Agent({ proxyEnv: proxy ? { HTTPS_PROXY: proxy } : process.env })
  const ca = Buffer.from(cluster['certificate-authority-data'], 'base64')
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
  return new Promise((resolve, reject) => {
    const asking = get(new URL(path, cluster.server), { agent, ca, headers, timeout: 30_000 }, response => {
      response.setEncoding('utf8')
      response.toArray().then(parts => resolve(JSON.parse(parts.join(''))), reject)
    })
    asking.on('timeout', () => asking.destroy(new Error('no answer in 30 s')))
    asking.on('error', reject)
  })
}
