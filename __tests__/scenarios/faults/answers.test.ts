import type { Fault } from '../../../lab/aws/faults.ts'
import { PATIENCE } from '../scenario.ts'
import { json, MB, type Place, page, places } from './places.ts'

const { at, PLACES, login, expectOneFailure } = places()

/* What is no answer to the question. */

const SHAPES: Record<string, Fault> = {
  'a captive portal\u2019s page': page(200),
  'the same page as a refusal': page(403),
  '10 MB of blanks': json(' '.repeat(10 * MB)),
  nothing: json(''),
  'half a document': json('{"cluster":{"na'),
  null: json('null'),
  'a list': json('[]'),
  'a number': json('5'),
  'a text': json('"x"'),
  'an object without fields': json('{}'),
  'nesting beyond measure': json('['.repeat(100_000)),
  'a document in JSON nested beyond measure': json('{"a":'.repeat(50_000) + 1 + '}'.repeat(50_000)),
  'a prototype': json(
    '{"__proto__":{"cluster":{"status":"ACTIVE"},"status":{"allowed":true},"AccessKeyId":"x"}}',
  ),
  'fields of null': json('{"cluster":null,"status":null,"groups":null,"AccessKeyId":null,"Expiration":null}'),
  'numbers for texts': json(
    '{"cluster":{"arn":2,"status":"ACTIVE","endpoint":3,"certificateAuthority":{"data":4},"version":5},"status":{"userInfo":6,"allowed":1},"AccessKeyId":7,"SecretAccessKey":8,"Token":9,"Expiration":10}',
  ),
  'fields that stand there twice': json(
    '{"cluster":{"status":"ACTIVE"},"cluster":{"status":7},"status":{},"status":7}',
  ),
}

test.each<[Place, string]>([
  ['container', 'EKS102'],
  ['STS', 'EKS214'],
  ['EKS', 'EKS214'],
  ['API server', 'EKS605'],
])(
  'the %s answers what is no answer of it',
  async (place, code) => {
    for (const fault of Object.values(SHAPES)) {
      const order = PLACES[place].order(fault)
      await expectOneFailure(await PLACES[place].login(), code)
      order.cancel()
    }
  },
  PATIENCE,
)

test(
  'the metadata address answers what is no answer of it: at first, and to the last question',
  async () => {
    const { 'a captive portal\u2019s page': portal, ...shapes } = SHAPES
    const order = PLACES.metadata.order(portal as Fault)
    await expectOneFailure(await login(), 'EKS112')
    order.cancel()
    for (const fault of Object.values(shapes)) {
      const order = at.lab.aws.fail({ service: 'imds', operation: 'GetCredentials' }, fault)
      await expectOneFailure(await login(), 'EKS102')
      order.cancel()
    }
  },
  PATIENCE,
)

test.each([
  ['an endpoint that is no URL', { endpoint: 'nonsense' }],
  ['an endpoint without TLS', { endpoint: 'http://127.0.0.1:1' }],
  ['a certificate authority that is none', { certificateAuthority: { data: 'AAAA' } }],
])(
  'EKS describes the cluster by %s',
  async (_what, odd) => {
    const { arn, endpoint, caPem } = at.cluster
    const data = Buffer.from(caPem).toString('base64')
    const cluster = {
      arn,
      status: 'ACTIVE',
      endpoint,
      certificateAuthority: { data },
      version: '1.37',
      ...odd,
    }
    PLACES.EKS.order(json(JSON.stringify({ cluster })))
    await expectOneFailure(await login(), 'EKS214')
  },
  PATIENCE,
)

test(
  'a right answer of another content type is a right answer',
  async () => {
    const { arn, endpoint, caPem } = at.cluster
    const data = Buffer.from(caPem).toString('base64')
    const cluster = { arn, status: 'ACTIVE', endpoint, certificateAuthority: { data }, version: '1.37' }
    const body = JSON.stringify({ cluster })
    PLACES.EKS.order({
      kind: 'other',
      answer: { status: 200, headers: { 'content-type': 'text/plain' }, body },
    })
    expect(await login()).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'half of an answer with a secret in it is told to nobody',
  async () => {
    const expires = new Date(Date.now() + 3_600_000)
    const { secretAccessKey } = at.lab.aws.identities.issueSession(at.role, { name: 'half', expires })
    // Where parsers quote what they stumble over.
    for (const body of [
      `{"SecretAccessKey":${secretAccessKey}`,
      `${secretAccessKey}`,
      `{"${secretAccessKey}":1,}`,
    ]) {
      const metadata = at.lab.aws.fail({ service: 'imds', operation: 'GetCredentials' }, json(body))
      await expectOneFailure(await login(), 'EKS102')
      metadata.cancel()
      const container = PLACES.container.order(json(body))
      await expectOneFailure(await PLACES.container.login(), 'EKS102')
      container.cancel()
    }
    const xml = `<AssumeRoleResponse><AssumeRoleResult><Credentials><SecretAccessKey>${secretAccessKey}<`
    PLACES.STS.order(json(xml))
    await expectOneFailure(await PLACES.STS.login(), 'EKS214')
  },
  PATIENCE,
)
