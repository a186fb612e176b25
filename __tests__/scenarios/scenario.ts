import type { Dirent } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Role } from '../../lab/aws/identities.ts'
import type { ClusterSpec, LabCluster } from '../../lab/cluster.ts'
import { type Kubernetes, type Lab, startLab } from '../../lab/lab.ts'
import { buildRealCluster } from '../../lab/real/build.ts'
import type { RealCluster } from '../../lab/real/cluster.ts'
import { createRunner, type Runner, type StepResult } from '../../lab/runner/runner.ts'
import type { Failure } from '../../src/diagnosis/failure.ts'
import type { Report } from '../../src/report/report.ts'

/** The action's own folder. */
export const ACTION = join(import.meta.dirname, '..', '..')

/** Milliseconds that any scenario may take: a cluster starts in three seconds, on a busy machine in many more. */
export const PATIENCE = 180_000

declare global {
  /** What stands behind the scenarios' lab: each of jest's projects has its own. */
  var KUBERNETES: Kubernetes
}

/** What a scenario has around it: the lab with one cluster `demo`, the runner's role that is mapped, a fresh runner. */
export interface Scenario<Cluster extends LabCluster = LabCluster> {
  readonly lab: Lab<Cluster>
  readonly cluster: Cluster
  readonly role: Role
  readonly runner: Runner
  /** Runs the action as the runner runs it, and looks through all that it left behind for secrets. */
  login(inputs?: Record<string, string>, options?: StepOptions): Promise<Login>
  /**
   * What a later step is told when it lists a resource: names as `kubectl get -o name` prints them, or why not. By
   * kubectl where the cluster is real.
   */
  list(
    resource: 'namespaces' | 'pods' | 'configmaps',
    options?: StepOptions & { context?: string },
  ): Promise<StepResult>
  /** A further runner, as another job has one. It is closed with the scenario. */
  anotherRunner(debug?: boolean): Promise<Runner>
}

interface StepOptions {
  env?: Record<string, string>
  on?: Runner
}

export type Login = StepResult & { report: Report }

/** The token providers that a scenario can log in with, the default first: an embedded cluster has no AWS CLI beside it. */
export const PROVIDERS = KUBERNETES === 'real' ? ['aws', 'builtin'] : ['builtin']

/** Inputs that every login of a scenario has, if it names no others. */
export const INPUTS = { 'cluster-name': 'demo', ...providerInput(KUBERNETES) }

function providerInput(kubernetes: Kubernetes): Record<string, string> {
  return kubernetes === 'real' ? {} : { 'token-provider': 'builtin' }
}

/** Lets a login, and the signer in a later step, tell what ran of their bundles, where that is counted (scripts/test.ts). */
export const COUNTED: Record<string, string> = process.env.BUNDLE_COVERAGE
  ? { NODE_V8_COVERAGE: process.env.BUNDLE_COVERAGE }
  : {}

/** A scenario on the cluster of the project that runs it. */
export function scenario(clusters?: readonly ClusterSpec[]): Scenario {
  return scenarioOf(clusters, KUBERNETES)
}

/** A scenario on a real cluster. */
export function realScenario(clusters?: readonly ClusterSpec[]): Scenario<RealCluster> {
  return scenarioOf(clusters, 'real') as Scenario<RealCluster>
}

/** A scenario on an embedded cluster, which serves access entries, too, beside the kubectl and AWS CLI of a real one. */
export function embeddedScenario(clusters?: readonly ClusterSpec[]): Scenario {
  return scenarioOf(clusters, 'embedded', async () => {
    const { aws, kubectl } = await buildRealCluster()
    return { aws, kubectl }
  })
}

/**
 * Gives every test of a file the same lab and a runner of its own. The instance's role, which a test may change, is
 * put back before each.
 */
