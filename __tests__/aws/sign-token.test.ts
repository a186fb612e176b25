import fc from 'fast-check'
import { verifySignature } from '../../lab/aws/signature.ts'
import { signToken, type TokenClaims } from '../../src/aws/sign-token.ts'
import { ask } from '../lab/aws/ask.ts'
import { createRole, enter, type Stage, sessionOf } from './stage.ts'

const KEYS = {
  accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: 'AQoDYXdzEJr//+=!()*~',
}
const CLAIMS: TokenClaims = {
  identity: KEYS,
  region: 'eu-west-1',
  host: 'sts.eu-west-1.amazonaws.com',
  cluster: 'demo',
}
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

function urlOf(token: string): string {
  expect(token).toMatch(/^k8s-aws-v1\.[\w-]+$/)
  return Buffer.from(token.replace('k8s-aws-v1.', ''), 'base64url').toString()
}

test('a token of known keys at a known time is the one that AWS CLI 1.46.3 made of them', () => {
  const query = [
    'Action=GetCallerIdentity',
    'Version=2011-06-15',
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
    'X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20260102%2Feu-west-1%2Fsts%2Faws4_request',
    'X-Amz-Date=20260102T030405Z',
    'X-Amz-Expires=60',
    'X-Amz-SignedHeaders=host%3Bx-k8s-aws-id',
    'X-Amz-Security-Token=AQoDYXdzEJr%2F%2F%2B%3D%21%28%29%2A~',
    'X-Amz-Signature=ebb1ba870797143ddb4d761d0bc7b1b2f3cea80530679f983663a352efd5f47d',
  ]
  const { token } = signToken(CLAIMS, NOW)
  expect(urlOf(token)).toBe(`https://sts.eu-west-1.amazonaws.com/?${query.join('&')}`)
})

test('long-lived keys have no session token to tell', () => {
  const claims = {
    identity: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: KEYS.secretAccessKey },
    region: 'us-gov-west-1',
    host: 'sts-fips.us-gov-west-1.api.aws',
    cluster: '11111111-2222-3333-4444-555555555555',
  }
  const { host, searchParams } = new URL(urlOf(signToken(claims, NOW).token))
  expect(host).toBe(claims.host)
  expect(searchParams.has('X-Amz-Security-Token')).toBe(false)
  // As AWS CLI 1.46.3 made it.
  expect(searchParams.get('X-Amz-Signature')).toBe(
    'c96a8ef8a0fe33f3caefc09b83d7d05056eec8d9b3d113b57535d33a4798cf4a',
  )
})

test.each([
  ['14 minutes from now', undefined, '2026-01-02T03:18:05Z'],
  ['14 minutes from now, for credentials that last longer', '2026-01-02T04:00:00Z', '2026-01-02T03:18:05Z'],
  ['when the credentials end, if that is earlier', '2026-01-02T03:09:59.999Z', '2026-01-02T03:09:59Z'],
])('a token is to be renewed %s', (_when, expiration, expected) => {
  const identity = { ...KEYS, ...(expiration ? { expiration: new Date(expiration) } : {}) }
  expect(signToken({ ...CLAIMS, identity }, NOW).expirationTimestamp).toBe(expected)
})

describe('STS', () => {
  let stage: Stage
  let arn: string
  let url: string
  beforeEach(async () => {
    stage = await enter()
    const role = createRole(stage.aws, 'runner')
    arn = `arn:aws:sts::${stage.aws.account}:assumed-role/runner/i-1`
    const { identity } = sessionOf(stage.aws, role)
    url = urlOf(signToken({ ...CLAIMS, identity }, Date.now()).token)
  })
  afterEach(() => stage.leave())

  const send = (url: string, cluster: string) =>
    ask(url, {
      proxy: stage.aws.env().HTTPS_PROXY ?? '',
      ca: stage.aws.caPem,
      headers: { 'x-k8s-aws-id': cluster },
    })

  test('knows who signed a token that comes with its cluster', async () => {
    const { status, body } = await send(url, 'demo')
    expect({ status, body }).toEqual({ status: 200, body: expect.stringContaining(`<Arn>${arn}</Arn>`) })
  })

  test('refuses it with another cluster', async () => {
    expect(await send(url, 'demo2')).toMatchObject({
      status: 403,
      body: expect.stringContaining('SignatureDoesNotMatch'),
    })
  })

  test('refuses it in another region', async () => {
    const elsewhere = url.replace('sts.eu-west-1.', 'sts.eu-west-3.')
    expect(await send(elsewhere, 'demo')).toMatchObject({ status: 403 })
  })
})

/* What the lab, which reads signatures from the receiving end, says of tokens of all kinds. */

// Of printable ASCII, all may be in a secret; the slash ends an access key's id.
const printable = fc.oneof(fc.stringMatching(/^[ -~]{1,80}$/), fc.stringMatching(/^[+/=!'()*~]{1,20}$/))
const claims = fc.record({
  identity: fc.record(
    {
      accessKeyId: fc.stringMatching(/^[!-.0-~]{1,40}$/),
      secretAccessKey: printable,
      sessionToken: printable,
    },
    { requiredKeys: ['accessKeyId', 'secretAccessKey'], noNullPrototype: true },
  ),
  region: fc.constantFrom('eu-west-1', 'us-gov-west-1', 'cn-north-1'),
  host: fc.domain(),
  cluster: fc.stringMatching(/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/),
})

function verdictOn({ identity, region, host, cluster }: TokenClaims, target: string): string {
  const rules = {
    service: 'sts',
    region,
    toleranceMinutes: 15,
    honoursExpires: true,
    mustBeSigned: ['x-k8s-aws-id'],
  }
  const { accessKeyId, secretAccessKey, sessionToken = null } = identity
  const key = { secretAccessKey, sessionToken, expires: null }
  const rawHeaders = ['Host', host, 'x-k8s-aws-id', cluster]
  const request = { method: 'GET', target, rawHeaders, body: Buffer.alloc(0) }
  const find = (id: string) => (id === accessKeyId ? key : undefined)
  return verifySignature(request, rules, find, new Date(NOW)).kind
}

const queryOf = (given: TokenClaims) => urlOf(signToken(given, NOW).token).replace(/^.*?\/\?/, '')

test('every token is valid, whatever keys, session token and cluster are made of', () => {
  fc.assert(
    fc.property(claims, given => {
      expect(verdictOn(given, `/?${queryOf(given)}`)).toBe('valid')
    }),
  )
})

test('no token is valid after a byte of its query was changed', () => {
  fc.assert(
    fc.property(claims, fc.nat(), fc.stringMatching(/^[!-~]$/), (given, position, byte) => {
      const query = queryOf(given)
      const at = position % query.length
      // Hexadecimal digits are the same in both cases.
      fc.pre(byte.toLowerCase() !== query[at]?.toLowerCase())
      expect(verdictOn(given, `/?${query.slice(0, at)}${byte}${query.slice(at + 1)}`)).not.toBe('valid')
    }),
  )
})
