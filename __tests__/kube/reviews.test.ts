import { type ResolvedRule, resolveRules } from '../../src/kube/resolve.ts'
import { reviewRules, whoAmI } from '../../src/kube/reviews.ts'
import { parseRules } from '../../src/kube/rules.ts'
import { type Asked, clusterOf, fixture, serving } from './cluster.ts'

const resolved = async (rules: string): Promise<ResolvedRule[]> =>
  (await resolveRules(serving(fixture('aggregated')), parseRules(rules).rules, 'default')).resolved

const answering = (status: unknown) => clusterOf(() => ({ status: 201, body: { status } }))

const specOf = (asked: Asked) => (asked.body as { spec: Record<string, unknown> }).spec

describe('who we are', () => {
  test('is what the cluster says of the token', async () => {
    const userInfo = {
      username: 'demo',
      uid: 'u-1',
      groups: ['system:authenticated'],
      extra: { arn: ['arn:aws:sts::1:assumed-role/runner/i-1'] },
    }
    const cluster = answering({ userInfo })
    expect(await whoAmI(cluster)).toEqual(userInfo)
    expect(cluster.asked).toMatchObject([
      { method: 'POST', path: '/apis/authentication.k8s.io/v1/selfsubjectreviews' },
    ])
  })

  test('has no extras and no groups where the cluster names none', async () => {
    expect(await whoAmI(answering({ userInfo: { username: 'demo' } }))).toEqual({
      username: 'demo',
      uid: '',
      groups: [],
      extra: {},
    })
  })

  test('is unknown on a server that has no such review', async () => {
    expect(await whoAmI(serving({}))).toBeNull()
  })

  test.each([
    [401, { message: 'Unauthorized' }, 'unauthorized', 'Unauthorized'],
    [403, { message: 'no' }, 'forbidden', 'no'],
    [500, 'oops', 'unexpected-answer', 'oops'],
    [200, { status: {} }, 'unexpected-answer', 'a review without status.userInfo'],
    [200, {}, 'unexpected-answer', 'a review without status.userInfo'],
  ])('is refused with evidence: %i', async (status, body, kind, message) => {
    await expect(whoAmI(clusterOf(() => ({ status, body })))).rejects.toMatchObject({
      evidence: { kind, status, message, path: '/apis/authentication.k8s.io/v1/selfsubjectreviews' },
    })
  })
})

describe('a review', () => {
  test.each([
    [
      { allowed: true, reason: 'by role demo' },
      { answer: 'yes', allowed: true, denied: false, reason: 'by role demo' },
    ],
    [{ allowed: false }, { answer: 'no', allowed: false, denied: false }],
    [
      { allowed: false, denied: true },
      { answer: 'no', allowed: false, denied: true },
    ],
    [
      { allowed: false, evaluationError: 'webhook' },
      { answer: 'unproven', evaluationError: 'webhook' },
    ],
    [
      { allowed: false, denied: true, evaluationError: 'webhook' },
      { answer: 'no', denied: true, evaluationError: 'webhook' },
    ],
    [
      { allowed: true, evaluationError: 'webhook' },
      { answer: 'yes', allowed: true, evaluationError: 'webhook' },
    ],
  ])('that says %j', async (status, verdict) => {
    const [review] = await reviewRules(answering(status), await resolved('list pods'))
    expect(review?.verdict).toEqual({
      denied: false,
      allowed: false,
      reason: '',
      evaluationError: '',
      ...verdict,
    })
  })

  test('asks about a resource or a URL as it was resolved', async () => {
    const cluster = answering({ allowed: true })
    await reviewRules(cluster, await resolved('list deploy -n web\nget /healthz'))
    expect(cluster.asked.map(specOf)).toEqual([
      {
        resourceAttributes: {
          namespace: 'web',
          verb: 'list',
          group: 'apps',
          resource: 'deployments',
          subresource: '',
          name: '',
        },
      },
      { nonResourceAttributes: { verb: 'get', path: '/healthz' } },
    ])
  })

  test('is made once for rules that mean the same, and given for each', async () => {
    const cluster = answering({ allowed: true })
    const rules = await resolved('list pods\nlist po\nlist pods -n default\nlist pods -A')
    const reviews = await reviewRules(cluster, rules)
    expect(reviews.map(({ rule }) => rule)).toEqual(rules)
    expect(cluster.asked).toHaveLength(2)
  })

  test.each([
    [401, { message: 'Unauthorized' }, 'unauthorized', 'Unauthorized'],
    [
      429,
      'Too many requests, please try again later.',
      'unexpected-answer',
      'Too many requests, please try again later.',
    ],
    [201, { status: { reason: 'x' } }, 'unexpected-answer', 'a review without status.allowed'],
    [201, {}, 'unexpected-answer', 'a review without status.allowed'],
  ])('that is none is told with its evidence: %i', async (status, body, kind, message) => {
    const failure = reviewRules(
      clusterOf(() => ({ status, body })),
      await resolved('list pods'),
    )
    await expect(failure).rejects.toMatchObject({ evidence: { kind, message } })
  })
})

describe('many reviews', () => {
  const many = async (count: number) =>
    resolved(Array.from({ length: count }, (_, index) => `get pods/p${index}`).join('\n'))

  test('are under way together, a hundred at most', async () => {
    let now = 0
    let most = 0
    const cluster = clusterOf(async () => {
      most = Math.max(most, ++now)
      await new Promise(resolve => setTimeout(resolve, 1))
      now--
      return { status: 201, body: { status: { allowed: true } } }
    })
    const reviews = await reviewRules(cluster, await many(350))
    expect(reviews.every(({ verdict }) => verdict.answer === 'yes')).toBe(true)
    expect(cluster.asked).toHaveLength(350)
    expect(most).toBe(100)
  })

  test('end with the first that fails', async () => {
    const cluster = clusterOf(() => ({ status: 401, body: { message: 'Unauthorized' } }))
    await expect(reviewRules(cluster, await many(350))).rejects.toMatchObject({ evidence: { status: 401 } })
    expect(cluster.asked.length).toBeLessThan(200)
  })

  test('that are none ask nothing', async () => {
    const cluster = answering({})
    expect(await reviewRules(cluster, [])).toEqual([])
    expect(cluster.asked).toEqual([])
  })
})
