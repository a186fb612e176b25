import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Role } from '../../../lab/aws/identities.ts'
import type { PolicyStatement } from '../../../lab/aws/policy.ts'
import type { AwsEvidence } from '../../../src/aws/evidence.ts'
import type { About } from '../../../src/diagnosis/failure.ts'
import type { Scene } from '../../../src/diagnosis/investigate.ts'
import { lookIntoRefusal } from '../../../src/diagnosis/service/refusal.ts'
import { ALLOW_DESCRIBE, calling, createRole, enter, type Stage, sessionOf } from '../../aws/stage.ts'

const ACCOUNT = '111122223333'
const RUNNER = `arn:aws:iam::${ACCOUNT}:role/runner`
const LIST: PolicyStatement = { Effect: 'Allow', Action: 'eks:ListClusters', Resource: '*' }

let stage: Stage
beforeEach(async () => {
  stage = await enter()
})
afterEach(() => stage.leave())

type Refused = Extract<AwsEvidence, { kind: 'refused' }>
const refused = (given: Partial<Refused> = {}): Refused => ({
  kind: 'refused',
  asked: 'eks:DescribeCluster',
  resource: 'demo',
  code: 'ResourceNotFoundException',
  status: 404,
  message: 'No cluster found for name: demo.',
  ...given,
})
const ABOUT: About = { cluster: 'demo', region: 'eu-west-1' }

/** Of a runner that is made with these permissions. */
function sceneOf(...statements: PolicyStatement[]): Scene {
  createRole(stage.aws, 'runner', ...statements)
  return sceneOfRunner()
}

/** Of the runner that there is. */
function sceneOfRunner(): Scene {
  const role = stage.aws.identities.findRole(RUNNER) as Role
  const credentials = async () => sessionOf(stage.aws, role)
  return {
    run: { ...calling(5), time: (_name, work) => work, mask: async () => {} },
    credentials,
    describer: credentials,
  }
}

const put = (region: string, name = 'demo', more = {}) =>
  stage.aws.putCluster({
    name,
    region,
    endpoint: 'https://127.0.0.1:6443',
    certificateAuthorityPem: stage.aws.caPem,
    ...more,
  })

describe('a cluster that is not found', () => {
  test('is looked for among all the names of its region, page by page', async () => {
    const names = Array.from({ length: 150 }, (_, index) => `c${String(index).padStart(3, '0')}`)
    for (const name of names) put('eu-west-1', name)
    const found = await lookIntoRefusal(refused(), ABOUT, sceneOf(LIST))
    expect(found).toEqual({ clusterNames: names, caller: RUNNER })
  })

  test('is looked for in the regions of the variables, of the instance and of the profile', async () => {
    await writeFile(process.env.AWS_CONFIG_FILE ?? '', '[default]\nregion = ca-central-1\n')
    Object.assign(process.env, { AWS_REGION: 'eu-north-1', AWS_DEFAULT_REGION: 'eu-north-1' })
    put('eu-north-1')
    const there = put('us-east-1')
    put('ca-central-1', 'demo', { status: 'CREATING', endpoint: null })
    put('sa-east-1')
    const { elsewhere } = await lookIntoRefusal(refused(), ABOUT, sceneOf(ALLOW_DESCRIBE))
    expect(elsewhere?.map(({ region }) => region)).toEqual(['eu-north-1', 'us-east-1', 'ca-central-1'])
    expect(elsewhere?.[1]?.arn).toBe(there.arn)
    const asked = stage.aws.requests.filter(({ operation }) => operation === 'DescribeCluster')
    expect(asked).toHaveLength(3)
  })

  test('is known to be elsewhere only where the API says so', async () => {
    process.env.AWS_REGION = 'eu-north-1'
    put('us-east-1')
    const nobody = await lookIntoRefusal(refused(), ABOUT, sceneOf())
    expect(nobody).toEqual({ caller: RUNNER })
    stage.aws.identities.putPolicy(RUNNER, 'list', { Statement: [LIST] })
    const lister = await lookIntoRefusal(refused(), ABOUT, sceneOfRunner())
    expect(lister.elsewhere).toEqual([{ region: 'us-east-1' }])
  })

  test.each(['mars', 'eu-west-1', ''])('is not looked for in the region %j', async region => {
    Object.assign(process.env, { AWS_REGION: region, AWS_EC2_METADATA_DISABLED: 'true' })
    const { elsewhere } = await lookIntoRefusal(refused(), ABOUT, sceneOf(ALLOW_DESCRIBE))
    expect(elsewhere).toBeUndefined()
    expect(stage.aws.requests.filter(({ operation }) => operation === 'DescribeCluster')).toEqual([])
  })

  test('is looked for by the role that describes it', async () => {
    const reader = createRole(stage.aws, 'reader', LIST)
    put('eu-west-1', 'demo2')
    const scene = { ...sceneOf(), describer: async () => sessionOf(stage.aws, reader) }
    const found = await lookIntoRefusal(refused(), { ...ABOUT, assumeRoleArn: reader.arn }, scene)
    expect(found).toEqual({ clusterNames: ['demo2'], caller: reader.arn })
  })

  test('is looked for by nobody without credentials', async () => {
    const none = () => Promise.reject(new Error('none'))
    const scene = { ...sceneOf(), credentials: none, describer: none }
    expect(await lookIntoRefusal(refused(), ABOUT, scene)).toEqual({})
  })

  test('is not to be found in an answer that is none of the API', async () => {
    stage.aws.fail({ service: 'eks' }, { kind: 'html' })
    expect(await lookIntoRefusal(refused(), ABOUT, sceneOf(LIST, ALLOW_DESCRIBE))).toEqual({ caller: RUNNER })
  })
})

