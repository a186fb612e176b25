import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findKeys, profileOf } from '../../../src/diagnosis/credentials/keys.ts'
import { calling, enter, type Stage } from '../../aws/stage.ts'

let stage: Stage
let masked: (string | undefined)[]
beforeEach(async () => {
  stage = await enter()
  masked = []
})
afterEach(() => stage.leave())

function userKey() {
  const user = stage.aws.identities.createUser({ name: 'ci' })
  return { arn: user.arn, ...stage.aws.identities.createAccessKey(user.arn) }
}

function find(source: string, accessKeyId: string) {
  const run = {
    ...calling(),
    time: <T>(_name: string, work: Promise<T>) => work,
    mask: async (secrets: (string | undefined)[]) => void masked.push(...secrets),
  }
  return findKeys({ kind: 'credentials-refused', wanted: 'role', source, accessKeyId }, 'us-east-1', run)
}

async function writeProfile(
  file: 'config' | 'credentials',
  keys: { accessKeyId: string; secretAccessKey: string },
) {
  const section = file === 'config' ? 'profile ci' : 'ci'
  const lines = [
    `[${section}]`,
    `aws_access_key_id = ${keys.accessKeyId}`,
    `aws_secret_access_key = ${keys.secretAccessKey}`,
  ]
  await writeFile(join(stage.folder, file), lines.join('\n'))
  process.env.AWS_PROFILE = 'ci'
}

test('keys of the environment are the user\u2019s that STS says, and stay secret', async () => {
  const { arn, accessKeyId, secretAccessKey } = userKey()
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
  expect(await find('environment', accessKeyId)).toEqual({ caller: arn })
  expect(masked).toContain(secretAccessKey)
})

test.each([
  ['config', 'AWS_CONFIG_FILE'],
  ['credentials', 'AWS_SHARED_CREDENTIALS_FILE'],
] as const)('keys of a profile stand in a file: %s', async (file, variable) => {
  const { arn, ...keys } = userKey()
  await writeProfile(file, keys)
  expect(await find('profile ci', keys.accessKeyId)).toEqual({
    caller: arn,
    keyFile: { path: join(stage.folder, file), variable },
  })
})

test('a profile without keys has no file of them', async () => {
  await writeFile(join(stage.folder, 'config'), '[profile ci]\nregion = eu-west-1\n')
  process.env.AWS_PROFILE = 'ci'
  expect(await find('profile ci', 'AKIAX')).toEqual({})
})

test('other keys than those that are found are nobody\u2019s', async () => {
  const { accessKeyId, secretAccessKey } = userKey()
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
  expect(await find('the exec block\u2019s command', 'AKIAOTHER')).toEqual({})
  expect(stage.aws.requests).toEqual([])
})

test('keys that STS does not know are nobody\u2019s', async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIAX', AWS_SECRET_ACCESS_KEY: 's' })
  expect(await find('environment', 'AKIAX')).toEqual({})
})

test.each([
  ['profile ci', 'ci'],
  ['profile two words', 'two words'],
  ['environment', undefined],
])('the profile of %j is %j', (source, profile) => {
  expect(profileOf(source)).toBe(profile)
})
