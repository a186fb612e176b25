import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createRunner, type Runner } from '../../../lab/runner/runner.ts'
import type { Failure } from '../../../src/diagnosis/failure.ts'
import { expectFailure, PATIENCE, scenario } from '../scenario.ts'
import { onlyPaste, pasteOfPossibility } from './cure.ts'

const at = scenario()

let opened: Runner[]
beforeEach(() => {
  opened = []
})
afterEach(async () => {
  Object.assign(at.lab.aws.instance, { access: 'token-required', hops: 0 })
  at.lab.aws.clock.offsetSeconds = 0
  at.lab.aws.identities.setTrust(at.role.arn, {
    Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  })
  await Promise.all(opened.map(runner => runner.close()))
})

/** A runner that somebody has started with further variables, as its file .env does. */
async function runnerWith(more: Record<string, string>): Promise<Runner> {
  const runner = await createRunner({ env: { ...at.lab.env, ...more } })
  opened.push(runner)
  return runner
}

/** That the action fails for one cause on a runner, by its code. */
async function broken(on: Runner, code: string): Promise<Failure> {
  const login = await at.login({}, { on })
  await expectFailure(login, on, [code])
  return login.report.failures[0] as Failure
}

/** Runs the cure's lines in a step before the next. */
async function cure(on: Runner, failure: Failure): Promise<void> {
  expect(await on.step('bash', ['-euo', 'pipefail', '-c', onlyPaste(failure, 'sh')])).toMatchObject({
    code: 0,
  })
}

async function expectCured(on: Runner): Promise<void> {
  expect(await at.login({}, { on })).toMatchObject({ code: 0, outputs: { username: 'demo' } })
}

/** Such a failure, and that its lines for the shell make the action pass. */
async function expectCure(on: Runner, code: string): Promise<Failure> {
  const failure = await broken(on, code)
  await cure(on, failure)
  await expectCured(on)
  return failure
}

const inAnHour = () => new Date(Date.now() + 3_600_000)

function sessionKeys(expires = inAnHour()) {
  const keys = at.lab.aws.identities.issueSession(at.role, { name: 'before', expires })
  return {
    keys,
    env: {
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_SESSION_TOKEN: keys.sessionToken,
    },
  }
}

/** Adds a statement to the role's trust policy, beside those that are there. */
function addToTrust(statement: string): void {
  const { identities } = at.lab.aws
  const before = identities.trustOf(at.role).map(({ statement }) => statement)
  identities.setTrust(at.role.arn, { Statement: [...before, JSON.parse(statement)] })
}

function userKeys(name: string) {
  const user = at.lab.aws.identities.createUser({ name })
  return { user, ...at.lab.aws.identities.createAccessKey(user.arn) }
}

/** A file outside of the runner's folders, in which no secret may be found afterwards. */
async function awsFile(name: string, text: string): Promise<string> {
  const folder = join(at.lab.env.HOME ?? '', '.aws-files')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), text)
  return join(folder, name)
}

test(
  'EKS101: metadata that a variable keeps from being asked',
  async () => {
    const failure = await expectCure(await runnerWith({ AWS_EC2_METADATA_DISABLED: 'true' }), 'EKS101')
    expect(failure.evidence).toContain('AWS_EC2_METADATA_DISABLED is true')
  },
  PATIENCE,
)

