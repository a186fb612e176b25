import type { EndpointAccess } from '../../../src/aws/cluster.ts'
import type { InstanceNetwork } from '../../../src/aws/instance-network.ts'
import { diagnose } from '../../../src/diagnosis/diagnose.ts'
import type { About, Evidence, Failure, Paste, Step } from '../../../src/diagnosis/failure.ts'
import { lookInto } from '../../../src/diagnosis/investigate.ts'
import type { Certificate, Way } from '../../../src/kube/evidence.ts'
import type { ProxySetting } from '../../../src/network.ts'
import { failureGroup } from '../../../src/report/log.ts'
import { enter, type Stage } from '../../aws/stage.ts'

const HOST = 'abc.gr7.eu-west-1.eks.amazonaws.com'
const server = `https://${HOST}`
const ABOUT: About = { cluster: 'demo', region: 'eu-west-1' }
const ACCESS: EndpointAccess = {
  vpcId: 'vpc-c',
  securityGroupId: 'sg-c',
  publicAccess: true,
  privateAccess: true,
  publicAccessCidrs: ['0.0.0.0/0'],
}
const CLOSED = { ...ACCESS, publicAccess: false }
const GUARDED = { ...ACCESS, publicAccessCidrs: ['192.0.2.0/24', '198.51.100.7/32'] }
const HERE: InstanceNetwork = { vpcId: 'vpc-c', securityGroupIds: ['sg-r'], privateIp: '10.0.3.17' }
const ELSEWHERE: InstanceNetwork = {
  ...HERE,
  vpcId: 'vpc-r',
  privateIp: '10.1.3.17',
  publicIp: '203.0.113.9',
}
const PROXY: ProxySetting = {
  url: 'http://proxy.corp:3128',
  setBy: 'HTTPS_PROXY',
  credentials: false,
  used: true,
  exceptions: { name: 'NO_PROXY', value: '127.0.0.1, localhost' },
}
const OF_INPUT: ProxySetting = {
  url: 'http://proxy.corp:3128',
  setBy: 'proxy-url',
  credentials: false,
  used: true,
}

const told = (failure: Failure): string => {
  const { title, lines } = failureGroup(failure)
  return [title, ...lines].join('\n')
}
const pastesIn = (steps: Step[]) =>
  steps.filter((step): step is Paste => typeof step === 'object').map(({ text }) => text)
const silence = (address?: string, way: Partial<Way> = {}): Evidence => ({
  kind: 'server-timed-out',
  server,
  seconds: 30,
  stage: 'connecting',
  ...(address ? { address } : {}),
  ...way,
})
const broken = (code: string, more: object = {}): Evidence => ({
  kind: 'server-unreachable',
  server,
  code,
  message: 'm',
  stage: 'handshake',
  ...more,
})
const refusal = (proxy: ProxySetting, status: number, more: object = {}): Evidence => ({
  kind: 'proxy-refused',
  server,
  proxy,
  status,
  said: '',
  schemes: '',
  ...more,
})
const noProxy = (proxy: ProxySetting, connected: boolean): Evidence => ({
  kind: 'proxy-unreachable',
  server,
  proxy,
  connected,
  code: 'ECONNREFUSED',
  message: 'm',
})
/** Seconds from now. */
const validFor = (from: number, to: number): Certificate => {
  const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString()
  return { issuer: 'x', names: [], validFrom: at(from), validTo: at(to) }
}
const secret = (name: string) => `\${{ secrets.${name} }}`
const WITH_CREDENTIALS = `env:\n  HTTPS_PROXY: "http://${secret('PROXY_USER')}:${secret('PROXY_PASSWORD')}@proxy.corp:3128"`
const INGRESS =
  'aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id sg-c --protocol tcp --port 443'
const UPDATE = 'aws eks update-cluster-config --region eu-west-1 --name demo --resources-vpc-config'

