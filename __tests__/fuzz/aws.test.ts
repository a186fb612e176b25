import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import fc from 'fast-check'
import { listen } from '../../lab/aws/server.ts'
import { parseClusterReference } from '../../src/aws/arn.ts'
import { describeCluster } from '../../src/aws/cluster.ts'
import { readContainerCredentials } from '../../src/aws/container.ts'
import { type Credentials, findCredentials } from '../../src/aws/credentials.ts'
import { AwsProblem } from '../../src/aws/evidence.ts'
import { readInstanceCredentials } from '../../src/aws/instance-metadata.ts'
import { assumeRole, whoSigns } from '../../src/aws/sts.ts'
import { locate } from '../../src/aws/target.ts'
import { accessKeyOf } from '../../src/aws/token.ts'
import { calling, enter, type Stage } from '../aws/stage.ts'
import { answersLike, anyText, expectNoPollution, RUNS } from './arbitraries.ts'

// Whatever answers in the place of AWS: what comes of it has the shape that its reader promises, or is a problem in words.

let stage: Stage
let reply: { status: number; bodies: string[] }
let url: string
let stop: () => Promise<void>
beforeAll(async () => {
  stage = await enter()
  const server = createServer((_request, response) => {
    response.writeHead(reply.status, { 'content-type': 'application/json' })
    response.end(reply.bodies.length > 1 ? reply.bodies.shift() : reply.bodies[0])
  })
  const listening = await listen(server)
  stop = listening.stop
  url = `http://127.0.0.1:${listening.port}`
  Object.assign(process.env, { AWS_ENDPOINT_URL_EKS: url, AWS_ENDPOINT_URL_STS: url })
})
afterAll(async () => {
  await stop?.()
  await stage?.leave()
})
afterEach(expectNoPollution)

/** What passes by itself, like 500, is asked for again, and would take long. */
const statuses = fc.constantFrom(200, 200, 200, 200, 204, 302, 400, 403, 404)
const OWN: Credentials = {
  source: 'test',
  shared: true,
  identity: { accessKeyId: 'ASIA1', secretAccessKey: 's', sessionToken: 't' },
}

const SECRET = 'wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY'

/** Lets one answer of the service be read, and looks at what came of it. */
async function read<T>(work: () => Promise<T>, expectValue: (value: T) => void): Promise<void> {
  const outcome = await work().then(
    value => ({ value }),
    error => ({ error }),
  )
  if ('value' in outcome) return expectValue(outcome.value)
  const { error } = outcome
  const told = error instanceof AwsProblem ? JSON.stringify(error.evidence) : error.message
  expect(error).toBeInstanceOf(Error)
  // Words of this room, not Node's or a parser's.
  expect(error).not.toBeInstanceOf(TypeError)
  expect(error).not.toBeInstanceOf(SyntaxError)
  expect(error).not.toBeInstanceOf(RangeError)
  expect(told).not.toContain(SECRET)
}

function expectTexts(values: unknown[]): void {
  for (const value of values) expect(typeof value).toBe('string')
}

const CLUSTER = {
  cluster: {
    name: 'demo',
    arn: 'arn:aws:eks:us-east-1:111122223333:cluster/demo',
    createdAt: 1,
    version: '1.37',
    endpoint: 'https://127.0.0.1:1',
    resourcesVpcConfig: {
      subnetIds: ['a'],
      vpcId: 'v',
      endpointPublicAccess: true,
      publicAccessCidrs: ['0.0.0.0/0'],
    },
    certificateAuthority: { data: Buffer.from('-----BEGIN CERTIFICATE-----').toString('base64') },
    status: 'ACTIVE',
    accessConfig: { authenticationMode: 'API' },
    outpostConfig: { outpostArns: ['o'] },
    id: 'i',
  },
}

test('DescribeCluster', () =>
  fc.assert(
    fc.asyncProperty(answersLike(CLUSTER), statuses, async (body, status) => {
      reply = { status, bodies: [body] }
      const describing = () => describeCluster({ name: 'demo', region: 'us-east-1' }, OWN, calling(10))
      await read(
        describing,
        ({ arn, endpoint, certificateAuthorityData, version, status, authenticationMode }) => {
          expectTexts([arn, endpoint, certificateAuthorityData, version, status, authenticationMode])
          expect(new URL(endpoint).protocol).toBe('https:')
        },
      )
    }),
    { numRuns: 120 },
  ))

const KEYS = {
  Code: 'Success',
  Type: 'AWS-HMAC',
  AccessKeyId: 'ASIA1',
  SecretAccessKey: SECRET,
  Token: 't',
  Expiration: '2099-01-02T03:04:05Z',
}

function expectIdentity({
  accessKeyId,
  secretAccessKey,
  sessionToken,
  expiration,
}: Credentials['identity']): void {
  expectTexts([accessKeyId, secretAccessKey, sessionToken])
  expect(Number.isNaN(expiration?.getTime())).toBe(false)
}

test('the credentials of a container', () =>
  fc.assert(
    fc.asyncProperty(answersLike(KEYS), statuses, async (body, status) => {
      reply = { status, bodies: [body] }
      await read(() => readContainerCredentials({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url }), expectIdentity)
    }),
    { numRuns: 300 },
  ))

test('the credentials of an instance', () =>
  fc.assert(
    fc.asyncProperty(
      anyText,
      fc.oneof(anyText, fc.constant('runner')),
      answersLike(KEYS),
      statuses,
      async (token, role, keys, status) => {
        reply = { status, bodies: [token, role, keys] }
        await read(
          () => readInstanceCredentials({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url }),
          identity => {
            expectTexts([identity.accessKeyId, identity.secretAccessKey, identity.sessionToken])
          },
        )
      },
    ),
    { numRuns: 300 },
  ))

