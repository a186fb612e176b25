import { ApiProblem } from '../../src/kube/answers.ts'
import { type Discovery, discover } from '../../src/kube/discovery.ts'
import { parseRules } from '../../src/kube/rules.ts'
import { clusterOf, fixture, serving } from './cluster.ts'

const pathsFor = async (rules: string) => {
  const cluster = serving(fixture('aggregated'))
  await discover(cluster, parseRules(rules).rules)
  return cluster.asked.map(({ path }) => path)
}

const versionsOf = ({ resources }: Discovery) => [
  ...new Set(resources.map(({ group, version }) => `${group}/${version}`)),
]

/** Within a version the two forms list in different orders, which mean nothing. */
const sorted = ({ resources }: Discovery) =>
  resources
    .map(resource => ({
      ...resource,
      verbs: [...resource.verbs].sort(),
      subresources: [...resource.subresources].sort((a, b) => a.name.localeCompare(b.name)),
    }))
    .sort((a, b) => `${a.group}/${a.version}/${a.name}`.localeCompare(`${b.group}/${b.version}/${b.name}`))

describe('discovery asks only for what the rules need', () => {
  test.each([
    ['nothing for URLs and "*"', 'get /healthz\n* *\nget *.*', []],
    [
      '/api for plurals and singulars of the core group',
      'list pods\nget Secret/one\nlist namespaces',
      ['/api'],
    ],
    ['both for a group', 'list pods\nlist deployments.apps', ['/api', '/apis']],
    ['both for a name that core does not have', 'list deployments', ['/api', '/apis']],
    ['both for a short name, which another group may have as a name', 'list ns', ['/api', '/apis']],
    ['both for a subresource of "*"', 'get * --subresource=log', ['/api', '/apis']],
  ])('%s', async (_, rules, paths) => {
    expect(await pathsFor(rules)).toEqual(paths)
  })

  test('and for the rest of the API when core turns out not to have a name of its own', async () => {
    const documents = { ...fixture('aggregated'), '/api': { status: 404, body: 'no such page' } }
    const cluster = serving(documents)
    const { resources } = await discover(cluster, parseRules('list pods').rules)
    expect(cluster.asked.map(({ path }) => path)).toEqual(['/api', '/apis'])
    expect(resources.some(({ group }) => group === 'apps')).toBe(true)
  })

  test('in one document a request, with the plain form as last choice', async () => {
    const cluster = serving(fixture('aggregated'))
    await discover(cluster, parseRules('list pods').rules)
    expect(cluster.asked[0]?.accept?.split(',').map(form => form.split(';').slice(1).join(';'))).toEqual([
      'g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
      'g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
      '',
    ])
  })
})

describe('a server without aggregated discovery', () => {
  test('says the same in a document for each version', async () => {
    const { rules } = parseRules('list widgets')
    const older = await discover(serving(fixture('unaggregated')), rules)
    const newer = await discover(serving(fixture('aggregated')), rules)
    expect(versionsOf(older)).toEqual(versionsOf(newer))
    expect(sorted(older)).toEqual(sorted(newer))
    expect(older.unavailable).toEqual(newer.unavailable)
  })

  test('is read in the order of its preferred versions', async () => {
    const documents = fixture('unaggregated')
    documents['/apis'] = {
      status: 200,
      body: {
        groups: [
          {
            name: 'autoscaling',
            versions: [{ version: 'v1' }, { version: 'v2' }],
            preferredVersion: { version: 'v2' },
          },
        ],
      },
    }
    const { resources } = await discover(serving(documents), parseRules('list hpa').rules)
    const versions = resources.filter(({ group }) => group === 'autoscaling').map(({ version }) => version)
    expect(versions).toEqual(['v2', 'v1'])
  })
})

