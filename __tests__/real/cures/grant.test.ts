import type { Failure } from '../../../src/diagnosis/failure.ts'
import { administrator, onlyPaste, pastes } from '../../scenarios/cures/cure.ts'
import { CREATOR, expectRefusal, expectSuccess, type Granted, grants } from '../../scenarios/grant/grants.ts'
import { embeddedScenario, PATIENCE, realScenario } from '../../scenarios/scenario.ts'

function onlyFailure({ plan }: Granted): Failure {
  const [failure, ...others] = plan.failures
  if (!failure || others.length > 0) throw new Error(`${plan.failures.length} failures, not one`)
  return failure
}

describe('where access entries count', () => {
  const at = embeddedScenario([{ name: 'demo', authenticationMode: 'API_AND_CONFIG_MAP', creator: CREATOR }])
  const { newRole, roleWith, grant, grantAs } = grants(at)

  test(
    'EKS521: an access entry of somebody else is handed over to the grant by the line',
    async () => {
      const role = newRole()
      at.lab.aws.accessEntries.create(at.cluster.arn, { principalArn: role.arn, username: 'theirs' })
      const refused = await grant({ 'role-arn': role.arn })
      expectRefusal(refused, ['EKS521'])
      const { run } = await administrator(at)
      await run(pastes(onlyFailure(refused), 'sh')[0] ?? '')
      expectSuccess(await grant({ 'role-arn': role.arn }))
      const { username } = at.lab.aws.accessEntries.describe(at.cluster.arn, role.arn)
      expect(username).toBe(role.name)
    },
    PATIENCE,
  )

  test(
    'EKS521: or it is deleted by the line, and the grant makes its own',
    async () => {
      const role = newRole()
      at.lab.aws.accessEntries.create(at.cluster.arn, { principalArn: role.arn, username: 'theirs' })
      const failure = onlyFailure(await grant({ 'role-arn': role.arn }))
      const { run } = await administrator(at)
      await run(pastes(failure, 'sh')[1] ?? '')
      expectSuccess(await grant({ 'role-arn': role.arn }))
    },
    PATIENCE,
  )

  test(
    'EKS621: who may write access entries and nothing in the cluster is given by the manifest what it needs',
    async () => {
      const operator = roleWith('eks:*')
      await at.cluster.mapRole(operator.arn, operator.name)
      const role = newRole()
      const refused = await grantAs(operator, { 'role-arn': role.arn })
      expectRefusal(refused, ['EKS621'])
      await (await administrator(at)).apply(onlyPaste(onlyFailure(refused), 'yaml'))
      for (const mode of ['plan', 'apply', 'revoke']) {
        expectSuccess(await grantAs(operator, { 'role-arn': role.arn, mode }))
      }
    },
    PATIENCE,
  )

  test(
    'EKS215: who may not see or write access entries plans, applies and revokes with the policy',
    async () => {
      const operator = roleWith('eks:DescribeCluster')
      await at.cluster.mapRole(operator.arn, operator.name, ['system:masters'])
      const role = newRole()
      const refused = await grantAs(operator, { 'role-arn': role.arn })
      expectRefusal(refused, ['EKS215'])
      at.lab.aws.identities.putPolicy(
        operator.arn,
        'cure',
        JSON.parse(onlyPaste(onlyFailure(refused), 'json')),
      )
      // What it needs for one role it needs for any.
      for (const { arn } of [role, newRole()])
        for (const change of [{ mode: 'plan' }, {}, { groups: 'deployers' }, { mode: 'revoke' }])
          expectSuccess(await grantAs(operator, { 'role-arn': arn, ...change }))
    },
    PATIENCE,
  )
})

describe('on a real cluster', () => {
  const at = realScenario([{ name: 'demo', authenticationMode: 'CONFIG_MAP', creator: CREATOR }])
  const { newRole, roleWith, grant, grantAs } = grants(at)

  test(
    'EKS620: fields that somebody else manages are handed over by the line',
    async () => {
      const role = newRole()
      expectSuccess(await grant({ 'role-arn': role.arn }))
      const { run } = await administrator(at)
      const patch = '[{"op": "add", "path": "/rules/0/verbs/-", "value": "delete"}]'
      await run(`kubectl patch clusterrole eks-login-${role.name} --type json -p '${patch}'`)
      const refused = await grant({ 'role-arn': role.arn })
      expectRefusal(refused, ['EKS620'])
      expect(onlyFailure(refused).evidence.join()).toContain('kubectl-patch')
      const [, command = ''] = / (kubectl apply .* -f -)/.exec(onlyFailure(refused).cure.join()) ?? []
      await run(`${command} <<'MANIFEST'\n${onlyPaste(onlyFailure(refused), 'yaml')}\nMANIFEST`)
      expectSuccess(await grant({ 'role-arn': role.arn }))
    },
    PATIENCE,
  )

  test(
    'EKS621: who is no administrator is given by the manifest what the whole grant needs',
    async () => {
      const operator = roleWith('eks:DescribeCluster')
      await at.cluster.mapRole(operator.arn, operator.name)
      const role = newRole()
      const can = 'list namespaces\nget configmaps/settings -n default\nget /metrics'
      const refused = await grantAs(operator, { 'role-arn': role.arn, can })
      expectRefusal(refused, ['EKS621'])
      await (await administrator(at)).apply(onlyPaste(onlyFailure(refused), 'yaml'))
      const until = async (mode: string) => {
        for (let tries = 0; ; tries++) {
          const granted = await grantAs(operator, { 'role-arn': role.arn, can, mode })
          if (granted.code === 0 || tries === 20) return granted
        }
      }
      for (const mode of ['plan', 'apply', 'revoke']) expectSuccess(await until(mode))
    },
    PATIENCE,
  )
})