test(
  'EKS102: a role that does not trust EC2',
  async () => {
    const { identities } = at.lab.aws
    const Principal = { Service: 'lambda.amazonaws.com' }
    identities.setTrust(at.role.arn, {
      Statement: [{ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' }],
    })
    const failure = await broken(at.runner, 'EKS102')
    expect(failure.cause).toBe('EC2 cannot take on the role runner of the instance')
    addToTrust(onlyPaste(failure, 'json'))
    await expectCured(at.runner)
  },
  PATIENCE,
)

test(
  'EKS102: a role that does not trust EKS Pod Identity',
  async () => {
    const agent = 'pods.eks.amazonaws.com'
    const grant = { roleArn: at.role.arn, agent, sessionName: 'runner-0' } as const
    const on = await runnerWith({ ...(await at.lab.aws.grantContainer(grant)) })
    const failure = await broken(on, 'EKS102')
    // The lab's agent is at another address than AWS's own.
    expect(failure.cause).toMatch(/the agent at 127\.0\.0\.1:\d+ gives none$/)
    addToTrust(pasteOfPossibility(failure, /stands in for EKS Pod Identity/))
    await expectCured(on)
  },
  PATIENCE,
)

test(
  'EKS103: long-lived keys of a user in the environment, and whose they are',
  async () => {
    const { user, accessKeyId, secretAccessKey } = userKeys('left-behind')
    const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
    const failure = await expectCure(await runnerWith(env), 'EKS103')
    expect(failure.cause).toContain(`keys of ${user.arn} come first (environment)`)
  },
  PATIENCE,
)

test(
  'EKS103: long-lived keys of a user in a file, which one and whose they are',
  async () => {
    const { user, accessKeyId, secretAccessKey } = userKeys('of-the-machine')
    const text = `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`
    const file = await awsFile('credentials', text)
    const failure = await expectCure(await runnerWith({ AWS_SHARED_CREDENTIALS_FILE: file }), 'EKS103')
    expect(failure.evidence).toEqual(expect.arrayContaining([expect.stringContaining(file)]))
    expect(failure.evidence).toEqual(expect.arrayContaining([expect.stringContaining(user.arn)]))
  },
  PATIENCE,
)

test(
  'EKS104: credentials of the environment that are over',
  async () => {
    const { env } = sessionKeys()
    const AWS_CREDENTIAL_EXPIRATION = new Date(Date.now() - 60_000).toISOString()
    await expectCure(await runnerWith({ ...env, AWS_CREDENTIAL_EXPIRATION }), 'EKS104')
  },
  PATIENCE,
)

test(
  'EKS110: a metadata service that knows version 1 only, which a variable forbids',
  async () => {
    at.lab.aws.instance.access = 'no-tokens'
    await expectCure(await runnerWith({ AWS_EC2_METADATA_V1_DISABLED: 'true' }), 'EKS110')
  },
  PATIENCE,
)

describe('EKS111: a clock', () => {
  /** A machine on which nobody but chrony sets the clock, which the lab has in the place of the machine's own. */
  async function machine(more: Record<string, string> = {}) {
    const folder = join(at.lab.env.HOME ?? '', 'chrony')
    const stepped = join(folder, 'stepped')
    await mkdir(folder, { recursive: true })
    await writeFile(stepped, '')
    const programs = {
      sudo: '#!/bin/sh\nexec "$@"\n',
      chronyc: `#!/bin/sh\n[ "$*" = makestep ] && echo done >> '${stepped}'\n`,
    }
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(join(folder, name), script)
      await chmod(join(folder, name), 0o755)
    }
    const runner = await runnerWith({ PATH: `${folder}:${at.lab.env.PATH}`, ...more })
    const setClock = async () => {
      expect(await readFile(stepped, 'utf8')).toBe('done\n')
      at.lab.aws.clock.offsetSeconds = 0
    }
    return { runner, setClock }
  }

  test.each([
    ['behind', 3600],
    ['ahead of', -3600],
  ])(
    'that is %s AWS\u2019s by an hour makes tokens that the cluster refuses',
    async (way, offset) => {
      // Keys of its own, so that no token is one that the cluster has taken a moment ago.
      const { env } = sessionKeys(new Date(Date.now() + 6 * 3_600_000))
      const { runner, setClock } = await machine(env)
      at.lab.aws.clock.offsetSeconds = offset
      const failure = await broken(runner, 'EKS111')
      const seconds = Number(
        new RegExp(`clock of the runner is (\\d+) s ${way} AWS`).exec(failure.cause)?.[1],
      )
      expect(Math.abs(seconds - 3600)).toBeLessThan(120)
      await cure(runner, failure)
      await setClock()
      await expectCured(runner)
    },
    PATIENCE,
  )

  test(
    'that is ahead makes credentials look as if they were over',
    async () => {
      const { env } = sessionKeys()
      const AWS_CREDENTIAL_EXPIRATION = new Date(Date.now() - 600_000).toISOString()
      const { runner } = await machine({ ...env, AWS_CREDENTIAL_EXPIRATION })
      at.lab.aws.clock.offsetSeconds = -7200
      const failure = await broken(runner, 'EKS111')
      expect(failure.evidence).toEqual(
        expect.arrayContaining([expect.stringContaining('by AWS\u2019s clock is yet to come')]),
      )
    },
    PATIENCE,
  )
})

test(
  'EKS113: a web identity token file that is not there',
  async () => {
    const env = {
      AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/secrets/eks.amazonaws.com/serviceaccount/no-token',
      AWS_ROLE_ARN: at.role.arn,
    }
    const failure = await expectCure(await runnerWith(env), 'EKS113')
    expect(failure.evidence.join()).toContain('ENOENT')
  },
  PATIENCE,
)

test(
  'EKS114: a profile with a slip in its name',
  async () => {
    const file = await awsFile(
      'config',
      '[profile build]\nregion = us-east-1\n[profile deploy]\nregion = us-east-1\n',
    )
    const on = await runnerWith({ AWS_CONFIG_FILE: file, AWS_PROFILE: 'biuld' })
    const failure = await expectCure(on, 'EKS114')
    expect(failure.cause).toContain('did you mean build?')
    expect(failure.evidence).toContain('profiles in them: build, deploy')
  },
  PATIENCE,
)

test(
  'EKS114: a profile whose section lacks its word',
  async () => {
    const file = await awsFile('bare-config', '[a.b-1]\nregion = us-east-1\n')
    const on = await runnerWith({ AWS_CONFIG_FILE: file, AWS_PROFILE: 'a.b-1' })
    const failure = await expectCure(on, 'EKS114')
    expect(failure.cause).toContain('lacks the word profile')
  },
  PATIENCE,
)

test(
  'EKS115: a session token that AWS says has expired',
  async () => {
    const { keys, env } = sessionKeys()
    at.lab.aws.identities.expireSession(keys.accessKeyId)
    await expectCure(await runnerWith(env), 'EKS115')
  },
  PATIENCE,
)

test(
  'EKS116: an access key that AWS does not know',
  async () => {
    const { keys, env } = sessionKeys()
    at.lab.aws.identities.deleteAccessKey(keys.accessKeyId)
    await expectCure(await runnerWith(env), 'EKS116')
  },
  PATIENCE,
)

test(
  'EKS117: a secret access key of another key',
  async () => {
    const { env } = sessionKeys()
    const another = sessionKeys().env.AWS_SECRET_ACCESS_KEY
    await expectCure(await runnerWith({ ...env, AWS_SECRET_ACCESS_KEY: another }), 'EKS117')
  },
  PATIENCE,
)
