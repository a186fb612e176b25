import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Whether an IP address is within any of the CIDR blocks. Texts that are no addresses, or no blocks, are not. */
export function isWithin(address: string, cidrs: readonly string[]): boolean {
  const family = familyOf(address)
  if (!family) return false
  const blocks = new BlockList()
  for (const cidr of cidrs) {
    const [network = '', prefix = ''] = cidr.split('/')
    // A list that holds blocks of both takes an IPv4 address for one of IPv6, too: ::ffff:192.0.2.1.
    if (familyOf(network) !== family || !/^\d{1,3}$/.test(prefix) || Number(prefix) > BITS[family]) continue
    blocks.addSubnet(network, Number(prefix), family)
  }
  return blocks.check(address, family)
}

type Family = 'ipv4' | 'ipv6'

const BITS: Record<Family, number> = { ipv4: 32, ipv6: 128 }

function familyOf(address: string): Family | null {
  if (isIPv4(address)) return 'ipv4'
  return isIPv6(address) ? 'ipv6' : null
}

/**
 * Blocks that a VPC's addresses are from, but for some that own public ones
 * (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html).
 */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7']
/** This machine, or its link: what tells nothing of where a server is. */
const OWN = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '::1/128', 'fe80::/10']

/** What an address says of where it is: inside some network, on the internet, or nothing. */
export function placeOf(address: string | undefined): 'private' | 'public' | null {
  if (!address || isWithin(address, OWN)) return null
  return isWithin(address, PRIVATE) ? 'private' : 'public'
}
