import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTlsServer, get } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listen } from '../lab/aws/server.ts'
import { createAuthority } from '../lab/certificates.ts'
import { awsAgent, environmentProxy, ProxyRefusal, proxySetting, tunnel } from '../src/network.ts'
import { posixOnly } from './systems.ts'

const NAMES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap(name => [
  name,
  name.toLowerCase(),
])
const before = { ...process.env }
beforeEach(() => {
  for (const name of NAMES) delete process.env[name]
})
afterAll(() => {
  for (const name of NAMES) delete process.env[name]
  Object.assign(process.env, before)
})

const URL_OF_EKS = 'https://eks.eu-west-1.amazonaws.com'

test.each([
  [{}, null],
  [{ HTTPS_PROXY: 'http://a:1' }, 'http://a:1'],
  [{ ALL_PROXY: 'http://c:1' }, null],
  [{ HTTPS_PROXY: 'http://a:1', ALL_PROXY: 'http://c:1' }, 'http://a:1'],
  [{ HTTP_PROXY: 'http://d:1' }, null],
  [{ HTTPS_PROXY: 'a:1' }, 'http://a:1'],
  [{ HTTPS_PROXY: 'https://a' }, 'https://a'],
  [{ HTTPS_PROXY: 'http://a:1', NO_PROXY: '*' }, null],
  [{ HTTPS_PROXY: 'http://a:1', NO_PROXY: 'x.example, .amazonaws.com' }, null],
  [{ HTTPS_PROXY: 'http://a:1', no_proxy: 'eks.eu-west-1.amazonaws.com' }, null],
  [{ HTTPS_PROXY: 'http://a:1', NO_PROXY: 'eks.eu-west-1.amazonaws.com:8443' }, 'http://a:1'],
  [{ HTTPS_PROXY: 'http://a:1', NO_PROXY: 'eks.eu-west-2.amazonaws.com' }, 'http://a:1'],
])('with %j, the proxy is %s', (env, proxy) => {
  Object.assign(process.env, env)
  expect(environmentProxy(URL_OF_EKS)?.origin ?? null).toBe(proxy)
})

// To Windows they are one variable.
posixOnly('of the variable in both cases, the lower one counts', () => {
  Object.assign(process.env, { https_proxy: 'http://a:1', HTTPS_PROXY: 'http://b:1' })
  expect(environmentProxy(URL_OF_EKS)?.origin).toBe('http://a:1')
})

test.each([
  ['http://me:hunter2@:3128', 'http://***@:3128'],
  ['http://me:hun/ter2@proxy', 'http://***@proxy'],
  ['me:%zz@proxy', '***@proxy'],
  ['http://', 'http://'],
])('%s is no proxy, which is told without its password', (text, told) => {
  process.env.HTTPS_PROXY = text
  expect(() => environmentProxy(URL_OF_EKS)).toThrow(
    expect.objectContaining({
      code: 'ERR_PROXY_URL',
      proxy: told,
      message: expect.stringMatching(/^HTTPS_PROXY is not/i),
    }),
  )
  expect(proxySetting(URL_OF_EKS)).toMatchObject({ url: told, credentials: false, used: true })
  expect(proxySetting(URL_OF_EKS, text)).toMatchObject({ url: told, setBy: 'proxy-url' })
})

test('AWS_CA_BUNDLE that cannot be read is the error of the file system', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'network-'))
  expect(() => awsAgent({ AWS_CA_BUNDLE: join(folder, 'none') })).toThrow(/ENOENT/)
  await rm(folder, { recursive: true })
})

test('a tunnel asks for host and port, IPv6 in brackets, with the credentials of the proxy\u2019s URL', async () => {
  const asked: unknown[] = []
  const proxy = await listen(
    createServer().on('connect', ({ url, headers }, socket) => {
      asked.push([url, headers.host, headers['proxy-authorization']])
      socket.end('HTTP/1.1 200 OK\r\n\r\n')
    }),
  )
  const url = new URL(`http://m%40e:p%3Ass@127.0.0.1:${proxy.port}`)
  for (const host of ['api.example', '::1']) (await tunnel(url, host, 6443)).destroy()
  const basic = `Basic ${Buffer.from('m@e:p:ss').toString('base64')}`
  expect(asked).toEqual([
    ['api.example:6443', 'api.example:6443', basic],
    ['[::1]:6443', '[::1]:6443', basic],
  ])
  await proxy.stop()
})

test.each([302, 403, 407, 502])(
  'a proxy that answers %i has refused, and its password is not told',
  async status => {
    const proxy = await listen(
      createServer().on('connect', (_request, socket) => socket.end(`HTTP/1.1 ${status} No\r\n\r\n`)),
    )
    const error = await tunnel(
      new URL(`http://me:hunter2@127.0.0.1:${proxy.port}`),
      'api.example',
      443,
    ).catch(error => error)
    expect(error).toBeInstanceOf(ProxyRefusal)
    expect(error).toMatchObject({ status, proxy: `http://127.0.0.1:${proxy.port}` })
    expect(error.message).not.toContain('hunter2')
    await proxy.stop()
  },
)

test('a proxy that is to be spoken TLS with is trusted as any server is', async () => {
  const authority = await createAuthority('Nobody knows')
  const proxy = await listen(createTlsServer(await authority.issue(['127.0.0.1'])))
  const url = `https://127.0.0.1:${proxy.port}`
  await expect(tunnel(new URL(url), 'api.example', 443)).rejects.toMatchObject({
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    proxy: url,
  })
  await proxy.stop()
})

test.each(['http://127.0.0.1', 'https://127.0.0.1'])(
  'a proxy without a port is asked at that of its scheme: %s',
  async url => {
    // Whatever is there, or is not, is none that tunnels.
    await expect(tunnel(new URL(url), 'api.example', 443)).rejects.toMatchObject({ proxy: url })
  },
)

test('an agent asks the proxy of the environment for a host of IPv6 as for any', async () => {
  const asked: unknown[] = []
  const proxy = await listen(
    createServer().on('connect', ({ url }, socket) => {
      asked.push(url)
      socket.end('HTTP/1.1 403 No\r\n\r\n')
    }),
  )
  process.env.HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`
  const agent = awsAgent({})
  const request = get({ host: '::1', port: 6443, agent })
  const [error] = await once(request, 'error')
  expect(error).toBeInstanceOf(ProxyRefusal)
  expect(asked).toEqual(['[::1]:6443'])
  agent.destroy()
  await proxy.stop()
})

test('a proxy that hangs up, or speaks something else, is an error', async () => {
  for (const say of ['', 'SSH-2.0-OpenSSH\r\n']) {
    const server = createTcpServer(socket =>
      socket
        .on('error', () => {})
        .resume()
        .end(say),
    )
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await expect(tunnel(new URL(`http://127.0.0.1:${port}`), 'api.example', 443)).rejects.toMatchObject({
      code: expect.stringMatching(/ECONNRESET|HPE_/),
    })
    await new Promise(resolve => server.close(resolve))
  }
})
