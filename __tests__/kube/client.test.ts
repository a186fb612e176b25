import { lookup } from 'node:dns/promises'
import { createServer as createHttpServer } from 'node:http'
import { constants } from 'node:http2'
import {
  type AddressInfo,
  createServer as createTcpServer,
  connect as dial,
  type Server,
  type Socket,
} from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LabProxy, startProxy } from '../../lab/aws/proxy.ts'
import { listen } from '../../lab/aws/server.ts'
import { startBlackHole } from '../../lab/black-hole.ts'
import { createAuthority } from '../../lab/certificates.ts'
import { type ApiServer, openConnection } from '../../src/kube/client.ts'
import { type KubeEvidence, KubeProblem } from '../../src/kube/evidence.ts'
import { posixOnly } from '../systems.ts'
import { type Answer, type ApiStandIn, type Asked, startServer } from './server.ts'

const PROXY_NAMES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap(name => [
  name,
  name.toLowerCase(),
])
const environment = { ...process.env }
let endings: (() => Promise<unknown> | unknown)[]
let stopping: AbortController
beforeEach(() => {
  endings = []
  stopping = new AbortController()
  for (const name of PROXY_NAMES) delete process.env[name]
})
afterEach(async () => {
  stopping.abort()
  for (const end of endings.reverse()) await end()
  for (const name of PROXY_NAMES) delete process.env[name]
  Object.assign(process.env, environment)
})

const OK: Answer = () => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{}' })

async function serve(answer: Answer = OK, options?: Parameters<typeof startServer>[1]): Promise<ApiStandIn> {
  const server = await startServer(answer, options)
  endings.push(server.stop)
  return server
}

