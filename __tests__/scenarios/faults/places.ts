import type { Fault, FaultOrder } from '../../../lab/aws/faults.ts'
import { type Gate, openGate } from '../../../lab/kube/gate.ts'
import { expectFailure, type Login, PATIENCE, scenario } from '../scenario.ts'

// What real networks do to each of the services that the action talks to: it retries what can pass, never a refusal,
// ends within its timeout with one failure, and leaves nothing behind.

export type Place = 'metadata' | 'container' | 'STS' | 'EKS' | 'API server'

/** The services, and how each is broken. */
export function places() {
  const at = scenario()
  let gate: Gate
  let endings: (() => Promise<unknown>)[]
  beforeAll(async () => {
    gate = await openGate(at.cluster)
  }, PATIENCE)
  afterAll(() => gate?.stop())
  beforeEach(() => {
    endings = []
  })
  afterEach(async () => {
    for (const end of endings) await end()
  })

  /** Where a place's faults are ordered, and how a login comes to ask there. */
  const PLACES: Record<
    Place,
    { order: (fault: Fault, times?: number) => FaultOrder; login: () => Promise<Login> }
  > = {
    metadata: { order: orderOf('imds'), login: () => login() },
    container: { order: orderOf('container'), login: async () => login({}, await inContainer()) },
    STS: {
      order: orderOf('sts'),
      login: () =>
        login({ 'assume-role-arn': at.role.arn }, { AWS_ENDPOINT_URL_STS: at.lab.aws.stsEndpoint }),
    },
    EKS: { order: orderOf('eks'), login: () => login() },
    'API server': {
      order: (fault, times) => ordered(gate.fail(times ? { times } : {}, fault)),
      login: () => behindGate(),
    },
  }

  /** By the builtin signer: a busy machine gives the AWS CLI no time to be ended by a short timeout. */
  const login = (inputs: Record<string, string> = {}, env: Record<string, string> = {}) =>
    at.login({ 'token-provider': 'builtin', timeout: '3', ...inputs }, { env })

  function orderOf(service: 'imds' | 'container' | 'sts' | 'eks') {
    return (fault: Fault, times?: number) =>
      ordered(at.lab.aws.fail({ service, ...(times ? { times } : {}) }, fault))
  }

  /** Until the test ends. */
  function ordered(order: FaultOrder): FaultOrder {
    endings.push(async () => order.cancel())
    return order
  }

  async function inContainer(): Promise<Record<string, string>> {
    const agent = 'pods.eks.amazonaws.com'
    const describe = { Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' } as const
    const role = at.lab.aws.identities.createRole({
      name: `pod-${performance.now()}`,
      trust: {
        Statement: [
          { Effect: 'Allow', Principal: { Service: agent }, Action: ['sts:AssumeRole', 'sts:TagSession'] },
        ],
      },
      policies: { describe: { Statement: [describe] } },
    })
    await at.cluster.mapRole(role.arn, 'demo')
    return { ...(await at.lab.aws.grantContainer({ roleArn: role.arn, agent, sessionName: 'pod-0' })) }
  }

  /** Makes EKS describe the cluster by the gate in front of it, until the test ends. */
  async function behindGate(inputs: Record<string, string> = {}): Promise<Login> {
    describedBy(gate.endpoint, gate.caPem)
    return login(inputs)
  }

  function describedBy(endpoint: string, certificateAuthorityPem: string): void {
    const { name, region, caPem, endpoint: own } = at.cluster
    const described = { name, region, version: '1.37' }
    at.lab.aws.putCluster({ ...described, endpoint, certificateAuthorityPem })
    endings.push(async () =>
      at.lab.aws.putCluster({ ...described, endpoint: own, certificateAuthorityPem: caPem }),
    )
  }

  async function expectOneFailure(login: Login, code: string): Promise<void> {
    await expectFailure(login, at.runner, [code])
    expect(login.timedOut).toBe(false)
    for (const { cause, evidence } of login.report.failures) {
      expect(cause).not.toContain('\n')
      expect(evidence.join('\n')).not.toMatch(/\n +at |Deserialization|\$response/)
    }
  }

  /** What was asked of a place during some work, by operation. */
  async function askedDuring(place: Place, work: () => Promise<unknown>): Promise<string[]> {
    const names = {
      metadata: 'imds',
      container: 'container',
      STS: 'sts',
      EKS: 'eks',
      'API server': 'kubernetes',
    }
    const log = () =>
      [...at.lab.aws.requests, ...gate.requests].filter(({ service }) => service === names[place])
    const before = log().length
    await work()
    return log()
      .slice(before)
      .map(({ operation }) => operation)
  }

  return {
    at,
    askedDuring,
    PLACES,
    login,
    behindGate,
    describedBy,
    expectOneFailure,
    /** In front of the API server. */
    get gate() {
      return gate
    },
    /** What is done when the test is over. */
    end(ending: () => Promise<unknown>) {
      endings.push(ending)
    },
  }
}

export const PORTAL = '<!DOCTYPE html><html><title>Sign in to the network</title></html>'
export const json = (body: string, status = 200): Fault => ({
  kind: 'other',
  answer: { status, headers: { 'content-type': 'application/json' }, body },
})
export const page = (status: number): Fault => ({
  kind: 'other',
  answer: { status, headers: { 'content-type': 'text/html' }, body: PORTAL },
})
export const redirect = (location: string): Fault => ({
  kind: 'other',
  answer: { status: 302, headers: { location }, body: '' },
})
export const MB = 2 ** 20
