import type { LabCluster } from '../../lab/cluster.ts'
import { startCluster } from '../../lab/kube/cluster.ts'
import { PATIENCE, scenario } from './scenario.ts'

// The embedded cluster beside the real one, both known to one AWS: kubectl must not be able to tell them apart.

const at = scenario()
let embedded: LabCluster
beforeAll(async () => {
  embedded = await startCluster({ aws: at.lab.aws, name: 'embedded' })
  await embedded.grantDemo()
  await embedded.mapRole(at.role.arn, 'demo')
  at.lab.aws.identities.putPolicy(at.role.arn, 'embedded', {
    Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: embedded.arn }],
  })
}, PATIENCE)
afterAll(() => embedded?.stop())

type Said = { code: number; stdout: string; stderr: string }

/** What differs between any two clusters, and from one moment to the next. */
const OWN: readonly (readonly [RegExp, string])[] = [
  [/"?resourceVersion"?: "\d+"/g, 'resourceVersion: N'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME'],
  [/127\.0\.0\.1:\d+/g, 'SERVER'],
  [/\b(?:\d+[smh])+\b */g, 'AGE'],
  [/ +$/gm, ''],
]

function alike({ code, stdout, stderr }: Said): Said {
  const told = (text: string) => OWN.reduce((left, [own, name]) => left.replace(own, name), byManager(text))
  return { code, stdout: told(stdout), stderr: told(stderr) }
}

/** Managers of fields stand in the order of time, and two of one second in that of their names. */
function byManager(text: string): string {
  if (!text.includes('"managedFields"')) return text
  const object = JSON.parse(text)
  object.metadata.managedFields.sort((one: { manager: string }, other: { manager: string }) =>
    one.manager < other.manager ? -1 : 1,
  )
  return JSON.stringify(object, null, 2)
}

/** Runs kubectl on both clusters as somebody, and gives what the real one said once both have said the same. */
async function both(
  kubeconfig: (cluster: LabCluster) => string,
  args: string[],
  stdin?: string,
): Promise<Said> {
  const run = (cluster: LabCluster) =>
    at.cluster.kubectl(['--kubeconfig', kubeconfig(cluster), ...args], stdin)
  const [real, ours] = await Promise.all([run(at.cluster), run(embedded)])
  expect({ args, ...alike(ours) }).toEqual({ args, ...alike(real) })
  return real
}

const asAdmin = (args: string, stdin?: string) =>
  both(cluster => cluster.adminKubeconfig, args.split(' '), stdin)

const STORY = `
apiVersion: v1
kind: Namespace
metadata: {name: web, labels: {team: payments}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
- {apiGroups: [""], resources: [namespaces], verbs: [list]}
- {nonResourceURLs: ["/metrics"], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: reader}
- {kind: ServiceAccount, name: builder, namespace: web}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: writer, namespace: web}
rules:
- {apiGroups: [""], resources: [configmaps], resourceNames: [settings], verbs: [get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: writer, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: writer}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: writers}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: web}
data: {colour: blue, size: "7"}
`

test(
  'kubectl applies manifests, once and again, and finds in them what it put there',
  async () => {
    expect((await asAdmin('apply -f -', STORY)).stdout).toContain(
      'clusterrole.rbac.authorization.k8s.io/reader created',
    )
    expect((await asAdmin('apply -f -', STORY)).stdout).toContain('configmap/settings unchanged')
    const changed = STORY.replace('colour: blue, size: "7"', 'colour: green').replace(
      'verbs: [list]',
      'verbs: [list, get]',
    )
    expect((await asAdmin('apply -f -', changed)).stdout).toContain('configmap/settings configured')
    expect((await asAdmin('get configmap settings -n web -o json')).stdout).not.toContain('size')
    for (const args of [
      'get ns web -o yaml',
      'get clusterrole reader -o json',
      'get clusterrolebindings reader -o wide',
      'get clusterrolebinding reader -o yaml',
      'get role -n web',
      'get role writer -n web -o yaml',
      'get rolebindings -n web -o wide',
      'get cm -n web',
      'get cm -n web -l a=b',
      'get ns -l team=payments -o name',
      'get ns -l team!=payments -o name',
      'diff -f -',
      'apply --dry-run=server -f -',
    ])
      await asAdmin(args, changed)
  },
  PATIENCE,
)

test(
  'objects are made, changed and taken away one by one',
  async () => {
    for (const [args, stdin] of [
      ['create namespace shop'],
      ['create namespace shop'],
      ['create configmap one --from-literal=a=b -n shop'],
      ['create configmap one --from-literal=a=b -n nowhere'],
      ['label configmap one -n shop tier=front'],
      ['annotate configmap one -n shop note=hello'],
      ['get configmap one -n shop -o yaml'],
      ['get configmap -n shop --show-labels'],
      [
        'replace -f -',
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: shop}\ndata: {c: d}\n',
      ],
      ['get configmap one -n shop -o jsonpath={.data}'],
      ['patch configmap one -n shop --type=merge -p {"data":{"c":null,"e":"f"}}'],
      ['get configmap one -n shop -o jsonpath={.data}'],
      ['delete configmap one -n shop'],
      ['delete configmap one -n shop'],
      ['get configmap one -n shop'],
      ['get configmaps -n shop'],
      ['create role r --verb=get --resource=pods -n shop'],
      ['create rolebinding r --role=r --user=demo -n shop'],
      ['create clusterrolebinding r --clusterrole=view --group=people'],
      ['get clusterrolebinding r -o wide'],
      ['delete clusterrolebinding r'],
    ] as const)
      await asAdmin(args, stdin)
  },
  PATIENCE,
)

