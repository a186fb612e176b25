import type { Role } from '../../../lab/aws/identities.ts'
import type { LabCluster } from '../../../lab/cluster.ts'
import { startCluster } from '../../../lab/kube/cluster.ts'
import type { About } from '../../../src/diagnosis/failure.ts'
import type { Scene } from '../../../src/diagnosis/investigate.ts'
import { findEntry, findMapping } from '../../../src/diagnosis/mapping/find-mapping.ts'
import { openConnection } from '../../../src/kube/client.ts'
import { calling, createRole, enter, type Stage, sessionOf } from '../../aws/stage.ts'

let stage: Stage
let cluster: LabCluster
let own: Role
let masked: (string | undefined)[]
beforeAll(async () => {
  stage = await enter()
  cluster = await startCluster({ name: 'demo', aws: stage.aws })
  own = createRole(stage.aws, 'own', { Effect: 'Allow', Action: 'eks:*AccessEntr*', Resource: '*' })
})
beforeEach(async () => {
  masked = []
  await cluster.writeMapRoles('')
})
afterAll(async () => {
  await cluster.stop()
  await stage.leave()
})

const REGION = 'us-east-1'
const OTHER = 'arn:aws:iam::111122223333:role/team/other'
const ABOUT: About = { cluster: 'demo', region: REGION, authenticationMode: 'CONFIG_MAP' }

function scene(change: Partial<Scene> = {}): Scene {
  const session = async () => sessionOf(stage.aws, own)
  return {
    run: {
      ...calling(),
      time: (_name, work) => work,
      mask: async secrets => {
        masked.push(...secrets)
      },
    },
    credentials: session,
    describer: session,
    cluster: {
      named: { name: 'demo' },
      connect: run => openConnection({ server: cluster.endpoint, certificateAuthority: cluster.caPem }, run),
    },
    ...change,
  }
}

test('who signs is asked of AWS, and no more where aws-auth alone counts', async () => {
  expect(await findMapping(ABOUT, scene())).toEqual({ caller: own.arn })
  expect(masked).toEqual([])
})

test('where AWS does not say who signs, nothing is asked further', async () => {
  const credentials = () => Promise.reject(new Error('none'))
  expect(await findMapping({ ...ABOUT, authenticationMode: 'API' }, scene({ credentials }))).toEqual({})
})

test.each(['API', 'API_AND_CONFIG_MAP'])('the access entry is looked for where it counts: %s', async mode => {
  const found = await findMapping({ ...ABOUT, authenticationMode: mode }, scene())
  expect(found).toMatchObject({ caller: own.arn, accessEntry: { kind: 'none', sure: true } })
})

test('an entry that cannot be asked for takes nothing from what is known', async () => {
  const describer = () => Promise.reject(new Error('none'))
  const about = { ...ABOUT, authenticationMode: 'API' }
  expect(await findMapping(about, scene({ describer }))).toEqual({ caller: own.arn })
})

describe('for a role that the token was asked for, aws-auth', () => {
  const about = { ...ABOUT, tokenRole: OTHER }

  test('is left alone by one who is not let in', async () => {
    expect(await findMapping(about, scene())).toEqual({ caller: OTHER })
    expect(masked).toEqual([expect.stringMatching(/^k8s-aws-v1\./)])
  })

  test('is left alone by one who may not read it', async () => {
    await cluster.mapRole(own.arn, 'own')
    expect(await findMapping(about, scene())).toEqual({ caller: OTHER })
  })

  test('is read by one who may', async () => {
    await cluster.mapRole(own.arn, 'own', ['system:masters'])
    await cluster.mapRole(OTHER, 'other')
    expect(await findMapping(about, scene())).toMatchObject({
      caller: OTHER,
      awsAuth: { kind: 'slip', slip: 'path', found: OTHER },
    })
  })

  test('cannot be read before the cluster is described', async () => {
    const { cluster: _, ...before } = scene()
    expect(await findMapping(about, before)).toEqual({ caller: OTHER })
  })

  test('is not looked at where it does not count', async () => {
    await cluster.mapRole(own.arn, 'own', ['system:masters'])
    const found = await findMapping({ ...about, authenticationMode: 'API' }, scene())
    expect(found).not.toHaveProperty('awsAuth')
  })
})

describe('the entry of one whom the cluster knows', () => {
  test('is looked for by the role that the cluster tells', async () => {
    const about = { ...ABOUT, authenticationMode: 'API', roleArn: own.arn }
    expect(await findEntry(about, scene())).toMatchObject({ accessEntry: { kind: 'none' } })
  })

  test('is asked for once, however much of a login wants to know it', async () => {
    const about = { ...ABOUT, authenticationMode: 'API', roleArn: own.arn }
    const [at, before] = [scene(), stage.aws.requests.length]
    const [one, other] = await Promise.all([findEntry(about, at), findEntry(about, { ...at })])
    expect(other).toBe(one)
    // ListAccessEntries and DescribeAccessEntry.
    expect(stage.aws.requests.length - before).toBe(2)
  })

  test.each([[{ roleArn: 'arn:aws:iam::111122223333:role/own' }], [{ authenticationMode: 'API' }]])(
    'is not asked for, knowing only %j',
    async known => {
      expect(await findEntry({ ...ABOUT, ...known }, scene())).toEqual({})
    },
  )
})
