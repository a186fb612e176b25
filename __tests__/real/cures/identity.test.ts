import type { Failure } from '../../../src/diagnosis/failure.ts'
import { administrator, changeInAwsAuth, onlyPaste, untilPassed } from '../../scenarios/cures/cure.ts'
import { embeddedScenario, expectFailure, PATIENCE, realScenario } from '../../scenarios/scenario.ts'
import { runnerRole } from './roles.ts'

describe('where aws-auth alone counts', () => {
  const at = realScenario([{ name: 'demo', authenticationMode: 'CONFIG_MAP' }])
  const failing = async (inputs: Record<string, string>, code: string): Promise<Failure> => {
    const login = await at.login(inputs)
    await expectFailure(login, at.runner, [code])
    return login.report.failures[0] as Failure
  }
  /** The block in the failure, put in the place of what is there, lets the login pass. */
  const cured = async (inputs: Record<string, string>, code: string) => {
    const failure = await failing(inputs, code)
    await changeInAwsAuth(await administrator(at), 'mapRoles', onlyPaste(failure, 'yaml'))
    expect((await untilPassed(() => at.login(inputs))).report.failures).toEqual([])
  }

  test(
    'EKS801: another username is changed in the entry of the role, and what it lacks is given to the right one',
    async () => {
      const { arn } = runnerRole(at)
      await at.cluster.mapRole(arn, 'somebody', ['deployers'])
      const inputs = { 'expect-username': 'team:ci', 'expect-groups': 'deployers', can: 'list nodes' }
      const login = await at.login(inputs)
      await expectFailure(login, at.runner, ['EKS801', 'EKS601'])
      const [named, allowed] = login.report.failures as [Failure, Failure]
      const admin = await administrator(at)
      await changeInAwsAuth(admin, 'mapRoles', onlyPaste(named, 'yaml'))
      await admin.apply(onlyPaste(allowed, 'yaml'))
      expect((await untilPassed(() => at.login(inputs))).report.failures).toEqual([])
    },
    PATIENCE,
  )

  test(
    'EKS802: other groups are changed in the entry of the role',
    async () => {
      const { arn } = runnerRole(at)
      await at.cluster.mapRole(arn, 'demo', ['ops', 'deployers'])
      await cured({ 'expect-groups': 'deployers, audit: read' }, 'EKS802')
    },
    PATIENCE,
  )

  test(
    'EKS701: system:masters is left, and what is needed is given by itself',
    async () => {
      const { arn } = runnerRole(at)
      await at.cluster.mapRole(arn, 'power', ['system:masters', 'deployers'])
      const inputs = { can: 'list namespaces\nget deploy -n default', cannot: 'list pods' }
      const failure = await failing(inputs, 'EKS701')
      const admin = await administrator(at)
      const [needed = '', block = ''] = failure.cure.flatMap(step =>
        typeof step === 'object' && step.language === 'yaml' ? [step.text] : [],
      )
      await admin.apply(needed)
      await changeInAwsAuth(admin, 'mapRoles', block)
      const login = await untilPassed(() => at.login(inputs))
      expect(login.report.failures).toEqual([])
      expect(login.report.clusters[0]?.groups).toEqual(['deployers', 'system:authenticated'])
    },
    PATIENCE,
  )
})

describe.each(['API', 'API_AND_CONFIG_MAP'] as const)(
  'where access entries count (%s)',
  authenticationMode => {
    const at = embeddedScenario([{ name: 'demo', authenticationMode }])

    test.each([
      ['EKS801', { 'expect-username': 'demo', 'expect-groups': 'deployers' }],
      ['EKS802', { 'expect-username': 'somebody', 'expect-groups': 'audit' }],
      ['EKS802', { 'expect-username': 'somebody', 'expect-groups': 'system:authenticated' }],
    ])(
      '%s: the access entry of the role is changed, whatever its path: %j',
      async (code, expected) => {
        const { arn } = runnerRole(at, {
          path: '/team/apps/',
          may: ['eks:ListAccessEntries', 'eks:DescribeAccessEntry'],
        })
        at.lab.aws.accessEntries.create(at.cluster.arn, {
          principalArn: arn,
          username: 'somebody',
          kubernetesGroups: ['deployers'],
        })
        const inputs = { ...expected, can: '' }
        const login = await at.login(inputs)
        await expectFailure(login, at.runner, [code])
        await (await administrator(at)).run(onlyPaste(login.report.failures[0] as Failure, 'sh'))
        expect((await at.login(inputs)).report.failures).toEqual([])
      },
      PATIENCE,
    )

    test(
      'EKS701: an access policy is taken from the entry, and what is needed is given by itself',
      async () => {
        const { arn } = runnerRole(at, { path: '/team/apps/' })
        at.lab.aws.accessEntries.create(at.cluster.arn, { principalArn: arn, username: 'viewer' })
        const policy = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy'
        at.lab.aws.accessEntries.associate(at.cluster.arn, arn, policy, { type: 'cluster' })
        const inputs = { can: 'list namespaces', cannot: 'list secrets -A' }
        const login = await at.login(inputs)
        await expectFailure(login, at.runner, ['EKS701'])
        const [failure] = login.report.failures as [Failure]
        const admin = await administrator(at)
        await admin.apply(onlyPaste(failure, 'yaml'))
        await admin.run(onlyPaste(failure, 'sh'))
        expect((await at.login(inputs)).report.failures).toEqual([])
      },
      PATIENCE,
    )
  },
)
