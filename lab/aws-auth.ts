/** The ConfigMap kube-system/aws-auth, and when the authenticators have read it. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { dump, load } from 'js-yaml'
import { ask, demand, type ServerAddress } from './admin.ts'

/** One entry of mapRoles (https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html). */
export type RoleMapping = {
  readonly rolearn: string
  readonly username: string
  readonly groups: readonly string[]
}

type ConfigMap = {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
  readonly data?: Readonly<Record<string, string>>
}

const map = '/api/v1/namespaces/kube-system/configmaps/aws-auth'

/** The lines with which an authenticator says that it got a change; it takes the change over right after. */
const heard = /Received aws-auth watch event|Resetting configmap on delete/g

/** Writes aws-auth as an administrator does, and waits until each authenticator that keeps a log serves what was written. */
export class AwsAuth {
  readonly #apiServer: ServerAddress
  readonly #logs: readonly string[]

  /** @param logs paths of the authenticators' logs; none where they read what is written at once */
  constructor(apiServer: ServerAddress, logs: readonly string[]) {
    this.#apiServer = apiServer
    this.#logs = logs
  }

  /** Adds an entry to mapRoles, and makes the ConfigMap if there is none. */
  async add(mapping: RoleMapping): Promise<void> {
    const entries = load((await this.#read())?.data?.mapRoles || '[]') as RoleMapping[]
    await this.write(dump([...entries, mapping]))
  }

  /** Makes `mapRoles` what is given, well-formed or not. */
  async write(mapRoles: string): Promise<void> {
    await this.#change(existing => ({ ...existing, data: { ...existing.data, mapRoles } }))
    // Each hears one change after the other, so when it hears this one it has taken over the one before.
    const annotations = { 'lab/written': new Date().toISOString() }
    await this.#change(existing => ({ ...existing, metadata: { ...existing.metadata, annotations } }))
  }

  async #read(): Promise<ConfigMap | undefined> {
    const answer = await ask(this.#apiServer, 'GET', map)
    if (answer.status === 404) return undefined
    return demand(answer, 200) as ConfigMap
  }

  /** Changes the ConfigMap, and waits until each authenticator has heard of it. */
  async #change(edit: (existing: ConfigMap) => ConfigMap): Promise<void> {
    const before = await Promise.all(this.#logs.map(async log => ({ log, count: await countHeard(log) })))
    const existing = await this.#read()
    const edited = edit(existing ?? { metadata: {} })
    if (JSON.stringify(edited) === JSON.stringify(existing)) return
    if (existing === undefined) await this.#create(edited)
    else demand(await ask(this.#apiServer, 'PUT', map, edited), 200)
    const deadline = Date.now() + 15_000
    await Promise.all(before.map(({ log, count }) => hearsMore(log, count, deadline)))
  }

  async #create(map: ConfigMap): Promise<void> {
    const path = '/api/v1/namespaces/kube-system/configmaps'
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      ...map,
      metadata: { ...map.metadata, name: 'aws-auth' },
    }
    demand(await ask(this.#apiServer, 'POST', path, body), 201)
  }
}

async function hearsMore(log: string, than: number, deadline: number): Promise<void> {
  for (; (await countHeard(log)) <= than; await sleep(5)) {
    if (Date.now() > deadline)
      throw new Error(`an authenticator has not heard of a change of aws-auth in time: ${log}`)
  }
}

async function countHeard(log: string): Promise<number> {
  return (await readFile(log, 'utf8')).match(heard)?.length ?? 0
}