/** Evidence, what else is known, the code, the pastes of its cure, and what else it must say. */
const CASES: [string, Evidence, Partial<About>, string, string[], RegExp[]][] = [
  [
    'the private door, in its VPC',
    silence('10.0.1.2'),
    { access: ACCESS, runner: HERE },
    'EKS302',
    [`${INGRESS} --source-group sg-r`],
    [
      /\(10\.0\.1\.2\): no connection within 30 s/,
      /sg-c, public access on for 0\.0\.0\.0\/0, private access on/,
    ],
  ],
  [
    'the private door, with the cluster\u2019s own group beside another',
    silence('10.0.1.2'),
    { access: ACCESS, runner: { ...HERE, securityGroupIds: ['sg-c', 'sg-r'] } },
    'EKS302',
    [`${INGRESS} --source-group sg-r`],
    [/security groups sg-c, sg-r/],
  ],
  [
    'the private door, with the cluster\u2019s own group alone',
    silence('10.0.1.2'),
    { access: ACCESS, runner: { ...HERE, securityGroupIds: ['sg-c'] } },
    'EKS302',
    [`${INGRESS} --source-group sg-c`],
    [/InvalidPermission\.Duplicate/],
  ],
  [
    'the private door, from another VPC',
    silence('10.0.1.2'),
    { access: CLOSED, runner: ELSEWHERE },
    'EKS302',
    [`${INGRESS} --cidr 10.1.3.17/32`],
    [
      /vpc-r, where the runner is, is not connected with vpc-c/,
      /endpointPublicAccess=true,publicAccessCidrs=203\.0\.113\.9\/32/,
    ],
  ],
  [
    'the private door, from another VPC, of a cluster that has a public one',
    silence('10.0.1.2'),
    { access: GUARDED, runner: ELSEWHERE },
    'EKS302',
    [`${INGRESS} --cidr 10.1.3.17/32`],
    [/publicAccessCidrs=192\.0\.2\.0\/24,198\.51\.100\.7\/32,203\.0\.113\.9\/32/],
  ],
  [
    'the private door, without groups',
    silence('10.0.1.2'),
    { access: CLOSED, runner: { ...HERE, securityGroupIds: [] } },
    'EKS302',
    [`${INGRESS} --cidr 10.0.3.17/32`],
    [/security groups none/, /--group-id GROUP /],
  ],
  [
    'the private door, from nobody knows where',
    silence('10.0.1.2'),
    { access: { ...CLOSED, publicAccessCidrs: [] } },
    'EKS302',
    [`${INGRESS} --cidr RUNNER_ADDRESS/32`],
    [/no instance metadata/, /curl -skv/],
  ],
  [
    'the public door, guarded, from an address outside',
    silence('52.1.2.3'),
    { access: GUARDED, runner: ELSEWHERE },
    'EKS309',
    [`${UPDATE} publicAccessCidrs=192.0.2.0/24,198.51.100.7/32,203.0.113.9/32`],
    [
      /leave out the runner\u2019s public address 203\.0\.113\.9/,
      /checkip\.amazonaws\.com/,
      /own security groups \(sg-r\) let nothing out/,
    ],
  ],
  [
    'the public door alone, guarded, from an address outside in the VPC of the cluster',
    silence('52.1.2.3'),
    { access: { ...GUARDED, privateAccess: false }, runner: { ...HERE, publicIp: '203.0.113.9' } },
    'EKS309',
    [`${UPDATE} publicAccessCidrs=192.0.2.0/24,198.51.100.7/32,203.0.113.9/32`],
    [/endpointPrivateAccess=true/],
  ],
  [
    'the public door, guarded, from an address that nobody knows',
    silence('52.1.2.3'),
    { access: GUARDED, runner: HERE },
    'EKS302',
    [
      'curl -fsS https://checkip.amazonaws.com',
      `${UPDATE} publicAccessCidrs=192.0.2.0/24,198.51.100.7/32,RUNNER_ADDRESS/32`,
    ],
    [/public address none/],
  ],
  [
    'the public door, guarded, by IPv6',
    silence('2600:1f14::1'),
    { access: GUARDED, runner: ELSEWHERE },
    'EKS302',
    [
      'ip -6 -brief address show scope global',
      `${UPDATE} publicAccessCidrs=192.0.2.0/24,198.51.100.7/32,RUNNER_ADDRESS/128`,
    ],
    [],
  ],
  [
    'the public door, open by IPv4 alone, by IPv6',
    silence('2600:1f14::1'),
    { access: ACCESS, runner: ELSEWHERE },
    'EKS302',
    ['ip -6 -brief address show scope global', `${UPDATE} publicAccessCidrs=0.0.0.0/0,RUNNER_ADDRESS/128`],
    [/0\.0\.0\.0\/0 does not hold the address/],
  ],
  [
    'the public door, open by IPv6, too, by IPv6',
    silence('2600:1f14::1'),
    { access: { ...ACCESS, publicAccessCidrs: ['0.0.0.0/0', '::/0'] }, runner: ELSEWHERE },
    'EKS302',
    [
      'aws ec2 authorize-security-group-egress --region eu-west-1 --group-id sg-r --protocol tcp --port 443 --cidr 0.0.0.0/0',
    ],
    [/The public endpoint lets everybody in/],
  ],
  [
    'the public door, guarded, from an address inside',
    silence('52.1.2.3'),
    { access: GUARDED, runner: { ...ELSEWHERE, publicIp: '198.51.100.7' } },
    'EKS302',
    [
      'aws ec2 authorize-security-group-egress --region eu-west-1 --group-id sg-r --protocol tcp --port 443 --cidr 0.0.0.0/0',
    ],
    [/hold the runner\u2019s public address 198\.51\.100\.7\./, /that of a NAT gateway/, /network ACLs/],
  ],
  [
    'the public door, open, with a proxy that NO_PROXY keeps the host from',
    silence('52.1.2.3', {
      proxy: {
        ...PROXY,
        used: false,
        exceptions: { name: 'no_proxy', value: 'a.example:443,*.amazonaws.com' },
      },
    }),
    { access: ACCESS, runner: ELSEWHERE },
    'EKS302',
    ['env:\n  no_proxy: a.example:443'],
    [/which no_proxy keeps this host from/],
  ],
  [
    'some door: the address tells nothing, nor does metadata',
    silence('127.0.0.9'),
    { access: GUARDED },
    'EKS302',
    [`${INGRESS} --cidr RUNNER_ADDRESS/32`],
    [/is not within 192\.0\.2\.0\/24, 198\.51\.100\.7\/32/],
  ],
  [
    'some door, of which the public one is open',
    silence('127.0.0.9'),
    { access: ACCESS },
    'EKS302',
    [`${INGRESS} --cidr RUNNER_ADDRESS/32`],
    [/a firewall on the way/],
  ],
  [
    'a door by the runner\u2019s place: its VPC',
    silence('127.0.0.9'),
    { access: ACCESS, runner: HERE },
    'EKS302',
    [`${INGRESS} --source-group sg-r`],
    [],
  ],
  [
    'a door by the runner\u2019s place: another VPC',
    silence('127.0.0.9'),
    { access: GUARDED, runner: ELSEWHERE },
    'EKS309',
    [`${UPDATE} publicAccessCidrs=192.0.2.0/24,198.51.100.7/32,203.0.113.9/32`],
    [],
  ],
  [
    'the private door of a cluster without a group of its own',
    silence('10.0.1.2'),
    { access: { ...CLOSED, securityGroupId: '' }, runner: HERE },
    'EKS302',
    [`${INGRESS.replace('sg-c', 'CLUSTER_GROUP')} --source-group sg-r`],
    [/DescribeCluster: vpc-c, public access off/],
  ],
  [
    'the public door, of which nobody is told to be let in',
    silence('52.1.2.3'),
    { access: { ...ACCESS, publicAccessCidrs: [] }, runner: ELSEWHERE },
    'EKS309',
    [`${UPDATE} publicAccessCidrs=203.0.113.9/32`],
    [/on for no CIDR block/],
  ],
  ['no door that is known', silence('10.0.1.2'), {}, 'EKS302', [], [/security group of the cluster/]],
  [
    'the system\u2019s own timeout',
    broken('ETIMEDOUT', { stage: 'connecting' }),
    { access: ACCESS, runner: HERE },
    'EKS302',
    [`${INGRESS} --source-group sg-r`],
    [/ETIMEDOUT, m/],
  ],

  [
    'a name, public',
    broken('ENOTFOUND'),
    { access: ACCESS },
    'EKS301',
    ['getent hosts eks.eu-west-1.amazonaws.com; cat /etc/resolv.conf'],
    [/does not resolve/],
  ],
  [
    'a name server',
    broken('EAI_AGAIN'),
    {},
    'EKS301',
    ['getent hosts eks.eu-west-1.amazonaws.com; cat /etc/resolv.conf'],
    [/EAI_AGAIN/],
  ],
  [
    'a name that a proxy would resolve',
    broken('ENOTFOUND', {
      proxy: { ...PROXY, used: false, exceptions: { name: 'NO_PROXY', value: `127.0.0.1,${HOST}` } },
    }),
    {},
    'EKS301',
    ['env:\n  NO_PROXY: "127.0.0.1"'],
    [/which NO_PROXY keeps this host from/],
  ],
  [
    'a name that a proxy would resolve, but for all hosts',
    broken('ENOTFOUND', { proxy: { ...PROXY, used: false, exceptions: { name: 'NO_PROXY', value: '*' } } }),
    {},
    'EKS301',
    ['env:\n  NO_PROXY: ""'],
    [],
  ],
  [
    'a private name, in another VPC',
    broken('ENOTFOUND'),
    { access: CLOSED, runner: ELSEWHERE },
    'EKS310',
    [`${UPDATE} endpointPublicAccess=true,publicAccessCidrs=203.0.113.9/32`],
    [/private endpoint only, in vpc-c, and the runner is in vpc-r/, /name servers of the runner/],
  ],
  [
    'a private name, in its VPC',
    broken('ENOTFOUND'),
    { access: CLOSED, runner: HERE },
    'EKS301',
    [
      'aws ec2 modify-vpc-attribute --region eu-west-1 --vpc-id vpc-c --enable-dns-support\naws ec2 modify-vpc-attribute --region eu-west-1 --vpc-id vpc-c --enable-dns-hostnames',
    ],
    [],
  ],
  [
    'a private name, nobody knows where',
    broken('ENOTFOUND'),
    { access: CLOSED },
    'EKS301',
    [
      `${UPDATE} endpointPublicAccess=true,publicAccessCidrs=RUNNER_ADDRESS/32`,
      'curl -fsS https://checkip.amazonaws.com',
    ],
    [/the runner is outside vpc-c/],
  ],

  [
    'a private name, in another VPC, of which no name server answers',
    broken('EAI_AGAIN'),
    { access: CLOSED, runner: ELSEWHERE },
    'EKS301',
    ['getent hosts eks.eu-west-1.amazonaws.com; cat /etc/resolv.conf'],
    [/resolves in vpc-c alone.* and the runner is in vpc-r/],
  ],
  [
    'a private name, nobody knows where, of which no name server answers',
    broken('EAI_AGAIN'),
    { access: CLOSED },
    'EKS301',
    ['getent hosts eks.eu-west-1.amazonaws.com; cat /etc/resolv.conf'],
    [/outside vpc-c/, /enableDnsSupport/],
  ],
  [
    'a name that takes too long',
    silence(undefined),
    { access: ACCESS, runner: HERE },
    'EKS301',
    ['getent hosts eks.eu-west-1.amazonaws.com; cat /etc/resolv.conf'],
    [/eks\.amazonaws\.com, had not resolved within 30 s$/m, /no address for the name within 30 s/],
  ],

  [
    'no route',
    broken('EHOSTUNREACH', { stage: 'connecting', address: '10.0.1.2' }),
    {},
    'EKS306',
    ['ip route get 10.0.1.2'],
    [/no route to the API server at 10\.0\.1\.2$/m, /\(10\.0\.1\.2\): EHOSTUNREACH, m/, /a firewall/],
  ],
  [
    'no route by IPv6',
    broken('ENETUNREACH', { stage: 'connecting', address: '2600:1f14::1' }),
    {},
    'EKS306',
    [`ip -6 route\ngetent ahostsv4 ${HOST}`],
    [/no way out by IPv6/],
  ],
  [
    'no route to whatever the name leads to',
    broken('ENETUNREACH', { stage: 'connecting' }),
    {},
    'EKS306',
    ['ip route'],
    [],
  ],

  [
    'a refused connection',
    broken('ECONNREFUSED', { stage: 'connecting', address: '10.0.1.2' }),
    {},
    'EKS303',
    [`getent hosts ${HOST}`],
    [/\(10\.0\.1\.2\): ECONNREFUSED, m/],
  ],
  [
    'another CA',
    broken('SELF_SIGNED_CERT_IN_CHAIN', {
      certificate: { issuer: 'Corp CA, Corp', names: [], validFrom: '', validTo: '' },
      proxy: PROXY,
    }),
    {},
    'EKS304',
    [`env:\n  NO_PROXY: "127.0.0.1,localhost,${HOST}"`],
    [/signed by Corp CA, Corp/, /the CA of the cluster, but by Corp CA/],
  ],
  [
    'another CA that is not told',
    broken('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    {},
    'EKS304',
    [],
    [/not signed by the CA of the cluster$/m, /another cluster\u2019s/],
  ],
  [
    'another cluster\u2019s CA',
    broken('CERT_SIGNATURE_FAILURE', {
      address: '10.0.0.1',
      certificate: { issuer: 'kubernetes', names: [], validFrom: '', validTo: '' },
    }),
    {},
    'EKS304',
    [],
    [/\/etc\/hosts/, /opens TLS/],
  ],
  [
    'another name',
    broken('ERR_TLS_CERT_ALTNAME_INVALID', {
      certificate: { issuer: 'x', names: ['a.example', '192.0.2.1'], validFrom: '', validTo: '' },
    }),
    {},
    'EKS307',
    [`getent hosts ${HOST}`],
    [/it is for a\.example, 192\.0\.2\.1/],
  ],
  [
    'no name',
    broken('ERR_TLS_CERT_ALTNAME_INVALID'),
    {},
    'EKS307',
    [`getent hosts ${HOST}`],
    [/it is for no name/],
  ],
  [
    'an old certificate',
    broken('CERT_HAS_EXPIRED', {
      certificate: { issuer: 'x', names: [], validFrom: 'then', validTo: 'soon' },
    }),
    {},
    'EKS307',
    ['date -u\nsudo timedatectl set-ntp true'],
    [/valid from then to soon; the clock here says \d/, /has expired, by the clock/],
  ],
  [
    'an old certificate, by a clock that agrees with AWS\u2019s',
    broken('CERT_HAS_EXPIRED', {
      certificate: { issuer: 'x', names: [], validFrom: 'then', validTo: 'soon' },
    }),
    { clockSkewSeconds: 0 },
    'EKS307',
    [`getent hosts ${HOST}`],
    [/the clock here agrees/],
  ],
  [
    'an old certificate, by a clock that is ahead',
    broken('CERT_HAS_EXPIRED', { certificate: validFor(-7200, -600) }),
    { clockSkewSeconds: 3600 },
    'EKS111',
    ['sudo chronyc makestep || sudo timedatectl set-ntp true'],
    [/3600 s ahead of AWS/, /valid from/],
  ],
  [
    'an old certificate, by a clock that is ahead by less than that',
    broken('CERT_HAS_EXPIRED', { certificate: validFor(-7200, -5000) }),
    { clockSkewSeconds: 3600 },
    'EKS307',
    [`getent hosts ${HOST}`],
    [/3600 s ahead of AWS\u2019s, by which the certificate is not valid either/],
  ],
  [
    'a young certificate that was not seen, by a clock that is behind',
    broken('CERT_NOT_YET_VALID'),
    { clockSkewSeconds: -3600 },
    'EKS111',
    ['sudo chronyc makestep || sudo timedatectl set-ntp true'],
    [/3600 s behind AWS/],
  ],
  [
    'a young certificate, by a clock that is behind by less than that',
    broken('CERT_NOT_YET_VALID', { certificate: validFor(5000, 9000) }),
    { clockSkewSeconds: -3600 },
    'EKS307',
    [`getent hosts ${HOST}`],
    [/3600 s behind AWS/],
  ],
  [
    'a young certificate',
    broken('CERT_NOT_YET_VALID'),
    {},
    'EKS307',
    ['date -u\nsudo timedatectl set-ntp true'],
    [/is not valid yet/],
  ],

  [
    'a proxy that refuses',
    refusal(PROXY, 403, { said: 'Not on the list' }),
    {},
    'EKS305',
    [`env:\n  NO_PROXY: "127.0.0.1,localhost,${HOST}"`],
    [/proxy\.corp:3128 \(HTTPS_PROXY\) answered 403 to CONNECT for abc\.\S+: Not on the list$/m],
  ],
  [
    'a proxy of the input that refuses',
    refusal(OF_INPUT, 502),
    {},
    'EKS305',
    [],
    [/Leave the input proxy-url out/],
  ],
  [
    'a proxy that wants credentials',
    refusal(PROXY, 407, { schemes: 'Basic realm="lab"' }),
    {},
    'EKS311',
    [WITH_CREDENTIALS],
    [/Basic realm="lab"/, /wants credentials/],
  ],
  [
    'a proxy that wants others',
    refusal({ ...PROXY, credentials: true }, 407),
    {},
    'EKS311',
    [WITH_CREDENTIALS],
    [/does not take the credentials that HTTPS_PROXY has/, /no scheme that it names/],
  ],
  [
    'a proxy of the input that wants credentials',
    refusal(OF_INPUT, 407),
    {},
    'EKS311',
    [WITH_CREDENTIALS],
    [/Leave the input proxy-url out/],
  ],
  [
    'a proxy that is not there',
    noProxy(PROXY, false),
    {},
    'EKS308',
    [`env:\n  NO_PROXY: "127.0.0.1,localhost,${HOST}"`],
    [
      /cannot be reached$/m,
      /\(HTTPS_PROXY\), for abc\.\S+: ECONNREFUSED, m$/m,
      /curl -sv --max-time 5 http:\/\/proxy\.corp:3128/,
    ],
  ],
  [
    'a proxy that does not answer',
    noProxy(PROXY, true),
    {},
    'EKS308',
    [`env:\n  NO_PROXY: "127.0.0.1,localhost,${HOST}"`],
    [
      /did not answer CONNECT for the API server$/m,
      /connected, and no answer to CONNECT: ECONNREFUSED, m$/m,
      /cannot resolve or reach the API server itself/,
      /-x http:\/\/proxy\.corp:3128/,
    ],
  ],
  [
    'a proxy whose name a shell would take for more',
    noProxy({ ...PROXY, url: "http://it's" }, false),
    {},
    'EKS308',
    [`env:\n  NO_PROXY: "127.0.0.1,localhost,${HOST}"`],
    [/curl -sv --max-time 5 'http:\/\/it'\\''s'/],
  ],
  [
    'a proxy that is no URL',
    noProxy({ ...PROXY, url: 'http://***@proxy:port', malformed: true }, false),
    {},
    'EKS308',
    [`env:\n  NO_PROXY: "127.0.0.1,localhost,${HOST}"`],
    [/HTTPS_PROXY, which is to name the proxy, is no URL$/m, /HTTPS_PROXY is http:\/\/\*\*\*@proxy:port/],
  ],

  [
    'a torn handshake',
    broken('ECONNRESET', { address: '52.1.2.3' }),
    {},
    'EKS306',
    [`curl -skv --max-time 10 ${server}/version`],
    [/\(52\.1\.2\.3\): ECONNRESET, m/],
  ],
  [
    'an error without a name',
    broken(''),
    {},
    'EKS306',
    [`curl -skv --max-time 10 ${server}/version`],
    [/amazonaws\.com: m$/m],
  ],
  [
    'a torn answer',
    broken('ECONNRESET', { stage: 'request' }),
    {},
    'EKS312',
    [`curl -skv --max-time 10 ${server}/version`],
    [/ECONNRESET, m/],
  ],
  [
    'a handshake that takes too long',
    silence(undefined, { stage: 'handshake', proxy: PROXY }),
    {},
    'EKS312',
    [`curl -skv --max-time 10 ${server}/version`],
    [
      /through the proxy http:\/\/proxy\.corp:3128: no TLS handshake within 30 s/,
      /the proxy http\S+ does it/,
    ],
  ],
  [
    'an answer that takes too long',
    silence('52.1.2.3', { stage: 'request' }),
    {},
    'EKS312',
    [`curl -skv --max-time 10 ${server}/version`],
    [/no whole answer within 30 s/],
  ],
]

test.each(CASES)('%s', (_what, evidence, known, code, pastes, said) => {
  const failure = diagnose(evidence, { ...ABOUT, ...known })
  expect(failure).toMatchObject({ code, cluster: 'demo' })
  expect(failure.cause).toMatch(/^[^\n]+$/)
  expect(pastesIn(failure.cure)).toEqual(pastes)
  const text = told(failure)
  for (const form of said) expect(text).toMatch(form)
  expect(text).not.toMatch(/undefined|null|NaN|\[object/)
  for (const { cause, cure } of failure.otherwise ?? []) {
    expect(cause).toMatch(/^[^\n]+$/)
    expect(cure).not.toEqual([])
  }
})

describe('after a failure', () => {
  let stage: Stage
  beforeEach(async () => {
    stage = await enter()
  })
  afterEach(() => stage.leave())

  const look = (evidence: Evidence, known: Partial<About> = { access: CLOSED }, timeoutSeconds = 30) => {
    const run = {
      env: process.env,
      timeoutSeconds,
      signal: new AbortController().signal,
      time: <T>(_name: string, work: Promise<T>) => work,
      mask: () => Promise.resolve(),
    }
    const credentials = () => Promise.reject(new Error('none'))
    return lookInto([evidence], { ...ABOUT, ...known }, { run, credentials, describer: credentials })
  }

  test('of a connection, the metadata is asked where the runner is', async () => {
    Object.assign(stage.aws.instance.network, { vpcId: 'vpc-r', publicIp: '203.0.113.9' })
    const [failure] = await look(broken('ENOTFOUND'))
    expect(failure?.code).toBe('EKS310')
    expect(failure?.evidence.at(-1)).toBe(
      'the runner, by its instance metadata: vpc-r, security groups sg-0fedcba9876543210, address 10.0.3.17, public address 203.0.113.9',
    )
  })

  test('it is asked, too, when less than all of the time is left', async () => {
    const elapsed = performance.now() / 1000
    const failures = await look(broken('ENOTFOUND'), { access: CLOSED }, elapsed + 5.0123)
    expect(failures[0]?.evidence.at(-1)).toMatch(/by its instance metadata/)
  })

  test('what metadata does not tell stays open', async () => {
    stage.aws.instance.network.publicIp = null
    expect((await look(silence('10.0.0.1')))[0]?.evidence.at(-1)).toMatch(/public address none$/)
    process.env.AWS_EC2_METADATA_DISABLED = 'true'
    const [failure] = await look(silence('10.0.0.1'))
    expect(failure?.evidence.at(-1)).toBe('the runner: no instance metadata tells where it is')
  })

  test.each([
    ['a certificate', broken('CERT_HAS_EXPIRED'), { access: ACCESS }],
    ['an answer that takes too long', silence(undefined, { stage: 'request' }), { access: ACCESS }],
    ['a cluster that is not described', broken('ENOTFOUND'), {}],
  ])('of %s, it is not', async (_what, evidence, known) => {
    await look(evidence, known)
    expect(stage.aws.requests).toEqual([])
  })
})
