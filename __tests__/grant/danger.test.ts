import type { TaggedEntry } from '../../src/aws/access-entry-changes.ts'
import { dangersOf } from '../../src/grant/danger.ts'
import { type GrantInputs, readGrantInputs } from '../../src/grant/inputs.ts'
import type { ResolvedRule } from '../../src/kube/resolve.ts'
import { parseRule, type ResourceRule, type Rule } from '../../src/kube/rules.ts'

const ROLE = 'arn:aws:iam::111122223333:role/ci/runner'

function inputs(given: Partial<GrantInputs> = {}): GrantInputs {
  return { ...readGrantInputs({ 'INPUT_CLUSTER-NAME': 'demo', 'INPUT_ROLE-ARN': ROLE }), ...given }
}

/** A rule as a cluster understands it in which every resource is its own plural, of the group that is given. */
function resolved(text: string): ResolvedRule {
  const rule = parseRule(text) as Rule
  if (rule.kind === 'url')
    return { kind: 'url', rule, attributes: { verb: rule.verb, path: rule.path }, notes: [] }
  const { verb, name, subresource, scope } = rule
  const [resource = '', ...group] = rule.resource.split('.')
  const attributes = {
    ...{ verb, resource, group: group.join('.'), name: name ?? '', subresource: subresource ?? '' },
    namespace: namespaceOf(scope),
  }
  return { kind: 'resource', rule, attributes, namespaced: true, notes: [] }
}

function namespaceOf(scope: ResourceRule['scope']): string {
  return scope.kind === 'namespace' ? scope.namespace : ''
}

function entry(given: Partial<TaggedEntry> = {}): TaggedEntry {
  const plain = { accessEntryArn: 'ARN', username: 'runner', groups: [], type: 'STANDARD' }
  return { ...plain, tags: {}, policies: [], ...given }
}

/** What is dangerous, in words. */
function dangers(
  given: Partial<GrantInputs>,
  { rules = [], mapped = null, found = null }: Found = {},
): string[] {
  const change = { now: mapped ? [mapped] : [], entry: found, isChanged: true, isOwn: false }
  return dangersOf(inputs(given), rules.map(resolved), change).map(evidence => {
    expect(evidence.kind).toBe('grant-dangerous')
    return 'what' in evidence ? String(evidence.what) : ''
  })
}

interface Found {
  rules?: string[]
  mapped?: { username: string; groups: string[] } | null
  found?: TaggedEntry | null | undefined
}

