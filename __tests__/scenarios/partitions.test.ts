import type { Partition } from '../../lab/aws/regions.ts'
import { expectFailure, PATIENCE, PROVIDERS, scenario } from './scenario.ts'

// Tokens name a host of STS, and a cluster accepts those of its own partition only.

const CLUSTERS = [
  { name: 'china', region: 'cn-north-1' },
  { name: 'gov', region: 'us-gov-west-1' },
  { name: 'demo', region: 'us-east-1' },
]
const at = scenario(CLUSTERS)

const cluster = (name: string) => {
  const found = at.lab.clusters.find(one => one.name === name)
  if (!found) throw new Error(`there is no cluster ${name}`)
  return found
}

/** That the token providers log in to a cluster as a role of its partition, and a client after them. */
async function expectLogins(name: string, env: Record<string, string> = {}): Promise<void> {
  for (const provider of PROVIDERS) {
    const on = await at.anotherRunner()
    const inputs = { 'cluster-name': name, region: cluster(name).region, 'token-provider': provider }
    const login = await at.login(inputs, { env, on })
    expect(login.report.failures).toEqual([])
    expect(login).toMatchObject({ code: 0, outputs: { 'cluster-arn': cluster(name).arn, username: 'demo' } })
    expect(await at.list('namespaces', { env, on })).toMatchObject({ code: 0 })
  }
}

/** Gives the instance a role of another partition, which the cluster knows as user `demo`. */
async function moveInstance(name: string, partition: Partition): Promise<void> {
  const service = partition === 'aws-cn' ? 'ec2.amazonaws.com.cn' : 'ec2.amazonaws.com'
  const role = at.lab.aws.identities.createRole({
    name: `runner-${name}`,
    partition,
    trust: { Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }] },
    policies: {
      describe: {
        Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: cluster(name).arn }],
      },
    },
  })
  at.lab.aws.instance.roleArn = role.arn
  await cluster(name).mapRole(role.arn, 'demo')
}

test.each([
  ['China', 'china', 'aws-cn'],
  ['GovCloud', 'gov', 'aws-us-gov'],
] as const)(
  'a cluster of %s takes the tokens of the providers',
  async (_where, name, partition) => {
    await moveInstance(name, partition)
    await expectLogins(name)
  },
  PATIENCE,
)

test.each(PROVIDERS)(
  'with dual-stack endpoints, this authenticator takes no token, and so the login fails, by %s',
  async provider => {
    const env = { AWS_USE_DUALSTACK_ENDPOINT: 'true', AWS_ENDPOINT_URL_EKS: '' }
    const login = await at.login({ 'token-provider': provider }, { env })
    await expectFailure(login, at.runner, ['EKS501'])
  },
  PATIENCE,
)

test(
  'with FIPS endpoints, a cluster takes the tokens of the providers',
  // The lab's own endpoint of EKS has no FIPS form: it is reached by its name, through the proxy.
  () => expectLogins('demo', { AWS_USE_FIPS_ENDPOINT: 'true', AWS_ENDPOINT_URL_EKS: '' }),
  PATIENCE,
)
