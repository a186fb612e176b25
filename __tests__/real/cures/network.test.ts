import { type EndpointGate, startEndpointGate } from '../../../lab/endpoint-gate.ts'
import { type Administrator, administrator, onlyPaste } from '../../scenarios/cures/cure.ts'
import { expectFailure, type Login, PATIENCE, scenario } from '../../scenarios/scenario.ts'

// The doors of the cluster's endpoint, and who is let in by them, as an administrator changes them with the AWS CLI.

const at = scenario()
let gate: EndpointGate
let admin: Administrator
beforeAll(async () => {
  gate = await startEndpointGate(at.lab.aws, at.cluster)
}, PATIENCE)
beforeEach(async () => {
  admin = await administrator(at)
})
afterAll(() => gate?.stop())

const CLUSTERS_VPC = 'vpc-0a1b2c3d4e5f67890'
const RUNNER = { securityGroupIds: ['sg-0fedcba9876543210'], publicIp: '203.0.113.17' }
const place = (vpcId: string, publicIp: string | null = RUNNER.publicIp) => {
  at.lab.aws.instance.network = { ...RUNNER, vpcId, publicIp }
}
/** Signed here, as the AWS CLI may take as long as the bound on a connection that nobody answers. */
const login = () => at.login({ 'token-provider': 'builtin', timeout: '5' }, { env: gate.env })

/** Fails with the code, and passes once an administrator has run the line of the cure. */
async function expectCured(code: string, line: string): Promise<Login> {
  const failed = await login()
  await expectFailure(failed, at.runner, [code])
  const [failure] = failed.report.failures
  const cure = failure ? onlyPaste(failure, 'sh') : ''
  expect(cure).toBe(line)
  await admin.run(cure)
  expect(await login()).toMatchObject({ code: 0 })
  return failed
}

const INGRESS =
  'aws ec2 authorize-security-group-ingress --region us-east-1 --group-id sg-0123456789abcdef0 --protocol tcp --port 443'
const UPDATE = 'aws eks update-cluster-config --region us-east-1 --name demo --resources-vpc-config'

test(
  'EKS302: a runner that the cluster\u2019s security group leaves out is let in by its own group',
  async () => {
    place(CLUSTERS_VPC)
    gate.set({})
    const failed = await expectCured('EKS302', `${INGRESS} --source-group sg-0fedcba9876543210`)
    expect(failed.log).toContain('security groups sg-0fedcba9876543210, address 10.0.3.17')
  },
  PATIENCE,
)

test(
  'EKS302: a runner of a VPC that is connected with the cluster\u2019s is let in by its address',
  async () => {
    place('vpc-0peered0000000000')
    gate.set({ endpointPublicAccess: false })
    await expectCured('EKS302', `${INGRESS} --cidr 10.0.3.17/32`)
  },
  PATIENCE,
)

test(
  'EKS309: a runner whose public address the CIDRs leave out is let in beside those that they hold',
  async () => {
    place('vpc-0elsewhere0000000')
    gate.set({ publicAccessCidrs: ['192.0.2.0/24', '198.51.100.7/32'] })
    await expectCured('EKS309', `${UPDATE} publicAccessCidrs=192.0.2.0/24,198.51.100.7/32,203.0.113.17/32`)
  },
  PATIENCE,
)

test(
  'EKS310: a runner outside the VPC of a private endpoint is let in by a public one, for its address alone',
  async () => {
    place('vpc-0elsewhere0000000')
    gate.set({ endpointPublicAccess: false })
    await expectCured('EKS310', `${UPDATE} endpointPublicAccess=true,publicAccessCidrs=203.0.113.17/32`)
  },
  PATIENCE,
)
