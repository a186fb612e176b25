import { scenario } from './scenario.ts'

const at = scenario()

interface Resource {
  name: string
  /** Names that kubectl takes for it. */
  spellings: string[]
  verbs: string[]
  namespaced: boolean
}

/** A resource as discovery lists it (APIResource, meta/v1). */
interface Served extends Omit<Resource, 'spellings'> {
  singularName: string
  shortNames?: string[]
  kind: string
}

/** Every resource that the server serves. */
async function everyResource(): Promise<Resource[]> {
  const raw = async (path: string) => JSON.parse((await at.cluster.kubectl(['get', '--raw', path])).stdout)
  const { groups } = await raw('/apis')
  const versions: string[] = groups.map(
    (group: { preferredVersion: { groupVersion: string } }) => group.preferredVersion.groupVersion,
  )
  const lists = await Promise.all(['/api/v1', ...versions.map(version => `/apis/${version}`)].map(raw))
  return lists.flatMap(({ groupVersion, resources }: { groupVersion: string; resources: Served[] }) => {
    const group = groupVersion.includes('/') ? groupVersion.split('/')[0] : ''
    return resources
      .filter(({ name }) => !name.includes('/'))
      .map(({ name, singularName, shortNames = [], kind, verbs, namespaced }) => {
        const qualified = group ? `${name}.${group}` : name
        const spellings = [name, qualified, singularName || name, kind, ...shortNames]
        return { name, spellings, verbs, namespaced }
      })
  })
}

/** The same draw in every run: a linear congruential generator (Numerical Recipes). */
function drawer(seed: number) {
  let state = seed
  return <T>(list: readonly T[]): T => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return list[Math.floor((state / 2 ** 32) * list.length)] as T
  }
}

/** Grants that a least-privileged role might have: some verbs of some resources, by name, subresource and namespace. */
const GRANTS = `
apiVersion: v1
kind: Namespace
metadata: {name: web}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: mixed}
rules:
- {apiGroups: [""], resources: [configmaps, nodes, events, services, "pods/log"], verbs: [get, list, watch]}
- {apiGroups: [apps], resources: ["*"], verbs: [get, list]}
- {apiGroups: [batch], resources: [jobs, cronjobs], verbs: ["*"]}
- {apiGroups: ["*"], resources: ["*/scale"], verbs: [update]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [view], verbs: [bind, get]}
- {nonResourceURLs: ["/healthz", "/logs/*"], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: mixed}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: mixed}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: demo}]
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

const FIXED = [
  'get /healthz',
  'get /logs/kubelet',
  'get /metrics',
  'get pods --subresource=log',
  'create pods --subresource=exec -n web',
  'update deploy/web --subresource=scale -n web',
  'bind clusterroles/view',
  'bind clusterroles/admin',
  'impersonate users',
  '* *',
  'list secrets -A',
  'get secrets/tls -n web',
  'delete ingresses.networking.k8s.io -n web',
  'get jobs.v1.batch',
]

test('over all resources of the server, rules are answered as kubectl auth can-i answers them', async () => {
  await at.cluster.apply(GRANTS)
  const resources = await everyResource()
  const draw = drawer(20)
  const scopes = ['', '', ' -n web', ' -A']
  const drawn = resources.flatMap(resource =>
    [1, 2].map(
      () => `${draw(resource.verbs)} ${draw(resource.spellings)}${resource.namespaced ? draw(scopes) : ''}`,
    ),
  )
  const rules = [...new Set([...drawn, ...FIXED])]
  expect(rules.length).toBeGreaterThanOrEqual(100)

  const { report } = await at.login({ can: '', cannot: rules.join('\n') })
  expect(report.failures.filter(({ code }) => code !== 'EKS701')).toEqual([])
  const [cluster] = report.clusters
  const ours = Object.fromEntries((cluster?.probes ?? []).map(({ rule, answer }) => [rule, answer]))
  const theirs: Record<string, string> = {}
  for (const rule of rules) {
    const as = ['--as', 'demo', '--as-group', 'system:authenticated']
    const { stdout } = await at.cluster.kubectl(['auth', 'can-i', ...rule.split(' '), ...as])
    theirs[rule] = stdout.trim().split(' ')[0] ?? ''
  }
  expect(ours).toEqual(theirs)
  // Neither answer is the only one: a comparison of nothing but "no" would prove little.
  const yes = Object.values(theirs).filter(answer => answer === 'yes').length
  expect(yes).toBeGreaterThan(20)
  expect(rules.length - yes).toBeGreaterThan(20)
}, 600_000)
