// Loaded before a process of Node's on the runner: it resolves one name as the lab's name service has it, and all others
// as the system does. The service answers 200 with an address, 503 for no answer this time, and anything else for none.
// To give the system itself another name service would take root.
import dns, { type LookupAddress, type LookupAllOptions } from 'node:dns'
import { get } from 'node:http'
import { isIP } from 'node:net'
import { text } from 'node:stream/consumers'

const { LAB_NAMES = '', LAB_DOMAIN = '' } = process.env
const system = dns.lookup as (...args: unknown[]) => void

type Resolved = (error: Error | null, address?: string | LookupAddress[], family?: number) => void

dns.lookup = ((host: string, ...rest: [LookupAllOptions, Resolved] | [Resolved]) => {
  if (host !== LAB_DOMAIN) return system(host, ...rest)
  const done = rest.at(-1) as Resolved
  const all = rest.length === 2 && rest[0].all
  get(`${LAB_NAMES}${host}`, { agent: false }, async response => {
    const address = await text(response)
    if (response.statusCode === 503) return done(failure(host, 'EAI_AGAIN', -3001))
    if (response.statusCode !== 200) return done(failure(host, 'ENOTFOUND', -3008))
    const family = isIP(address)
    if (all) done(null, [{ address, family }])
    else done(null, address, family)
  }).on('error', error => done(error))
}) as typeof dns.lookup

/** As getaddrinfo(3) has Node tell it. */
function failure(hostname: string, code: string, errno: number): Error {
  const error = new Error(`getaddrinfo ${code} ${hostname}`)
  return Object.assign(error, { errno, code, syscall: 'getaddrinfo', hostname })
}
