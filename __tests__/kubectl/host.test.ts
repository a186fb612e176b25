import { createServer } from 'node:net'
import { startProxy } from '../../lab/aws/proxy.ts'
import { listen } from '../../lab/aws/server.ts'
import { createAuthority } from '../../lab/certificates.ts'
import { type KubectlMirror, startKubectlMirror } from '../../lab/kubectl-mirror.ts'
import { openHost } from '../../src/kubectl/host.ts'
import { evidenceOf } from './stage.ts'

let mirror: KubectlMirror
let secure: KubectlMirror
const authority = await createAuthority('Mirror CA')
beforeEach(async () => {
  mirror = await startKubectlMirror()
  secure = await startKubectlMirror(await authority.issue(['mirror.example', '127.0.0.1']))
  for (const host of [mirror, secure])
    host.publish({ version: '1.37.2', platform: 'linux/amd64', content: Buffer.from('kubectl') })
})
const PROXY = ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']
const before = PROXY.map(name => [name, process.env[name]] as const)
afterEach(async () => {
  await Promise.all([mirror.stop(), secure.stop()])
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
})

const STABLE = 'release/stable-1.37.txt'

/** The newest 1.37 that a host names. */
async function ask(base: string, timeoutSeconds = 10): Promise<string> {
  const host = openHost(base, { timeoutSeconds, signal: new AbortController().signal })
  try {
    return await host.text(STABLE, 'any')
  } finally {
    host.close()
  }
}

const redirect = (from: KubectlMirror, location: string, times = 1) =>
  from.fail({ path: /./, times }, { kind: 'status', status: 302, headers: { location } })

test('a redirect is followed, as the official host leads to where its files are', async () => {
  redirect(mirror, `/${STABLE}?from=elsewhere`)
  mirror.fail(
    { path: /\?from/, times: 1 },
    { kind: 'status', status: 301, headers: { location: `/${STABLE}` } },
  )
  expect(await ask(mirror.url)).toBe('v1.37.2')
})

test('a redirect from HTTPS, or to another host without it, is not followed', async () => {
  const other = await startKubectlMirror()
  redirect(mirror, `${other.url}/${STABLE}`)
  expect(await evidenceOf(ask(mirror.url))).toMatchObject({
    kind: 'kubectl-unexpected',
    found: `a redirect to ${other.url}/${STABLE}`,
  })
  expect(other.requests).toEqual([])
  await other.stop()
})

test.each([
  ['nowhere', {}],
  ['what is no URL', { location: 'http://:0' }],
])('a redirect to %s is refused', async (_what, headers) => {
  mirror.fail({ path: /./ }, { kind: 'status', status: 307, headers })
  expect(await evidenceOf(ask(mirror.url))).toMatchObject({ found: 'a redirect to nowhere' })
})

test('redirects that never end are left', async () => {
  redirect(mirror, `/${STABLE}`, 100)
  expect(await evidenceOf(ask(mirror.url))).toMatchObject({ found: 'more than 5 redirects' })
  expect(mirror.requests).toHaveLength(6)
})

test('a certificate that nobody knows is refused, and asked for once', async () => {
  expect(await evidenceOf(ask(secure.url))).toMatchObject({
    kind: 'kubectl-unreachable',
    url: `${secure.url}/${STABLE}`,
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  })
  expect(secure.requests).toEqual([])
})

test('where nobody listens, it is told at once', async () => {
  const { port, stop } = await listen(createServer())
  await stop()
  const started = Date.now()
  expect(await evidenceOf(ask(`http://127.0.0.1:${port}`))).toMatchObject({ code: 'ECONNREFUSED' })
  expect(Date.now() - started).toBeLessThan(5000)
})

test('HTTPS_PROXY is the way to a host on HTTPS, but not past NO_PROXY, and never to one on HTTP', async () => {
  const proxy = await startProxy({ authority, credentials: null, answer: () => () => {} })
  process.env.HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`
  delete process.env.NO_PROXY
  await evidenceOf(ask('https://mirror.example'))
  expect(proxy.connects).toMatchObject([{ host: 'mirror.example', port: 443, outcome: 'refused' }])
  proxy.route('mirror.example', secure.port)
  // It is reached: what is wrong now is its certificate.
  expect(await evidenceOf(ask('https://mirror.example'))).toMatchObject({
    code: expect.stringMatching(/UNABLE|SELF/),
  })
  process.env.NO_PROXY = '127.0.0.1'
  await evidenceOf(ask(secure.url))
  expect(await ask(mirror.url)).toBe('v1.37.2')
  expect(proxy.connects).toHaveLength(2)
  await proxy.stop()
})

test('a proxy that refuses is told, and so is one that never answers', async () => {
  const proxy = await startProxy({ authority, credentials: null, answer: () => () => {} })
  process.env.HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`
  expect(await evidenceOf(ask('https://mirror.example'))).toMatchObject({
    kind: 'kubectl-unreachable',
    message: `the proxy http://127.0.0.1:${proxy.port} answered 502 to CONNECT mirror.example:443`,
  })
  await proxy.stop()
  const silent = await listen(createServer())
  process.env.HTTPS_PROXY = `http://127.0.0.1:${silent.port}`
  expect(await evidenceOf(ask('https://mirror.example', 1))).toMatchObject({
    kind: 'kubectl-timed-out',
    came: '0 bytes',
  })
  await silent.stop()
})
