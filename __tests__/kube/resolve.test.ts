import { formatResolved, type ResolvedRule, resolveRules } from '../../src/kube/resolve.ts'
import { parseRules } from '../../src/kube/rules.ts'
import { fixture, serving } from './cluster.ts'

const resolve = async (rules: string, namespace = 'default') => {
  const parsed = parseRules(rules)
  expect(parsed.mistakes).toEqual([])
  return resolveRules(serving(fixture('aggregated')), parsed.rules, namespace)
}

const resolveOne = async (rule: string, namespace?: string): Promise<ResolvedRule> => {
  const { resolved, mistakes } = await resolve(rule, namespace)
  expect(mistakes).toEqual([])
  return resolved[0] as ResolvedRule
}

const problemOf = async (rule: string) => (await resolve(rule)).mistakes.map(({ message }) => message).join()

/** Each of these is what kubectl v1.37.2 asked the same cluster. */
describe('a resource is the one that kubectl finds', () => {
  test.each([
    ['pods', 'pods', ''],
    ['pod', 'pods', ''],
    ['Pod', 'pods', ''],
    ['PODS', 'pods', ''],
    ['pods.', 'pods', ''],
    ['pods.v1.', 'pods', ''],
    ['ns', 'namespaces', ''],
    ['svc', 'sves', 'zeta.io'],
    ['events', 'events', ''],
    ['events.events.k8s.io', 'events', 'events.k8s.io'],
    ['events.events', 'events', 'events.k8s.io'],
    ['deployments', 'deployments', 'apps'],
    ['Deployment', 'deployments', 'apps'],
    ['deploy', 'deployments', 'apps'],
    ['deploy.apps', 'deployments', 'apps'],
    ['deploy.v1.apps', 'deployments', 'apps'],
    ['deploy.v9.apps', 'deployments', 'apps'],
    ['deployments.v1.apps', 'deployments', 'apps'],
    ['deployments.app', 'deployments', 'apps'],
    ['deployments.apps.example', 'deployments', 'apps.example.com'],
    ['hpa', 'horizontalpodautoscalers', 'autoscaling'],
    ['hpa.v1.autoscaling', 'horizontalpodautoscalers', 'autoscaling'],
    ['storageclass.storage', 'storageclasses', 'storage.k8s.io'],
    ['pods.example', 'pods', 'example.com'],
    ['expod', 'pods', 'example.com'],
    ['po', 'pods', ''],
    ['wg', 'widgets', 'example.com'],
    ['wg.example', 'widgets', 'example.com'],
    ['widgets', 'widgets', 'example.com'],
    ['widgets.other.example.org', 'widgets', 'other.example.org'],
  ])('%s is %s of "%s"', async (typed, resource, group) => {
    expect((await resolveOne(`list ${typed}`)).attributes).toMatchObject({ resource, group })
  })
})

describe('the question is the one that kubectl asks', () => {
  const none = { group: '', subresource: '', name: '' }
  test.each([
    ['list pods', { verb: 'list', resource: 'pods', namespace: 'team', ...none }],
    ['list pods -n web', { verb: 'list', resource: 'pods', namespace: 'web', ...none }],
    ['list pods -A', { verb: 'list', resource: 'pods', namespace: '', ...none }],
    ['list namespaces', { verb: 'list', resource: 'namespaces', namespace: 'team', ...none }],
    ['list nodes -n web', { verb: 'list', resource: 'nodes', namespace: 'web', ...none }],
    ['list nodes -A', { verb: 'list', resource: 'nodes', namespace: '', ...none }],
    ['get pods/web', { verb: 'get', resource: 'pods', namespace: 'team', ...none, name: 'web' }],
    [
      'get pods --subresource=log',
      { verb: 'get', resource: 'pods', namespace: 'team', ...none, subresource: 'log' },
    ],
    ['* *', { verb: '*', resource: '*', namespace: 'team', ...none }],
    ['impersonate users', { verb: 'impersonate', resource: 'users', namespace: 'team', ...none }],
  ])('%s', async (rule, attributes) => {
    expect((await resolveOne(rule, 'team')).attributes).toEqual(attributes)
  })

  test('a URL is sent as it is', async () => {
    expect(await resolveOne('get /logs/*')).toMatchObject({
      kind: 'url',
      attributes: { verb: 'get', path: '/logs/*' },
    })
  })
})