describe('a rule is refused', () => {
  test.each([
    ['* *', 'allows everything'],
    ['* * -A', 'allows everything'],
    ['* *.*', 'allows everything'],
    ['escalate clusterroles.rbac.authorization.k8s.io', 'lets it give itself rights'],
    ['escalate roles.rbac.authorization.k8s.io -n web', 'lets it give itself rights'],
    ['bind clusterroles.rbac.authorization.k8s.io', 'lets it give itself rights'],
    ['impersonate users', 'lets it act as somebody else'],
    ['impersonate groups', 'lets it act as somebody else'],
    ['impersonate serviceaccounts -n web', 'lets it act as somebody else'],
    ['get secrets', 'reads the secrets of every namespace'],
    ['list secrets -A', 'reads the secrets of every namespace'],
    ['watch secrets', 'reads the secrets of every namespace'],
    ['* secrets', 'reads the secrets of every namespace'],
    ['get *', 'reads the secrets of every namespace'],
    ['list *.*', 'reads the secrets of every namespace'],
    ['* clusterroles.rbac.authorization.k8s.io', 'lets it give itself rights'],
    ['* *.rbac.authorization.k8s.io', 'lets it give itself rights'],
    ['* roles.rbac.authorization.k8s.io -n web', 'lets it give itself rights'],
    ['* users', 'lets it act as somebody else'],
    ['* serviceaccounts -n web', 'lets it act as somebody else'],
    ['create serviceaccounts --subresource=token', 'makes tokens of service accounts'],
    ['create serviceaccounts --subresource=token -n kube-system', 'makes tokens of service accounts'],
    ['update configmaps', 'may write aws-auth'],
    ['patch configmaps/aws-auth -n kube-system', 'may write aws-auth'],
    ['create configmaps -n kube-system', 'may write aws-auth'],
    ['create configmaps/other -n kube-system', 'may write aws-auth'],
    ['delete configmaps/aws-auth -n kube-system', 'may write aws-auth'],
    ['create *', 'makes tokens of service accounts'],
    ['create * -n kube-system', 'makes tokens of service accounts'],
    ['impersonate:user-info users.authentication.k8s.io', 'lets it act as somebody else'],
    ['get secrets -n kube-system', 'reads the secrets of kube-system'],
    ['get nodes --subresource=proxy', 'reaches every container'],
    ['approve signers.certificates.k8s.io', 'lets it certify anybody'],
    [
      'update certificatesigningrequests.certificates.k8s.io --subresource=approval',
      'lets it certify anybody',
    ],
    ['patch mutatingwebhookconfigurations.admissionregistration.k8s.io', 'lets it see and change'],
    ['* /*', 'allows every URL'],
  ])('that says %s', (rule, why) => {
    expect(dangers({}, { rules: [rule] })).toEqual([
      expect.stringMatching(new RegExp(`^can: .*${why.replace(/[.*]/g, '\\$&')}`)),
    ])
  })

  test('by itself, each of several, and no other', () => {
    const rules = ['list pods', 'impersonate users', 'get secrets -n web', 'list secrets']
    expect(dangers({}, { rules })).toEqual([
      expect.stringContaining('impersonate users'),
      expect.stringContaining('list secrets'),
    ])
  })
})

test.each([
  ['list pods', 'another resource'],
  ['* pods', 'every verb on one resource'],
  ['get * -n web', 'every resource of one namespace, to be read'],
  ['get *.apps', 'every resource of a group without secrets'],
  ['get secrets -n web', 'the secrets of one namespace'],
  ['* secrets -n web', 'the same, with every verb'],
  ['get secrets/token', 'a secret by its name'],
  ['create secrets', 'secrets that are made, and not read'],
  ['delete secrets -A', 'secrets that are deleted, and not read'],
  ['get secrets.example.com', 'what is called secrets in another group'],
  ['get clusterroles.rbac.authorization.k8s.io', 'a resource that could be bound'],
  ['* *.apps -n web', 'every verb on a group of its own'],
  ['create serviceaccounts --subresource=token -n web', 'tokens of one namespace'],
  ['update configmaps -n web', 'where aws-auth is not'],
  ['update configmaps/other -n kube-system', 'another ConfigMap'],
  ['get /metrics', 'a URL'],
  ['get /*', 'every URL, to be read'],
  ['* /healthz', 'every verb on one URL'],
])('%s is not refused: %s', rule => {
  expect(dangers({}, { rules: [rule] })).toEqual([])
})

