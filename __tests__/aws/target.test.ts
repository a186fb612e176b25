import { locate } from '../../src/aws/target.ts'
import { enter, evidenceOf, type Stage } from './stage.ts'

let stage: Stage
beforeEach(async () => {
  stage = await enter({ instance: { region: 'ap-south-1' } })
})
afterEach(() => stage.leave())

const ARN = { name: 'prod', arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod', region: 'eu-west-1' }

test('an ARN gives its own region, and a name the region that was given: nobody is asked', async () => {
  expect(await locate([ARN, { name: 'demo' }], 'us-east-2', process.env)).toEqual([
    ARN,
    { name: 'demo', region: 'us-east-2' },
  ])
  expect(await locate([ARN], undefined, process.env)).toEqual([ARN])
  expect(stage.aws.requests).toEqual([])
})

test('without a region, the instance gives its own, asked once with a session token', async () => {
  const targets = await locate([{ name: 'a' }, { name: 'b' }], undefined, process.env)
  expect(targets).toEqual([
    { name: 'a', region: 'ap-south-1' },
    { name: 'b', region: 'ap-south-1' },
  ])
  expect(stage.aws.requests.map(({ operation }) => operation)).toEqual(['PutToken', 'GetPlacement'])
})

test('an endpoint with a slash at its end is the same', async () => {
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `${stage.aws.metadataEndpoint}/` }
  expect(await locate([{ name: 'a' }], undefined, env)).toEqual([{ name: 'a', region: 'ap-south-1' }])
})

describe('no region is evidence in words', () => {
  test.each([
    ['metadata is off here', { AWS_EC2_METADATA_DISABLED: 'TRUE' }, /AWS_EC2_METADATA_DISABLED is true/],
    [
      'nobody listens',
      { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1' },
      /127\.0\.0\.1:1.*(bad port|ECONNREFUSED)/,
    ],
  ])('%s', async (_why, env, message) => {
    const evidence = await evidenceOf(locate([{ name: 'a' }], undefined, { ...process.env, ...env }))
    expect(evidence).toEqual({
      kind: 'no-region',
      asked: '/latest/meta-data/placement/region',
      message: expect.stringMatching(message),
    })
  })

  test.each([
    ['turned off', { access: 'disabled' }, /answered 403/],
    ['beyond a hop too many', { hops: 1 }, /answered 401, asked without a token, for .*timeout/],
  ] as const)('the instance\u2019s metadata is %s', async (_why, changed, message) => {
    Object.assign(stage.aws.instance, changed)
    const evidence = await evidenceOf(locate([{ name: 'a' }], undefined, process.env))
    expect(evidence).toMatchObject({ kind: 'no-region', message: expect.stringMatching(message) })
  })

  test('metadata answers with an error', async () => {
    stage.aws.fail({ service: 'imds', operation: 'GetPlacement' }, { kind: 'server-error', status: 500 })
    const evidence = await evidenceOf(locate([{ name: 'a' }], undefined, process.env))
    expect(evidence).toMatchObject({
      kind: 'no-region',
      message: expect.stringContaining('placement/region answered 500'),
    })
  })

  test('a captive portal answers in its place', async () => {
    stage.aws.fail({ service: 'imds', operation: 'GetPlacement' }, { kind: 'html' })
    expect(await evidenceOf(locate([{ name: 'a' }], undefined, process.env))).toMatchObject({
      kind: 'no-region',
    })
  })
})
