import { load } from 'js-yaml'
import { type LabProxy, startProxy } from '../../../lab/aws/proxy.ts'
import { createAuthority } from '../../../lab/certificates.ts'
import { type EndpointGate, startEndpointGate } from '../../../lab/endpoint-gate.ts'
import { serveHttps } from '../../../lab/kube/endpoint.ts'
import type { Failure } from '../../../src/diagnosis/failure.ts'
import { posixOnly } from '../../systems.ts'
import { expectFailure, type Login, PATIENCE, scenario } from '../scenario.ts'
import { onlyPaste } from './cure.ts'

const at = scenario()
let gate: EndpointGate
beforeAll(async () => {
  gate = await startEndpointGate(at.lab.aws, at.cluster)
}, PATIENCE)
// A runner in the VPC of the cluster, whose group the cluster's lets in.
beforeEach(() => {
  gate.set({})
  const [own = ''] = at.lab.aws.instance.network.securityGroupIds
  const rule = { protocol: 'tcp', fromPort: 443, toPort: 443, source: { group: own } }
  at.lab.aws.securityGroups.authorizeIngress('sg-0123456789abcdef0', rule)
})
afterAll(() => gate?.stop())

const SECRETS: Record<string, string> = { PROXY_USER: 'runner', PROXY_PASSWORD: 'hunter%402' }

/** The variables that the cure has the job set, as GitHub would set them. */
function variables(failure: Failure | undefined): Record<string, string> {
  const { env } = load(onlyPaste(failure as Failure, 'yaml')) as { env: Record<string, string> }
  const filled = (text: string) =>
    text.replace(/\$\{\{ secrets\.(\w+) \}\}/g, (_, name) => SECRETS[name] ?? '')
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, filled(value)]))
}

/** Fails with the code, and passes with what the cure has the job set. */
async function expectCured(env: Record<string, string>, code: string): Promise<Login> {
  const login = await at.login({}, { env })
  await expectFailure(login, at.runner, [code])
  const cure = variables(login.report.failures[0])
  expect(await at.login({}, { env: { ...env, ...cure } })).toMatchObject({ code: 0 })
  return login
}

posixOnly(
  'EKS301: a name that only the proxy resolves is reached once NO_PROXY names it no more',
  async () => {
    const NO_PROXY = '127.0.0.1,localhost,.lab.test'
    const login = await expectCured({ NO_PROXY }, 'EKS301')
    expect(login.log).toContain(at.lab.aws.proxy.port.toString())
  },
  PATIENCE,
)

posixOnly(
  'EKS305: a proxy that lets nobody through to the API server is kept out of the way by NO_PROXY',
  async () => {
    const { proxy } = at.lab.aws
    proxy.unroute(at.cluster.hostName)
    const HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`
    await expectCured({ ...gate.env, HTTPS_PROXY }, 'EKS305')
    proxy.route(at.cluster.hostName, at.cluster.port)
  },
  PATIENCE,
)

posixOnly(
  'EKS308: a proxy that is not there is kept out of the way by NO_PROXY',
  async () => {
    await expectCured({ ...gate.env, HTTPS_PROXY: 'http://127.0.0.1:1' }, 'EKS308')
  },
  PATIENCE,
)

posixOnly(
  'EKS304: a proxy that opens TLS is kept out of the way by NO_PROXY, and its CA is named',
  async () => {
    const authority = await createAuthority('Corp Inspection CA')
    const inspected = await serveHttps(await authority.issue([at.cluster.hostName]), () => ({
      status: 200,
      body: {},
    }))
    const proxy = await startProxy({ authority, credentials: null, answer: () => () => {} })
    proxy.route(at.cluster.hostName, inspected.port)
    const HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`
    const login = await expectCured({ ...gate.env, HTTPS_PROXY }, 'EKS304')
    expect(login.report.failures[0]?.cause).toContain('by Corp Inspection CA')
    await Promise.all([proxy.stop(), inspected.stop()])
  },
  PATIENCE,
)

describe('EKS311: a proxy that wants credentials', () => {
  let proxy: LabProxy
  beforeAll(async () => {
    proxy = await startProxy({
      authority: await createAuthority('Proxy CA'),
      credentials: { username: 'runner', password: 'hunter@2' },
      answer: () => (_request, response) => response.end(),
    })
    proxy.route(at.cluster.hostName, at.cluster.port)
  })
  afterAll(() => proxy?.stop())

  posixOnly.each([
    ['has none', ''],
    ['has others', 'runner:hunter1@'],
  ])(
    'and %s gets those that the job keeps as secrets',
    async (_what, credentials) => {
      const HTTPS_PROXY = `http://${credentials}127.0.0.1:${proxy.port}`
      const login = await expectCured({ HTTPS_PROXY }, 'EKS311')
      expect(login.log).toContain('Basic realm="lab"')
      expect(proxy.connects.map(({ outcome }) => outcome).slice(-2)).toEqual(['unauthorized', 'tunnelled'])
    },
    PATIENCE,
  )
})