function scenarioOf(
  clusters: readonly ClusterSpec[] = [{ name: 'demo' }],
  kubernetes: Kubernetes,
  programs?: () => Promise<Record<string, string>>,
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
    lab = await startLab({ kubernetes, clusters, ...(programs ? { programs: await programs() } : {}) })
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
      return lab.clusters[0] as LabCluster
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
      const given = { 'cluster-name': 'demo', region, ...providerInput(kubernetes), ...inputs }
      const result = await on.run({ action: ACTION, inputs: given, env: { ...COUNTED, ...env } })
      await expectNoSecret(lab, on, result)
      const report: Report = JSON.parse(result.outputs.report ?? 'null')
      return { ...result, report }
    },
    list(resource, { env = {}, on = runners[0] as Runner, context } = {}) {
      const [command, ...args] = listing(lab, resource)
      const named = context ? ['--context', context] : []
      return on.step(command, [...args, ...named], { env: { ...COUNTED, ...env } })
    },
  }
}

/** By its path, as a scenario may leave nothing on PATH. */
function listing({ clusters: [cluster] }: Lab, resource: string): [string, ...string[]] {
  if (cluster && 'kubectlPath' in cluster) {
    return [(cluster as RealCluster).kubectlPath, 'get', resource, '-o', 'name']
  }
  return [process.execPath, '--no-warnings', LIST, resource]
}

const LIST = join(import.meta.dirname, '..', '..', 'lab', 'runner', 'list.ts')

/** Texts that are a token or a signature, whoever made them. */
const SECRET_FORMS = [/k8s-aws-v1\./, /X-Amz-Signature/i, /-----BEGIN [A-Z ]*PRIVATE KEY-----/]

/** The signer beside a kubeconfig names the parts of a token; it is the one of dist, byte for byte, and no secret. */
async function isSigner(file: string, text: string): Promise<boolean> {
  if (!/\.token-[0-9a-f]+$/.test(dirname(file))) return false
  return text === (await readFile(join(ACTION, 'dist', 'token', basename(file)), 'latin1').catch(() => null))
}

/** Fails when a secret stands in what a step printed, handed on or wrote to any file of its runner. */
export async function expectNoSecret(lab: Lab, runner: Runner, result: StepResult): Promise<void> {
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
  const entries = await entriesBelow(folder)
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  return Object.fromEntries(
    await Promise.all(files.map(async file => [file, await readFile(file, 'latin1').catch(() => '')])),
  )
}

async function entriesBelow(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { recursive: true, withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    // A step beside this one has removed a folder amid the reading.
    return entriesBelow(folder)
  }
}

/** What a failed login told: its codes, and that it left nothing that a later step could mistake for success. */
export async function expectFailure(login: Login, runner: Runner, codes: string[]): Promise<void> {
  expect(login.report.failures.map(({ code }) => code)).toEqual(codes)
  expect(login.code).toBe(1)
  expect(Object.keys(login.outputs)).toEqual(['report'])
  expect(login.env).toEqual({})
  expect(login.state).toEqual({})
  expect(await readdir(join(runner.temp, 'eks-login')).catch(() => [])).toEqual([])
  expectTold(login.report.failures, login)
}

/** What the report has for machines is printed for people, word for word. */
export function expectTold(
  failures: readonly Failure[],
  { annotations, log, summary }: Pick<StepResult, 'annotations' | 'log' | 'summary'>,
): void {
  for (const { code, cause, cure } of failures) {
    expect(annotations).toContainEqual(
      expect.objectContaining({ level: 'error', message: expect.stringContaining(`${code} `) }),
    )
    expect(log).toContain(cause)
    expect(summary).toContain(code)
    expect(cure.length).toBeGreaterThan(0)
    for (const step of cure) {
      const lines = (typeof step === 'string' ? step : step.text).split('\n')
      for (const line of lines) expect(log).toContain(line)
      if (typeof step === 'object') expect(summary).toContain(`\`\`\`${step.language}\n${lines[0]}`)
    }
  }
}
