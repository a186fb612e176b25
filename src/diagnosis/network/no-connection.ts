import { isIPv6 } from 'node:net'
import type { EndpointAccess } from '../../aws/cluster.ts'
import type { InstanceNetwork } from '../../aws/instance-network.ts'
import type { Way } from '../../kube/evidence.ts'
import type { About, Diagnosis, Possibility, Step } from '../failure.ts'
import { shell, shellWord } from '../shell.ts'
import { isWithin } from './addresses.ts'
import { accessLine, changeAccess, doorOf, letIn, runnerLine } from './endpoint-access.ts'
import { notByProxy } from './proxy.ts'

/** A connection that nobody answered: something on the way drops it. */
export interface Silence extends Pick<Way, 'address' | 'proxy'> {
  server: string
  /** What came of it. */
  message: string
}

/** What the doors of the cluster and the place of the runner make of a connection that nobody answered. */
export function noConnection(silence: Silence, about: About): Diagnosis {
  const { access, runner } = about
  if (!access) return undescribed(silence)
  switch (doorOf(silence.address, access, runner)) {
    case 'private':
      return atPrivateDoor(silence, about, access)
    case 'public':
      return atPublicDoor(silence, about, access)
    default:
      return atSomeDoor(silence, about, access)
  }
}

function silent(silence: Silence, about: About): Pick<Diagnosis, 'code' | 'cause' | 'evidence'> {
  const { server, address, message } = silence
  return {
    code: 'EKS302',
    cause: 'no connection to the API server: nothing answers there',
    evidence: [
      `${server}${address ? ` (${address})` : ''}: ${message}`,
      ...(about.access ? [accessLine(about.access), runnerLine(about.runner)] : []),
    ],
  }
}

/** An answer of DescribeCluster without a VPC: a local cluster on Outposts. */
function undescribed(silence: Silence): Diagnosis {
  return {
    ...silent(silence, { cluster: '', region: '' }),
    cure: [
      'Let the runner in on port 443 in the security group of the cluster, and check what lies between.',
    ],
    otherwise: notByProxy(silence.proxy, silence.server),
  }
}

/* The private door: network interfaces in the cluster's VPC. */

function atPrivateDoor(silence: Silence, about: About, access: EndpointAccess): Diagnosis {
  const { runner } = about
  const near = runner?.vpcId === access.vpcId
  return {
    ...silent(silence, about),
    cure: [
      'The name leads to the private endpoint. The likeliest is that the security group of the cluster does not let the runner in:',
      letIn(about, access, sourceOf(runner, access)),
      ...(runner ? [] : [OWN_ADDRESS]),
      'Where AWS answers InvalidPermission.Duplicate, it does, and the cause is another.',
    ],
    otherwise: [
      ...notByProxy(silence.proxy, silence.server),
      ...(runner && !near ? [unconnected(about, access, runner)] : []),
      ...ownSide(about, silence),
    ],
  }
}

/** Where no metadata tells it. */
const OWN_ADDRESS = 'RUNNER_ADDRESS is the runner\u2019s in that network, as hostname -I tells it there.'

/** A group is a source only inside its VPC; for an address of another one a CIDR block is. */
function sourceOf(runner: InstanceNetwork | undefined, access: EndpointAccess) {
  if (!runner) return { cidr: 'RUNNER_ADDRESS/32' }
  const { vpcId, securityGroupIds, privateIp } = runner
  const group = securityGroupIds.find(id => id !== access.securityGroupId) ?? securityGroupIds[0]
  return vpcId === access.vpcId && group ? { group } : { cidr: `${privateIp}/32` }
}

function unconnected(about: About, access: EndpointAccess, runner: InstanceNetwork): Possibility {
  const region = shellWord(about.region)
  const filter = `--filters ${shellWord(`Name=vpc-id,Values=${runner.vpcId}`)}`
  return {
    cause: `${runner.vpcId}, where the runner is, is not connected with ${access.vpcId}`,
    tell: [
      `It is not where no route below leads to a peering connection or a transit gateway:`,
      shell(`aws ec2 describe-route-tables --region ${region} ${filter} --query 'RouteTables[].Routes[]'`),
    ],
    cure: [
      `Run the job in ${access.vpcId}, or connect the two; or open the endpoint to one address:`,
      ...opening(about, access),
    ],
  }
}

/* The public door: publicAccessCidrs, and no security group. */

