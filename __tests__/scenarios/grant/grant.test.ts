import { posixOnly } from '../../systems.ts'
import { PATIENCE, scenario } from '../scenario.ts'
import { CREATOR, deeds, expectRefusal, expectSuccess, type Granted, grants, writesAmong } from './grants.ts'

const at = scenario([{ name: 'demo', authenticationMode: 'CONFIG_MAP', creator: CREATOR }])
const { newRole, roleWith, creator, grant, grantAs, endAt, loginAs, admin, behindGate } = grants(at)

const RULES =
  'list namespaces\nget configmaps/settings -n default\ncreate pods --subresource=exec -n default\nget /metrics'

describe('the story', () => {
  test(
    'a role that the cluster does not know is granted what it shall be able to do, and a login proves it',
    async () => {
      const role = newRole()
      const granted = await grant({ 'role-arn': role.arn, can: RULES })
      expectSuccess(granted)
      const name = `eks-login-${role.name}`
      expect(deeds(granted)).toEqual([
        `create ClusterRole ${name}`,
        `create Role default/${name}`,
        `create ClusterRoleBinding ${name}`,
        `create RoleBinding default/${name}`,
        'update ConfigMap kube-system/aws-auth',
      ])
      expect(granted.outputs).toMatchObject({ changed: 'true', username: role.name, method: 'aws-auth' })
      expect(granted.plan.probes.map(({ passed }) => passed)).toEqual([true, true, true, true])
      expect(granted.summary).toContain('### Granted')
      expect(granted.log).toContain(`+  username: ${role.name}`)

      const cannot = 'list pods\nget secrets\nget configmaps/other\ncreate pods'
      const login = await loginAs(role, { can: RULES, cannot, 'expect-username': role.name })
      expect(login.report.failures).toEqual([])
    },
    PATIENCE,
  )

  test(
    'a second run changes nothing, and asks the API server for no write at all',
    async () => {
      const role = newRole()
      expectSuccess(await grant({ 'role-arn': role.arn, can: RULES }))
      const gate = behindGate()
      const before = gate.requests.length
      const again = await grant({ 'role-arn': role.arn, can: RULES })
      expectSuccess(again)
      expect(again.outputs.changed).toBe('false')
      expect(deeds(again)).toEqual([])
      const asked = gate.requests.slice(before)
      expect(writesAmong(asked)).toEqual([])
      // One for each thing looked at: a kind of objects, aws-auth, the API's own documents, a rule.
      const questions = asked.map(({ method, operation }) => `${method} ${operation}`)
      const reviews = questions.filter(question => question.endsWith('reviews'))
      expect(reviews).toHaveLength(4)
      expect(new Set(questions).size).toBe(questions.length - reviews.length + 1)
    },
    PATIENCE,
  )

  test(
    'plan prints the difference and changes nothing; what it says is what apply then does',
    async () => {
      const role = newRole()
      const gate = behindGate()
      const planned = await grant({ 'role-arn': role.arn, mode: 'plan' })
      expectSuccess(planned)
      expect(planned.outputs.changed).toBe('true')
      expect(planned.log).toContain('+kind: ClusterRole')
      // Rehearsed, and not done.
      const paths = gate.requests.filter(({ method }) => method === 'PATCH').map(({ operation }) => operation)
      expect(paths.length).toBeGreaterThan(0)
      const found = await admin(
        'GET',
        `/apis/rbac.authorization.k8s.io/v1/clusterroles/eks-login-${role.name}`,
      )
      expect(found.status).toBe(404)
      const granted = await grant({ 'role-arn': role.arn })
      expect(granted.plan.changes).toEqual(planned.plan.changes)
    },
    PATIENCE,
  )

  test(
    'what a rule gave goes with the rule, and revoke takes away all of it: a login fails for it is nobody',
    async () => {
      const role = newRole()
      expectSuccess(await grant({ 'role-arn': role.arn, can: RULES }))
      const name = `eks-login-${role.name}`
      const less = await grant({ 'role-arn': role.arn, can: 'list namespaces' })
      expectSuccess(less)
      expect(deeds(less)).toEqual([
        `update ClusterRole ${name}`,
        `delete RoleBinding default/${name}`,
        `delete Role default/${name}`,
      ])
      const mapRoles = await textOfMapRoles()
      const revoked = await grant({ 'role-arn': role.arn, mode: 'revoke' })
      expectSuccess(revoked)
      expect(deeds(revoked)).toEqual([
        'update ConfigMap kube-system/aws-auth',
        `delete ClusterRoleBinding ${name}`,
        `delete ClusterRole ${name}`,
      ])
      expect(revoked.plan).toMatchObject({ done: 3 })
      expect(revoked.plan.changes[0]).toMatchObject({ before: mapRoles })
      expect(revoked.log).toContain('mapRoles of aws-auth as it was')
      const login = await loginAs(role)
      expect(login.report.failures.map(({ code }) => code)).toEqual(['EKS501'])
      const again = await grant({ 'role-arn': role.arn, mode: 'revoke' })
      expect(again.outputs.changed).toBe('false')
    },
    PATIENCE,
  )

  test(
    'rules and groups in another order, or by other names, are the same',
    async () => {
      const role = newRole()
      const given = { 'role-arn': role.arn, groups: 'b, a' }
      expectSuccess(
        await grant({ ...given, can: 'list pods -n default\nget pods -n default\nlist namespaces' }),
      )
      const again = await grant({
        ...given,
        groups: 'a, b',
        can: 'list ns\nget po -n default\nlist po -n default',
      })
      expectSuccess(again)
      expect(deeds(again)).toEqual([])
    },
    PATIENCE,
  )

  test(
    'a username of many is bound by its groups',
    async () => {
      const role = newRole()
      const username = 'ci:{{SessionName}}'
      expectRefusal(await grant({ 'role-arn': role.arn, username }), ['EKS001'])
      const granted = await grant({ 'role-arn': role.arn, username, groups: 'deployers', name: 'deployers' })
      expectSuccess(granted)
      expect(granted.plan.changes[1]?.after).toContain('kind: Group\n  name: deployers')
      const login = await loginAs(role, { 'expect-groups': 'deployers' })
      expect(login.report.failures).toEqual([])
    },
    PATIENCE,
  )
})