describe('who was denied', () => {
  const denied = { code: 'AccessDeniedException', status: 403 }
  const named = `User: ${RUNNER} is not authorized to perform: eks:DescribeCluster`

  test('is asked of AWS where the refusal does not say', async () => {
    expect(await lookIntoRefusal(refused({ ...denied, message: 'no' }), ABOUT, sceneOf())).toEqual({
      caller: RUNNER,
    })
    const assuming = { ...denied, asked: 'sts:AssumeRole', code: 'AccessDenied', message: 'no' }
    const about = { ...ABOUT, assumeRoleArn: 'arn:aws:iam::444455556666:role/reader' }
    expect(await lookIntoRefusal(refused(assuming), about, sceneOfRunner())).toEqual({ caller: RUNNER })
  })

  test.each([
    ['the refusal says', { ...denied, message: named }],
    ['nobody was denied', { code: 'ValidationException' }],
  ])('is not asked where %s', async (_what, given) => {
    expect(await lookIntoRefusal(refused(given), ABOUT, sceneOf())).toEqual({})
    expect(stage.aws.requests).toEqual([])
  })
})

describe('a web identity token', () => {
  const web = refused({ asked: 'sts:AssumeRoleWithWebIdentity', code: 'AccessDenied' })
  const claims = { iss: 'https://issuer', sub: 'system:serviceaccount:ci:runner' }
  const look = async (token: string | null) => {
    const file = join(stage.folder, 'token')
    if (token !== null) await writeFile(file, token)
    process.env.AWS_WEB_IDENTITY_TOKEN_FILE = file
    return lookIntoRefusal(web, ABOUT, sceneOf())
  }
  const tokenOf = (payload: unknown) =>
    `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`

  test.each([['sts.amazonaws.com'], [['sts.amazonaws.com', 'x']]])(
    'with the audience %j is read',
    async aud => {
      expect(await look(tokenOf({ ...claims, aud }))).toEqual({
        webIdentity: { issuer: claims.iss, subject: claims.sub, audience: 'sts.amazonaws.com' },
      })
    },
  )

  test.each([
    ['that is not there', null],
    ['that is none', 'a.b.c'],
    ['of one part', 'x'],
    ['that is a number', tokenOf(7)],
    ['without an audience', tokenOf(claims)],
    ['with a line break in it', tokenOf({ ...claims, aud: 'a\n::error::b' })],
  ])('%s says nothing', async (_what, token) => {
    expect(await look(token)).toEqual({})
  })

  test('is not to be read where none is named', async () => {
    delete process.env.AWS_WEB_IDENTITY_TOKEN_FILE
    expect(await lookIntoRefusal(web, ABOUT, sceneOf())).toEqual({})
  })
})
