import type { Failure } from '../../../src/diagnosis/failure.ts'
import {
  addToAwsAuth,
  administrator,
  onlyPaste,
  pasteOfPossibility,
  pastes,
  untilPassed,
} from '../../scenarios/cures/cure.ts'
import {
  embeddedScenario,
  expectFailure,
  type Login,
  PATIENCE,
  realScenario,
} from '../../scenarios/scenario.ts'
import { runnerRole, tokenRole } from './roles.ts'

const EXPECTED = { 'expect-username': 'demo' }

function onlyFailure({ report }: Login): Failure {
  const [failure, ...others] = report.failures
  if (!failure || others.length > 0) throw new Error(`${report.failures.length} failures, not one`)
  return failure
}

describe('where aws-auth alone counts', () => {
  const at = realScenario([{ name: 'demo', authenticationMode: 'CONFIG_MAP' }])
  const entryFor = (arn: string) => `- rolearn: ${arn}\n  username: demo\n`
  /** aws-auth as it is with the scenario's own role in it, and one that has nothing to do with any test. */
  const written = (more: string) =>
    at.cluster.writeMapRoles(
      `${entryFor(at.role.arn)}${entryFor('arn:aws:iam::111122223333:role/nodes')}${more}`,
    )
  beforeEach(() => written(''))

  const failing = async (code: string, inputs: Record<string, string> = {}) => {
    const login = await at.login({ ...EXPECTED, ...inputs })
    await expectFailure(login, at.runner, [code])
    return onlyFailure(login)
  }
  const passing = async (inputs: Record<string, string> = {}) => {
    const login = await untilPassed(() => at.login({ ...EXPECTED, ...inputs }))
    expect(login.report.failures).toEqual([])
  }

  test(
    'EKS501: a role that is not mapped is let in by the block',
    async () => {
      const role = runnerRole(at, { path: '/team/apps/' })
      const failure = await failing('EKS501')
      expect(failure.evidence.join('\n')).not.toContain('/team/apps/')
      await addToAwsAuth(await administrator(at), 'mapRoles', onlyPaste(failure, 'yaml'))
      await passing()
      expect(onlyPaste(failure, 'yaml')).toContain(role.name)
    },
    PATIENCE,
  )

  test(
    'EKS501: where there is no aws-auth, it is made',
    async () => {
      runnerRole(at)
      const admin = await administrator(at)
      await admin.run('kubectl -n kube-system delete configmap aws-auth')
      const failure = await failing('EKS501')
      await admin.run(pastes(failure, 'sh').at(-1) ?? '')
      await passing()
      // The same lines change nothing where there is one.
      await expect(admin.run(pastes(failure, 'sh').at(-1) ?? '')).rejects.toThrow('already exists')
    },
    PATIENCE,
  )

  test.each([
    ['its path left in', /path left in/, (arn: string) => arn],
    [
      'a session in its place',
      /session of the role/,
      (arn: string) =>
        `${arn.replace(':iam:', ':sts:').replace(/:role\/.*\//, ':assumed-role/')}/i-0a1b2c3d4e5f67890`,
    ],
  ])(
    'EKS501: a role that is mapped with %s is let in by the line that mends it',
    async (_what, cause, mapped) => {
      const { arn } = runnerRole(at, { path: '/team/apps/' })
      const near = `${arn}-2`
      await written(entryFor(near) + entryFor(mapped(arn)))
      const failure = await failing('EKS501')
      const admin = await administrator(at)
      await admin.run(pasteOfPossibility(failure, cause))
      await passing()
      const { log } = await admin.run('kubectl -n kube-system get configmap aws-auth -o yaml')
      expect(log).toContain(`rolearn: ${near}\n`)
    },
    PATIENCE,
  )

  describe('which the runner’s own role may read', () => {
    beforeAll(() =>
      at.cluster.apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: aws-auth, namespace: kube-system}
rules: [{apiGroups: [''], resources: [configmaps], resourceNames: [aws-auth], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: aws-auth, namespace: kube-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: aws-auth}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: demo}]`),
    )

    test(
      'EKS502: another role that is not in it is let in by the block, as deep as the others',
      async () => {
        const { arn } = tokenRole(at, '/team/')
        await at.cluster.writeMapRoles(`  - rolearn: ${at.role.arn}\n    username: demo\n`)
        const failure = await failing('EKS502', { 'role-arn': arn })
        await addToAwsAuth(await administrator(at), 'mapRoles', onlyPaste(failure, 'yaml'))
        await passing({ 'role-arn': arn })
      },
      PATIENCE,
    )

    test.each([
      ['its path left in', (arn: string) => entryFor(arn)],
      [
        'a session in its place',
        (arn: string) =>
          entryFor(`${arn.replace(':iam:', ':sts:').replace(/:role\/.*\//, ':assumed-role/')}/x`),
      ],
      ['another key', (arn: string) => entryFor(arn.replace('/team/', '/')).replace('rolearn', 'userarn')],
      ['a letter too few', (arn: string) => entryFor(arn.replace('/team/deployer', '/deploye'))],
    ])(
      'EKS504: %s',
      async (_what, entry) => {
        const { arn } = tokenRole(at, '/team/')
        await written(entry(arn))
        const failure = await failing('EKS504', { 'role-arn': arn })
        await (await administrator(at)).run(onlyPaste(failure, 'sh'))
        await passing({ 'role-arn': arn })
      },
      PATIENCE,
    )

    test.each([
      ['a tab', (arn: string) => `- rolearn: ${arn}\n\tusername: demo\n`],
      ['a key out of line', (arn: string) => `- rolearn: ${arn}\n username: demo\n`],
      [
        'a placeholder without quotes',
        (arn: string) => `- rolearn: ${arn}\n  username: demo\n  note: {{X}} & "y"\n`,
      ],
    ])(
      'EKS505: %s',
      async (_what, entry) => {
        // Who is mapped in mapRoles does not get in either: the runner has the keys of a user.
        const { identities } = at.lab.aws
        const name = `user-${Date.now()}`
        const Statement = [
          { Effect: 'Allow', Action: ['eks:DescribeCluster', 'sts:AssumeRole'], Resource: '*' },
        ] as const
        const user = identities.createUser({ name, policies: { all: { Statement } } })
        const { accessKeyId, secretAccessKey } = identities.createAccessKey(user.arn)
        const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
        const { arn } = tokenRole(at)
        identities.setTrust(arn, {
          Statement: [{ Effect: 'Allow', Principal: { AWS: user.arn }, Action: 'sts:AssumeRole' }],
        })
        const admin = await administrator(at)
        await addToAwsAuth(admin, 'mapUsers', `- userarn: ${user.arn}\n  username: demo`)
        await written(entry(arn))

        const login = () => at.login({ ...EXPECTED, 'role-arn': arn, 'credential-source': 'any' }, { env })
        const refused = await login()
        await expectFailure(refused, at.runner, ['EKS505'])
        await admin.run(onlyPaste(onlyFailure(refused), 'sh'))
        expect((await untilPassed(login)).report.failures).toEqual([])
      },
      PATIENCE,
    )

    test(
      'EKS506: a placeholder that a session of no instance cannot fill',
      async () => {
        const { arn, name } = tokenRole(at)
        await written(`- rolearn: ${arn}\n  username: system:node:{{EC2PrivateDNSName}}\n`)
        const failure = await failing('EKS506', { 'role-arn': arn })
        expect(failure.evidence.join('\n')).toContain(
          `role/${name} to username system:node:{{EC2PrivateDNSName}}`,
        )
      },
      PATIENCE,
    )
  })
})