async function textOfMapRoles(): Promise<string> {
  const { body } = await admin('GET', '/api/v1/namespaces/kube-system/configmaps/aws-auth')
  return (body as { data: { mapRoles: string } }).data.mapRoles
}

describe('what it does not do', () => {
  test(
    'what is dangerous is refused, each thing by name, until it is asked for',
    async () => {
      const role = newRole()
      const can = '* * -A\nescalate clusterroles\nimpersonate users\nlist secrets'
      const refused = await grant({ 'role-arn': role.arn, groups: 'system:masters', can })
      expectRefusal(refused, Array(5).fill('EKS720'))
      expect(await textOfMapRoles()).not.toContain(role.name)
      const granted = await grant({
        'role-arn': role.arn,
        groups: 'system:masters',
        can,
        'allow-admin': 'true',
      })
      expectSuccess(granted)
      expect((await loginAs(role, { can: 'list secrets -A', cannot: '' })).report.failures).toEqual([])
    },
    PATIENCE,
  )

  test(
    'a role that is mapped as a node, or as an administrator, is left as it is; so is the one that grants',
    async () => {
      const before = await textOfMapRoles()
      for (const mapped of ['system:nodes', 'system:masters']) {
        const role = newRole()
        const text = `- rolearn: arn:aws:iam::111122223333:role/${role.name}\n  username: ${role.name}\n  groups: [${mapped}]\n`
        await at.cluster.writeMapRoles(before + text)
        for (const mode of ['apply', 'revoke'])
          expectRefusal(await grant({ 'role-arn': role.arn, mode }), ['EKS720'])
        expect(await textOfMapRoles()).toContain(text)
      }
      await at.cluster.writeMapRoles(before)
      expectRefusal(await grant({ 'role-arn': creator().arn }), ['EKS720'])
      expect(await textOfMapRoles()).toBe(before)
    },
    PATIENCE,
  )

  test(
    'who names the session cannot choose the user or the group that the role is',
    async () => {
      const role = newRole()
      expectRefusal(await grant({ 'role-arn': role.arn, groups: 'system:{{SessionName}}' }), ['EKS001'])
      const chosen = { 'role-arn': role.arn, username: '{{SessionName}}', groups: 'deployers' }
      expectRefusal(await grant(chosen), ['EKS720'])
    },
    PATIENCE,
  )

  test(
    'a copy of an object of a grant, labels and all, is not taken for one',
    async () => {
      const role = newRole()
      expectSuccess(await grant({ 'role-arn': role.arn }))
      const kind = 'ClusterRole'
      const labels = { 'app.kubernetes.io/managed-by': 'eks-login' }
      const name = `copy-of-${role.name}`
      await at.cluster.apply(
        JSON.stringify({
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind,
          metadata: { name, labels },
          rules: [],
        }),
      )
      expectSuccess(await grant({ 'role-arn': role.arn, can: 'list nodes' }))
      expectSuccess(await grant({ 'role-arn': role.arn, mode: 'revoke' }))
      const found = await admin('GET', `/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`)
      expect(found.status).toBe(200)
    },
    PATIENCE,
  )

  test(
    'a field that somebody else manages is not taken over, and its manager is named',
    async () => {
      const role = newRole()
      expectSuccess(await grant({ 'role-arn': role.arn }))
      const path = `/apis/rbac.authorization.k8s.io/v1/clusterroles/eks-login-${role.name}`
      const rules = [{ apiGroups: [''], resources: ['namespaces'], verbs: ['list', 'delete'] }]
      await admin(
        'PATCH',
        `${path}?fieldManager=terraform`,
        { rules },
        { 'content-type': 'application/merge-patch+json' },
      )
      const refused = await grant({ 'role-arn': role.arn })
      expectRefusal(refused, ['EKS620'])
      expect(refused.plan.failures[0]?.evidence.join()).toContain('"terraform"')
      const { body } = await admin('GET', path)
      expect(body).toMatchObject({ rules })
    },
    PATIENCE,
  )

  test(
    'an object of its name that no grant has made is left as it is, even where it says the same',
    async () => {
      const role = newRole()
      const name = `eks-login-${role.name}`
      const rules = [{ apiGroups: [''], resources: ['namespaces'], verbs: ['list'] }]
      await at.cluster.apply(
        JSON.stringify({
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRole',
          metadata: { name },
          rules,
        }),
      )
      const refused = await grant({ 'role-arn': role.arn })
      expectRefusal(refused, ['EKS620'])
      expect(refused.plan.failures[0]?.evidence.join()).toContain('no grant has made')
      const { body } = await admin('GET', `/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`)
      expect(JSON.stringify(body)).not.toContain('eks-login/role-arn')
    },
    PATIENCE,
  )

  test(
    'of two grants to a role the last one that is revoked takes the mapping along',
    async () => {
      const role = newRole()
      expectSuccess(await grant({ 'role-arn': role.arn }))
      const renamed = { 'role-arn': role.arn, username: `${role.name}-2` }
      const second = await grant(renamed)
      expectSuccess(second)
      expect(second.plan.warnings.join()).toContain(`username ${role.name},`)
      expect(second.plan.warnings.join()).toContain(`name eks-login-${role.name}`)
      // As the warning says, in the workflow as it is.
      const first = await grant({ ...renamed, mode: 'revoke', name: `eks-login-${role.name}` })
      expectSuccess(first)
      expect(deeds(first)).toHaveLength(2)
      expect(first.plan.warnings.join()).toContain('the mapping of the role stays')
      expect((await loginAs(role, { 'expect-username': `${role.name}-2` })).report.failures).toEqual([])
      const last = await grant({ ...renamed, mode: 'revoke' })
      expect(deeds(last)).toHaveLength(3)
      expect((await loginAs(role)).report.failures.map(({ code }) => code)).toEqual(['EKS501'])
    },
    PATIENCE,
  )

  test(
    'what is mapped to another user is not taken out, and two roles that are one user are told',
    async () => {
      const role = newRole()
      await at.cluster.mapRole(`arn:aws:iam::111122223333:role/${role.name}`, 'by-hand')
      const revoked = await grant({ 'role-arn': role.arn, mode: 'revoke' })
      expectSuccess(revoked)
      expect(deeds(revoked)).toEqual([])
      expect(revoked.plan.warnings.join()).toContain('username by-hand')
      const [one, other] = [newRole(), newRole()]
      expectSuccess(await grant({ 'role-arn': one.arn, username: 'shared' }))
      const shared = await grant({ 'role-arn': other.arn, username: 'shared', name: 'another' })
      expectSuccess(shared)
      expect(shared.plan.warnings.join()).toContain(one.arn)
    },
    PATIENCE,
  )

  test(
    'another role\u2019s grant of the same name is not taken over',
    async () => {
      const [one, other] = [newRole(), newRole()]
      expectSuccess(await grant({ 'role-arn': one.arn, name: 'shared' }))
      for (const mode of ['apply', 'revoke']) {
        const refused = await grant({ 'role-arn': other.arn, name: 'shared', mode })
        expectRefusal(refused, ['EKS622', 'EKS622'])
        expect(refused.plan.failures[0]?.evidence.join()).toContain(one.arn)
      }
      expect((await loginAs(one)).report.failures).toEqual([])
    },
    PATIENCE,
  )

  test(
    'a method that the cluster does not take, a rule that it does not know, and wrong inputs are told at once',
    async () => {
      const role = newRole()
      expectRefusal(await grant({ 'role-arn': role.arn, method: 'access-entry' }), ['EKS522'])
      const can = 'list unicorns\nget podz\ncreate pods --subresource=* -n default\nlist secrets'
      expectRefusal(await grant({ 'role-arn': role.arn, can }), ['EKS602', 'EKS602', 'EKS602', 'EKS720'])
      const wrong = {
        'role-arn': 'arn:aws:iam::1:user/x',
        name: 'a b',
        mode: 'destroy',
        'cluster-name': 'demo, other',
      }
      expectRefusal(await grant(wrong), ['EKS001', 'EKS001', 'EKS001', 'EKS001'])
    },
    PATIENCE,
  )
})