test('the region of an instance', () =>
  fc.assert(
    fc.asyncProperty(anyText, anyText, async (token, region) => {
      reply = { status: 200, bodies: [token, region] }
      const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: url }
      await read(
        () => locate([{ name: 'demo' }], undefined, env),
        ([target]) => {
          expect(target?.region).toMatch(/^[a-z]{2,}(?:-[a-z]+)+-\d+$/)
        },
      )
    }),
    { numRuns: 200 },
  ))

const element = (name: string, content: string) => `<${name}>${content}</${name}>`
const CREDENTIALS = element(
  'AssumeRoleResponse',
  element(
    'AssumeRoleResult',
    element(
      'Credentials',
      ['AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration']
        .map(name => element(name, name === 'Expiration' ? '2099-01-02T03:04:05Z' : SECRET))
        .join(''),
    ),
  ),
)
const CALLER = element(
  'GetCallerIdentityResponse',
  element('GetCallerIdentityResult', element('Arn', 'arn:aws:iam::111122223333:user/x')),
)
const ERROR = element(
  'ErrorResponse',
  element('Error', element('Code', 'AccessDenied') + element('Message', 'no')),
)

/** XML in which a piece is something else, cut off, or none at all. */
const xml = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(CREDENTIALS, CALLER, ERROR),
      fc.nat(),
      fc.nat({ max: 60 }),
      fc.oneof(
        anyText,
        fc.constantFrom(
          '<![CDATA[',
          '&lt;',
          '&#0;',
          '&x;',
          '<!DOCTYPE a [<!ENTITY x "y">]>',
          '<__proto__><evil>1</evil></__proto__>',
          '<?xml?>',
          '</',
          '<a b="',
          '<a>'.repeat(3000),
        ),
      ),
    )
    .map(
      ([text, at, length, piece]) =>
        text.slice(0, at % text.length) + piece + text.slice((at % text.length) + length),
    ),
  fc.constantFrom(CREDENTIALS, CALLER, ERROR, '<__proto__><evil>1</evil></__proto__>'),
  anyText,
)

test('AssumeRole and GetCallerIdentity', () =>
  fc.assert(
    fc.asyncProperty(xml, statuses, async (body, status) => {
      reply = { status, bodies: [body] }
      const role = 'arn:aws:iam::111122223333:role/r'
      await read(
        () => assumeRole(role, OWN, 'us-east-1', 's-1', calling(10)),
        ({ identity }) =>
          expectTexts([identity.accessKeyId, identity.secretAccessKey, identity.sessionToken]),
      )
      await read(
        () => whoSigns(OWN, 'us-east-1', calling(10)),
        arn => expect(arn).not.toBe(''),
      )
    }),
    { numRuns: 120 },
  ))

/** Parts of the files that the AWS CLI and the SDKs share. */
const ini = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '[default]\n',
        '[profile default]\n',
        '[profile a]\n',
        '[a]\n',
        '[sso-session a]\n',
        '[',
        ']\n',
        'region = us-east-1\n',
        'aws_access_key_id = AKIA1\n',
        `aws_secret_access_key = ${SECRET}\n`,
        'source_profile = default\n',
        'source_profile = a\n',
        'credential_source = Environment\n',
        ' nested = 1\n',
        's3 =\n',
        '= x\n',
        'x\n',
        '#c\n',
        '; c\n',
        '[__proto__]\n',
        '__proto__ = evil\n',
        'evil = 1\n',
        'credential_process = /nowhere/x\n',
        'sso_session = a\n',
        'sso_start_url = https://127.0.0.1:1\n',
        'web_identity_token_file = /nowhere/token\n',
        'duration_seconds = x\n',
      ),
      anyText.filter(text => text.length < 200),
    ),
    { maxLength: 12 },
  )
  .map(parts => parts.join(''))

test('shared files', async () => {
  let count = 0
  await fc.assert(
    fc.asyncProperty(
      ini,
      ini,
      fc.constantFrom('default', 'a', '__proto__', 'constructor'),
      async (config, keys, profile) => {
        // The SDK remembers a file by its path.
        const files = [config, keys].map(() => join(stage.folder, `shared-${++count}`)) as [string, string]
        await writeFile(files[0], config)
        await writeFile(files[1], keys)
        const env = { AWS_CONFIG_FILE: files[0], AWS_SHARED_CREDENTIALS_FILE: files[1], AWS_PROFILE: profile }
        Object.assign(process.env, env)
        await read(
          () => findCredentials('any', { ...env, AWS_EC2_METADATA_DISABLED: 'true' }, 'us-east-1'),
          ({ identity }) => expectTexts([identity.accessKeyId, identity.secretAccessKey]),
        )
      },
    ),
    { numRuns: 200 },
  )
})

test('tokens and ARNs', () => {
  const ours = fc.oneof(
    anyText,
    anyText.map(text => `k8s-aws-v1.${text}`),
    anyText.map(text => `k8s-aws-v1.${Buffer.from(text).toString('base64url')}`),
  )
  fc.assert(
    fc.property(ours, anyText, (token, arn) => {
      expect(['string', 'object']).toContain(typeof accessKeyOf(token))
      expect(parseClusterReference(arn)?.name ?? 'a').toMatch(/^[\w-]+$/)
    }),
    RUNS,
  )
})
