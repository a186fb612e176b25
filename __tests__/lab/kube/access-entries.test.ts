import type { Role } from '../../../lab/aws/identities.ts'
import { expectFailure, PATIENCE, scenario } from '../../scenarios/scenario.ts'

// Access entries are EKS's own. The lab's real cluster runs its authenticators with aws-auth alone: a login by them is of
// the embedded cluster.

const at = scenario([
  { name: 'demo' },
  { name: 'entries-only', authenticationMode: 'API' },
  { name: 'map-only', authenticationMode: 'CONFIG_MAP' },
])

let names = 0

/** A role that the instance has and that may describe every cluster, and that none knows. */
function stranger(path = '/'): Role {
  const role = at.lab.aws.identities.createRole({
    name: `stranger-${++names}`,
    path,
    trust: {
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
    policies: {
      describe: { Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' }] },
    },
  })
  at.lab.aws.instance.roleArn = role.arn
  return role
}

const cluster = (name: string) => {
  const found = at.lab.clusters.find(each => each.name === name)
  if (!found) throw new Error(`there is no cluster ${name}`)
  return found
}

test(
  'an access entry lets a role in under the user and groups that it names, whatever the path of the role',
  async () => {
    const { arn: principalArn } = stranger('/ci/runners/')
    const entry = { principalArn, username: 'demo', kubernetesGroups: ['deployers'] }
    at.lab.aws.accessEntries.create(at.cluster.arn, entry)
    const login = await at.login({ 'expect-username': 'demo', 'expect-groups': 'deployers' })
    expect(login.report.failures).toEqual([])
    expect(login.outputs['role-arn']).toContain('stranger')
  },
  PATIENCE,
)

test(
  'without a username it is the session’s, which RBAC may know or not',
  async () => {
    const role = stranger()
    at.lab.aws.accessEntries.create(at.cluster.arn, { principalArn: role.arn })
    const login = await at.login({ can: '' })
    const session = `arn:aws:sts::${at.lab.aws.account}:assumed-role/${role.name}/${at.lab.aws.instance.id}`
    expect(login.report.failures).toEqual([])
    expect(login.outputs.username).toBe(session)
  },
  PATIENCE,
)

test(
  'an access entry comes before aws-auth, and its end is seen at once',
  async () => {
    const { arn } = stranger()
    await at.cluster.mapRole(arn, 'mapped')
    at.lab.aws.accessEntries.create(at.cluster.arn, { principalArn: arn, username: 'entered' })
    expect((await at.login({ can: '' })).outputs.username).toBe('entered')
    at.lab.aws.accessEntries.delete(at.cluster.arn, arn)
    expect((await at.login({ can: '' })).outputs.username).toBe('mapped')
  },
  PATIENCE,
)

test(
  'a cluster takes mappings from where its authentication mode says, and from nowhere else',
  async () => {
    const { arn } = stranger()
    for (const name of ['entries-only', 'map-only']) await cluster(name).mapRole(arn, 'demo')
    const login = (name: string) => at.login({ 'cluster-name': name, can: '' })
    await expectFailure(await login('entries-only'), at.runner, ['EKS501'])
    expect((await login('map-only')).outputs.username).toBe('demo')
    at.lab.aws.accessEntries.create(cluster('entries-only').arn, { principalArn: arn, username: 'demo' })
    expect((await login('entries-only')).outputs.username).toBe('demo')
    const refused = () => at.lab.aws.accessEntries.create(cluster('map-only').arn, { principalArn: arn })
    expect(refused).toThrow('authentication mode')
  },
  PATIENCE,
)

test(
  'in aws-auth a role with its path left in is nobody',
  async () => {
    const { arn } = stranger('/ci/')
    await at.cluster.mapRole(arn, 'demo')
    await expectFailure(await at.login(), at.runner, ['EKS501'])
    await at.cluster.mapRole(arn.replace('role/ci/', 'role/'), 'demo')
    expect(await at.login()).toMatchObject({ code: 0 })
  },
  PATIENCE,
)
