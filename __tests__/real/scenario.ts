import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Role } from '../../lab/aws/identities.ts'
import { type Lab, type LabOptions, startLab } from '../../lab/lab.ts'
import type { RealCluster } from '../../lab/real/cluster.ts'
import { createRunner, type Runner, type StepResult } from '../../lab/runner/runner.ts'
import type { Report } from '../../src/report/report.ts'

/** The action's own folder. */
export const ACTION = join(import.meta.dirname, '..', '..')

/** Milliseconds that any scenario may take: a cluster starts in three seconds, on a busy machine in many more. */
export const PATIENCE = 180_000

/** What a scenario has around it: the lab with one cluster `demo`, the runner's role that is mapped, a fresh runner. */
export interface Scenario {
  readonly lab: Lab
  readonly cluster: RealCluster
  readonly role: Role
  readonly runner: Runner
  /** Runs the action as the runner runs it, and looks through all that it left behind for secrets. */
  login(
    inputs?: Record<string, string>,
    options?: { env?: Record<string, string>; on?: Runner },
  ): Promise<Login>
  /** A further runner, as another job has one. It is closed with the scenario. */
  anotherRunner(debug?: boolean): Promise<Runner>
}

export type Login = StepResult & { report: Report }

/**
 * Gives every test of a file the same lab and a runner of its own. The instance's role, which a test may change, is
 * put back before each.
 */
export function scenario(
  clusters: NonNullable<Exclude<LabOptions['clusters'], number>> = [{ name: 'demo' }],
): Scenario {
  let lab: Lab
  let role: Role
  let runners: Runner[] = []
  const open = async (debug = false) => {
    const runner = await createRunner({ env: lab.env, debug })
    runners.push(runner)
    return runner
  }
  beforeAll(async () => {
    lab = await startLab({ kubernetes: 'real', clusters })
    role = await lab.admitRunner()
  }, PATIENCE)
  beforeEach(async () => {
    lab.aws.instance.roleArn = role.arn
    runners = []
    await open()
  })
  afterEach(() => Promise.all(runners.map(runner => runner.close())))
  afterAll(() => lab?.stop(), PATIENCE)

  return {
    get lab() {
      return lab
    },
    get cluster() {
      return lab.clusters[0] as RealCluster
    },
    get role() {
      return role
    },
    get runner() {
      return runners[0] as Runner
    },
    anotherRunner: open,
    async login(inputs = {}, { env = {}, on = runners[0] as Runner } = {}) {
      const region = lab.aws.instance.region
      const result = await on.run({
        action: ACTION,
        inputs: { 'cluster-name': 'demo', region, ...inputs },
        env,
      })
      await expectNoSecret(lab, on, result)
      const report: Report = JSON.parse(result.outputs.report ?? 'null')
      return { ...result, report }
    },
  }
}

/** Texts that are a token or a signature, whoever made them. */
const SECRET_FORMS = [/k8s-aws-v1\./, /X-Amz-Signature/i, /-----BEGIN [A-Z ]*PRIVATE KEY-----/]

/** The signer beside a kubeconfig names the parts of a token; it is the one of dist, byte for byte, and no secret. */
async function isSigner(file: string, text: string): Promise<boolean> {
  if (!/\.token-[0-9a-f]+$/.test(dirname(file))) return false
  return text === (await readFile(join(ACTION, 'dist', 'token', basename(file)), 'latin1').catch(() => null))
}

/** Fails when a secret stands in what a step printed, handed on or wrote to any file of its runner. */
async function expectNoSecret(lab: Lab, runner: Runner, result: StepResult): Promise<void> {
  const { log, stderr, outputs, env, state, summary, annotations } = result
  const files = await textsBelow(runner.folder)
  const places = {
    log,
    stderr,
    summary,
    handed: JSON.stringify([outputs, env, state, annotations]),
    ...files,
  }
  const secrets = lab.aws.identities.secrets()
  for (const [place, text] of Object.entries(places)) {
    if (await isSigner(place, text)) continue
    const leaked = secrets.some(secret => text.includes(secret)) || SECRET_FORMS.some(form => form.test(text))
    // The secret itself stays out of the test's message, too.
    if (leaked) throw new Error(`a secret stands in ${place}`)
  }
}

async function textsBelow(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  return Object.fromEntries(
    await Promise.all(files.map(async file => [file, await readFile(file, 'latin1').catch(() => '')])),
  )
}

/** What a failed login told: its codes, and that it left nothing that a later step could mistake for success. */
export async function expectFailure(login: Login, runner: Runner, codes: string[]): Promise<void> {
  expect(login.report.failures.map(({ code }) => code)).toEqual(codes)
  expect(login.code).toBe(1)
  expect(Object.keys(login.outputs)).toEqual(['report'])
  expect(login.env).toEqual({})
  expect(login.state).toEqual({})
  expect(await readdir(join(runner.temp, 'eks-login')).catch(() => [])).toEqual([])
  for (const { code, cause, cure } of login.report.failures) {
    expect(login.annotations).toContainEqual(
      expect.objectContaining({ level: 'error', message: expect.stringContaining(code) }),
    )
    expect(login.log).toContain(cause)
    expect(login.summary).toContain(code)
    expect(cure.join('')).not.toBe('')
  }
}
