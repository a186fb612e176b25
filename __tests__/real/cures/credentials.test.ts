import { readFile, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { administrator, onlyPaste, pastes } from '../../scenarios/cures/cure.ts'
import { expectFailure, PATIENCE, realScenario } from '../../scenarios/scenario.ts'

const at = realScenario()

/** The lab's instance is this machine, as far as a runner on it can tell. */
beforeAll(async () => {
  const { instance } = at.lab.aws
  const tag = await readFile('/sys/devices/virtual/dmi/id/board_asset_tag', 'utf8').catch(() => '')
  if (/^i-[\da-f]{8,17}$/.test(tag.trim())) instance.id = tag.trim()
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, found = []]) =>
    /^(eth|en)/.test(name) ? found : [],
  )
  instance.privateIp = addresses.find(({ family }) => family === 'IPv4')?.address ?? instance.privateIp
}, PATIENCE)

/** Breaks the instance, runs the action, does what the cure says, and runs it again. */
async function expectCure(broken: object, code: string, variables = ''): Promise<string> {
  Object.assign(at.lab.aws.instance, broken)
  const login = await at.login()
  await expectFailure(login, at.runner, [code])
  const [failure] = login.report.failures
  if (!failure) throw new Error('there is no failure')
  const [paste = '', ...found] = pastes(failure, 'sh').reverse()
  const { run } = await administrator(at)
  // Where the runner does not know its instance, the cure first lists those that have its address.
  const [list] = found
  const [id] = list ? (/i-[\da-f]{8,17}/.exec((await run(list)).log) ?? []) : []
  await run(`${variables}${id ? `INSTANCE=${id}\n` : ''}${paste}`)
  expect(await at.login()).toMatchObject({ code: 0, outputs: { username: 'demo' } })
  return paste
}

test(
  'EKS101: an instance without a role',
  async () => {
    const paste = await expectCure({ roleArn: null }, 'EKS101', `ROLE=${at.role.name}\n`)
    expect(paste).toContain(`--instance-id ${at.lab.aws.instance.id} `)
  },
  PATIENCE,
)

test(
  'EKS107: metadata that is turned off for the instance',
  async () => {
    await expectCure({ access: 'disabled' }, 'EKS107')
    expect(at.lab.aws.instance.access).toBe('token-required')
  },
  PATIENCE,
)

test(
  'EKS108: a container behind a hop limit of 1',
  async () => {
    await expectCure({ hops: 1 }, 'EKS108')
    expect(at.lab.aws.instance.hopLimit).toBe(2)
  },
  PATIENCE,
)

test(
  'EKS114: a source_profile with a slip in its name',
  async () => {
    const { identities } = at.lab.aws
    const user = identities.createUser({ name: 'base' })
    const allow = { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: at.role.arn } as const
    identities.putPolicy(user.arn, 'assume', { Statement: [allow] })
    const ec2 = {
      Effect: 'Allow',
      Principal: { Service: 'ec2.amazonaws.com' },
      Action: 'sts:AssumeRole',
    } as const
    const base = { Effect: 'Allow', Principal: { AWS: user.arn }, Action: 'sts:AssumeRole' } as const
    identities.setTrust(at.role.arn, { Statement: [ec2, base] })
    const { accessKeyId, secretAccessKey } = identities.createAccessKey(user.arn)
    // Outside of the runner's folders, where no secret may be found afterwards; the AWS CLI keeps keys below HOME.
    const HOME = at.lab.env.HOME ?? ''
    const config = join(HOME, 'chained-config')
    const credentials = join(HOME, 'chained-credentials')
    await writeFile(config, `[profile ci]\nrole_arn = ${at.role.arn}\nsource_profile = bsae\n`)
    const keys = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`
    await writeFile(credentials, `[base]\n${keys}`)
    const env = { HOME, AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_PROFILE: 'ci' }

    const login = await at.login({}, { env })
    await expectFailure(login, at.runner, ['EKS114'])
    const [failure] = login.report.failures
    if (!failure) throw new Error('there is no failure')
    const cure = ['-euo', 'pipefail', '-c', onlyPaste(failure, 'sh')]
    expect(await at.runner.step('bash', cure, { env })).toMatchObject({ code: 0 })
    expect(await at.login({}, { env })).toMatchObject({ code: 0, outputs: { username: 'demo' } })
  },
  PATIENCE,
)
