import type { Failure } from '../../../src/diagnosis/failure.ts'
import {
  type Administrator,
  administrator,
  changeInAwsAuth,
  onlyPaste,
  pastes,
  untilPassed,
} from '../../scenarios/cures/cure.ts'
import { expectFailure, PATIENCE, realScenario } from '../../scenarios/scenario.ts'

const at = realScenario()

beforeAll(async () => {
  await (await administrator(at)).run('kubectl create namespace web')
}, PATIENCE)

async function failing(inputs: Record<string, string>, codes: string[]): Promise<Failure[]> {
  const login = await at.login({ cannot: '', ...inputs })
  await expectFailure(login, at.runner, codes)
  return login.report.failures
}

async function passing(inputs: Record<string, string>): Promise<void> {
  expect((await at.login({ cannot: '', ...inputs })).report.failures).toEqual([])
}

describe('EKS601: the manifest allows', () => {
  test.each([
    ['what is asked of a namespace', 'get deploy -n web', 'get deploy -n default'],
    ['what is asked of all namespaces', 'watch configmaps -A', 'watch secrets -A'],
    ['what is in no namespace', 'list nodes', 'get nodes'],
    ['a subresource', 'create pods --subresource=exec -n web', 'create pods -n web'],
    ['an object by its name', 'get secrets/deploy -n web', 'get secrets/other -n web'],
    ['a URL', 'get /metrics', 'get /logs'],
  ])(
    '%s, and no more',
    async (_what, can, cannot) => {
      const [failure] = await failing({ can, cannot }, ['EKS601'])
      const admin = await administrator(at)
      await admin.apply(onlyPaste(failure as Failure, 'yaml'))
      await passing({ can, cannot })
    },
    PATIENCE,
  )

  test(
    'each of several rules, side by side',
    async () => {
      const inputs = { can: 'list jobs -n web\nlist cronjobs -n web\nlist jobs -A' }
      const failures = await failing(inputs, ['EKS601', 'EKS601', 'EKS601'])
      const admin = await administrator(at)
      for (const failure of failures) await admin.apply(onlyPaste(failure, 'yaml'))
      await passing(inputs)
    },
    PATIENCE,
  )

  test(
    'a group, where the username is that of the session',
    async () => {
      const role = at.lab.aws.identities.createRole({
        name: 'fleet',
        trust: {
          Statement: [
            { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
          ],
        },
        policies: {
          describe: { Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' }] },
        },
      })
      await at.cluster.mapRole(role.arn, 'fleet:{{SessionName}}', ['fleet'])
      at.lab.aws.instance.roleArn = role.arn
      const [failure] = await failing({ can: 'list pods -n web' }, ['EKS601'])
      const manifest = onlyPaste(failure as Failure, 'yaml')
      expect(manifest).not.toContain(at.lab.aws.instance.id)
      await (await administrator(at)).apply(manifest)
      await passing({ can: 'list pods -n web' })
    },
    PATIENCE,
  )
})

describe('EKS701: the lines take away', () => {
  test(
    'a binding of the cluster from the user, and leave it to the others',
    async () => {
      const admin = await administrator(at)
      await admin.run(
        [
          'kubectl create clusterrole viewers --verb=list --resource=services,pods',
          'kubectl create clusterrolebinding viewers --clusterrole=viewers --user=other --user=demo --user=last',
        ].join('\n'),
      )
      const inputs = { can: '', cannot: 'list services -A' }
      const [failure] = await failing(inputs, ['EKS701'])
      await admin.run(onlyPaste(failure as Failure, 'sh'))
      await passing(inputs)
      const { log } = await admin.run(
        "kubectl get clusterrolebinding viewers -o jsonpath='{.subjects[*].name}'",
      )
      expect(log).toContain('other last')
    },
    PATIENCE,
  )

  test(
    'a binding of a namespace, and give back what is needed of it',
    async () => {
      const admin = await administrator(at)
      await admin.run(
        [
          'kubectl -n web create role ops --verb=get,list --resource=endpoints,events',
          'kubectl -n web create rolebinding ops --role=ops --user=demo --user=other',
        ].join('\n'),
      )
      const inputs = { can: 'list events -n web', cannot: 'list endpoints -n web\nget events -n web' }
      const [failure, ...others] = await failing(inputs, ['EKS701', 'EKS701'])
      expect(others).toHaveLength(1)
      await admin.apply(onlyPaste(failure as Failure, 'yaml'))
      await admin.run(onlyPaste(failure as Failure, 'sh'))
      await passing(inputs)
    },
    PATIENCE,
  )

  test.each([
    [
      'a role from a group',
      (admin: Administrator, failure: Failure) =>
        changeInAwsAuth(admin, 'mapRoles', onlyPaste(failure, 'yaml')),
    ],
    [
      'a binding from a group',
      (admin: Administrator, failure: Failure) => admin.run(pastes(failure, 'sh').at(-1) ?? ''),
    ],
  ])(
    '%s',
    async (what, take) => {
      const name = what.replaceAll(' ', '-')
      const role = at.lab.aws.identities.createRole({
        name,
        trust: {
          Statement: [
            { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
          ],
        },
        policies: {
          describe: { Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' }] },
        },
      })
      await at.cluster.mapRole(role.arn, name, [`o'${name}`])
      at.lab.aws.instance.roleArn = role.arn
      const admin = await administrator(at)
      await admin.run(
        `kubectl create clusterrolebinding ${name} --clusterrole=viewers --group="o'${name}" --user=other`,
      )
      const inputs = { can: '', cannot: 'list pods -n web' }
      const [failure] = await failing(inputs, ['EKS701'])
      await take(admin, failure as Failure)
      expect((await untilPassed(() => at.login(inputs))).report.failures).toEqual([])
    },
    PATIENCE,
  )
})

describe('EKS604: the manifest lets ask again', () => {
  test.each([
    ['what one may do', 'system:basic-user'],
    ['what there is', 'system:discovery'],
  ])(
    '%s',
    async (_what, name) => {
      const admin = await administrator(at)
      await admin.run(`kubectl delete clusterrolebinding ${name}\nkubectl delete clusterrole ${name}`)
      const [failure] = await failing({}, ['EKS604'])
      await admin.apply(onlyPaste(failure as Failure, 'yaml'))
      await passing({})
    },
    PATIENCE,
  )
})
