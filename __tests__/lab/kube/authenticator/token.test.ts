import { stsHostsFor } from '../../../../lab/kube/authenticator/sts-hosts.ts'
import { readToken } from '../../../../lab/kube/authenticator/token.ts'
import { type Oddity, tokenOf } from './tokens.ts'

const credentials = { accessKeyId: 'AKIAABCDEFGHIJKLMNOP', secretAccessKey: 'x' }
const hosts = stsHostsFor('us-east-1')

function read(odd: Oddity) {
  return readToken(tokenOf(credentials, odd), hosts, Date.now())
}

test('a token is read as the call of STS that it stands for', () => {
  expect(read({})).toEqual({
    kind: 'call',
    call: {
      host: 'sts.us-east-1.amazonaws.com',
      target: expect.stringMatching(/^\/\?Action=GetCallerIdentity&.*&X-Amz-Signature=[0-9a-f]{64}$/),
      accessKeyId: 'AKIAABCDEFGHIJKLMNOP',
    },
  })
})

test('what STS is sent is byte for byte what was signed, but for the fragment', () => {
  const odd = { url: (url: string) => `${url.replace('2011-06-15', '2011%2d06-15+\u00fc')}#there` }
  const { call } = read(odd) as { call: { target: string } }
  expect(Buffer.from(call.target, 'latin1').toString()).toContain('&Version=2011%2d06-15+\u00fc&')
  expect(call.target).toMatch(/&X-Amz-Signature=[0-9a-f]{64}$/)
})

const parameter = (name: string, value: string | undefined): Oddity => ({ parameters: { [name]: value } })

test.each<[Oddity, RegExp]>([
  [{ token: token => token.padEnd(4_097, 'A') }, /too large/],
  [{ token: token => token.slice(1) }, /missing expected k8s-aws-v1\. prefix/],
  [{ token: token => `${token}=` }, /base64/],
  [{ token: token => `${token}/` }, /base64/],
  [{ token: () => 'k8s-aws-v1.AAAAA' }, /base64/],
  [{ url: url => `${url}\n` }, /control character/],
  [{ url: () => 'sts.us-east-1.amazonaws.com/?' }, /unexpected scheme/],
  [{ url: url => url.replace('https', 'http') }, /unexpected scheme/],
  [{ url: url => url.replace('.com/', '.com:443/') }, /unexpected hostname .*:443/],
  [{ url: url => url.replace('://', '://me@') }, /unexpected hostname me@/],
  [{ url: url => url.replace('sts.', 'sTs.') }, /unexpected hostname sTs/],
  [{ host: 'sts.us-east-1.api.aws' }, /unexpected hostname/],
  [{ url: url => url.replace('/?', '/.?') }, /unexpected path/],
  [{ url: url => url.replace('/?', '?') }, /unexpected path/],
  [{ url: url => `${url};` }, /malformed query/],
  [{ url: url => `${url}&Version=%zz` }, /malformed query/],
  [{ url: url => `${url}&version=1` }, /duplicate query parameter found: version/],
  [parameter('X-Amz-Foo', ''), /non-whitelisted query parameter x-amz-foo/],
  [parameter('Action', 'AssumeRole'), /unexpected action/],
  [parameter('Action', undefined), /unexpected action/],
  [parameter('X-Amz-SignedHeaders', 'host'), /did not sign the x-k8s-aws-id header/],
  [parameter('X-Amz-SignedHeaders', undefined), /did not sign the x-k8s-aws-id header/],
  [parameter('X-Amz-Expires', '901'), /X-Amz-Expires/],
  [parameter('X-Amz-Expires', '-1'), /X-Amz-Expires/],
  [parameter('X-Amz-Expires', ''), /X-Amz-Expires/],
  [parameter('X-Amz-Date', undefined), /error parsing X-Amz-Date/],
  [parameter('X-Amz-Date', '20260230T000000Z'), /error parsing X-Amz-Date/],
  [{ age: 15.1 }, /expired/],
])('a token is refused for what is wrong with it: %#', (odd, reason) => {
  expect(read(odd)).toEqual({ kind: 'refused', reason: expect.stringMatching(reason) })
})

test('a token is refused by every check before its age is looked at', () => {
  expect(read({ age: 60, ...parameter('Action', 'x') })).toMatchObject({
    reason: expect.stringMatching(/action/),
  })
})

test('the hosts are those of the partition, with the cluster’s own however new it is', () => {
  expect(stsHostsFor('eu-west-1')).toEqual(hosts)
  expect(hosts.size).toBe(33)
  expect(hosts).not.toContain('sts.mx-central-1.amazonaws.com')
  expect(stsHostsFor('mx-central-1')).toEqual(new Set([...hosts, 'sts.mx-central-1.amazonaws.com']))
  expect(stsHostsFor('cn-north-1')).toEqual(
    new Set(['sts.cn-north-1.amazonaws.com.cn', 'sts.cn-northwest-1.amazonaws.com.cn']),
  )
  expect(stsHostsFor('us-gov-east-1')).toEqual(
    new Set(['sts.us-gov-east-1.amazonaws.com', 'sts.us-gov-west-1.amazonaws.com']),
  )
})
