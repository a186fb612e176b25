import { askClock } from '../../src/aws/ask-clock.ts'
import { clockSkewSeconds, skewOfClient } from '../../src/aws/clock.ts'
import { describeCluster } from '../../src/aws/cluster.ts'
import { assumeRole } from '../../src/aws/sts.ts'
import { ALLOW_DESCRIBE, calling, createRole, enter, evidenceOf, type Stage, sessionOf } from './stage.ts'

const dateIn = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString()

test.each([
  [3600, -3600],
  [-3600, 3600],
])('a Date header %d s from now shows a clock that is %d s ahead', (offset, skew) => {
  expect(Math.abs((clockSkewSeconds(dateIn(offset)) ?? 0) - skew)).toBeLessThan(30)
  expect(skewOfClient({ systemClockOffset: offset * 1000 })).toBe(skew)
})

test.each([0, 200, -200])('a Date header %d s from now shows clocks that agree', seconds => {
  expect(clockSkewSeconds(dateIn(seconds))).toBe(0)
})

test.each(['yesterday', '', undefined])('a Date header %j shows nothing', date => {
  expect(clockSkewSeconds(date)).toBeUndefined()
})

test.each([
  [299_000, 0],
  [-299_000, 0],
  [300_000, -300],
  [-300_000, 300],
])('a client that AWS is ahead of by %d ms', (systemClockOffset, skew) => {
  expect(skewOfClient({ systemClockOffset })).toBe(skew)
})

describe('on an instance whose clock is an hour behind', () => {
  const TARGET = { name: 'demo', region: 'eu-west-1' }
  const HOUR_BEHIND = expect.closeTo(-3600, -2)

  let stage: Stage
  beforeEach(async () => {
    stage = await enter()
    stage.aws.clock.offsetSeconds = 3600
    stage.aws.putCluster({
      ...TARGET,
      endpoint: 'https://127.0.0.1:6443',
      certificateAuthorityPem: stage.aws.caPem,
    })
  })
  afterEach(() => stage.leave())

  /** Credentials that outlive the hour. */
  const runner = (role = createRole(stage.aws, 'runner', ALLOW_DESCRIBE)) => {
    const expires = new Date(Date.now() + 6 * 3_600_000)
    return {
      ...sessionOf(stage.aws, role),
      identity: stage.aws.identities.issueSession(role, { name: 's', expires }),
    }
  }

  test('the SDK signs by AWS\u2019s, and by how much is kept', async () => {
    expect(await describeCluster(TARGET, runner(), calling())).toMatchObject({
      clockSkewSeconds: HOUR_BEHIND,
    })
    expect(stage.aws.requests.map(({ status }) => status)).toEqual([403, 403, 200])
  })

  test('a refusal tells by how much, whoever asked', async () => {
    const own = runner()
    const nobody = { ...own, identity: { ...own.identity, accessKeyId: 'ASIAABCDEFGHIJKLMNOP' } }
    for (const asking of [
      assumeRole('arn:aws:iam::111122223333:role/none', own, 'eu-west-1', 's', calling()),
      describeCluster({ ...TARGET, name: 'none' }, own, calling()),
    ])
      expect(await evidenceOf(asking)).toMatchObject({ kind: 'refused', clockSkewSeconds: HOUR_BEHIND })
    // Each without the SDK if it can be, then by the wrong clock, then by the right one: and no more of a refusal.
    expect(stage.aws.requests.map(({ service }) => service).sort()).toEqual([
      'eks',
      'eks',
      'eks',
      'sts',
      'sts',
    ])
    const denied = createRole(stage.aws, 'denied')
    const asked = stage.aws.requests.length
    const denial = describeCluster(TARGET, runner(denied), calling())
    expect(await evidenceOf(denial)).toMatchObject({ code: 'AccessDeniedException' })
    expect(stage.aws.requests.slice(asked)).toHaveLength(3)
    // Dates are looked at before keys.
    expect(await evidenceOf(describeCluster(TARGET, nobody, calling()))).toMatchObject({
      code: 'UnrecognizedClientException',
      clockSkewSeconds: HOUR_BEHIND,
    })
  })

  test('AWS tells the time to who asks for nothing else', async () => {
    expect(await askClock('eu-west-1', calling())).toEqual(HOUR_BEHIND)
    delete process.env.AWS_ENDPOINT_URL_EKS
    expect(await askClock('eu-west-1', calling())).toEqual(HOUR_BEHIND)
    expect(stage.aws.proxy.connects).toMatchObject([{ host: 'eks.eu-west-1.amazonaws.com' }])
    stage.aws.clock.offsetSeconds = 0
    expect(await askClock('eu-west-1', calling())).toBe(0)
  })
})

test('an answer of a first try without the SDK tells of the clock, too', async () => {
  const stage = await enter()
  const role = createRole(stage.aws, 'runner', ALLOW_DESCRIBE)
  stage.aws.putCluster({
    name: 'demo',
    region: 'eu-west-1',
    endpoint: 'https://127.0.0.1:6443',
    certificateAuthorityPem: stage.aws.caPem,
  })
  // EKS bears five minutes; a minute less is none that is off.
  stage.aws.clock.offsetSeconds = 240
  const cluster = await describeCluster(
    { name: 'demo', region: 'eu-west-1' },
    sessionOf(stage.aws, role),
    calling(),
  )
  expect(cluster).toHaveProperty('clockSkewSeconds', 0)
  expect(stage.aws.requests).toHaveLength(1)
  await stage.leave()
})