test(
  'a rule in a namespace that is not there is told before anything is written',
  async () => {
    const role = newRole()
    const refused = await grant({ 'role-arn': role.arn, can: 'list namespaces\nlist pods -n nowhere' })
    expectRefusal(refused, ['EKS624'])
    expect(refused.plan.failures[0]?.cause).toContain('nowhere')
    const found = await admin('GET', `/apis/rbac.authorization.k8s.io/v1/clusterroles/eks-login-${role.name}`)
    expect(found.status).toBe(404)
  },
  PATIENCE,
)

posixOnly(
  'a job that is cancelled amid its writes says how far it came, and the next run does the rest',
  async () => {
    const role = newRole()
    const gate = behindGate()
    const isPatch = ({ method }: { method: string }) => method === 'PATCH'
    // Three are rehearsed, each with a moment before and one after; then the first is made.
    const { code, plan } = await endAt(8, 'SIGTERM', { 'role-arn': role.arn }, isPatch)
    expect(code).toBe(1)
    expect(plan?.failures.map(({ code }) => code)).toEqual(['EKS003'])
    expect(plan?.failures[0]?.evidence.join()).toContain('SIGTERM')
    expect(plan?.changes).toHaveLength(3)
    expect(plan?.done).toBe(0)
    expect(gate.requests.length).toBeGreaterThan(0)
    // It was made, though nobody heard of it.
    const rest = await grant({ 'role-arn': role.arn })
    expectSuccess(rest)
    expect(rest.plan.changes).toHaveLength(2)
    expect((await loginAs(role)).report.failures).toEqual([])
  },
  PATIENCE,
)