describe('beyond kubectl', () => {
  test.each([
    ['get *.apps', { group: 'apps', resource: '*' }],
    ['* *.*', { group: '*', resource: '*' }],
    ['impersonate uids.authentication.k8s.io', { group: 'authentication.k8s.io', resource: 'uids' }],
    [
      'impersonate userextras.authentication.k8s.io --subresource=scopes',
      { group: 'authentication.k8s.io', resource: 'userextras', subresource: 'scopes' },
    ],
    [
      'sign signers.certificates.k8s.io/example.com/one',
      { group: 'certificates.k8s.io', resource: 'signers', name: 'example.com/one' },
    ],
    ['get nodes --subresource=metrics', { resource: 'nodes', subresource: 'metrics' }],
    ['update deploy --subresource=finalizers', { resource: 'deployments', subresource: 'finalizers' }],
  ])('what only the authorizer knows is asked: %s', async (rule, attributes) => {
    expect((await resolveOne(rule)).attributes).toMatchObject(attributes)
  })

  test('a resource that serves nothing but subresources is found by its full name', async () => {
    const documents = fixture('aggregated')
    const version = {
      version: 'v1',
      resources: [
        {
          resource: 'consoles',
          scope: 'Namespaced',
          subresources: [{ subresource: 'open', verbs: ['get'] }],
        },
      ],
    }
    documents['/apis'] = {
      status: 200,
      body: {
        kind: 'APIGroupDiscoveryList',
        items: [{ metadata: { name: 'sub.example.com' }, versions: [version] }],
      },
    }
    const { rules } = parseRules('get consoles.sub.example.com --subresource=open')
    const { resolved } = await resolveRules(serving(documents), rules, 'default')
    expect(resolved[0]?.attributes).toMatchObject({
      group: 'sub.example.com',
      resource: 'consoles',
      subresource: 'open',
    })
  })
})

