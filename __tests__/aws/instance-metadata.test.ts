import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { promisify } from 'node:util'
import type { Fault } from '../../lab/aws/faults.ts'
import { readInstanceCredentials, readInstanceMetadata } from '../../src/aws/instance-metadata.ts'
import { createRole, enter, type Stage } from './stage.ts'

const REGION = '/latest/meta-data/placement/region'
const SEARCH = ['PutToken', 'GetRoleName', 'GetCredentials']

let stage: Stage
beforeEach(async () => {
  stage = await enter({ instance: { region: 'ap-south-1' } })
  stage.aws.instance.roleArn = createRole(stage.aws, 'runner').arn
})
afterEach(() => stage.leave())

const operations = () => stage.aws.requests.map(({ operation }) => operation)
const read = (more: Record<string, string> = {}) => readInstanceCredentials({ ...process.env, ...more })

test('the role\u2019s credentials come whole, with the time when they end', async () => {
  stage.aws.instance.credentialSeconds = 3600
  const { expiration, ...keys } = await read()
  expect(stage.aws.identities.callerOf(keys.accessKeyId)?.arn).toMatch(/assumed-role\/runner\/i-/)
  expect(stage.aws.identities.findKey(keys.accessKeyId)).toMatchObject(keys)
  expect(Math.abs((expiration?.getTime() ?? 0) - Date.now() - 3_600_000)).toBeLessThan(60_000)
  expect(operations()).toEqual(SEARCH)
})

test('one search is one connection', async () => {
  let connections = 0
  const service = Number(new URL(stage.aws.metadataEndpoint).port)
  const between = createServer(socket => {
    connections++
    socket.pipe(connect(service, '127.0.0.1')).pipe(socket)
  })
  await once(between.listen(0, '127.0.0.1'), 'listening')
  const { port } = between.address() as AddressInfo
  await read({ AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}` })
  between.close()
  expect(operations()).toEqual(SEARCH)
  expect(connections).toBe(1)
})

describe('a service that is older than session tokens', () => {
  beforeEach(() => {
    stage.aws.instance.access = 'no-tokens'
  })

  test('is asked without one', async () => {
    expect(await read()).toHaveProperty('sessionToken')
    expect(await readInstanceMetadata(REGION, process.env)).toBe('ap-south-1')
  })

  test('is not asked where AWS_EC2_METADATA_V1_DISABLED is true', async () => {
    await expect(read({ AWS_EC2_METADATA_V1_DISABLED: 'True' })).rejects.toThrow(/\/api\/token answered 405$/)
    expect(operations()).toEqual(['PutToken'])
  })
})

describe.each<[string, Fault]>([
  ['a server error', { kind: 'server-error', status: 503 }],
  ['a connection that is torn down', { kind: 'reset' }],
])('%s', (_what, fault) => {
  test.each(SEARCH)('in place of an answer to %s is asked again, once', async operation => {
    stage.aws.fail({ service: 'imds', operation, times: 1 }, fault)
    expect(await read()).toHaveProperty('accessKeyId')
    expect(operations()).toEqual(SEARCH.flatMap(asked => (asked === operation ? [asked, asked] : [asked])))
  })

  test('that does not pass is told, after the second time', async () => {
    stage.aws.fail({ service: 'imds', operation: 'GetRoleName' }, fault)
    await expect(read()).rejects.toThrow('/latest/meta-data/iam/security-credentials/')
    expect(operations()).toEqual(['PutToken', 'GetRoleName', 'GetRoleName'])
  })
})

test.each<[string, string, Fault, RegExp]>([
  ['a refusal', 'GetCredentials', { kind: 'denied' }, /security-credentials\/runner answered 403$/],
  ['a web page for a token', 'PutToken', { kind: 'html' }, /api\/token answered with no session token$/],
  ['half a document', 'GetCredentials', { kind: 'malformed' }, /role "runner": no JSON with an access key$/],
  ['a web page', 'GetCredentials', { kind: 'html' }, /role "runner": no JSON with an access key$/],
  ['a web page for a role', 'GetRoleName', { kind: 'html' }, /./],
])('%s is told, and not asked again', async (_what, operation, fault, message) => {
  stage.aws.fail({ service: 'imds', operation }, fault)
  await expect(read()).rejects.toThrow(message)
  expect(operations().filter(asked => asked === operation)).toHaveLength(1)
})

describe('a service in its place', () => {
  const keys = { AccessKeyId: 'ASIAX', SecretAccessKey: 's', Token: 't' }

  /** What is read of a service that answers so about the credentials of its one role. */
  async function readOf(document: unknown) {
    const service = createHttpServer(({ method, url }, answer) => {
      if (method === 'PUT') return answer.end('token')
      return answer.end(url?.endsWith('/security-credentials/') ? 'runner\n' : JSON.stringify(document))
    })
    await once(service.listen(0, '127.0.0.1'), 'listening')
    const { port } = service.address() as AddressInfo
    try {
      return await read({ AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}` })
    } finally {
      service.close()
    }
  }

  test.each([undefined, 'soon'])('whose credentials end %s is told', async Expiration => {
    await expect(readOf({ ...keys, Expiration })).rejects.toThrow(
      /^the credentials of role "runner" end at no time: (undefined|"soon")$/,
    )
  })

  test('that failed to renew its credentials gives the old ones, which AWS goes on accepting', async () => {
    expect(await readOf({ ...keys, Expiration: '2020-01-01T00:00:00Z' })).toEqual({
      accessKeyId: 'ASIAX',
      secretAccessKey: 's',
      sessionToken: 't',
    })
  })

  test.each([null, 7, 'text', [], { ...keys, AccessKeyId: 7 }])(
    'that answers %j has no credentials',
    async document => {
      await expect(readOf(document)).rejects.toThrow('no JSON with an access key')
    },
  )
})

