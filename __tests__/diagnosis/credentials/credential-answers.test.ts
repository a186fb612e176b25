import { refusedForCredentials } from '../../../src/diagnosis/credentials/credential-answers.ts'

const MISMATCH = 'The request signature we calculated does not match the signature you provided. Check'
const EXPIRED =
  'Signature expired: 20260102T030405Z is now earlier than 20260102T035905Z (20260102T040405Z - 5 min.)'
const EARLY =
  'Signature not yet current: 20260102T040405Z is still later than 20260102T030905Z (20260102T030405Z + 5 min.)'

function diagnose(code: string, message: string, more: object = {}) {
  const refused = { asked: 'eks:DescribeCluster', resource: 'demo', status: 403, code, message, ...more }
  return refusedForCredentials({ kind: 'refused', ...refused })
}

test.each<[string, string, object, string, RegExp]>([
  ['ExpiredTokenException', 'm', {}, 'EKS115', /session token of the credentials has expired/],
  ['ExpiredToken', 'm', {}, 'EKS115', /session token of the credentials has expired/],
  [
    'ExpiredTokenException',
    'm',
    { asked: 'sts:AssumeRoleWithWebIdentity' },
    'EKS115',
    /web identity token has expired/,
  ],
  // A key that is over is over by AWS's own clock.
  ['ExpiredTokenException', 'm', { clockSkewSeconds: 3600 }, 'EKS115', /expired/],
  ['UnrecognizedClientException', 'm', {}, 'EKS116', /does not know the access key/],
  ['InvalidClientTokenId', 'm', {}, 'EKS116', /does not know the access key/],
  ['InvalidSignatureException', MISMATCH, {}, 'EKS117', /signature does not match/],
  ['SignatureDoesNotMatch', MISMATCH, {}, 'EKS117', /signature does not match/],
  ['SignatureDoesNotMatch', MISMATCH, { clockSkewSeconds: 0 }, 'EKS117', /signature does not match/],
  ['InvalidSignatureException', MISMATCH, { clockSkewSeconds: 400 }, 'EKS117', /signature does not match/],
  ['InvalidSignatureException', EXPIRED, { clockSkewSeconds: -3599 }, 'EKS111', /3599 s behind/],
  ['InvalidSignatureException', EXPIRED, {}, 'EKS111', /3600 s behind/],
  ['SignatureDoesNotMatch', EARLY, {}, 'EKS111', /3600 s ahead/],
  [
    'SignatureDoesNotMatch',
    'Signature expired: long ago',
    {},
    'EKS111',
    /date of a signature is too far off/,
  ],
])('%s: %s %j is %s', (code, message, more, expected, cause) => {
  const diagnosis = diagnose(code, message, more)
  expect(diagnosis).toMatchObject({ code: expected, cause: expect.stringMatching(cause) })
  expect(diagnosis?.evidence[0]).toContain(`answered 403 ${code}: ${message}`)
  expect(diagnosis?.cure.length).toBeGreaterThan(0)
})

test.each([
  ['AccessDeniedException', 'm'],
  ['InvalidSignatureException', 'Credential should be scoped to a valid region. '],
])('%s: %s is about something else', (code, message) => {
  expect(diagnose(code, message)).toBeNull()
})

test('a clock that is off is left open where AWS finds another signature than ours', () => {
  const possibilities = (about: object) =>
    diagnose('SignatureDoesNotMatch', MISMATCH, about)?.otherwise?.map(({ cause }) => cause)
  expect(possibilities({ clockSkewSeconds: 400 })?.at(-1)).toContain('400 s ahead')
  expect(possibilities({ clockSkewSeconds: 0 })?.join()).not.toContain('clock')
})
