import { createServer } from 'node:http'
import { listen } from '../../../lab/aws/server.ts'
import { findCredentials } from '../../../src/aws/credentials.ts'
import { type AwsEvidence, AwsProblem } from '../../../src/aws/evidence.ts'
import { diagnose } from '../../../src/diagnosis/diagnose.ts'
import type { About, Failure } from '../../../src/diagnosis/failure.ts'
import { failureGroup } from '../../../src/report/log.ts'
import { enter } from '../../aws/stage.ts'

const ABOUT: About = { cluster: 'demo', region: 'eu-west-1' }
const USER = 'arn:aws:iam::111122223333:user/ci'

const explain = (evidence: AwsEvidence, about: Partial<About> = {}) =>
  diagnose(evidence, { ...ABOUT, ...about })
const told = (failure: Failure) => Object.values(failureGroup(failure)).flat().join('\n')
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

describe('credentials that came first, and should not', () => {
  const refused = (source: string, about: Partial<About> = {}, wanted = 'role', accessKeyId = 'AKIAX') =>
    told(explain({ kind: 'credentials-refused', wanted, source, accessKeyId }, about))

  test('are told to be whose they are, if AWS has told', () => {
    expect(refused('environment', { caller: USER })).toContain(`long-lived user keys of ${USER} come first`)
    expect(refused('environment')).toContain('long-lived user keys come first (environment)')
  })

  test.each([
    ['environment', 'AWS_ACCESS_KEY_ID= AWS_SECRET_ACCESS_KEY= AWS_SESSION_TOKEN='],
    ['web identity of ROLE', 'AWS_WEB_IDENTITY_TOKEN_FILE= AWS_ROLE_ARN='],
    [
      'container credentials (http://x)',
      'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI= AWS_CONTAINER_CREDENTIALS_FULL_URI=',
    ],
  ])('of the %s are taken away by the variables that bring them', (source, variables) => {
    expect(refused(source, {}, 'instance-role', 'ASIAX')).toContain(variables)
  })

  test('of the profile default are taken away by another file in the place of theirs', () => {
    const keyFile = { path: '/home/ci/.aws/config', variable: 'AWS_CONFIG_FILE' } as const
    const text = refused('profile default', { keyFile })
    expect(text).toContain('it stands in /home/ci/.aws/config')
    expect(text).toContain("printf '%s\\n' AWS_CONFIG_FILE=/dev/null")
  })

  test.each(['profile default', 'profile ci'])('of the %s that is in no known file, by hand', source => {
    const text = refused(source)
    expect(text).toContain(`Take AWS_PROFILE or AWS_DEFAULT_PROFILE, which names ${source.slice(8)}, away`)
    expect(text).not.toContain('GITHUB_ENV')
  })

  test('of the exec block\u2019s command, by hand', () => {
    expect(refused('the exec block\u2019s command')).not.toContain('GITHUB_ENV')
  })

  test('without their session token need it', () => {
    expect(refused('environment', {}, 'role', 'ASIAX')).toContain('Set AWS_SESSION_TOKEN, too.')
  })
})

describe('credentials that are over', () => {
  const expired = (about: Partial<About>, source = 'environment') =>
    explain({ kind: 'credentials-expired', source, expiration: ago(600) }, about)

  test.each([0, -7200, 300])('by a clock that is %d s ahead are over', clockSkewSeconds => {
    expect(expired({ clockSkewSeconds })).toMatchObject({ code: 'EKS104' })
    expect(expired({ clockSkewSeconds }).otherwise).toBeUndefined()
  })

  test('by a clock that is ahead of their end are not', () => {
    expect(expired({ clockSkewSeconds: 7200 })).toMatchObject({ code: 'EKS111' })
  })

  test('by a clock that nobody could compare may not be', () => {
    const { code, otherwise } = expired({})
    expect(code).toBe('EKS104')
    expect(otherwise?.[0]?.cause).toContain('clock of the runner is ahead')
  })

  test('and cannot be taken away by variables are renewed', () => {
    expect(told(expired({}, 'role ROLE'))).not.toContain('GITHUB_ENV')
  })
})

test.each([
  [
    "Token is expired. To refresh this SSO session run 'aws sso login' with the corresponding profile.",
    "aws sso login --profile 'my ci'",
  ],
  [
    'Profile my ci credential_process returned expired credentials.',
    'Let the credential_process of the profile my ci',
  ],
])('of a profile: %s', (message, cure) => {
  const failure = explain({ kind: 'credentials-failed', source: 'profile my ci', message })
  expect(failure).toMatchObject({ code: 'EKS104', otherwise: [expect.anything()] })
  expect(told(failure)).toContain(cure)
})