function atPublicDoor(silence: Silence, about: About, access: EndpointAccess): Diagnosis {
  const { runner } = about
  const { publicAccessCidrs } = access
  const isOpen = isOpenToAll(access, silence.address)
  // Metadata tells of IPv4 alone.
  const known = isIPv6(silence.address ?? '') ? undefined : runner?.publicIp
  const near = runner?.vpcId === access.vpcId && !access.privateAccess
  const privately: Possibility[] = near
    ? [
        {
          cause:
            'the runner is in the VPC of the cluster, and has to leave it to come in by the public endpoint',
          tell: [],
          cure: ['Open the private endpoint:', changeAccess(about, { privateAccess: true })],
        },
      ]
    : []
  const byProxy = notByProxy(silence.proxy, silence.server)
  const side = ownSide(about, silence)
  const seen: Possibility = {
    cause: 'the runner is seen with another address than its own, that of a NAT gateway or a firewall',
    tell: seenWith(silence),
    cure: ['With it in place of RUNNER_ADDRESS:', addition(about, access, seenAs(silence))],
  }
  if (!isOpen && known && !isWithin(known, publicAccessCidrs)) {
    return {
      ...silent(silence, about),
      code: 'EKS309',
      cause: `the public access CIDRs of the cluster leave out the runner\u2019s public address ${known}`,
      cure: ['Let it in, beside those that are:', addition(about, access, `${known}/32`)],
      otherwise: [seen, ...byProxy, ...privately, ...side],
    }
  }
  if (!isOpen && !known) {
    return {
      ...silent(silence, about),
      cure: [
        `The likeliest is that ${publicAccessCidrs.join(', ') || 'no CIDR block'} does not hold the address that the runner is seen with, which no metadata tells. On the runner, this does:`,
        ...seenWith(silence),
        'With it in place of RUNNER_ADDRESS:',
        addition(about, access, seenAs(silence)),
      ],
      otherwise: [...byProxy, ...privately, ...side],
    }
  }
  const [first, ...rest] = [...byProxy, ...side, ...privately]
  const open = isOpen
    ? 'The public endpoint lets everybody in: what drops the connection is on the runner\u2019s side.'
    : `The public access CIDRs hold the runner\u2019s public address ${known}.`
  return {
    ...silent(silence, about),
    cure: [`${open} The likeliest is that ${first?.cause}:`, ...(first?.cure ?? [])],
    otherwise: isOpen ? rest : [seen, ...rest],
  }
}

/** Whether the public endpoint is open to all that come to an address of that family. */
function isOpenToAll({ publicAccessCidrs }: EndpointAccess, address: string | undefined): boolean {
  return publicAccessCidrs.includes(isIPv6(address ?? '') ? '::/0' : '0.0.0.0/0')
}

/** Neither the address nor the runner's place is known: what guards either door may be it. */
function atSomeDoor(silence: Silence, about: About, access: EndpointAccess): Diagnosis {
  const { publicAccessCidrs } = access
  return {
    ...silent(silence, about),
    cure: [
      'Inside the VPC of the cluster, its security group has to let the runner in:',
      letIn(about, access, { cidr: 'RUNNER_ADDRESS/32' }),
      OWN_ADDRESS,
    ],
    otherwise: [
      ...notByProxy(silence.proxy, silence.server),
      ...(isOpenToAll(access, silence.address)
        ? []
        : [
            {
              cause: `the runner is outside, and its public address is not within ${publicAccessCidrs.join(', ')}`,
              tell: seenWith(silence),
              cure: ['With it in place of RUNNER_ADDRESS:', addition(about, access, seenAs(silence))],
            },
          ]),
      ...ownSide(about, silence),
    ],
  }
}

/** On the runner: the address that it is seen with from the internet, where it comes by IPv4. */
const SEEN_WITH: Step = shell('curl -fsS https://checkip.amazonaws.com')

/** The same by the family of the address that it connects to; no IPv6 address is translated on its way. */
function seenWith({ address }: Silence): Step[] {
  return isIPv6(address ?? '') ? [shell('ip -6 -brief address show scope global')] : [SEEN_WITH]
}

/** A block of that one address. */
function seenAs({ address }: Silence): string {
  return isIPv6(address ?? '') ? 'RUNNER_ADDRESS/128' : 'RUNNER_ADDRESS/32'
}

function addition(about: About, { publicAccessCidrs }: EndpointAccess, cidr: string): Step {
  return changeAccess(about, { cidrs: [...publicAccessCidrs, cidr] })
}

/** Opens the public door for the runner: of a cluster that has it shut, for nobody else. */
export function opening(about: About, access: EndpointAccess): Step[] {
  const known = about.runner?.publicIp
  const cidr = `${known ?? 'RUNNER_ADDRESS'}/32`
  const paste = access.publicAccess
    ? addition(about, access, cidr)
    : changeAccess(about, { publicAccess: true, cidrs: [cidr] })
  return known
    ? [paste]
    : [paste, 'RUNNER_ADDRESS is what the runner is seen with from the internet:', SEEN_WITH]
}

/* What may drop a connection on the runner's own side. */

function ownSide({ region, runner }: About, { server }: Silence): Possibility[] {
  if (!runner) {
    return [
      {
        cause: 'a firewall on the way lets nothing out to port 443',
        tell: [shell(`curl -skv --max-time 5 ${shellWord(server)}`)],
        cure: ['Let the runner out to it, or set HTTPS_PROXY where a proxy is the way.'],
      },
    ]
  }
  const { securityGroupIds, vpcId } = runner
  const [group = 'GROUP'] = securityGroupIds
  const at = `--region ${shellWord(region)}`
  return [
    {
      cause: `the runner\u2019s own security groups (${securityGroupIds.join(', ')}) let nothing out to port 443`,
      tell: [
        shell(
          `aws ec2 describe-security-groups ${at} --group-ids ${securityGroupIds.map(shellWord).join(' ')} --query 'SecurityGroups[].IpPermissionsEgress'`,
        ),
      ],
      cure: [
        shell(
          `aws ec2 authorize-security-group-egress ${at} --group-id ${shellWord(group)} --protocol tcp --port 443 --cidr 0.0.0.0/0`,
        ),
      ],
    },
    {
      cause: `the routes or the network ACLs of the runner\u2019s subnet in ${vpcId} lead nothing there, or nothing back`,
      tell: [
        shell(
          `aws ec2 describe-network-acls ${at} --filters ${shellWord(`Name=vpc-id,Values=${vpcId}`)} --query 'NetworkAcls[].Entries[]'`,
        ),
      ],
      cure: ['Allow port 443 out and the ports 1024 to 65535 back, and give the subnet a route there.'],
    },
  ]
}
