import { expectFailure, PATIENCE, scenario } from './scenario.ts'

const at = scenario()

test(
  'a page in the place of the session token is another service',
  async () => {
    const fault = at.lab.aws.fail({ service: 'imds', operation: 'PutToken' }, { kind: 'html' })
    const login = await at.login()
    fault.cancel()
    await expectFailure(login, at.runner, ['EKS112'])
    expect(login.log).toContain('answered 200: no session token')
    expect(login.log).not.toContain('Accept the terms')
  },
  PATIENCE,
)

test(
  'metadata that nobody serves leaves open why, with the command that tells',
  async () => {
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9' }
    const login = await at.login({}, { env })
    await expectFailure(login, at.runner, ['EKS109'])
    expect(login.log).toContain('ECONNREFUSED')
    expect(login.log).toContain(
      'nothing serves metadata at http://127.0.0.1:9, which AWS_EC2_METADATA_SERVICE_ENDPOINT names',
    )
    expect(login.report.failures[0]?.otherwise?.map(({ cause }) => cause)).toEqual([
      'a firewall or network policy keeps the runner from 127.0.0.1 port 9',
      'the runner is no EC2 instance',
    ])
  },
  PATIENCE,
)

test(
  'several clusters without credentials are each told so, and the instance is named in each',
  async () => {
    at.lab.aws.instance.roleArn = null
    const login = await at.login({ 'cluster-name': 'demo\nother' })
    await expectFailure(login, at.runner, ['EKS101', 'EKS101'])
    for (const { cure } of login.report.failures)
      expect(JSON.stringify(cure)).toContain(`--instance-id ${at.lab.aws.instance.id} `)
  },
  PATIENCE,
)

test(
  'a login that passes asks the metadata service no more than its credentials',
  async () => {
    const before = at.lab.aws.requests.length
    const login = await at.login({ 'token-provider': 'builtin' })
    expect(login.code).toBe(0)
    const asked = at.lab.aws.requests.slice(before).filter(({ service }) => service !== 'sts')
    expect(asked.map(({ operation }) => operation)).toEqual([
      'PutToken',
      'GetRoleName',
      'GetCredentials',
      'DescribeCluster',
    ])
  },
  PATIENCE,
)