describe('who is no administrator', () => {
  test(
    'is told each call that is denied, and is given by the pasted manifest what it takes',
    async () => {
      const operator = roleWith('eks:DescribeCluster')
      await at.cluster.mapRole(operator.arn, operator.name)
      const role = newRole()
      const refused = await grantAs(operator, { 'role-arn': role.arn, can: RULES })
      expectRefusal(refused, ['EKS621'])
      const [failure] = refused.plan.failures
      for (const call of ['list ClusterRoles', 'list RoleBindings', 'get ConfigMap kube-system/aws-auth'])
        expect(failure?.cause).toContain(call)
      const manifest = failure?.cure.find(step => typeof step === 'object')
      await at.cluster.apply(manifest?.text ?? '')
      const granted = await eventually(() => grantAs(operator, { 'role-arn': role.arn, can: RULES }))
      expectSuccess(granted)
      expect((await loginAs(role, { can: RULES })).report.failures).toEqual([])
    },
    PATIENCE,
  )

  test(
    'cannot give what it has not',
    async () => {
      const operator = roleWith('eks:DescribeCluster')
      await at.cluster.mapRole(operator.arn, operator.name)
      const role = newRole()
      const { plan } = await grantAs(operator, { 'role-arn': role.arn })
      const manifest = plan.failures[0]?.cure.find(step => typeof step === 'object')
      await at.cluster.apply(manifest?.text ?? '')
      await eventually(() => grantAs(operator, { 'role-arn': role.arn, mode: 'plan' }))
      const refused = await grantAs(operator, { 'role-arn': role.arn, can: 'delete nodes' })
      expectRefusal(refused, ['EKS621'])
      expect(refused.plan.failures[0]?.evidence.join()).toContain(
        'attempting to grant RBAC permissions not currently held',
      )
    },
    PATIENCE,
  )
})

/** A binding counts a moment after it is written. */
async function eventually(work: () => Promise<Granted>): Promise<Granted> {
  for (let tries = 0; ; tries++) {
    const granted = await work()
    if (granted.code === 0 || tries === 20) return granted
  }
}
