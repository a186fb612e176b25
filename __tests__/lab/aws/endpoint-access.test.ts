import { type LabAws, startAws } from '../../../lab/aws/aws.ts'
import type { Cluster } from '../../../lab/aws/clusters.ts'
import { reachOf } from '../../../lab/aws/endpoint-access.ts'
import type { AccessKey } from '../../../lab/aws/identities.ts'
import type { PolicyStatement } from '../../../lab/aws/policy.ts'
import type { IngressRule } from '../../../lab/aws/security-groups.ts'
import { ask } from './ask.ts'
import { signed } from './signed.ts'

const ALLOW: PolicyStatement = {
  Effect: 'Allow',
  Action: ['ec2:AuthorizeSecurityGroupIngress', 'eks:UpdateClusterConfig'],
  Resource: '*',
}
const GROUP = 'sg-0123456789abcdef0'
const OWN = 'sg-0fedcba9876543210'

let aws: LabAws
let cluster: Cluster
beforeEach(async () => {
  aws = await startAws()
  cluster = aws.putCluster({ name: 'demo', region: 'us-east-1' })
})
afterEach(() => aws.stop())

function keysOf(...Statement: PolicyStatement[]): AccessKey {
  const { arn } = aws.identities.createUser({ name: 'ops', policies: { all: { Statement } } })
  return aws.identities.createAccessKey(arn)
}

/** Asks EC2 behind the proxy for a rule of the cluster's group, unless others are named. */
function authorize(parameters: Record<string, string>, keys = keysOf(ALLOW)) {
  const body = new URLSearchParams({
    Action: 'AuthorizeSecurityGroupIngress',
    Version: '2016-11-15',
    GroupId: GROUP,
    'IpPermissions.1.IpProtocol': 'tcp',
    'IpPermissions.1.FromPort': '443',
    'IpPermissions.1.ToPort': '443',
    ...parameters,
  })
  const host = 'ec2.us-east-1.amazonaws.com'
  return signed(aws, keys, { service: 'ec2', host, path: '/', body: body.toString() })
}

/** Asks EKS to change the cluster's configuration. */
function update(body: unknown, keys = keysOf(ALLOW), name = 'demo') {
  const host = 'eks.us-east-1.amazonaws.com'
  const path = `/clusters/${name}/update-config`
  return signed(aws, keys, { service: 'eks', host, path, body: JSON.stringify(body) })
}

describe('AuthorizeSecurityGroupIngress', () => {
  const BY_GROUP = { 'IpPermissions.1.Groups.1.GroupId': OWN }

  test('lets a group of the same VPC in, once', async () => {
    expect(await authorize(BY_GROUP)).toMatchObject({
      status: 200,
      body: expect.stringContaining('<return>true</return>'),
    })
    const peer = { securityGroupIds: [OWN], privateIp: '10.0.3.17' }
    expect(aws.securityGroups.admits(GROUP, 443, peer)).toBe(true)
    expect(aws.securityGroups.admits(GROUP, 80, peer)).toBe(false)
    expect(aws.securityGroups.admits(GROUP, 443, { ...peer, securityGroupIds: [] })).toBe(false)
    aws.identities.createUser({ name: 'other' })
    const keys = aws.identities.createAccessKey('arn:aws:iam::111122223333:user/ops')
    expect((await authorize(BY_GROUP, keys)).body).toContain('<Code>InvalidPermission.Duplicate</Code>')
  })

  test('lets addresses in', async () => {
    expect(await authorize({ 'IpPermissions.1.IpRanges.1.CidrIp': '10.0.3.0/24' })).toMatchObject({
      status: 200,
    })
    const admits = (privateIp: string) =>
      aws.securityGroups.admits(GROUP, 443, { securityGroupIds: [OWN], privateIp })
    expect([admits('10.0.3.17'), admits('10.0.4.17')]).toEqual([true, false])
  })

  test.each<[string, Record<string, string>, number, string]>([
    ['a group that there is not', { ...BY_GROUP, GroupId: 'sg-1' }, 400, 'InvalidGroup.NotFound'],
    [
      'a source that there is not',
      { 'IpPermissions.1.Groups.1.GroupId': 'sg-1' },
      400,
      'InvalidGroup.NotFound',
    ],
    ['no source', {}, 400, 'NotImplemented'],
    [
      'two sources',
      { ...BY_GROUP, 'IpPermissions.1.IpRanges.1.CidrIp': '10.0.0.0/8' },
      400,
      'NotImplemented',
    ],
    ['IPv6', { 'IpPermissions.1.Ipv6Ranges.1.CidrIpv6': '::/0' }, 400, 'NotImplemented'],
  ])('of %s is refused', async (_what, parameters, status, code) => {
    expect(await authorize(parameters)).toMatchObject({
      status,
      body: expect.stringContaining(`<Code>${code}</Code>`),
    })
  })

  test('of a group of another VPC is refused', async () => {
    aws.instance.network.vpcId = 'vpc-else'
    expect((await authorize(BY_GROUP)).body).toContain('belong to different networks')
  })

  test('by who may not is refused', async () => {
    expect(await authorize(BY_GROUP, keysOf())).toMatchObject({
      status: 403,
      body: expect.stringContaining('<Code>UnauthorizedOperation</Code>'),
    })
  })
})

