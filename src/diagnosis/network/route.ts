import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { within } from '../../aws/bounds.ts'
import { readInstanceMetadata } from '../../aws/instance-metadata.ts'
import { type InstanceNetwork, readInstanceNetwork } from '../../aws/instance-network.ts'
import { proxySetting } from '../../network.ts'
import type { Run } from '../../run.ts'
import type { Findings, Route } from '../failure.ts'
import { placeOf } from './addresses.ts'

// How a service of AWS is reached from here: what tells a proxy from a route that is missing.

/** The way to an endpoint, a URL or a host. */
export async function findRoute(endpoint: string): Promise<Findings> {
  const url = URL.parse(endpoint.includes('://') ? endpoint : `https://${endpoint}`)
  if (!url) return {}
  const { no_proxy, NO_PROXY } = process.env
  const noProxy = no_proxy || NO_PROXY
  const setting = url.protocol === 'https:' ? proxySetting(url.href) : undefined
  const proxy = setting?.used ? setting.url : undefined
  const addresses = proxy ? undefined : await addressesOf(url.hostname.replace(/^\[|\]$/g, ''))
  return {
    route: {
      ...(proxy ? { proxy } : {}),
      ...(noProxy ? { noProxy } : {}),
      ...(addresses ? { addresses } : {}),
    },
  }
}

/** The way to an endpoint and, where no proxy is on it, where the runner starts from. */
export async function findWay(endpoint: string, region: string, run: Run): Promise<Findings> {
  const found = await findRoute(endpoint)
  if (!found.route || found.route.proxy) return found
  const half = { ...run, timeoutSeconds: run.timeoutSeconds / 2 }
  const runner = await within('where the runner is', half, placeIn(region, run.env)).catch(() => undefined)
  return runner ? { ...found, runner } : found
}

/** Where the instance is in its network, if that is one of the region: a VPC endpoint leads to its own region alone. */
async function placeIn(region: string, env: NodeJS.ProcessEnv): Promise<InstanceNetwork | undefined> {
  const own = await readInstanceMetadata('/latest/meta-data/placement/region', env)
  return own === region ? readInstanceNetwork(env) : undefined
}

/** Undefined where it is an address itself, or the resolver does not answer. */
async function addressesOf(host: string): Promise<string[] | undefined> {
  if (isIP(host)) return undefined
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTFOUND' ? [] : undefined
  }
}

/** The way to an endpoint, in lines of evidence. */
export function routeLines(host: string, route: Route | undefined): string[] {
  if (!route) return []
  const { proxy, noProxy, addresses } = route
  const way = proxy ? `the proxy that HTTPS_PROXY names, ${proxy}` : 'no proxy'
  return [
    `asked through ${way}${noProxy ? `; NO_PROXY is ${noProxy}` : ''}`,
    ...(addresses ? [`${host} resolves to ${addresses.join(', ') || 'no address'}`] : []),
  ]
}

/** Whether the name leads into a VPC: it has addresses, all of them private. */
export function isInVpc({ addresses = [] }: Route): boolean {
  return addresses.length > 0 && addresses.every(address => placeOf(address) === 'private')
}

/** The host of an endpoint, which is a URL or a host. */
export function hostOf(endpoint: string): string {
  return URL.parse(endpoint)?.hostname || endpoint
}
