import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect } from 'node:net'
import { type LabAws, startAws } from '../../../lab/aws/aws.ts'
import { listen } from '../../../lab/aws/server.ts'
import { createAuthority } from '../../../lab/certificates.ts'
import { ask } from './ask.ts'
import { presignGetCallerIdentity } from './presigned.ts'

let aws: LabAws
beforeEach(async () => {
  aws = await startAws()
})
afterEach(() => aws.stop())

const through = (url: string, headers: Record<string, string> = {}, proxy = aws.env().HTTPS_PROXY ?? '') =>
  ask(url, { proxy, ca: aws.caPem, headers })

async function presign(host: string, region: string) {
  const user = aws.identities.createUser({ name: `for.${host}` })
  const credentials = aws.identities.createAccessKey(user.arn)
  return presignGetCallerIdentity({ credentials, host, region })
}

test.each([
  ['sts.eu-west-1.amazonaws.com', 'eu-west-1'],
  ['sts.amazonaws.com', 'us-east-1'],
  ['sts-fips.us-east-2.amazonaws.com', 'us-east-2'],
  ['sts.eu-west-1.api.aws', 'eu-west-1'],
])('it answers as %s, for signatures of its region only', async (host, region) => {
  const target = await presign(host, region)
  const answer = await through(`https://${host}${target}`, { accept: 'application/json' })
  expect(answer.status).toBe(200)
  expect(aws.requests.at(-1)).toMatchObject({ service: 'sts', region })
  expect(aws.proxy.connects).toEqual([{ at: expect.any(Date), host, port: 443, outcome: 'answered' }])
  const elsewhere = 'sts.ap-south-1.amazonaws.com'
  const other = await through(`https://${elsewhere}${await presign(elsewhere, region)}`)
  expect(other.status).toBe(403)
  expect(other.body).toContain('Credential should be scoped to a valid region')
})

test.each([
  'eks.eu-west-1.amazonaws.com',
  'fips.eks.us-east-1.amazonaws.com',
  'eks.cn-north-1.amazonaws.com.cn',
])('it answers as %s', async host => {
  const answer = await through(`https://${host}/clusters`)
  expect(answer.headers['x-amzn-errortype']).toBe('MissingAuthenticationTokenException')
})

test.each([
  'https://example.com/',
  'https://sts.us-east-9.amazonaws.com/',
  'https://eks.eu-west-1.amazonaws.com.cn/',
  'https://s3.eu-west-1.amazonaws.com/',
  'https://169.254.169.254/',
  'https://sts.amazonaws.com:8443/',
])('it refuses %s', async url => {
  await expect(through(url)).rejects.toThrow(/502/)
  expect(aws.proxy.connects).toMatchObject([{ host: new URL(url).hostname, outcome: 'refused' }])
})

test('a name that a test has routed is tunnelled to its port, untouched', async () => {
  const authority = await createAuthority('Cluster CA')
  const issued = await authority.issue(['api.example.com'])
  const server = createHttpsServer(issued, (request, response) => response.end(`you asked ${request.url}`))
  const { port, stop } = await listen(server)
  aws.proxy.route('api.example.com', port)
  const url = 'https://api.example.com/version'
  const proxy = aws.env().HTTPS_PROXY ?? ''
  await expect(ask(url, { proxy, ca: authority.certificatePem })).resolves.toMatchObject({
    body: 'you asked /version',
  })
  await expect(ask(url, { proxy, ca: aws.caPem })).rejects.toMatchObject({
    code: expect.stringMatching(/CERT|ISSUER|SIGNATURE/),
  })
  expect(aws.proxy.connects).toMatchObject([{ host: 'api.example.com', outcome: 'tunnelled' }, {}])
  aws.proxy.unroute('api.example.com')
  await expect(ask(url, { proxy, ca: authority.certificatePem })).rejects.toThrow(/502/)
  await stop()
})

test('127.0.0.1 is tunnelled to, and a port where nobody listens is 502', async () => {
  const authority = await createAuthority('Cluster CA')
  const issued = await authority.issue(['127.0.0.1'])
  const { port, stop } = await listen(createHttpsServer(issued, (_request, response) => response.end('here')))
  const proxy = aws.env().HTTPS_PROXY ?? ''
  const url = `https://127.0.0.1:${port}/`
  await expect(ask(url, { proxy, ca: authority.certificatePem })).resolves.toMatchObject({ body: 'here' })
  await stop()
  await expect(ask(url, { proxy, ca: authority.certificatePem })).rejects.toThrow(/502/)
})

test('a proxy that wants credentials serves only who has them', async () => {
  await aws.stop()
  aws = await startAws({ proxyCredentials: { username: 'me', password: 'p@ss' } })
  const url = 'https://eks.eu-west-1.amazonaws.com/clusters'
  const bare = (aws.env().HTTPS_PROXY ?? '').replace(/\/\/.*@/, '//')
  await expect(through(url, {}, bare)).rejects.toThrow(/407/)
  await expect(through(url, {}, bare.replace('//', '//me:wrong@'))).rejects.toThrow(/407/)
  await expect(through(url)).resolves.toMatchObject({ status: 403 })
  const outcomes = aws.proxy.connects.map(({ outcome }) => outcome)
  expect(outcomes).toEqual(['unauthorized', 'unauthorized', 'answered'])
})

test('a reset that a test ordered reaches a client inside the tunnel', async () => {
  aws.fail({ service: 'eks', times: 1 }, { kind: 'reset' })
  const url = 'https://eks.eu-west-1.amazonaws.com/clusters'
  await expect(through(url)).rejects.toMatchObject({ code: 'ECONNRESET' })
  await expect(through(url)).resolves.toMatchObject({ status: 403 })
})

test('the environments lead to the lab, and name no endpoint of STS', async () => {
  const env = aws.env()
  expect(env).not.toHaveProperty('AWS_ENDPOINT_URL_STS')
  expect(env).toMatchObject({
    AWS_EC2_METADATA_SERVICE_ENDPOINT: aws.metadataEndpoint,
    AWS_ENDPOINT_URL_EKS: aws.eksEndpoint,
    NO_PROXY: '127.0.0.1,localhost',
    AWS_CA_BUNDLE: aws.caFile,
  })
  expect(aws.serverEnv('ap-south-1')).toEqual({
    AWS_REGION: 'ap-south-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    SSL_CERT_FILE: aws.caFile,
    HTTPS_PROXY: env.HTTPS_PROXY,
    NO_PROXY: env.NO_PROXY,
  })
  expect(new X509Certificate(await readFile(aws.caFile)).ca).toBe(true)
})

test('stop ends everything: open connections, tunnels, ports and files', async () => {
  const upstream = await listen(createServer())
  const ports = [aws.metadataEndpoint, aws.eksEndpoint, aws.stsEndpoint].map(url => Number(new URL(url).port))
  const sockets = [...ports, aws.proxy.port].map(port => connect(port, '127.0.0.1').on('error', () => {}))
  const proxied = sockets.at(-1)
  proxied?.write(`CONNECT 127.0.0.1:${upstream.port} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await new Promise(resolve => proxied?.once('data', resolve))
  const closed = sockets.map(socket => new Promise(resolve => socket.once('close', resolve)))
  await aws.stop()
  await Promise.all(closed)
  await expect(stat(aws.caFile)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(ask(`${aws.eksEndpoint}/clusters`)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await upstream.stop()
})
