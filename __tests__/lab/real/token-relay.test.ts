import { createServer, type Server } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { Identities, type SessionCredentials } from '../../../lab/aws/identities.ts'
import { type LocalServer, listen } from '../../../lab/aws/server.ts'
import { type Authority, createAuthority } from '../../../lab/certificates.ts'
import { startTokenRelay } from '../../../lab/real/token-relay.ts'
import { presignGetCallerIdentity } from '../aws/presigned.ts'

const HOST = 'sts.us-east-1.amazonaws.com'
const NAMES = ['one', 'two', 'three'] as const

/** What a checker was asked, in the order in which they were. */
type Asked = { name: string; target: string; body: string; port: number | undefined }

let authority: Authority
let servers: LocalServer[]
let relay: LocalServer
let asked: Asked[]
let identities: Identities
let credentials: SessionCredentials
beforeAll(async () => {
  authority = await createAuthority('Checkers')
})
beforeEach(async () => {
  asked = []
  identities = new Identities('111122223333')
  const ec2 = {
    Effect: 'Allow',
    Principal: { Service: 'ec2.amazonaws.com' },
    Action: 'sts:AssumeRole',
  } as const
  const role = identities.createRole({ name: 'runner', trust: { Statement: [ec2] } })
  credentials = identities.issueSession(role, {
    name: 'session',
    expires: new Date(Date.now() + 3_600_000),
  })
  servers = await Promise.all(NAMES.map(async name => listen(await checker(name))))
  const [one, two, three] = servers.map(({ port }, index) => ({
    name: NAMES[index] ?? '',
    address: { port, caPem: authority.certificatePem },
  }))
  if (!one || !two || !three) throw new Error('three checkers were started')
  relay = await startTokenRelay({ checkers: [one, two, three], findKey: id => identities.findKey(id) })
})
afterEach(() => Promise.all([relay, ...servers].map(server => server.stop())))

/** Answers as EKS's authenticator does: 200 or 403, each with a review. */
async function checker(name: string): Promise<Server> {
  return createServer(await authority.issue(['127.0.0.1']), async (request, response) => {
    const body = (await buffer(request)).toString()
    asked.push({ name, target: request.url ?? '', body, port: request.socket.remotePort })
    const headers = { 'content-type': 'application/json; charset=UTF-8', 'x-checker': name }
    response.writeHead(name === 'one' ? 403 : 200, headers).end(`{ "status": {"by":"${name}"} }\n`)
  })
}

async function token(name: string, headers: Record<string, string> = { 'x-k8s-aws-id': name }) {
  const target = await presignGetCallerIdentity({ credentials, host: HOST, region: 'us-east-1', headers })
  return `k8s-aws-v1.${Buffer.from(`https://${HOST}${target}`).toString('base64url')}`
}

const review = (token: unknown) => `{"spec": {"token": ${JSON.stringify(token)}},\n "kind":"TokenReview"}\n`

const ask = (body: string) =>
  fetch(`http://127.0.0.1:${relay.port}/authenticate?timeout=30s`, { method: 'POST', body })

test.each(NAMES)('a token that is signed for %s is checked by it, and by no other', async name => {
  await ask(review(await token(name)))
  expect(asked.map(each => each.name)).toEqual([name])
})

test('review and answer pass as they are', async () => {
  const body = review(await token('two'))
  const answer = await ask(body)
  expect(asked).toMatchObject([{ target: '/authenticate?timeout=30s', body }])
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('application/json; charset=UTF-8')
  expect(answer.headers.get('x-checker')).toBe('two')
  expect(await answer.text()).toBe('{ "status": {"by":"two"} }\n')
})

test.each([
  ['is signed for a name that nobody has', () => token('four')],
  ['does not sign the name', () => token('two', {})],
  ['is signed with a key that nobody has', () => token('two').then(forget)],
  ['is cut off', async () => (await token('two')).slice(0, -2)],
  ['is of another kind', async () => 'eyJhbGciOiJSUzI1NiJ9.e30.c2ln'],
  ['is no URL', async () => 'k8s-aws-v1.bm90aGluZw'],
  ['is no text', async () => 42],
])('a token that %s is refused by the first', async (_what, made) => {
  const body = review(await made())
  const answer = await ask(body)
  expect(asked).toMatchObject([{ name: 'one', body }])
  expect(answer.status).toBe(403)
})

function forget(token: string): string {
  identities.deleteAccessKey(credentials.accessKeyId)
  return token
}

test('what is no review is refused by the first', async () => {
  await ask('not JSON')
  expect(asked).toMatchObject([{ name: 'one', body: 'not JSON' }])
})

test('a checker is asked again over the same connection', async () => {
  for (let times = 0; times < 3; times++) await (await ask(review(await token('three')))).text()
  expect(new Set(asked.map(({ port }) => port)).size).toBe(1)
})

test('a checker that is not there is a bad gateway', async () => {
  await servers[1]?.stop()
  expect((await ask(review(await token('two')))).status).toBe(502)
})