describe('where access entries count', () => {
  const at = embeddedScenario([
    { name: 'demo', authenticationMode: 'API' },
    { name: 'both', authenticationMode: 'API_AND_CONFIG_MAP' },
  ])
  const MAY = { may: ['eks:ListAccessEntries', 'eks:DescribeAccessEntry'] }
  const failing = async (code: string, inputs: Record<string, string> = {}) => {
    const login = await at.login({ ...EXPECTED, ...inputs })
    await expectFailure(login, at.runner, [code])
    return onlyFailure(login)
  }
  const passing = async (inputs: Record<string, string> = {}) =>
    expect((await at.login({ ...EXPECTED, ...inputs })).report.failures).toEqual([])

  test(
    'EKS501: whether there is an entry may not be asked, and one lets the role in',
    async () => {
      runnerRole(at)
      const failure = await failing('EKS501')
      expect(failure.evidence.join('\n')).toContain('AccessDeniedException')
      await (await administrator(at)).run(onlyPaste(failure, 'sh'))
      await passing()
    },
    PATIENCE,
  )

  test(
    'EKS502: there is no entry, and one lets the role in',
    async () => {
      runnerRole(at, MAY)
      await (await administrator(at)).run(onlyPaste(await failing('EKS502'), 'sh'))
      await passing()
    },
    PATIENCE,
  )

  test(
    'EKS503: the entry of a role that was made again lets it in when it is made again, too',
    async () => {
      const { arn } = runnerRole(at, { ...MAY, path: '/team/apps/' })
      at.lab.aws.accessEntries.create(at.cluster.arn, {
        principalArn: arn,
        username: 'demo',
        kubernetesGroups: ['deployers', 'ops'],
      })
      at.lab.aws.identities.replaceRole(arn)
      const failure = await failing('EKS503')
      await (await administrator(at)).run(pasteOfPossibility(failure, /deleted and made again/))
      await passing({ 'expect-groups': 'deployers, ops' })
    },
    PATIENCE,
  )

  test(
    'EKS502: there is neither an entry nor aws-auth, which the runner’s own role may read',
    async () => {
      const [, both] = at.lab.clusters
      const admin = await administrator(at, both)
      await admin.run('kubectl -n kube-system delete configmap aws-auth')
      await admin.run('kubectl create clusterrolebinding own --clusterrole=cluster-admin --user=own')
      const entry = { principalArn: at.role.arn, username: 'own' }
      at.lab.aws.accessEntries.create(both?.arn ?? '', entry)
      const inputs = { 'cluster-name': 'both', 'role-arn': tokenRole(at, '/team/').arn }
      // Whether there is an entry may not be asked, and one would count before aws-auth.
      expect((await failing('EKS501', inputs)).cure[0]).toContain('there is no aws-auth')
      const Statement = [{ Effect: 'Allow', Action: 'eks:ListAccessEntries', Resource: '*' }] as const
      at.lab.aws.identities.putPolicy(at.role.arn, 'entries', { Statement: [...Statement] })
      const failure = await failing('EKS502', inputs)
      await admin.run(pastes(failure, 'sh').at(-1) ?? '')
      await passing(inputs)
    },
    PATIENCE,
  )
})