describe('a server that says less than Kubernetes', () => {
  test('in a list of groups, is read for what it says', async () => {
    const items = [
      { versions: [{ version: 'v1', resources: [{ resource: 'things', verbs: ['get'] }] }] },
      { metadata: {}, versions: [{ version: 'v2', freshness: 'Stale' }] },
    ]
    const aggregated = { kind: 'APIGroupDiscoveryList', items }
    const { resources, unavailable } = await discover(
      serving({
        '/api': { status: 200, body: aggregated },
        '/apis': { status: 200, body: { groups: [] } },
      }),
      parseRules('get things').rules,
    )
    expect(resources).toMatchObject([
      { group: '', version: 'v1', name: 'things', singular: '', kind: '', namespaced: false, verbs: ['get'] },
    ])
    expect(unavailable).toEqual(['v2'])
  })

  test('in a document for each version, is read for what it says', async () => {
    const { resources, unavailable } = await discover(
      serving({
        '/api': { status: 200, body: { versions: ['v1', 'v2'] } },
        '/api/v1': {
          status: 200,
          body: { resources: [{ name: 'pods/log', verbs: ['get'], namespaced: true }] },
        },
        '/apis': { status: 200, body: { groups: [{ name: 'apps', versions: [{ version: 'v1' }] }] } },
        '/apis/apps/v1': { status: 200, body: { resources: [{ verbs: ['get'] }] } },
      }),
      parseRules('list deployments').rules,
    )
    expect(resources).toMatchObject([
      { name: 'pods', namespaced: true, verbs: [], subresources: [{ name: 'log', verbs: ['get'] }] },
      { group: 'apps', name: '', namespaced: false },
    ])
    expect(unavailable).toEqual(['v2'])
  })
})

describe('a group whose server is down', () => {
  test.each(['aggregated', 'unaggregated'] as const)('is left out and named (%s)', async form => {
    const { resources, unavailable } = await discover(
      serving(fixture(form)),
      parseRules('list widgets').rules,
    )
    expect(unavailable).toEqual(['metrics.k8s.io/v1beta1'])
    expect(resources.some(({ group }) => group === 'metrics.k8s.io')).toBe(false)
  })
})

describe('discovery that fails is told with its evidence', () => {
  test.each([
    [
      'forbidden',
      403,
      { kind: 'Status', message: 'demo cannot get path "/api"' },
      'demo cannot get path "/api"',
    ],
    ['unauthorized', 401, { kind: 'Status', message: 'Unauthorized' }, 'Unauthorized'],
    ['unexpected-answer', 503, '<html>\n  <b>no healthy upstream</b>', '<html> <b>no healthy upstream</b>'],
    ['unexpected-answer', 200, 'hello', 'hello'],
    ['unexpected-answer', 200, '', 'an empty body'],
    ['unexpected-answer', 200, '{"kind":"PodList"}', 'no API versions'],
  ])('%s %i', async (kind, status, body, message) => {
    const failure = discover(
      clusterOf(() => ({ status, body })),
      parseRules('list pods').rules,
    )
    await expect(failure).rejects.toThrow(ApiProblem)
    await expect(failure).rejects.toMatchObject({ evidence: { kind, path: '/api', status, message } })
  })

  test('in one line, as long as one line of a log', async () => {
    const body = 'no healthy upstream. '.repeat(50)
    const failure = discover(
      clusterOf(() => ({ status: 503, body })),
      parseRules('list pods').rules,
    )
    await expect(failure).rejects.toMatchObject({
      evidence: { message: `${body.slice(0, 200)}\u2026` },
    })
  })

  test.each([
    ['no object', '[]', '[]'],
    ['a list without items', { kind: 'APIGroupDiscoveryList' }, 'an API discovery list without items'],
    ['groups that are none', { groups: 'many' }, 'no API groups'],
  ])('where /apis answers %s', async (_what, body, message) => {
    const documents = { ...fixture('aggregated'), '/apis': { status: 200, body } }
    await expect(discover(serving(documents), parseRules('list deploy').rules)).rejects.toMatchObject({
      evidence: { kind: 'unexpected-answer', path: '/apis', status: 200, message },
    })
  })

  test('and what is no answer of a server is no group that is down', async () => {
    const documents = fixture('unaggregated')
    const cluster = clusterOf(({ path }) => {
      if (path === '/api/v1') throw new Error('the connection broke')
      return documents[path] ?? { status: 404, body: {} }
    })
    await expect(discover(cluster, parseRules('list pods').rules)).rejects.toThrow('the connection broke')
  })

  test('also where only /apis fails', async () => {
    const documents = { ...fixture('aggregated'), '/apis': { status: 403, body: '{}' } }
    await expect(discover(serving(documents), parseRules('list deploy').rules)).rejects.toMatchObject({
      evidence: { kind: 'forbidden', path: '/apis', status: 403 },
    })
  })
})
