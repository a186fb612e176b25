import { tellingUsage } from '../../lab/bench/processes.ts'
import { PATIENCE, PROVIDERS, scenario } from './scenario.ts'

// Fifty clusters in one step: names with an authenticator each, in front of one API server.

const neighbours = Array.from({ length: 49 }, (_, index) => `demo-${index + 2}`)
const names = ['demo', ...neighbours]
const at = scenario([{ name: 'demo', neighbours }])

test(
  'fifty clusters in one step are fifty contexts, credentials are sought once, and memory stays in bounds',
  async () => {
    const inputs = { 'cluster-name': names.join('\n'), 'token-provider': 'builtin' }
    const { env, told } = await tellingUsage(at.lab.env.HOME ?? '')
    const login = await at.login(inputs, { env })
    expect(login.report.failures).toEqual([])
    expect(login.code).toBe(0)
    expect(JSON.parse(login.outputs.contexts ?? '')).toEqual(names)
    expect(login.report.clusters.map(({ name, username }) => [name, username])).toEqual(
      names.map(name => [name, 'demo']),
    )
    const searches = at.lab.aws.requests.filter(({ operation }) => operation === 'GetCredentials')
    expect(searches).toHaveLength(1)
    const later = await at.list('namespaces', { context: 'demo-50' })
    expect(later).toMatchObject({ code: 0, stdout: expect.stringContaining('namespace/kube-system') })
    expect((await told()).megabytes).toBeLessThan(150)
  },
  PATIENCE,
)

test(
  'when one of many may not be described, the others are proven and nothing is written',
  async () => {
    const login = await at.login({
      'cluster-name': [...names.slice(0, 9), 'nowhere'].join(','),
      'token-provider': 'builtin',
    })
    expect(login.code).toBe(1)
    expect(login.report.failures.map(({ code, cluster }) => [code, cluster])).toEqual([['EKS201', 'nowhere']])
    expect(login.report.clusters.map(({ name }) => name)).toEqual(names.slice(0, 9))
    expect(login.env).toEqual({})
  },
  PATIENCE,
)

test.each(PROVIDERS)(
  'ten clusters by %s',
  async provider => {
    const inputs = { 'cluster-name': names.slice(0, 10).join('\n'), 'token-provider': provider }
    const login = await at.login(inputs)
    expect(login.report.failures).toEqual([])
    expect(JSON.parse(login.outputs.contexts ?? '')).toEqual(names.slice(0, 10))
  },
  PATIENCE,
)
