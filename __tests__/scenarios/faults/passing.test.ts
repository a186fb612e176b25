import type { Fault } from '../../../lab/aws/faults.ts'
import { openGate } from '../../../lab/kube/gate.ts'
import { PATIENCE } from '../scenario.ts'
import { type Place, places } from './places.ts'

const there = places()
const { at, PLACES, login, describedBy } = there

/* What can pass. */

const PASSING: Fault[] = [
  { kind: 'throttle' },
  { kind: 'server-error', status: 503 },
  { kind: 'reset' },
  { kind: 'cut', framing: 'length' },
  { kind: 'cut', framing: 'chunks' },
]

test.each<Place>(['STS', 'EKS', 'API server'])(
  'throttling, a server error, a reset and answers that are cut off pass by themselves, one after the other, at the %s',
  async place => {
    const orders = PASSING.map(fault => PLACES[place].order(fault, 1))
    describedBy(there.gate.endpoint, there.gate.caPem)
    const inputs = place === 'STS' ? { 'assume-role-arn': await readerRole() } : {}
    const env = place === 'STS' ? { AWS_ENDPOINT_URL_STS: at.lab.aws.stsEndpoint } : {}
    const { report, code } = await login({ timeout: '30', ...inputs }, env as Record<string, string>)
    expect(report.failures).toEqual([])
    expect(code).toBe(0)
    expect(orders.map(({ hits }) => hits)).toEqual(PASSING.map(() => 1))
  },
  PATIENCE,
)

test.each<Place>(['metadata', 'container'])(
  'they pass at the %s, one a login',
  async place => {
    for (const fault of PASSING) {
      const order = PLACES[place].order(fault, 1)
      expect(await PLACES[place].login()).toMatchObject({ code: 0 })
      expect(order.hits).toBe(1)
    }
  },
  PATIENCE,
)

test(
  'they pass at an API server that speaks HTTP/1.1 alone',
  async () => {
    const older = await openGate(at.cluster, { http2: false })
    there.end(older.stop)
    const orders = PASSING.map(fault => older.fail({ times: 1 }, fault))
    describedBy(older.endpoint, older.caPem)
    expect(await login({ timeout: '30' })).toMatchObject({ code: 0 })
    expect(orders.map(({ hits }) => hits)).toEqual(PASSING.map(() => 1))
  },
  PATIENCE,
)

async function readerRole(): Promise<string> {
  const { identities } = at.lab.aws
  const { arn } = identities.createRole({
    name: `reader-${performance.now()}`,
    trust: { Statement: [{ Effect: 'Allow', Principal: { AWS: at.role.arn }, Action: 'sts:AssumeRole' }] },
    policies: {
      describe: { Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' }] },
    },
  })
  const assume = { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: arn } as const
  identities.putPolicy(at.role.arn, 'assume', { Statement: [assume] })
  return arn
}
