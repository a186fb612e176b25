import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { delimiter, join } from 'node:path'
import { listen } from '../../../lab/aws/server.ts'
import { resolving } from '../../../lab/endpoint-gate.ts'
import { isRunning, posixOnly } from '../../systems.ts'
import { PATIENCE } from '../scenario.ts'
import { PORTAL, places } from './places.ts'

const there = places()
const { at, login, describedBy, expectOneFailure, askedDuring } = there

/* The proxy. */

/** A proxy that does one thing to whoever connects; returns its URL. */
async function proxy(serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  there.end(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const saying = (text: string) => (socket: Socket) =>
  void socket.once('data', () => {
    socket.write(text)
  })

/** A byte of an endless head now and then. */
function dripping(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nX: ')
  const timer = setInterval(() => socket.write('x'), 200)
  socket.once('close', () => clearInterval(timer))
}

function flooding(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nX: ')
  const pour = () => {
    while (!socket.destroyed && socket.write('x'.repeat(65_536))) {}
  }
  socket.on('drain', pour)
  pour()
}

test.each<[string, (socket: Socket) => void, string, string]>([
  ['tears connections off', socket => void socket.resetAndDestroy(), 'EKS208', 'EKS308'],
  [
    'answers with a page',
    saying(`HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n${PORTAL}`),
    'EKS208',
    'EKS305',
  ],
  ['is broken', saying('HTTP/1.1 502 Bad Gateway\r\n\r\n'), 'EKS208', 'EKS305'],
  ['speaks no HTTP', saying('SSH-2.0-OpenSSH_9.9\r\n'), 'EKS208', 'EKS308'],
  ['puts a page into the tunnel', saying(`HTTP/1.1 200 OK\r\n\r\n${PORTAL}`), 'EKS208', 'EKS306'],
  ['never ends its answer', flooding, 'EKS208', 'EKS308'],
  ['drips', dripping, 'EKS209', 'EKS308'],
])(
  'a proxy that %s, on the way to EKS and to the API server',
  async (_what, serve, toEks, toApiServer) => {
    const url = await proxy(serve)
    const env = { HTTPS_PROXY: url, AWS_ENDPOINT_URL_EKS: '' }
    await expectOneFailure(await login({}, env), toEks)
    await expectOneFailure(await login({ 'proxy-url': url }), toApiServer)
  },
  PATIENCE,
)

/* Names. */

/** A name service that answers so to one question after the other, the last for good; returns what a login needs of it. */
async function nameService(...answers: [status: number, address: string][]) {
  let asked = 0
  const { port, stop } = await listen(
    createHttpServer((_request, response) => {
      const [status, address] = answers[Math.min(asked++, answers.length - 1)] as [number, string]
      response.writeHead(status).end(address)
    }),
  )
  there.end(stop)
  const { hostName, port: apiPort, caPem } = at.cluster
  describedBy(`https://${hostName}:${apiPort}`, caPem)
  return { env: { ...resolving(hostName, port), HTTPS_PROXY: '' }, asked: () => asked }
}

test(
  'a name that flaps passes by itself, and one that nobody can look up ends the step',
  async () => {
    const silent = await nameService([503, ''])
    await expectOneFailure(await login({}, silent.env), 'EKS301')
    expect(silent.asked()).toBeGreaterThan(1)
    const flapping = await nameService([503, ''], [503, ''], [200, '127.0.0.1'])
    expect((await login({ timeout: '30' }, flapping.env)).report.failures).toEqual([])
    expect(flapping.asked()).toBe(3)
  },
  PATIENCE,
)

test(
  'a name that is not there is asked for once',
  async () => {
    const { env, asked } = await nameService([404, ''])
    await expectOneFailure(await login({}, env), 'EKS301')
    expect(asked()).toBe(1)
  },
  PATIENCE,
)

posixOnly(
  'a name with an IPv6 address alone is reached there, or told with the address',
  async () => {
    // Of the lab's own host, as IPv6 writes it.
    const closed = await nameService([200, '::ffff:127.0.0.9'])
    const failed = await login({}, closed.env)
    await expectOneFailure(failed, 'EKS303')
    expect(failed.log).toContain('::ffff:127.0.0.9')
    const open = await nameService([200, '::ffff:127.0.0.1'])
    expect((await login({ timeout: '30' }, open.env)).report.failures).toEqual([])
  },
  PATIENCE,
)

/* TLS. */

test(
  'EKS and STS behind a certificate that nobody vouches for are told as that, and have no credentials of ours',
  async () => {
    const env = { AWS_CA_BUNDLE: '', AWS_ENDPOINT_URL_EKS: there.gate.endpoint }
    const asked = await askedDuring('API server', async () => {
      await expectOneFailure(await login({}, env), 'EKS211')
      const sts = { AWS_CA_BUNDLE: '', AWS_ENDPOINT_URL_STS: there.gate.endpoint }
      await expectOneFailure(await login({ 'assume-role-arn': at.role.arn }, sts), 'EKS211')
    })
    expect(asked).toEqual([])
  },
  PATIENCE,
)

test(
  'an API server that speaks no TLS is told as that',
  async () => {
    const url = await proxy(saying('HTTP/1.1 400 Bad Request\r\n\r\n'))
    describedBy(url.replace('http:', 'https:'), at.cluster.caPem)
    await expectOneFailure(await login(), 'EKS306')
  },
  PATIENCE,
)

/* The exec block's command. */

/** Puts a shell script into the place of the AWS CLI, which notes the processes that it starts. */
async function awsScript(lines: string): Promise<{ env: Record<string, string>; pids(): Promise<number[]> }> {
  const bin = join(at.runner.temp, 'bin')
  const file = join(at.runner.temp, 'pids')
  await mkdir(bin)
  await writeFile(join(bin, 'aws'), `#!/bin/sh\nnote() { echo $1 >> '${file}'; }\nnote $$\n${lines}\n`, {
    mode: 0o755,
  })
  return {
    env: { PATH: bin + delimiter + at.runner.env().PATH },
    pids: async () => (await readFile(file, 'utf8')).trim().split('\n').map(Number),
  }
}

posixOnly.each([
  ['waits for its children', 'sleep 1000 & note $!\n(sleep 1001 & note $!; wait) & note $!\nwait'],
  ['is deaf to signals', "trap '' TERM INT HUP\nsleep 1000 & note $!\nwait\nwait"],
  ['prints without an end', 'yes & note $!\nwait'],
])(
  'an aws that %s is ended with all that it started',
  async (_what, lines) => {
    const { env, pids } = await awsScript(lines)
    await expectOneFailure(await login({ 'token-provider': 'aws' }, env), 'EKS403')
    const started = await pids()
    expect(started.length).toBeGreaterThan(1)
    expect(started.filter(isRunning)).toEqual([])
  },
  PATIENCE,
)
