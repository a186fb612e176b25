import { PATIENCE, scenario } from './scenario.ts'

const at = scenario()

const GRANT = `
apiVersion: v1
kind: Namespace
metadata: {name: web}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: mixed, namespace: web}
rules:
- {apiGroups: ["", networking.k8s.io], resources: [pods, secrets, ingresses], verbs: [create, delete, get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: mixed, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: mixed}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: demo}]
`

test(
  'the context\u2019s namespace is the default of rules without -n',
  async () => {
    await at.cluster.apply(GRANT)
    expect(
      await at.login({ namespace: 'web', can: 'create pods', cannot: 'create pods -n default' }),
    ).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'with no rules at all, the login proves who it is and nothing more',
  async () => {
    const login = await at.login({ can: '', cannot: '' })
    expect(login).toMatchObject({ code: 0, outputs: { username: 'demo' } })
    expect(login.report.clusters).toMatchObject([{ probes: [] }])
  },
  PATIENCE,
)
