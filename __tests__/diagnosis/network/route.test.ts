import { findRoute, findWay, hostOf, isInVpc, routeLines } from '../../../src/diagnosis/network/route.ts'
import type { Run } from '../../../src/run.ts'
import { calling, enter, type Stage } from '../../aws/stage.ts'

const VARIABLES = ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']
let before: NodeJS.ProcessEnv
beforeEach(() => {
  before = { ...process.env }
  for (const name of VARIABLES) delete process.env[name]
})
afterEach(() => {
  for (const name of VARIABLES) delete process.env[name]
  Object.assign(process.env, before)
})

test('through a proxy is a route of the proxy alone, without its password', async () => {
  process.env.HTTPS_PROXY = 'http://me:hunter2@127.0.0.1:3128'
  expect(await findRoute('eks.eu-west-1.amazonaws.com')).toEqual({
    route: { proxy: 'http://127.0.0.1:3128' },
  })
})

test.each(['http://me:hunter2@:3128', 'http://me:hun/ter2@proxy', 'http://me:%zz@proxy'])(
  'through what is no URL of a proxy is told without its password: %s',
  async text => {
    process.env.HTTPS_PROXY = text
    const { route } = await findRoute('eks.eu-west-1.amazonaws.com')
    expect(route?.proxy).toMatch(/^http:\/\/\*\*\*@/)
  },
)

test('past a proxy is a route to addresses', async () => {
  Object.assign(process.env, { HTTPS_PROXY: 'http://127.0.0.1:3128', NO_PROXY: 'localhost' })
  const { route } = await findRoute('https://localhost:8443/x')
  expect(route).toEqual({ noProxy: 'localhost', addresses: expect.arrayContaining(['127.0.0.1']) })
})

test('to an endpoint that speaks no TLS goes past every proxy', async () => {
  process.env.HTTPS_PROXY = 'http://127.0.0.1:3128'
  expect(await findRoute('http://127.0.0.1:8080')).toEqual({ route: {} })
})

test('to a name that nobody knows leads nowhere', async () => {
  // A part of it is longer than any may be: no resolver is asked.
  expect(await findRoute(`${'x'.repeat(64)}.test`)).toEqual({ route: { addresses: [] } })
})

test('to what is no host is none', async () => {
  expect(await findRoute('the search for credentials')).toEqual({})
})

describe('a runner', () => {
  let stage: Stage
  beforeEach(async () => {
    stage = await enter()
    delete process.env.HTTPS_PROXY
  })
  afterEach(() => stage.leave())

  const run = (): Run => ({ ...calling(5), time: (_name, work) => work, mask: async () => {} })

  test('that is an instance of the region tells where it is', async () => {
    const { region, network } = stage.aws.instance
    const found = await findWay('http://127.0.0.1:1', region, run())
    expect(found).toMatchObject({ route: {}, runner: { vpcId: network.vpcId } })
  })

  test.each<[string, string, NodeJS.ProcessEnv]>([
    ['of another region', 'eu-north-1', {}],
    ['that is no instance', 'us-east-1', { AWS_EC2_METADATA_DISABLED: 'true' }],
  ])('%s does not', async (_what, region, env) => {
    Object.assign(process.env, env)
    const found = await findWay('http://127.0.0.1:1', region, run())
    expect(found).toEqual({ route: { noProxy: '127.0.0.1,localhost' } })
  })

  test('that goes through a proxy, or to no host, is not asked', async () => {
    process.env.HTTPS_PROXY = 'http://127.0.0.1:3128'
    expect(await findWay('eks.us-east-1.amazonaws.com', 'us-east-1', run())).toMatchObject({
      route: { proxy: 'http://127.0.0.1:3128' },
    })
    expect(await findWay('the search', 'us-east-1', run())).toEqual({})
    expect(stage.aws.requests).toEqual([])
  })
})

test.each([
  [undefined, []],
  [{}, ['asked through no proxy']],
  [{ addresses: [] }, ['asked through no proxy', 'h resolves to no address']],
  [
    { proxy: 'http://p', noProxy: 'x' },
    ['asked through the proxy that HTTPS_PROXY names, http://p; NO_PROXY is x'],
  ],
])('%j is told as %j', (route, lines) => {
  expect(routeLines('h', route)).toEqual(lines)
})

test.each([
  [['10.0.3.4'], true],
  [['172.31.0.1', '192.168.1.1', '100.64.0.1', 'fd00::1'], true],
  [['10.0.3.4', '3.3.3.3'], false],
  [['2600::1'], false],
  [[], false],
])('%j leads into a VPC: %s', (addresses, expected) => {
  expect(isInVpc({ addresses })).toBe(expected)
  expect(isInVpc({})).toBe(false)
})

test('the host of a URL, and of a host', () => {
  expect(hostOf('https://a.b:1/c')).toBe('a.b')
  expect(hostOf('a.b')).toBe('a.b')
})
