import type { Role } from '../../../lab/aws/identities.ts'
import { embeddedScenario, PATIENCE, scenario } from '../scenario.ts'
import { CREATOR, deeds, expectRefusal, expectSuccess, grants } from './grants.ts'

// Access entries are EKS's own, of which the authenticator of a real cluster knows nothing: they count in the embedded
// one, here beside the AWS CLI and kubectl where these are there.

const clusters = [{ name: 'demo', authenticationMode: 'API_AND_CONFIG_MAP' as const, creator: CREATOR }]
const at = KUBERNETES === 'real' ? embeddedScenario(clusters) : scenario(clusters)
const { newRole, roleWith, grant, grantAs, killWhen, loginAs, admin } = grants(at)

const entries = () => at.lab.aws.accessEntries
const entryOf = ({ arn }: Role) => entries().describe(at.cluster.arn, arn)
const asked = () =>
  at.lab.aws.requests.filter(({ service }) => service === 'eks').map(({ operation }) => operation)

test(
  'the story by an access entry: granted, proven, changed, granted again without a write, revoked',
  async () => {
    const role = newRole('/ci/team/')
    const granted = await grant({ 'role-arn': role.arn })
    expectSuccess(granted)
    expect(deeds(granted).at(-1)).toBe(`create access entry of ${role.arn}`)
    expect(granted.outputs).toMatchObject({ changed: 'true', method: 'access-entry', username: role.name })
    expect(entryOf(role)).toMatchObject({
      username: role.name,
      type: 'STANDARD',
      tags: { 'app.kubernetes.io/managed-by': 'eks-login' },
    })
    expect((await loginAs(role, { 'expect-username': role.name })).report.failures).toEqual([])

    const before = asked().length
    const again = await grant({ 'role-arn': role.arn })
    expect(again.outputs.changed).toBe('false')
    expect(asked().slice(before).sort()).toEqual([
      'DescribeAccessEntry',
      'DescribeCluster',
      'ListAssociatedAccessPolicies',
    ])

    const changed = await grant({ 'role-arn': role.arn, groups: 'deployers' })
    expectSuccess(changed)
    expect(deeds(changed)).toEqual([`update access entry of ${role.arn}`])
    expect((await loginAs(role, { 'expect-groups': 'deployers' })).report.failures).toEqual([])

    const revoked = await grant({ 'role-arn': role.arn, mode: 'revoke' })
    expectSuccess(revoked)
    expect(() => entryOf(role)).toThrow('could not be found')
    expect((await loginAs(role)).report.failures.map(({ code }) => code)).toEqual(['EKS501'])
  },
  PATIENCE,
)

test(
  'the entry of somebody else is left as it is, and does where it says what is wanted',
  async () => {
    const role = newRole()
    entries().create(at.cluster.arn, { principalArn: role.arn, username: 'theirs' })
    for (const mode of ['apply', 'plan']) {
      const refused = await grant({ 'role-arn': role.arn, mode })
      expectRefusal(refused, ['EKS521'])
      expect(refused.plan.failures[0]?.evidence.join()).toContain('username theirs, groups none')
    }
    const revoked = await grant({ 'role-arn': role.arn, mode: 'revoke' })
    expectSuccess(revoked)
    expect(deeds(revoked)).toEqual([])
    expect(revoked.plan.warnings.join()).toContain('username theirs')
    expectSuccess(await grant({ 'role-arn': role.arn, username: 'theirs' }))
    expect(entryOf(role)).toMatchObject({ username: 'theirs', tags: {} })
  },
  PATIENCE,
)

test(
  'names that EKS keeps for itself, and a role that is an administrator by an access policy, are refused',
  async () => {
    const role = newRole()
    const reserved = { 'role-arn': role.arn, username: 'aws:runner', groups: 'system:readers' }
    const colonless = {
      'role-arn': role.arn,
      username: 'ci-{{SessionName}}',
      groups: 'readers',
      mode: 'plan',
    }
    expectRefusal(await grant(colonless), ['EKS525', 'EKS720'])
    expectRefusal(await grant(reserved), ['EKS525', 'EKS525', 'EKS720'])
    expectSuccess(await grant({ 'role-arn': role.arn }))
    const policy = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy'
    entries().associate(at.cluster.arn, role.arn, policy, { type: 'cluster' })
    const refused = await grant({ 'role-arn': role.arn })
    expectRefusal(refused, ['EKS720'])
    expect(refused.plan.failures[0]?.cause).toContain('AmazonEKSClusterAdminPolicy')
    expectSuccess(await grant({ 'role-arn': role.arn, 'allow-admin': 'true' }))
  },
  PATIENCE,
)

test(
  'aws-auth where it is asked for, unless an access entry counts before it',
  async () => {
    const role = newRole()
    const granted = await grant({ 'role-arn': role.arn, method: 'aws-auth' })
    expectSuccess(granted)
    expect(granted.outputs.method).toBe('aws-auth')
    expect((await loginAs(role, { 'expect-username': role.name })).report.failures).toEqual([])
    entries().create(at.cluster.arn, { principalArn: role.arn, username: 'theirs' })
    expectRefusal(await grant({ 'role-arn': role.arn, method: 'aws-auth' }), ['EKS523'])
    entries().delete(at.cluster.arn, role.arn)
    // Without a method, a revoke looks at both places.
    expectSuccess(await grant({ 'role-arn': role.arn, mode: 'revoke' }))
    expect((await loginAs(role)).report.failures.map(({ code }) => code)).toEqual(['EKS501'])
    const { body } = await admin('GET', '/api/v1/namespaces/kube-system/configmaps/aws-auth')
    expect(JSON.stringify(body)).not.toContain(role.name)
  },
  PATIENCE,
)