describe('groups and usernames', () => {
  test.each([
    [{ groups: ['system:masters'] }, /^groups: system:masters may do everything/],
    [{ groups: ['system:nodes'] }, /^groups: system:nodes is for nodes/],
    [{ groups: ['system:bootstrappers'] }, /^groups: system:bootstrappers is for nodes/],
    [{ groups: ['system:node-proxier'] }, /^groups: system:node-proxier is for nodes/],
    [{ username: 'system:node:{{EC2PrivateDNSName}}' }, /^username: .* is that of a node/],
    [{ username: 'system:serviceaccount:kube-system:default' }, /^username: .* is one of the cluster itself/],
    [{ username: 'system:kube-controller-manager' }, /^username: .* is one of the cluster itself/],
    [{ username: 'eks:addon-manager' }, /^username: .* is one of the cluster itself/],
    [{ username: '{{SessionName}}' }, /^username: .* choose who it is/],
    [{ username: 'ci-{{SessionName}}' }, /^username: .* choose who it is/],
    [{ username: 'system:{{SessionName}}' }, /^username: .* is one of the cluster itself/],
    [{ groups: ['system:serviceaccounts:kube-system'] }, /^groups: .* is one of the cluster itself/],
  ])('of the cluster itself are refused: %j', (given, what) => {
    expect(dangers(given)).toEqual([expect.stringMatching(what)])
  })

  test.each([
    { groups: ['deployers', 'masters', 'nodes'] },
    { groups: ['system:authenticated'] },
    { username: 'system-node' },
    { username: 'nodes' },
    { username: 'ci:{{SessionName}}', groups: ['deployers'] },
  ])('that only sound like it are not: %j', given => {
    expect(dangers(given)).toEqual([])
  })

  test('are refused each by itself, together with rules', () => {
    const given = { username: 'system:node:a', groups: ['system:masters', 'system:nodes', 'deployers'] }
    expect(dangers(given, { rules: ['* *'] })).toHaveLength(4)
  })
})

describe('a role that is mapped as a node is left as it is, whatever is done', () => {
  test.each<[string, Found]>([
    ['by its groups', { mapped: { username: 'who', groups: ['others', 'system:nodes'] } }],
    ['by the group of nodes that join', { mapped: { username: 'who', groups: ['system:bootstrappers'] } }],
    ['by its username', { mapped: { username: 'system:node:{{EC2PrivateDNSName}}', groups: [] } }],
    ['by the type of its access entry', { found: entry({ type: 'EC2_LINUX' }) }],
  ])('%s', (_how, found) => {
    for (const mode of ['apply', 'plan', 'revoke'] as const) {
      expect(dangers({ mode }, found)).toEqual([expect.stringContaining('is mapped as a node')])
    }
  })

  test.each<[string, Found]>([
    ['is mapped to a person', { mapped: { username: 'somebody', groups: ['people'] } }],
    ['is mapped to nobody', { mapped: null, found: null }],
    ['has an access entry that was not looked for', { found: undefined }],
    ['has an access entry of a person or program', { found: entry() }],
    ['has an access entry of no type', { found: entry({ type: '' }) }],
  ])('one that %s is none', (_what, found) => {
    expect(dangers({}, found)).toEqual([])
  })
})

test('one that is mapped as an administrator, or that grants, is left as it is; unless nothing changes', () => {
  const change = { now: [{ username: 'ops', groups: ['system:masters'] }], entry: null, isOwn: true }
  for (const mode of ['apply', 'revoke'] as const) {
    const found = dangersOf(inputs({ mode }), [], { ...change, isChanged: true })
    expect(found.map(evidence => 'what' in evidence && evidence.what)).toEqual([
      expect.stringContaining('is mapped as an administrator'),
      expect.stringContaining('is the role that grants'),
    ])
    expect(dangersOf(inputs({ mode }), [], { ...change, isChanged: false })).toEqual([])
  }
})

describe('an access entry with an access policy', () => {
  const of = (policy: string) => ({
    found: entry({ policies: [`arn:aws:eks::aws:cluster-access-policy/${policy}`] }),
  })

  test('that allows all is refused, as the rules would be of no account', () => {
    expect(dangers({}, of('AmazonEKSClusterAdminPolicy'))).toEqual([
      expect.stringContaining(`the access entry of ${ROLE} has the access policy`),
    ])
  })

  test('may be revoked', () => {
    expect(dangers({ mode: 'revoke' }, of('AmazonEKSClusterAdminPolicy'))).toEqual([])
  })

  test('that allows less is not', () => {
    expect(dangers({}, of('AmazonEKSViewPolicy'))).toEqual([])
  })
})

test('what is taken away is not looked at for what it would give', () => {
  const given = { mode: 'revoke' as const, username: 'system:node:a', groups: ['system:masters'] }
  expect(dangers(given, { rules: ['* *'] })).toEqual([])
})