const cm = (data: string, more = '') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared, namespace: web${more}}\ndata: ${data}\n`
const role = (verbs: string) =>
  `${RBAC_V1}kind: ClusterRole\nmetadata: {name: shared}\nrules: [{apiGroups: [""], resources: [pods], verbs: ${verbs}}]\n`
const binding = (user: string) =>
  `${RBAC_V1}kind: ClusterRoleBinding\nmetadata: {name: shared}\n` +
  'roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: shared}\n' +
  `subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ${user}}]\n`
const RBAC_V1 = 'apiVersion: rbac.authorization.k8s.io/v1\n'
const APPLY = 'apply --server-side --field-manager'

test(
  'server-side apply knows who manages which field, and takes none from another unless it is forced',
  async () => {
    await asAdmin('apply -f -', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n')
    const show = 'get configmap shared -n web -o json --show-managed-fields'
    for (const [args, stdin, see = show] of [
      [`${APPLY}=ours -f -`, cm('{a: b, c: d}', ', labels: {tier: front}')],
      [`${APPLY}=ours -f -`, cm('{a: b, c: d}', ', labels: {tier: front}')],
      [`${APPLY}=ours -f -`, cm('{a: b}', ', labels: {tier: front}')],
      [`${APPLY}=theirs -f -`, cm('{a: x, e: f}', ', labels: {tier: back}')],
      [`${APPLY}=theirs -f -`, cm('{a: b, e: f}')],
      [`${APPLY}=ours -f -`, cm('{c: d}')],
      [`${APPLY}=ours -f -`, cm('{a: x}')],
      [`${APPLY}=ours --force-conflicts -f -`, cm('{a: x}')],
      ['patch configmap shared -n web --type=merge -p {"data":{"a":"patched","new":"1"}}', undefined],
      ['label configmap shared -n web tier=middle', undefined],
      [`${APPLY}=ours -f -`, cm('{a: q, new: "2"}', ', labels: {tier: front}')],
      ['apply -f -', cm('{a: z}')],
      ['replace -f -', cm('{r: s}')],
      [`${APPLY}=ours --dry-run=server -o json --show-managed-fields -f -`, cm('{t: u}')],
      ['create clusterrole shared --verb=get --resource=pods', undefined],
      [`${APPLY}=ours -f -`, role('[list]'), 'get clusterrole shared -o json --show-managed-fields'],
      [`${APPLY}=ours -f -`, role('[get]'), 'get clusterrole shared -o json --show-managed-fields'],
      [`${APPLY}=ours -f -`, binding('u'), 'get clusterrolebinding shared -o json --show-managed-fields'],
      [`${APPLY}=ours -f -`, binding('v'), 'get clusterrolebinding shared -o json --show-managed-fields'],
      [`${APPLY}=theirs -f -`, binding('w')],
      ['create namespace shared', undefined, 'get namespace shared -o json --show-managed-fields'],
      [`${APPLY}=ours -f -`, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: nowhere}\n'],
      [`${APPLY}=ours --as=demo -f -`, cm('{v: w}')],
    ] as const) {
      await asAdmin(args, stdin)
      await asAdmin(see)
    }
    await asAdmin('delete clusterrole,clusterrolebinding shared')
  },
  PATIENCE,
)

test(
  'what a cluster is born with is the same, and so is what it says of itself',
  async () => {
    for (const args of [
      'get ns',
      'get pods',
      'get pods -A',
      'get configmaps -n kube-system',
      'get configmaps -n default',
      'get pod nobody',
      'get clusterroles -o name',
      'get clusterrole system:basic-user -o yaml',
      'get clusterrolebindings',
      'get roles -A',
      'get rolebindings -A -o wide',
      'api-resources --sort-by=name',
      'api-resources --namespaced=false --verbs=list -o wide --sort-by=name',
      'api-versions',
      'version -o json',
      'get --raw /healthz',
      'get --raw /readyz',
      'get --raw /version',
      'get --raw /nowhere',
      'get podz',
    ])
      await asAdmin(args)
  },
  PATIENCE,
)

test(
  'auth can-i, its lists and whoami',
  async () => {
    for (const args of [
      'auth whoami -o json',
      'auth can-i --list',
      'auth can-i list pods',
      'auth can-i list pods --as=demo',
      'auth can-i list ns --as=demo -v=0',
      'auth can-i list ns --as=demo --as-group=system:authenticated',
      'auth can-i get pods --subresource=log --as=demo',
      'auth can-i get /metrics --as=demo --as-group=system:authenticated',
      'auth can-i get /healthz --as=demo --as-group=system:authenticated',
      'auth can-i get /metrics --as=reader',
      'auth can-i update cm/settings -n web --as=x --as-group=writers',
      'auth can-i update cm/other -n web --as=x --as-group=writers',
      'auth can-i --list --as=demo --as-group=system:authenticated',
      'auth can-i --list -n web --as=x --as-group=writers',
      'auth whoami --as=x --as-group=writers -o json',
    ])
      await asAdmin(args)
  },
  PATIENCE,
)

test(
  'the runner of the story is told the same by both',
  async () => {
    const kubeconfigs: Record<string, string> = {}
    for (const name of ['demo', 'embedded']) {
      const on = await at.anotherRunner()
      const inputs = { alias: 'story', 'user-alias': 'runner', 'token-provider': 'builtin' }
      const login = await at.login({ 'cluster-name': name, ...inputs }, { on })
      expect(login.report.failures).toEqual([])
      kubeconfigs[name] = login.outputs.kubeconfig ?? ''
    }
    const run = async (name: string, args: string[]) =>
      at.runner.step(at.cluster.kubectlPath, args, { env: { KUBECONFIG: kubeconfigs[name] ?? '' } })
    for (const args of [
      ['get', 'ns'],
      ['get', 'ns', 'default'],
      ['get', 'pods'],
      ['get', 'configmaps', '-A'],
      ['get', 'pod', 'x', '-n', 'web'],
      ['get', 'clusterroles'],
      ['get', '--raw', '/metrics'],
      ['get', '--raw', '/healthz'],
      ['create', 'configmap', 'x'],
      ['delete', 'ns', 'default'],
      ['auth', 'whoami', '-o', 'json'],
      ['auth', 'can-i', '--list'],
      ['auth', 'can-i', 'list', 'ns'],
      ['auth', 'can-i', 'list', 'pods'],
      ['get', 'ns', '--token', 'nonsense'],
    ]) {
      const [real, ours] = await Promise.all([run('demo', args), run('embedded', args)])
      expect({ args, ...alike(ours) }).toEqual({ args, ...alike(real) })
    }
  },
  PATIENCE,
)