/** A server that does what it is told with each connection's bytes. */
async function serveTcp(handle: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createTcpServer(socket => {
    sockets.add(socket.on('error', () => {}))
    handle(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  endings.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise(resolve => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

function connect(server: Partial<ApiServer> & { server: string }, timeoutSeconds = 20) {
  const options = { timeoutSeconds, signal: stopping.signal }
  return openConnection({ certificateAuthority: '', ...server }, options)
}

const clientOf = ({ url, ca }: Pick<ApiStandIn, 'url' | 'ca'>, timeoutSeconds?: number) =>
  connect({ server: url, certificateAuthority: ca }, timeoutSeconds).as('the-token')

async function evidenceOf(work: Promise<unknown>): Promise<KubeEvidence> {
  const error: unknown = await work.then(
    () => 'no error',
    error => error,
  )
  if (error instanceof KubeProblem) return error.evidence
  throw new Error(`it is no problem of ours: ${error}`)
}

async function closed(server: ApiStandIn): Promise<void> {
  while (server.connections.open > 0) await sleep(5)
}

/** Answers in turn, the last for good. */
function inTurn(...answers: ReturnType<Answer>[]): Answer {
  let next = 0
  return () => answers[Math.min(next++, answers.length - 1)]
}

describe.each([
  ['HTTP/2', true, '2.0'],
  ['HTTP/1.1', false, '1.1'],
])('over %s', (_name, http2, version) => {
  test('a request is sent as an API server wants it, and its answer read', async () => {
    const server = await serve(
      () => ({ status: 201, headers: { 'content-type': 'application/json; x=y' }, body: '{"ä":1}' }),
      {
        http2,
      },
    )
    const api = clientOf(server)
    const body = { kind: 'Review', name: 'ünï' }
    const answer = await api.request('POST', '/apis/x?y=z', { body, accept: 'application/json;g=1' })
    expect(answer).toMatchObject({ status: 201, contentType: 'application/json; x=y', body: '{"ä":1}' })
    expect(server.asked).toMatchObject([
      {
        method: 'POST',
        path: '/apis/x?y=z',
        version,
        body: JSON.stringify(body),
        headers: {
          authorization: 'Bearer the-token',
          accept: 'application/json;g=1',
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(JSON.stringify(body))),
        },
      },
    ])
    await api.request('GET', '/api')
    const { headers, body: nothing } = server.asked[1] as Asked
    expect([headers.accept, headers['content-type'], nothing]).toEqual(['application/json', undefined, ''])
  })

  test('a path in the server\u2019s URL comes before the path that is asked for', async () => {
    const server = await serve(OK, { http2 })
    for (const url of [`${server.url}/k8s/c-1`, `${server.url}/k8s/c-1/`]) {
      await clientOf({ ...server, url }).request('GET', '/version')
    }
    expect(server.asked.map(({ path }) => path)).toEqual(['/k8s/c-1/version', '/k8s/c-1/version'])
  })

  test('many requests at once take one connection, of which the first opens before anybody asks', async () => {
    const server = await serve(OK, { http2 })
    const connection = connect({ server: server.url, certificateAuthority: server.ca })
    while (server.connections.all === 0) await sleep(5)
    const api = connection.as('t')
    const answers = await Promise.all(
      Array.from({ length: 150 }, (_, index) => api.request('GET', `/${index}`)),
    )
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(new Set(server.asked.map(({ path }) => path)).size).toBe(150)
    expect(server.connections).toEqual({ all: 1, open: 1 })
  })

  test('nothing is open once it is closed', async () => {
    const server = await serve(OK, { http2 })
    const api = clientOf(server)
    await api.request('GET', '/')
    api.close()
    await closed(server)
    expect(server.connections.all).toBe(1)
  })

  test('nothing is open once it is called off, though nobody had asked', async () => {
    const server = await serve(OK, { http2 })
    connect({ server: server.url, certificateAuthority: server.ca })
    while (server.connections.all === 0) await sleep(5)
    stopping.abort(new Error('over'))
    await closed(server)
  })

  test.each([429, 500, 502, 503, 504])('%i passes, and is asked again', async status => {
    const server = await serve(inTurn({ status }, { status }, { status: 200, body: 'x' }), { http2 })
    expect(await clientOf(server).request('POST', '/', { body: {} })).toMatchObject({
      status: 200,
      body: 'x',
    })
    expect(server.asked).toHaveLength(3)
    expect(server.connections.all).toBe(1)
  })

  test.each([400, 401, 403, 404, 409, 422])('%i is an answer, and not asked again', async status => {
    const server = await serve(() => ({ status, body: 'no' }), { http2 })
    expect(await clientOf(server).request('GET', '/')).toMatchObject({ status, body: 'no' })
    expect(server.asked).toHaveLength(1)
  })

  test('what stays wrong is the answer in the end', async () => {
    const server = await serve(() => ({ status: 503, body: 'still' }), { http2 })
    expect(await clientOf(server).request('GET', '/')).toMatchObject({ status: 503, body: 'still' })
    expect(server.asked).toHaveLength(7)
  }, 30_000)

  test('a request that is torn off is asked again', async () => {
    let count = 0
    const server = await serve(
      asked => {
        count += 1
        if (count > 2) return { status: 200, body: 'x' }
        asked.drop(constants.NGHTTP2_INTERNAL_ERROR)
        return undefined
      },
      { http2 },
    )
    expect(await clientOf(server).request('GET', '/')).toMatchObject({ status: 200, body: 'x' })
    expect(server.asked).toHaveLength(3)
  })

  test('an answer that is torn off amid its body is not taken for whole, and asked for again', async () => {
    const body = 'x'.repeat(2_000_000)
    const server = await serve(() => ({ status: 200, body }), { http2 })
    let dials = 0
    const port = await serveTcp(socket => {
      dials += 1
      let room = dials === 1 ? 500_000 : Number.POSITIVE_INFINITY
      const behind = dial(server.port, '127.0.0.1').on('error', () => socket.destroy())
      behind.on('data', chunk => {
        room -= chunk.length
        if (room > 0) socket.write(chunk)
        else socket.destroy()
      })
      socket.pipe(behind)
    })
    const url = `https://127.0.0.1:${port}`
    expect((await clientOf({ ...server, url }).request('GET', '/')).body.length).toBe(body.length)
    expect(dials).toBe(2)
  })

  test('a server that never answers is out of time, and the next request is not', async () => {
    const server = await serve(({ path }) => (path === '/slow' ? undefined : { status: 200 }), { http2 })
    const api = clientOf(server, 1)
    expect(await evidenceOf(api.request('GET', '/slow'))).toEqual({
      kind: 'server-timed-out',
      server: server.url,
      seconds: 1,
      stage: 'request',
    })
    expect(await api.request('GET', '/')).toMatchObject({ status: 200 })
  })

  test('a server that fails and then says nothing has the answer that it gave', async () => {
    let asked = 0
    const server = await serve(() => (asked++ === 0 ? { status: 503, body: 'still' } : undefined), { http2 })
    expect(await clientOf(server, 1).request('GET', '/')).toMatchObject({ status: 503, body: 'still' })
    expect(asked).toBe(2)
  })

  test('a server that is busy beyond the time that there is has that answer', async () => {
    const server = await serve(() => ({ status: 429, headers: { 'retry-after': '60' } }), { http2 })
    expect(await clientOf(server, 1).request('GET', '/')).toMatchObject({ status: 429 })
    expect(server.asked).toHaveLength(1)
  })
})

test('Retry-After is waited for', async () => {
  const times: number[] = []
  const server = await serve(() => {
    times.push(Date.now())
    return times.length === 1 ? { status: 429, headers: { 'retry-after': '1' } } : { status: 200 }
  })
  await clientOf(server).request('GET', '/')
  const [first = 0, second = 0] = times
  expect(second - first).toBeGreaterThanOrEqual(990)
})

test('a large answer is read whole', async () => {
  const body = 'ä'.repeat(3_000_000)
  const server = await serve(() => ({ status: 200, body }))
  expect((await clientOf(server).request('GET', '/')).body).toBe(body)
})

test('an answer that no API server gives is cut off: it would fill the memory', async () => {
  const server = await serve(() => ({ status: 200, body: 'x'.repeat(65 * 2 ** 20) }))
  const evidence = (most: number) => ({
    kind: 'unexpected-answer',
    path: '/x',
    status: 200,
    message: `an answer larger than ${most} bytes`,
  })
  expect(await evidenceOf(clientOf(server).request('GET', '/x'))).toEqual(evidence(64 * 2 ** 20))
  expect(await evidenceOf(clientOf(server).request('POST', '/x', { body: {} }))).toEqual(evidence(2 ** 20))
  expect(server.asked).toHaveLength(2)
})

describe('a server that says goodbye', () => {
  test('midway is connected to again, once, however many are waiting', async () => {
    let gone = false
    const server = await serve(({ session, connection }) => {
      if (connection > 1) return { status: 200, body: 'x' }
      if (!gone) session?.goaway(constants.NGHTTP2_NO_ERROR)
      gone = true
      setTimeout(() => session?.destroy(), 20)
      return undefined
    })
    const api = clientOf(server)
    const answers = await Promise.all(Array.from({ length: 30 }, () => api.request('GET', '/')))
    expect(answers.every(({ status, body }) => status === 200 && body === 'x')).toBe(true)
    expect(server.connections.all).toBe(2)
    api.close()
    await closed(server)
  })

  test('after an answer is connected to again for the next question', async () => {
    const server = await serve(({ session, connection }) => {
      if (connection === 1) setImmediate(() => session?.close())
      return { status: 200 }
    })
    const api = clientOf(server)
    await api.request('GET', '/')
    await closed(server)
    await Promise.all([api.request('GET', '/'), api.request('GET', '/')])
    expect(server.connections.all).toBe(2)
  })

  test('and tears the next handshake off, too, is dialled until it is back', async () => {
    const server = await serve(({ session, connection }) => {
      if (connection === 1) session?.destroy()
      return connection === 1 ? undefined : { status: 200 }
    })
    let dials = 0
    const port = await serveTcp(socket => {
      dials += 1
      if (dials === 2 || dials === 3) return void socket.resetAndDestroy()
      socket.pipe(dial(server.port, '127.0.0.1').on('error', () => socket.destroy())).pipe(socket)
    })
    const url = `https://127.0.0.1:${port}`
    expect(await clientOf({ ...server, url }).request('GET', '/')).toMatchObject({ status: 200 })
    expect(dials).toBe(4)
  })
})

describe('a server that cannot be reached', () => {
  test('is told with the issuer of its certificate when the CA is another', async () => {
    const server = await serve()
    const other = await createAuthority('Other CA')
    const evidence = await evidenceOf(clientOf({ ...server, ca: other.certificatePem }).request('GET', '/'))
    expect(evidence).toMatchObject({
      kind: 'server-unreachable',
      server: server.url,
      code: expect.stringMatching(
        /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|CERT_SIGNATURE_FAILURE)$/,
      ),
      certificate: { issuer: 'Cluster CA', names: ['127.0.0.1', 'localhost'] },
    })
    expect(server.asked).toEqual([])
  })

  test('has a certificate for another name', async () => {
    const server = await serve(OK, { names: ['other.example'] })
    expect(await evidenceOf(clientOf(server).request('GET', '/'))).toMatchObject({
      kind: 'server-unreachable',
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      certificate: { issuer: 'Cluster CA', names: ['other.example'] },
      stage: 'handshake',
      address: '127.0.0.1',
    })
    expect(server.asked).toEqual([])
  })

  test('has a certificate that is over', async () => {
    const authority = await createAuthority('Cluster CA')
    const day = 86_400_000
    const validity = { notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) }
    const { createServer } = await import('node:https')
    const { port, stop } = await listen(createServer(await authority.issue(['127.0.0.1'], validity)))
    endings.push(stop)
    const work = clientOf({ url: `https://127.0.0.1:${port}`, ca: authority.certificatePem }).request(
      'GET',
      '/',
    )
    expect(await evidenceOf(work)).toMatchObject({
      kind: 'server-unreachable',
      code: 'CERT_HAS_EXPIRED',
      certificate: { validTo: expect.stringMatching(/ GMT$/) },
    })
  })

  test('speaks no TLS', async () => {
    const { port, stop } = await listen(createHttpServer((_request, response) => response.end('hello')))
    endings.push(stop)
    const evidence = await evidenceOf(
      connect({ server: `https://127.0.0.1:${port}` })
        .as('t')
        .request('GET', '/'),
    )
    expect(evidence).toMatchObject({
      kind: 'server-unreachable',
      code: expect.stringMatching(/SSL|EPROTO|ECONNRESET/),
    })
  })

  test('refuses the connection: at once, for each who asks', async () => {
    const { port, stop } = await listen(createHttpServer())
    await stop()
    const api = connect({ server: `https://127.0.0.1:${port}` }).as('t')
    for (const _ of [1, 2]) {
      expect(await evidenceOf(api.request('GET', '/'))).toMatchObject({
        kind: 'server-unreachable',
        code: 'ECONNREFUSED',
      })
    }
  })

  test('has a name that does not resolve', async () => {
    // RFC 6761: never resolves, anywhere; where nobody answers for names, that is another error of the same call.
    const { code } = await lookup('cluster.invalid').catch(error => error)
    const evidence = await evidenceOf(
      connect({ server: 'https://cluster.invalid' }).as('t').request('GET', '/'),
    )
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(code)
    expect(evidence).toMatchObject({
      kind: 'server-unreachable',
      server: 'https://cluster.invalid',
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
    })
  })

  test('says nothing, to a connection that was opened before anybody asked: out of time', async () => {
    const port = await serveTcp(() => {})
    const connection = connect({ server: `https://127.0.0.1:${port}` }, 1)
    await sleep(300)
    expect(await evidenceOf(connection.as('t').request('GET', '/'))).toEqual({
      kind: 'server-timed-out',
      server: `https://127.0.0.1:${port}`,
      seconds: 1,
      stage: 'handshake',
      address: '127.0.0.1',
    })
  })

  posixOnly('drops connections, by a name: out of time before it was connected to', async () => {
    const hole = await startBlackHole('127.0.0.9')
    endings.push(hole.stop)
    const evidence = await evidenceOf(
      connect({ server: `https://127.0.0.9:${hole.port}` }, 1)
        .as('t')
        .request('GET', '/'),
    )
    expect(evidence).toMatchObject({ kind: 'server-timed-out', stage: 'connecting', address: '127.0.0.9' })
  })

  test('tears off the first handshakes and then serves: is dialled again', async () => {
    const server = await serve()
    let dials = 0
    const port = await serveTcp(socket => {
      dials += 1
      if (dials < 3) return void socket.resetAndDestroy()
      socket.pipe(dial(server.port, '127.0.0.1').on('error', () => socket.destroy())).pipe(socket)
    })
    const url = `https://127.0.0.1:${port}`
    expect(await clientOf({ ...server, url }).request('GET', '/')).toMatchObject({ status: 200 })
    expect(dials).toBe(3)
  })
})

describe('a proxy', () => {
  async function proxy(credentials: { username: string; password: string } | null = null): Promise<LabProxy> {
    const authority = await createAuthority('Proxy CA')
    const proxy = await startProxy({
      authority,
      credentials,
      answer: () => (_request, response) => response.end(),
    })
    endings.push(proxy.stop)
    return proxy
  }
  const routed = async (name = 'api.cluster.example') => {
    const server = await serve(OK, { names: [name] })
    const [through, url] = [await proxy(), `https://${name}`]
    through.route(name, server.port)
    return { through, target: { server: url, certificateAuthority: server.ca }, server }
  }

  test('of proxy-url is gone through, and TLS is with the server behind it', async () => {
    const { through, target, server } = await routed()
    const api = connect({ ...target, proxyUrl: `http://127.0.0.1:${through.port}` }).as('t')
    await Promise.all(Array.from({ length: 10 }, () => api.request('GET', '/')))
    expect(server.connections.all).toBe(1)
    expect(through.connects).toMatchObject([{ host: 'api.cluster.example', port: 443, outcome: 'tunnelled' }])
  })

  test('of proxy-url is gone through to loopback, too', async () => {
    const server = await serve()
    const through = await proxy()
    const proxyUrl = `http://127.0.0.1:${through.port}`
    await connect({ server: server.url, certificateAuthority: server.ca, proxyUrl })
      .as('t')
      .request('GET', '/')
    expect(through.connects).toMatchObject([{ host: '127.0.0.1', port: server.port }])
  })

  test('that wants credentials gets those of its URL, decoded', async () => {
    const server = await serve()
    const through = await proxy({ username: 'm@e', password: 'p:ss' })
    const target = { server: server.url, certificateAuthority: server.ca }
    const proxyUrl = `http://m%40e:p%3Ass@127.0.0.1:${through.port}`
    expect(
      await connect({ ...target, proxyUrl })
        .as('t')
        .request('GET', '/'),
    ).toMatchObject({ status: 200 })
    const without = `http://127.0.0.1:${through.port}`
    expect(
      await evidenceOf(
        connect({ ...target, proxyUrl: without })
          .as('t')
          .request('GET', '/'),
      ),
    ).toEqual({
      kind: 'proxy-refused',
      server: server.url,
      proxy: { url: without, setBy: 'proxy-url', credentials: false, used: true },
      status: 407,
      said: '',
      schemes: 'Basic realm="lab"',
    })
  })

  test('that refuses is told with its status, and without its password', async () => {
    const { port, stop } = await listen(
      createHttpServer().on('connect', (_request, socket) =>
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n<html><style>b {}</style><b>Not\ton the list</b></html>'),
      ),
    )
    endings.push(stop)
    const proxyUrl = `http://me:hunter2@127.0.0.1:${port}`
    const evidence = await evidenceOf(
      connect({ server: 'https://api.cluster.example', proxyUrl }).as('t').request('GET', '/'),
    )
    expect(evidence).toEqual({
      kind: 'proxy-refused',
      server: 'https://api.cluster.example',
      proxy: { url: `http://127.0.0.1:${port}`, setBy: 'proxy-url', credentials: true, used: true },
      status: 403,
      said: 'Not on the list',
      schemes: '',
    })
  })

  test.each([
    ['goes on without an end', (socket: Duplex) => void socket.write('x'.repeat(9000))],
    ['never comes', () => {}],
  ])('that refuses, and whose text %s, is told all the same', async (_how, more) => {
    const { port, stop } = await listen(
      createHttpServer().on('connect', (_request, socket) => {
        socket.on('error', () => {}).write('HTTP/1.1 503 Busy\r\n\r\n')
        more(socket)
      }),
    )
    endings.push(stop)
    process.env.https_proxy = `127.0.0.1:${port}`
    process.env.no_proxy = 'example.com'
    const evidence = await evidenceOf(
      connect({ server: 'https://api.cluster.example' }).as('t').request('GET', '/'),
    )
    expect(evidence).toMatchObject({
      kind: 'proxy-refused',
      status: 503,
      said: expect.stringMatching(/^x{0,200}$/),
      proxy: {
        setBy: 'https_proxy',
        used: true,
        exceptions: { name: 'no_proxy', value: 'example.com' },
      },
    })
  })

  test('that is not there is told as such', async () => {
    const { port, stop } = await listen(createHttpServer())
    await stop()
    const work = connect({ server: 'https://api.cluster.example', proxyUrl: `http://127.0.0.1:${port}` }).as(
      't',
    )
    expect(await evidenceOf(work.request('GET', '/'))).toMatchObject({
      kind: 'proxy-unreachable',
      connected: false,
      code: 'ECONNREFUSED',
    })
  })

  test('that says nothing is out of time', async () => {
    const port = await serveTcp(() => {})
    const connection = connect(
      { server: 'https://api.cluster.example', proxyUrl: `http://127.0.0.1:${port}` },
      1,
    )
    await sleep(300)
    expect(await evidenceOf(connection.as('t').request('GET', '/'))).toMatchObject({
      kind: 'proxy-unreachable',
      connected: true,
      code: 'ETIMEDOUT',
      message: 'no answer for 1 s',
    })
  })

  test('that is no URL is told as such, without what may be a password', async () => {
    process.env.HTTPS_PROXY = 'http://me:hunter2@proxy:port'
    const connection = connect({ server: 'https://api.cluster.example' })
    expect(await evidenceOf(connection.as('t').request('GET', '/'))).toEqual({
      kind: 'proxy-unreachable',
      server: 'https://api.cluster.example',
      proxy: expect.objectContaining({ url: 'http://***@proxy:port', setBy: 'HTTPS_PROXY', malformed: true }),
      connected: false,
      code: 'ERR_PROXY_URL',
      message: 'it is no URL',
    })
  })

  test.each([
    ['HTTPS_PROXY', 'http://127.0.0.1:'],
    ['https_proxy', 'http://127.0.0.1:'],
    ['HTTPS_PROXY', '127.0.0.1:'],
  ])('of the environment is gone through: %s=%sPORT', async (name, url) => {
    const { through, target } = await routed()
    process.env[name] = `${url}${through.port}`
    await connect(target).as('t').request('GET', '/')
    expect(through.connects).toHaveLength(1)
  })

  test('of the environment is overruled by proxy-url', async () => {
    const { through, target } = await routed()
    process.env.HTTPS_PROXY = 'http://127.0.0.1:1'
    await connect({ ...target, proxyUrl: `http://127.0.0.1:${through.port}` })
      .as('t')
      .request('GET', '/')
    expect(through.connects).toHaveLength(1)
  })

  test.each(['127.0.0.1', 'localhost'])('of the environment is not for loopback: %s', async host => {
    const server = await serve()
    process.env.HTTPS_PROXY = 'http://127.0.0.1:1'
    const url = `https://${host}:${server.port}`
    expect(await clientOf({ ...server, url }).request('GET', '/')).toMatchObject({ status: 200 })
  })

  test('of the environment is not for what NO_PROXY names', async () => {
    const { through } = await routed()
    process.env.HTTPS_PROXY = `http://127.0.0.1:${through.port}`
    process.env.NO_PROXY = 'example.com,.invalid'
    const evidence = await evidenceOf(
      connect({ server: 'https://cluster.invalid' }).as('t').request('GET', '/'),
    )
    expect(evidence).toMatchObject({
      kind: 'server-unreachable',
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
      stage: 'connecting',
      proxy: { used: false, exceptions: { name: 'NO_PROXY', value: 'example.com,.invalid' } },
    })
    expect(through.connects).toEqual([])
  })
})

test('a request that is called off ends with the reason for it', async () => {
  const server = await serve(() => undefined)
  const work = clientOf(server).request('GET', '/')
  const settled = expect(work).rejects.toThrow('over')
  while (server.asked.length === 0) await sleep(5)
  stopping.abort(new Error('over'))
  await settled
  await closed(server)
})