describe('what is not there is a mistake that suggests the nearest', () => {
  test.each([
    ['list podz', 'rule "list podz": the cluster has no resource "podz"; did you mean "pods"?'],
    ['list deploymets', 'did you mean "deployments"?'],
    [
      'list deployments.extensions',
      'the cluster has no resource "deployments.extensions"; did you mean "deployments.apps"?',
    ],
    ['list widgts.example.com', 'did you mean "widgets.example.com"?'],
    ['list pods.v1', 'did you mean "pods"?'],
    [
      'list frobnicators',
      'no resource "frobnicators" (these API servers do not answer: metrics.k8s.io/v1beta1)',
    ],
    ['list podlists', 'the cluster has no resource "podlists"'],
    ['list users', 'users has no verb "list"; it has of RBAC: use, bind'],
    ['get *.app', 'no API group "app"; did you mean "*.apps"?'],
    [
      'get pods --subresource=logs',
      'pods has no subresource "logs"; did you mean "log"?; it has: attach, binding,',
    ],
    [
      'get widgets.other.example.org --subresource=scale',
      'has no subresource "scale"; it has: finalizers, status',
    ],
    ['get * --subresource=lgo', '* has no subresource "lgo"'],
    ['lst pods', 'pods has no verb "lst"; did you mean "list"?; it has create, delete,'],
    ['GET pods', 'did you mean "get"?'],
    ['list bindings', 'bindings has no verb "list"; it has create; of RBAC: use'],
    ['list pods --subresource=exec', 'pods/exec has no verb "list"'],
    ['lst pods --subresource=*', 'pods/* has no verb "lst"; did you mean "list"?'],
    ['read *', '* has no verb "read"'],
  ])('%s', async (rule, message) => {
    expect(await problemOf(rule)).toContain(message)
  })

  test('unless the cluster has nothing', async () => {
    const nothing = { kind: 'APIGroupDiscoveryList', items: [] }
    const documents = { '/api': { status: 200, body: nothing }, '/apis': { status: 200, body: nothing } }
    const { mistakes } = await resolveRules(serving(documents), parseRules('list pods').rules, 'default')
    expect(mistakes[0]?.message).toBe('rule "list pods": the cluster has no resource "pods"')
  })

  test('also where a name fits two resources of one group, as for kubectl', async () => {
    const one = (resource: string) => ({
      resource,
      singularResource: 'twin',
      responseKind: { kind: 'Twin' },
      verbs: ['get'],
    })
    const versions = [{ version: 'v1', resources: [one('left'), one('right')] }]
    const items = [{ metadata: { name: 'example.com' }, versions }]
    const documents = {
      ...fixture('aggregated'),
      '/apis': { status: 200, body: { kind: 'APIGroupDiscoveryList', items } },
    }
    const { mistakes } = await resolveRules(serving(documents), parseRules('get twin').rules, 'default')
    expect(mistakes[0]?.message).toBe('rule "get twin": "twin" fits several resources of one group')
  })

  test('and none hides another, or a rule that is right', async () => {
    const { resolved, mistakes } = await resolve('list podz\nlist pods\nlst pods')
    expect(resolved.map(formatResolved)).toEqual(['list pods -n default'])
    expect(mistakes.map(({ rule }) => rule)).toEqual(['list podz', 'lst pods'])
  })
})

describe("RBAC's own verbs are asked about any resource", () => {
  test.each(['use pods', 'bind clusterroles/admin', 'escalate clusterroles', 'approve csr', '* secrets'])(
    '%s',
    async rule => {
      expect((await resolveOne(rule)).notes).toEqual([])
    },
  )
})

describe('a rule that is right but odd carries a note', () => {
  test.each([
    ['get pods/log', 'name-is-subresource', '--subresource=log'],
    ['list nodes -n web', 'not-namespaced', 'nodes is in no namespace'],
    ['list wg', 'ambiguous-short-name', '"wg" also fits widgets.other.example.org'],
    ['impersonate-on:user-info:get pods', 'custom-verb', '"impersonate-on:user-info:get" is asked as it is'],
    ['* *', 'core-group-only', '"*.*" asks about every group'],
  ])('%s: %s', async (rule, code, text) => {
    expect((await resolveOne(rule)).notes).toEqual([{ code, text: expect.stringContaining(text) }])
  })

  test.each([
    'list namespaces',
    'get pods/web',
    'list pods -A',
    'list nodes -A',
    '* *.*',
    'list deploy.apps',
  ])('and one that is not, none: %s', async rule => {
    expect((await resolveOne(rule)).notes).toEqual([])
  })
})

describe('a resolved rule prints itself in full', () => {
  test.each([
    ['list po', 'list pods -n team'],
    ['get Deploy/web -n web', 'get deployments.apps/web -n web'],
    ['list ns', 'list namespaces'],
    ['list no -A', 'list nodes -A'],
    ['get pods --subresource log', 'get pods --subresource=log -n team'],
    ['* *', "'*' '*' -n team"],
    ['get *.apps -A', "get '*.apps' -A"],
    ['get /healthz', 'get /healthz'],
  ])('%s as %s', async (rule, printed) => {
    expect(formatResolved(await resolveOne(rule, 'team'))).toBe(printed)
  })

  test('so that each resource of the cluster is found again by it', async () => {
    const { resolved } = await resolve(
      'list widgets\nlist widgets.other.example.org\nlist deployments.apps.example.com',
    )
    for (const rule of resolved) {
      expect((await resolveOne(formatResolved(rule))).attributes).toEqual(rule.attributes)
    }
  })
})
