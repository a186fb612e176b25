import { expectFailure, PATIENCE, scenario } from './scenario.ts'

const at = scenario()

/** A role that the instance may have, with the policies given. */
function anotherRole(name: string, allowed: string[]) {
  const role = at.lab.aws.identities.createRole({
    name,
    trust: {
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
    policies: { all: { Statement: [{ Effect: 'Allow', Action: allowed, Resource: '*' }] } },
  })
  at.lab.aws.instance.roleArn = role.arn
  return role
}

test(
  'without a role on the instance it says so',
  async () => {
    at.lab.aws.instance.roleArn = null
    const login = await at.login()
    await expectFailure(login, at.runner, ['EKS101'])
    expect(login.log).toContain('no role is attached to the instance')
    expect(login.log).toContain(`--instance-id ${at.lab.aws.instance.id} `)
  },
  PATIENCE,
)

test(
  'a role that is not mapped gets the block for aws-auth and the access entry, with its own ARN in them',
  async () => {
    const { arn } = anotherRole('stranger', ['eks:DescribeCluster'])
    const login = await at.login()
    await expectFailure(login, at.runner, ['EKS501'])
    expect(login.log).toContain('401')
    expect(login.log).toContain(`- rolearn: ${arn}`)
    expect(login.log).toContain(`--principal-arn ${arn}`)
  },
  PATIENCE,
)

test(
  'a role that may do too much fails, naming what allows it',
  async () => {
    const login = await at.login({ cannot: 'list pods\nlist ns', can: '' })
    await expectFailure(login, at.runner, ['EKS701'])
    expect(login.log).toContain('ClusterRoleBinding "demo" of ClusterRole "demo" to User "demo"')
    expect(login.summary).toContain('list namespaces')
  },
  PATIENCE,
)

test(
  'a role that may do too little fails, rule by rule, all of them in one run',
  async () => {
    const login = await at.login({ can: 'list ns\nget deploy -n web\ncreate pods --subresource=exec' })
    await expectFailure(login, at.runner, ['EKS601', 'EKS601'])
    expect(login.log).toContain('get deployments.apps -n web')
    expect(login.log).toContain('user demo')
  },
  PATIENCE,
)

test(
  'a rule for a resource that the cluster does not have is an error that suggests the nearest, never a silent no',
  async () => {
    const login = await at.login({ cannot: 'list podz' })
    await expectFailure(login, at.runner, ['EKS602'])
    expect(login.log).toContain('pods')
  },
  PATIENCE,
)

test(
  'a cluster that does not exist fails with its name and region',
  async () => {
    anotherRole('everywhere', ['eks:DescribeCluster'])
    const login = await at.login({ 'cluster-name': 'prod' })
    await expectFailure(login, at.runner, ['EKS202'])
    expect(login.log).toContain(`there is no cluster prod in ${at.lab.aws.instance.region}`)
  },
  PATIENCE,
)

test(
  'a denied DescribeCluster fails with the policy that allows it, which then does',
  async () => {
    const { arn } = anotherRole('undescribed', ['eks:ListClusters'])
    await at.cluster.mapRole(arn, 'demo')
    const login = await at.login()
    await expectFailure(login, at.runner, ['EKS201'])
    const [failure] = login.report.failures
    const policy = failure?.cure.find(step => typeof step === 'object')
    expect(login.log).toContain(`"Resource": "${at.cluster.arn}"`)

    at.lab.aws.identities.putPolicy(arn, 'cure', JSON.parse(policy?.text ?? ''))
    expect(await at.login()).toMatchObject({ code: 0, report: { result: 'success' } })
  },
  PATIENCE,
)

test(
  'long-lived keys are refused, and taken where they are asked for',
  async () => {
    const { identities } = at.lab.aws
    const describe = {
      Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' }],
    } as const
    const user = identities.createUser({ name: 'ci', policies: { describe } })
    const { accessKeyId, secretAccessKey } = identities.createAccessKey(user.arn)
    const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
    const refused = await at.login({}, { env })
    await expectFailure(refused, at.runner, ['EKS103'])
    expect(refused.log).toContain(accessKeyId)

    // A user that is mapped to nobody: the keys are used, and the cluster does not know them.
    const used = await at.login({ 'credential-source': 'any' }, { env })
    await expectFailure(used, at.runner, ['EKS501'])
  },
  PATIENCE,
)

test(
  'keys in the environment that shadow the instance role are refused where only that is asked for',
  async () => {
    const { identities } = at.lab.aws
    const session = identities.issueSession(at.role, {
      name: 'oidc',
      expires: new Date(Date.now() + 3_600_000),
    })
    const env = {
      AWS_ACCESS_KEY_ID: session.accessKeyId,
      AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
      AWS_SESSION_TOKEN: session.sessionToken,
    }
    const login = await at.login({ 'credential-source': 'instance-role' }, { env })
    await expectFailure(login, at.runner, ['EKS103'])
    expect(login.log).toContain('environment')
    expect(await at.login({}, { env })).toMatchObject({ code: 0 })
    expect(await at.login({ 'credential-source': 'instance-role' })).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'an identity that differs from the one expected fails, with both in it',
  async () => {
    const login = await at.login({ 'expect-username': 'deploy', 'expect-groups': 'deployers' })
    await expectFailure(login, at.runner, ['EKS801', 'EKS802'])
    expect(login.log).toContain('the cluster says we are demo, not deploy')
    expect(
      await at.login({ 'expect-username': 'demo', 'expect-groups': 'system:authenticated' }),
    ).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'every wrong input is told at once, and nothing is asked of any network',
  async () => {
    const before = at.lab.aws.requests.length
    const login = await at.login({
      'cluster-name': 'demo, arn:aws:eks:nowhere:1:cluster/x',
      region: 'mars',
      alias: 'two',
      'role-arn': 'runner',
      'credential-source': 'roles',
      can: 'list',
      cannot: 'list pods -n Web',
      'proxy-url': 'http://user:secret@proxy:3128',
      timeout: '0',
      cleanup: 'maybe',
    })
    await expectFailure(login, at.runner, Array(10).fill('EKS001'))
    for (const input of [
      'cluster-name',
      'region',
      'alias',
      'role-arn',
      'credential-source',
      'can',
      'cannot',
      'proxy-url',
      'timeout',
      'cleanup',
    ]) {
      expect(login.log).toContain(`input ${input}:`)
    }
    expect(at.lab.aws.requests.length).toBe(before)
  },
  PATIENCE,
)
