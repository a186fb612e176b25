import { BlockList, isIPv4 } from 'node:net'

/** Whom a rule lets in. */
export type RuleSource = { readonly group: string } | { readonly cidr: string }

/** What lets connections in to ports of one protocol. */
export type IngressRule = {
  readonly protocol: string
  readonly fromPort: number
  readonly toPort: number
  readonly source: RuleSource
}

/** Who connects. */
export type Peer = { readonly securityGroupIds: readonly string[]; readonly privateIp: string }

/** What the EC2 API says no with. */
export class SecurityGroupRefused extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * The ingress rules of the security groups of a region
 * (https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html). None has any rule to begin with.
 */
export class SecurityGroups {
  readonly #vpcs: () => ReadonlyMap<string, string>
  readonly #rules = new Map<string, IngressRule[]>()

  /** @param vpcs the VPC of each group that there is */
  constructor(vpcs: () => ReadonlyMap<string, string>) {
    this.#vpcs = vpcs
  }

  /** Adds a rule. @throws SecurityGroupRefused */
  authorizeIngress(groupId: string, rule: IngressRule): void {
    const vpc = this.#vpcOf(groupId)
    if ('group' in rule.source && this.#vpcOf(rule.source.group) !== vpc) {
      const message = 'You have specified two resources that belong to different networks.'
      throw new SecurityGroupRefused('InvalidGroup.NotFound', message)
    }
    const rules = this.rulesOf(groupId)
    if (rules.some(known => described(known) === described(rule))) {
      const message = `the specified rule "${described(rule)}" already exists`
      throw new SecurityGroupRefused('InvalidPermission.Duplicate', message)
    }
    this.#rules.set(groupId, [...rules, rule])
  }

  rulesOf(groupId: string): readonly IngressRule[] {
    return this.#rules.get(groupId) ?? []
  }

  /** Takes every rule away. */
  clear(): void {
    this.#rules.clear()
  }

  /** Whether a group lets a peer in to a TCP port. */
  admits(groupId: string, port: number, { securityGroupIds, privateIp }: Peer): boolean {
    return this.rulesOf(groupId).some(({ protocol, fromPort, toPort, source }) => {
      if (protocol !== 'tcp' || port < fromPort || port > toPort) return false
      return 'group' in source ? securityGroupIds.includes(source.group) : isIn(privateIp, source.cidr)
    })
  }

  #vpcOf(groupId: string): string {
    const vpc = this.#vpcs().get(groupId)
    if (vpc !== undefined) return vpc
    throw new SecurityGroupRefused('InvalidGroup.NotFound', `The security group '${groupId}' does not exist`)
  }
}

/** Whether an IPv4 address is in a CIDR block. */
export function isIn(address: string, cidr: string): boolean {
  const [network = '', prefix] = cidr.split('/')
  if (!isIPv4(network)) return false
  const block = new BlockList()
  block.addSubnet(network, Number(prefix), 'ipv4')
  return block.check(address, 'ipv4')
}

/** As the service describes a rule. */
function described({ protocol, fromPort, toPort, source }: IngressRule): string {
  const peer = 'group' in source ? source.group : source.cidr
  return `peer: ${peer}, ${protocol.toUpperCase()}, from port: ${fromPort}, to port: ${toPort}, ALLOW`
}

/**
 * Reads the rule of an AuthorizeSecurityGroupIngress: one, from one group or one IPv4 block
 * (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html).
 *
 * @throws SecurityGroupRefused for more or other than that
 */
export function readIngress(parameters: URLSearchParams): { groupId: string; rule: IngressRule } {
  const permission = (name: string) => parameters.get(`IpPermissions.1.${name}`)
  const group = permission('Groups.1.GroupId')
  const cidr = permission('IpRanges.1.CidrIp')
  const source = group ? { group } : { cidr: cidr ?? '' }
  const known = new Set(['Action', 'Version', 'GroupId', ...KNOWN.map(name => `IpPermissions.1.${name}`)])
  const unknown = [...parameters.keys()].find(name => !known.has(name))
  if (unknown !== undefined || (group && cidr) || (!group && !cidr))
    throw new SecurityGroupRefused('NotImplemented', 'the lab adds one rule, for one group or IPv4 block')
  return {
    groupId: parameters.get('GroupId') ?? '',
    rule: {
      protocol: permission('IpProtocol') ?? '',
      fromPort: Number(permission('FromPort')),
      toPort: Number(permission('ToPort')),
      source,
    },
  }
}

const KNOWN = ['IpProtocol', 'FromPort', 'ToPort', 'Groups.1.GroupId', 'IpRanges.1.CidrIp']