describe('UpdateClusterConfig', () => {
  const described = () => aws.findCluster(cluster.arn)?.resourcesVpcConfig

  test('changes what it names of the endpoint\u2019s access, and leaves the rest', async () => {
    const resourcesVpcConfig = { endpointPublicAccess: true, publicAccessCidrs: ['192.0.2.0/24'] }
    const { status, body } = await update({ resourcesVpcConfig })
    expect(status).toBe(200)
    expect(JSON.parse(body).update).toMatchObject({
      status: 'InProgress',
      type: 'EndpointAccessUpdate',
      params: [
        { type: 'EndpointPublicAccess', value: 'true' },
        { type: 'PublicAccessCidrs', value: '["192.0.2.0/24"]' },
      ],
    })
    expect(described()).toEqual({ ...cluster.resourcesVpcConfig, ...resourcesVpcConfig })
  })

  test.each<[string, unknown, number]>([
    ['something else', { logging: {} }, 501],
    ['what it does not know of it', { resourcesVpcConfig: { subnetIds: ['a'] } }, 400],
    ['what is no list', { resourcesVpcConfig: { publicAccessCidrs: '192.0.2.0/24' } }, 400],
    ['what is no object', { resourcesVpcConfig: 'x' }, 400],
  ])('of %s is refused', async (_what, body, status) => {
    expect((await update(body)).status).toBe(status)
    expect(described()).toEqual(cluster.resourcesVpcConfig)
  })

  test('of a cluster that there is not, or by who may not, is refused', async () => {
    const change = { resourcesVpcConfig: { endpointPublicAccess: false } }
    expect((await update(change, keysOf(ALLOW), 'prod')).status).toBe(404)
    aws.identities.createUser({ name: 'nobody' })
    const keys = aws.identities.createAccessKey('arn:aws:iam::111122223333:user/nobody')
    expect((await update(change, keys)).status).toBe(403)
    expect(described()).toEqual(cluster.resourcesVpcConfig)
  })
})

describe('a connection', () => {
  const rule = (source: IngressRule['source']): IngressRule => ({
    protocol: 'tcp',
    fromPort: 443,
    toPort: 443,
    source,
  })
  const reach = (access: object, network: object = {}) => {
    const at = aws.putCluster({ name: 'demo', region: 'us-east-1', ...access })
    const instance = { ...aws.instance, network: { ...aws.instance.network, ...network } }
    return reachOf(at, instance, aws.securityGroups, ['vpc-peered'])
  }
  const elsewhere = { vpcId: 'vpc-else' }

  test('inside the VPC is by the private door, which its group guards', () => {
    expect(reach({})).toBe('dropped')
    aws.securityGroups.authorizeIngress(GROUP, rule({ group: OWN }))
    expect(reach({})).toBe('answered')
  })

  test('from a VPC that is peered is by it only where there is no other, and by address', () => {
    aws.securityGroups.authorizeIngress(GROUP, rule({ group: OWN }))
    const peered = { vpcId: 'vpc-peered' }
    expect(reach({ endpointPublicAccess: false }, peered)).toBe('dropped')
    aws.securityGroups.authorizeIngress(GROUP, rule({ cidr: '10.0.3.17/32' }))
    expect(reach({ endpointPublicAccess: false }, peered)).toBe('answered')
    expect(reach({ publicAccessCidrs: ['192.0.2.0/24'] }, peered)).toBe('dropped')
  })

  test.each([
    [{}, elsewhere, 'answered'],
    [{ endpointPrivateAccess: false }, {}, 'answered'],
    [{ publicAccessCidrs: ['203.0.113.0/24'] }, elsewhere, 'answered'],
    [{ publicAccessCidrs: ['192.0.2.0/24'] }, elsewhere, 'dropped'],
    [{ publicAccessCidrs: ['2001:db8::/32'] }, elsewhere, 'dropped'],
    [{}, { ...elsewhere, publicIp: null }, 'dropped'],
    [{ endpointPublicAccess: false }, elsewhere, 'unresolved'],
  ])('with %j from %j is %s', (access, network, becomes) => {
    expect(reach(access, network)).toBe(becomes)
  })

  test('is described by the metadata as well', async () => {
    aws.instance.access = 'token-optional'
    aws.instance.network = { vpcId: 'vpc-else', securityGroupIds: ['sg-1', 'sg-2'], publicIp: null }
    const get = (path: string) => ask(`${aws.metadataEndpoint}/latest/meta-data/${path}`)
    const { body: mac } = await get('mac')
    expect(mac).toMatch(/^[0-9a-f:]{17}$/)
    expect((await get(`network/interfaces/macs/${mac}/vpc-id`)).body).toBe('vpc-else')
    expect((await get(`network/interfaces/macs/${mac}/security-group-ids`)).body).toBe('sg-1\nsg-2')
    expect(await get('public-ipv4')).toMatchObject({ status: 404 })
    aws.instance.network.publicIp = '203.0.113.9'
    expect((await get('public-ipv4')).body).toBe('203.0.113.9')
  })
})