test.each([
  ['AWS_WEB_IDENTITY_TOKEN_FILE', true],
  ['profile web', false],
])('a token file that %s names and cannot be read', (named, byVariable) => {
  const failure = explain({
    kind: 'token-file-unusable',
    named,
    file: '/token',
    problem: 'ENOENT: no such file',
  })
  expect(failure).toMatchObject({ code: 'EKS113', cause: expect.stringContaining(`${named} names`) })
  expect(failure.evidence).toContain('ENOENT: no such file')
  expect(told(failure).includes('GITHUB_ENV')).toBe(byVariable)
})

test('a credential_process that fails is run by hand', () => {
  const message = 'its credential_process failed'
  const failure = explain({ kind: 'credentials-failed', source: 'profile my ci', message })
  expect(failure.code).toBe('EKS102')
  expect(told(failure)).toContain(`"$(aws configure get credential_process --profile 'my ci')"`)
})

describe('a container', () => {
  const failed = async (env: NodeJS.ProcessEnv) => {
    const stage = await enter()
    try {
      await findCredentials('any', { ...process.env, ...env }, 'eu-west-1')
    } catch (error) {
      if (error instanceof AwsProblem) return explain(error.evidence)
    } finally {
      await stage.leave()
    }
    throw new Error('it did not fail')
  }
  /** What the lab's agent does, told of another's address, where nothing of the lab may be. */
  const at = (url: string, answer: { status?: number; code: string }) =>
    explain({
      kind: 'container-failed',
      source: `container credentials (${url})`,
      url,
      message: 'm',
      ...answer,
    })
  const POD = 'http://169.254.170.23/v1/credentials'
  const POD_BY_IPV6 = 'http://[fd00:ec2::23]/v1/credentials'
  const TASK = 'http://169.254.170.2/v2/x'

  /** An agent that always answers the same, until the test is over. */
  const agent = async (status: number, body: string) => {
    const server = createServer((_request, response) => {
      response.writeHead(status).end(body)
    })
    const { port, stop } = await listen(server)
    return { AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://me:hunter2@127.0.0.1:${port}/`, stop }
  }

  test.each<[number, string, RegExp]>([
    [403, '{"Code":"AccessDenied","Message":"no"}', /gives none$/],
    [503, '', /answers with an error$/],
    [200, 'a page', /gives none that can be used$/],
  ])('is told what its agent answered: %i %s', async (status, body, cause) => {
    const { stop, ...env } = await agent(status, body)
    const failure = await failed(env)
    await stop()
    expect(failure).toMatchObject({ code: 'EKS102', cause: expect.stringMatching(cause) })
    expect(failure.cause).toMatch(/the agent at 127\.0\.0\.1:\d+ /)
    expect(failure.evidence[0]).toContain(`answered ${status === 200 ? 'no JSON' : status}`)
    expect(told(failure)).not.toContain('hunter2')
  })

  test('may be at the wrong address, where nothing answers', async () => {
    const { stop, ...env } = await agent(200, '')
    await stop()
    const failure = await failed(env)
    expect(failure.cause).toMatch(/127\.0\.0\.1:\d+ cannot be reached$/)
    expect(told(failure)).toContain('nothing serves credentials at 127.0.0.1')
    expect(told(failure)).not.toContain('"Service"')
  })

  test('needs the file of its token', async () => {
    const failure = await failed({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: POD,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/nowhere/token',
    })
    expect(failure.cause).toContain('/nowhere/token, with the token for its agent, cannot be read')
    expect(told(failure)).not.toContain('"Service"')
  })

  test('has none at what is no address', async () => {
    const failure = await failed({ AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://me:hunter2@192.0.2.1/' })
    expect(failure.cause).toContain('gives none that can be used')
    expect(told(failure)).not.toContain('hunter2')
  })

  test.each([
    [POD, 'EKS Pod Identity', 'pods.eks.amazonaws.com', /association/],
    [POD_BY_IPV6, 'EKS Pod Identity', 'pods.eks.amazonaws.com', /association/],
    [TASK, 'ECS', 'ecs-tasks.amazonaws.com', /another task/],
  ])('whose agent at %s refuses: %s', (url, name, service, other) => {
    const failure = at(url, { status: 400, code: 'AccessDeniedException' })
    expect(failure.cause).toContain(`${name} gives none`)
    expect(JSON.stringify(failure.cure)).toContain(service)
    expect(JSON.stringify(failure.otherwise)).toMatch(other)
    expect(told(failure)).not.toContain('eks-pod-identity-agent')
  })

  test.each([
    [POD, /get daemonset eks-pod-identity-agent/],
    [TASK, /ECS_ENABLE_TASK_IAM_ROLE/],
  ])('whose agent at %s does not answer is not told to trust it', (url, cure) => {
    for (const code of ['ECONNREFUSED', 'TimeoutError']) {
      const failure = at(url, { code })
      expect(failure.cause).toMatch(/cannot be reached$/)
      expect(told(failure)).toMatch(cure)
      expect(told(failure)).not.toContain('"Service"')
    }
  })

  test.each([429, 500])('whose agent answers %i is not told to trust it', status => {
    expect(told(at(POD, { status, code: '' }))).not.toContain('"Service"')
  })

  test('whose agent is one of nobody\u2019s may be a stand-in', () => {
    const { otherwise = [] } = at('http://localhost:1/', { status: 400, code: 'x' })
    expect(otherwise.map(({ cause }) => cause)).toEqual([
      'it stands in for EKS Pod Identity, which the role does not trust',
      'it stands in for ECS, which the role does not trust',
      expect.stringContaining('left over'),
    ])
  })
})

describe('a profile that is not there', () => {
  const missing = (profile: string, profiles: string[]) =>
    explain({
      kind: 'profile-missing',
      variable: 'AWS_PROFILE',
      profile,
      files: ['/config', '/credentials'],
      profiles,
    })

  test('has the nearest beside it', () => {
    const failure = missing('deplyo', ['build', "the deploy's", 'deploy'])
    expect(failure.cause).toBe('there is no profile deplyo, which AWS_PROFILE names; did you mean deploy?')
    expect(told(failure)).toContain('AWS_PROFILE=deploy >>')
    expect(failure.evidence).toContain("profiles in them: build, the deploy's, deploy")
  })

  test('of a source_profile is named by the AWS CLI', () => {
    const failure = explain({
      kind: 'profile-missing',
      variable: 'source_profile',
      of: 'my ci',
      profile: 'bsae',
      files: ['/config', '/credentials'],
      profiles: ['my ci', 'base'],
    })
    expect(failure.cause).toContain('which source_profile of the profile my ci names; did you mean base?')
    expect(told(failure)).toContain("aws configure set source_profile base --profile 'my ci'")
    expect(told(failure)).not.toContain('GITHUB_ENV')
  })

  test.each([
    [['something'], 'something'],
    [[], 'none'],
  ])('and is near none of %j has none', (profiles, known) => {
    const failure = missing('deploy', profiles)
    expect(failure.cause).toBe('there is no profile deploy, which AWS_PROFILE names')
    expect(failure.evidence).toContain(`profiles in them: ${known}`)
    expect(told(failure)).not.toContain('GITHUB_ENV')
  })
})

describe('a search that does not end', () => {
  const slow = (source: string, seconds = 30) => explain({ kind: 'credentials-timed-out', source, seconds })

  test('waits for a profile, which is tried by hand', () => {
    const failure = slow('profile my ci')
    expect(failure).toMatchObject({
      code: 'EKS118',
      cause: 'the search for AWS credentials did not end within 30 s: it waits for the profile my ci',
    })
    expect(told(failure)).toContain("aws sts get-caller-identity --profile 'my ci'")
    expect(JSON.stringify(failure.otherwise)).toContain('timeout: \\"60\\"')
    expect(told(failure)).not.toContain('com.amazonaws')
  })

  test.each(['instance role', ''])('waits for %j', source => {
    expect(told(slow(source, 2))).toContain(source || 'no source')
  })
})

test('a source that fails for itself can be looked into, or taken away', () => {
  const failure = explain({ kind: 'credentials-failed', source: 'profile my ci', message: 'm' })
  expect(told(failure)).toContain("aws configure list --profile 'my ci'")
  const environment = explain({ kind: 'credentials-failed', source: 'environment', message: 'm' })
  expect(told(environment)).toContain('AWS_ACCESS_KEY_ID= AWS_SECRET_ACCESS_KEY=')
})