test('what the service says of a role that it cannot take on is told', async () => {
  const Principal = { Service: 'lambda.amazonaws.com' }
  stage.aws.identities.setTrust(stage.aws.instance.roleArn ?? '', {
    Statement: [{ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' }],
  })
  await expect(read()).rejects.toThrow(
    /^the credentials of role "runner": AssumeRoleUnauthorizedAccess, EC2 cannot/,
  )
})

test('nobody is asked where metadata is off', async () => {
  await expect(read({ AWS_EC2_METADATA_DISABLED: 'true' })).rejects.toThrow(
    'AWS_EC2_METADATA_DISABLED is true',
  )
  expect(operations()).toEqual([])
})

test('no proxy is asked, whatever the environment has of them', async () => {
  const source = new URL('../../src/aws/instance-metadata.ts', import.meta.url).href
  const script = `const { readInstanceMetadata } = await import(${JSON.stringify(source)})
    console.log(await readInstanceMetadata(${JSON.stringify(REGION)}, process.env))`
  const nobody = 'http://127.0.0.1:1'
  const env = {
    AWS_EC2_METADATA_SERVICE_ENDPOINT: stage.aws.metadataEndpoint,
    NODE_USE_ENV_PROXY: '1',
    ...{ HTTP_PROXY: nobody, http_proxy: nobody, HTTPS_PROXY: nobody, ALL_PROXY: nobody },
  }
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--input-type=module', '--eval', script],
    { env },
  )
  expect(stdout).toBe('ap-south-1\n')
})

test('an answer that the hop limit keeps from us is done without, where that is allowed', async () => {
  const asked: string[] = []
  const service = createHttpServer(({ method, headers }, answer) => {
    asked.push(`${method} ${'x-aws-ec2-metadata-token' in headers}`)
    if (method === 'GET') answer.end('ap-south-1')
  })
  await once(service.listen(0, '127.0.0.1'), 'listening')
  const { port } = service.address() as AddressInfo
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}` }
  try {
    expect(await readInstanceMetadata(REGION, env)).toBe('ap-south-1')
    expect(asked).toEqual(['PUT false', 'GET false'])
    const strict = readInstanceMetadata(REGION, { ...env, AWS_EC2_METADATA_V1_DISABLED: 'true' })
    await expect(strict).rejects.toThrow(/api\/token: .*timeout/)
  } finally {
    service.closeAllConnections()
    service.close()
  }
}, 20_000)
