import { createServer as createHttpServer } from 'node:http'
import type { Fault } from '../../../lab/aws/faults.ts'
import { listen } from '../../../lab/aws/server.ts'
import { PATIENCE } from '../scenario.ts'
import { type Place, page, places, redirect } from './places.ts'

const there = places()
const { PLACES, expectOneFailure, askedDuring } = there

/* What does not pass. */

test.each<[Place, string, Fault, string]>([
  ['metadata', 'throttling', { kind: 'throttle' }, 'EKS102'],
  ['metadata', 'server errors', { kind: 'server-error', status: 500 }, 'EKS102'],
  ['metadata', 'resets', { kind: 'reset' }, 'EKS109'],
  ['metadata', 'half answers', { kind: 'cut', framing: 'length' }, 'EKS109'],
  ['metadata', 'answers that drip', { kind: 'drip', milliseconds: 500 }, 'EKS118'],
  ['metadata', 'an answer without an end', { kind: 'flood' }, 'EKS112'],
  ['container', 'throttling', { kind: 'throttle' }, 'EKS102'],
  ['container', 'server errors', { kind: 'server-error', status: 500 }, 'EKS102'],
  ['container', 'resets', { kind: 'reset' }, 'EKS102'],
  ['container', 'half answers', { kind: 'cut', framing: 'chunks' }, 'EKS102'],
  ['container', 'answers that drip', { kind: 'drip', milliseconds: 500 }, 'EKS118'],
  ['container', 'an answer without an end', { kind: 'flood' }, 'EKS102'],
  ['STS', 'server errors', { kind: 'server-error', status: 503 }, 'EKS213'],
  ['STS', 'answers that drip', { kind: 'drip', milliseconds: 500 }, 'EKS209'],
  ['STS', 'an answer without an end', { kind: 'flood' }, 'EKS214'],
  ['EKS', 'throttling', { kind: 'throttle' }, 'EKS206'],
  ['EKS', 'server errors', { kind: 'server-error', status: 500 }, 'EKS213'],
  ['EKS', 'a gateway\u2019s errors', page(502), 'EKS213'],
  ['EKS', 'resets', { kind: 'reset' }, 'EKS208'],
  ['EKS', 'half answers', { kind: 'cut', framing: 'length' }, 'EKS208'],
  ['EKS', 'answers that drip', { kind: 'drip', milliseconds: 500 }, 'EKS209'],
  ['EKS', 'an answer without an end', { kind: 'flood' }, 'EKS214'],
  ['API server', 'throttling', { kind: 'throttle' }, 'EKS606'],
  ['API server', 'server errors', { kind: 'server-error', status: 503 }, 'EKS606'],
  ['API server', 'a load balancer\u2019s errors', page(503), 'EKS606'],
  ['API server', 'resets', { kind: 'reset' }, 'EKS312'],
  ['API server', 'half answers', { kind: 'cut', framing: 'length' }, 'EKS312'],
  ['API server', 'chunks that end in their midst', { kind: 'cut', framing: 'chunks' }, 'EKS312'],
  ['API server', 'answers that drip', { kind: 'drip', milliseconds: 500 }, 'EKS312'],
  ['API server', 'an answer without an end', { kind: 'flood' }, 'EKS605'],
])(
  'the %s: %s that do not pass end the step',
  async (place, _what, fault, code) => {
    const order = PLACES[place].order(fault)
    await expectOneFailure(await PLACES[place].login(), code)
    expect(order.hits).toBeGreaterThan(0)
  },
  PATIENCE,
)

test.each<[Place, string, string[]]>([
  ['metadata', 'EKS107', ['PutToken', 'GetRoleName']],
  ['container', 'EKS102', ['GetCredentials']],
  ['STS', 'EKS210', ['AssumeRole']],
  ['EKS', 'EKS201', ['DescribeCluster']],
  ['API server', 'EKS604', ['/apis/authentication.k8s.io/v1/selfsubjectreviews', '/api']],
])(
  'a refusal of the %s is asked for once',
  async (place, code, operations) => {
    PLACES[place].order({ kind: 'denied' })
    const asked = await askedDuring(place, async () => {
      await expectOneFailure(await PLACES[place].login(), code)
    })
    // Beside it the diagnosis may ask something else, and nothing of this again.
    for (const operation of operations) expect(asked.filter(one => one === operation)).toEqual([operation])
  },
  PATIENCE,
)

test.each<[Place, string]>([
  ['metadata', 'EKS112'],
  ['container', 'EKS102'],
  ['STS', 'EKS214'],
  ['EKS', 'EKS214'],
  ['API server', 'EKS605'],
])(
  'the %s leads elsewhere, and nobody goes there with credentials',
  async (place, code) => {
    let asked = 0
    const { port, stop } = await listen(
      createHttpServer((_request, response) => {
        asked += 1
        response.end('{}')
      }),
    )
    there.end(stop)
    PLACES[place].order(redirect(`http://127.0.0.1:${port}/`))
    await expectOneFailure(await PLACES[place].login(), code)
    expect(asked).toBe(0)
  },
  PATIENCE,
)
