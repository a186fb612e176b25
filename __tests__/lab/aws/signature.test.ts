import { findSignedValue, type SignedRequest, verifySignature } from '../../../lab/aws/signature.ts'

// The worked example of AWS's own documentation of the signing process.
const KEY = {
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: null,
  expires: null,
}
const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, ' +
  'SignedHeaders=content-type;host;x-amz-date, ' +
  'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7'
const RULES = {
  service: 'iam',
  region: 'us-east-1',
  toleranceMinutes: 5,
  honoursExpires: true,
  mustBeSigned: [],
}
const SIGNED_AT = new Date('2015-08-30T12:36:00Z')

function example(changes: Partial<SignedRequest> = {}, authorization = AUTHORIZATION): SignedRequest {
  return {
    method: 'GET',
    target: '/?Action=ListUsers&Version=2010-05-08',
    rawHeaders: [
      ...['Host', 'iam.amazonaws.com', 'X-Amz-Date', '20150830T123600Z'],
      ...['Content-Type', 'application/x-www-form-urlencoded; charset=utf-8', 'Authorization', authorization],
    ],
    body: Buffer.alloc(0),
    ...changes,
  }
}

function verify(request: SignedRequest, { rules = RULES, now = SIGNED_AT } = {}) {
  return verifySignature(request, rules, id => (id === 'AKIDEXAMPLE' ? KEY : undefined), now)
}

test('the example of the AWS documentation verifies', () => {
  expect(verify(example())).toEqual({ kind: 'valid', accessKeyId: 'AKIDEXAMPLE', region: 'us-east-1' })
})

test.each([
  ['another method', example({ method: 'POST' })],
  ['another query', example({ target: '/?Action=ListRoles&Version=2010-05-08' })],
  ['one parameter more', example({ target: '/?Action=ListUsers&Version=2010-05-08&X=' })],
  ['another path', example({ target: '/x?Action=ListUsers&Version=2010-05-08' })],
  ['another body', example({ body: Buffer.from('x') })],
  [
    'another signed header',
    example({
      rawHeaders: example().rawHeaders.map(text => (text === 'iam.amazonaws.com' ? 'x.test' : text)),
    }),
  ],
  ['another signature', example({}, AUTHORIZATION.replace('5d672d', '5d672e'))],
  ['a signature that is cut off', example({}, AUTHORIZATION.slice(0, -2))],
  ['a signature that is no hexadecimal', example({}, AUTHORIZATION.replace(/[^=]*$/, 'none'))],
])('%s does not match', (_what, request) => {
  const message = expect.stringMatching(/^The request signature we calculated does not match/)
  expect(verify(request)).toEqual({ kind: 'mismatch', message })
})

test('the order of query parameters does not matter', () => {
  expect(verify(example({ target: '/?Version=2010-05-08&Action=ListUsers' })).kind).toBe('valid')
})

test('a request is good for the tolerance before and after its date', () => {
  const at = (seconds: number) => verify(example(), { now: new Date(SIGNED_AT.getTime() + seconds * 1000) })
  expect(at(300).kind).toBe('valid')
  expect(at(-300).kind).toBe('valid')
  expect(at(301)).toEqual({
    kind: 'mismatch',
    message:
      'Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)',
  })
  expect(at(-301)).toEqual({
    kind: 'mismatch',
    message:
      'Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)',
  })
})

test.each([
  ['region', { region: 'eu-west-1' }, /^Credential should be scoped to a valid region/],
  ['service', { service: 'sts' }, /^Credential should be scoped to correct service: 'sts'/],
])('a scope of another %s is refused', (_what, change, message) => {
  const verdict = verify(example(), { rules: { ...RULES, ...change } })
  expect(verdict).toEqual({ kind: 'mismatch', message: expect.stringMatching(message) })
})

test('a scope of another day than the date is refused', () => {
  const verdict = verify(example({}, AUTHORIZATION.replace('/20150830/', '/20150829/')))
  expect(verdict).toEqual({
    kind: 'mismatch',
    message: expect.stringContaining("'20150829' != '20150830', from '20150830T123600Z'"),
  })
})

test('a region that does not exist is refused where any may come', () => {
  const request = example({}, AUTHORIZATION.replace('us-east-1', 'us-east-9'))
  expect(verify(request, { rules: { ...RULES, region: 'any' } }).kind).toBe('mismatch')
})

test('a header that must be signed is refused unsigned', () => {
  const rawHeaders = [...example().rawHeaders, 'X-Amz-Target', 'x', 'X-Odd', 'x']
  expect(verify(example({ rawHeaders }))).toEqual({
    kind: 'mismatch',
    message: expect.stringContaining('not signed: x-amz-target'),
  })
  const odd = [...example().rawHeaders, 'X-Odd', 'x']
  expect(verify(example({ rawHeaders: odd })).kind).toBe('valid')
  expect(
    verify(example({ rawHeaders: odd }), { rules: { ...RULES, mustBeSigned: ['x-odd'] as never[] } }).kind,
  ).toBe('mismatch')
})

test('the host must be signed', () => {
  const request = example({}, AUTHORIZATION.replace('content-type;host;', 'content-type;'))
  expect(verify(request)).toEqual({ kind: 'mismatch', message: expect.stringContaining("'Host'") })
})

test.each([
  ['no signature', '', 'missing'],
  ['an unknown algorithm', AUTHORIZATION.replace('HMAC-SHA256', 'HMAC-MD5'), 'incomplete'],
  ['no credential', AUTHORIZATION.replace('Credential=', 'Kredential='), 'incomplete'],
  ['half a credential', AUTHORIZATION.replace('/iam/aws4_request', ''), 'incomplete'],
  ['words', 'AWS4-HMAC-SHA256 whatever', 'incomplete'],
  ['an unknown key', AUTHORIZATION.replace('AKIDEXAMPLE', 'AKIDANOTHER'), 'unknown-key'],
])('%s is told apart', (_what, authorization, kind) => {
  const rawHeaders = authorization === '' ? example().rawHeaders.slice(0, 6) : undefined
  expect(verify(example(rawHeaders ? { rawHeaders } : {}, authorization)).kind).toBe(kind)
})

test.each([
  ['is found by the signature', 'host', ['sts.amazonaws.com', 'iam.amazonaws.com'], 'iam.amazonaws.com'],
  ['is not found among others', 'host', ['sts.amazonaws.com', 'IAM.amazonaws.com'], undefined],
  ['is not found under a name that was not signed', 'x-odd', ['', 'iam.amazonaws.com'], undefined],
])('what a header said when it was signed %s', (_what, name, values, found) => {
  const request = example({ rawHeaders: example().rawHeaders.slice(2) })
  expect(findSignedValue(request, name, values, () => KEY)).toBe(found)
  expect(findSignedValue(request, name, values, () => undefined)).toBeUndefined()
  expect(findSignedValue({ ...request, rawHeaders: [] }, name, values, () => KEY)).toBeUndefined()
})