test(
  'a role that is mapped as a node in aws-auth gets no access entry, which would count before that',
  async () => {
    const role = newRole()
    const text = `- rolearn: arn:aws:iam::111122223333:role/${role.name}\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n`
    const earlier = `- rolearn: ${at.role.arn}\n  username: demo\n`
    await at.cluster.writeMapRoles(earlier + text)
    for (const mode of ['apply', 'plan'])
      expectRefusal(await grant({ 'role-arn': role.arn, mode }), ['EKS720'])
    expect(() => entryOf(role)).toThrow('could not be found')
    const revoked = await grant({ 'role-arn': role.arn, mode: 'revoke' })
    expect(deeds(revoked)).toEqual([])
    expect(revoked.plan.warnings.join()).toContain('username system:node')
    await at.cluster.writeMapRoles(earlier)
  },
  PATIENCE,
)

test(
  'an entry of aws-auth that does not count any more is told, and not taken out with the access entry',
  async () => {
    const role = newRole()
    await at.cluster.mapRole(`arn:aws:iam::111122223333:role/${role.name}`, 'by-hand')
    const granted = await grant({ 'role-arn': role.arn })
    expectSuccess(granted)
    expect(granted.plan.warnings.join()).toContain('aws-auth maps the role to username by-hand')
    const revoked = await grant({ 'role-arn': role.arn, mode: 'revoke' })
    expectSuccess(revoked)
    expect(revoked.plan.warnings.join()).toContain('username by-hand')
    expect((await loginAs(role, { can: '', 'expect-username': 'by-hand' })).report.failures).toEqual([])
  },
  PATIENCE,
)

test(
  'a mapRoles that nobody can read stands in no access entry\u2019s way',
  async () => {
    const before = `- rolearn: ${at.role.arn}\n  username: demo\n`
    const role = newRole()
    for (const broken of ['- rolearn: [\n', `- rolearn: ${at.role.arn}\n  username: {{SessionName}}\n`]) {
      await at.cluster.writeMapRoles(broken)
      expectRefusal(await grant({ 'role-arn': role.arn, method: 'aws-auth' }), ['EKS520'])
      const granted = await grant({ 'role-arn': role.arn })
      expectSuccess(granted)
      expect(granted.plan.warnings.join()).toContain('does not parse')
      expectSuccess(await grant({ 'role-arn': role.arn, mode: 'revoke' }))
    }
    await at.cluster.writeMapRoles(before)
  },
  PATIENCE,
)

test(
  'another username changes the access entry, and of two grants the last one that is revoked takes it away',
  async () => {
    const role = newRole()
    expectSuccess(await grant({ 'role-arn': role.arn }))
    const renamed = { 'role-arn': role.arn, username: 'renamed' }
    expectSuccess(await grant(renamed))
    expect(entryOf(role)).toMatchObject({ username: 'renamed' })
    const first = await grant({ ...renamed, mode: 'revoke', name: `eks-login-${role.name}` })
    expect(deeds(first)).toHaveLength(2)
    expect((await loginAs(role, { 'expect-username': 'renamed' })).report.failures).toEqual([])
    const policy = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy'
    entries().associate(at.cluster.arn, role.arn, policy, { type: 'cluster' })
    const last = await grant({ ...renamed, mode: 'revoke' })
    expect(last.plan.warnings.join()).toContain(policy)
    expect(last.plan.changes[0]?.before).toContain(policy)
    expect(() => entryOf(role)).toThrow('could not be found')
  },
  PATIENCE,
)

test(
  'two grants of one new role at once are both there',
  async () => {
    for (let round = 0; round < 5; round++) {
      const role = newRole()
      const [one, other] = await Promise.all([at.anotherRunner(), at.anotherRunner()])
      const given = { 'role-arn': role.arn, username: role.name }
      const both = await Promise.all([
        grant({ ...given, name: `one-${role.name}` }, { on: one }),
        grant({ ...given, name: `other-${role.name}`, can: 'list nodes' }, { on: other }),
      ])
      both.forEach(expectSuccess)
      expect((await loginAs(role, { can: 'list namespaces\nlist nodes' })).report.failures).toEqual([])
    }
  },
  PATIENCE,
)

test.each(['DescribeCluster', 'DescribeAccessEntry', 'CreateAccessEntry'])(
  'kill -9 amid eks:%s, which EKS does a little later: the next run completes it',
  async operation => {
    const role = newRole()
    const inputs = { 'role-arn': role.arn, 'token-provider': 'builtin' }
    const order = at.lab.aws.fail(
      { service: 'eks', operation, times: 1 },
      { kind: 'slow', milliseconds: 300 },
    )
    const { by } = await killWhen(() => order.hits > 0, inputs)
    expect(by).toBe('SIGKILL')
    expectSuccess(await grant(inputs))
    expect((await loginAs(role)).report.failures).toEqual([])
    expect(deeds(await grant(inputs))).toEqual([])
  },
  PATIENCE,
)

test(
  'who may neither see access entries nor anything in the cluster is told both at once',
  async () => {
    const operator = roleWith('eks:DescribeCluster')
    await at.cluster.mapRole(operator.arn, operator.name)
    expectRefusal(await grantAs(operator, { 'role-arn': newRole().arn }), ['EKS215', 'EKS621'])
  },
  PATIENCE,
)

test(
  'a role that IAM does not have is told in the words of EKS',
  async () => {
    const refused = await grant({ 'role-arn': 'arn:aws:iam::111122223333:role/nobody' })
    expectRefusal(refused, ['EKS207'])
    expect(refused.plan.failures[0]?.evidence.join()).toContain('invalid principal')
  },
  PATIENCE,
)
