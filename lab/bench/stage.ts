import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Report } from '../../src/report/report.ts'
import type { Role } from '../aws/identities.ts'
import type { RealLab } from '../lab.ts'
import { buildRealCluster } from '../real/build.ts'
import { inputVariables, readAction } from '../runner/action.ts'
import { createStepFiles, readStepFiles } from '../runner/environment-files.ts'
import { createRunner, type Runner } from '../runner/runner.ts'
import type { Process } from './processes.ts'

/** The action's own folder. */
export const ACTION = join(import.meta.dirname, '..', '..')

/** The role that makes the clusters, and is an administrator in them. */
export const CREATOR = 'arn:aws:iam::111122223333:role/creator'

/** A login that can be run once. */
export interface Login {
  process: Process
  /** After it ran. */
  report(): Promise<Report>
  kubeconfig: string
}

/** What the bench runs things with: the lab, and a runner's environment without the runner in between. */
export interface Stage {
  lab: RealLab
  region: string
  /** Of all clusters; the first is `demo`. */
  names: string[]
  /** For files; it goes with the stage. */
  folder: string
  /** The environment of a step: credentials are the instance's. */
  env: Record<string, string>
  /** Temporary keys of the runner's role, as environment variables, and no instance to ask. */
  keys: Record<string, string>
  /** Path of kubectl. */
  kubectl: string
  authenticator: string
  /** A grant by who made the cluster, with the action's defaults, but what is given. */
  grant(inputs: Record<string, string>): Promise<Process>
  /** A login with the action's defaults, but what is given, in a folder of its own. */
  login(inputs: Record<string, string>): Promise<Login>
  close(): Promise<void>
}

/** Lets the runner's role in, and makes a runner's environment. Close it when done. */
export async function createStage(lab: RealLab, names: string[]): Promise<Stage> {
  const role = await lab.admitRunner()
  const region = lab.clusters[0]?.region ?? ''
  const runner = await createRunner({ env: { ...lab.env, AWS_REGION: region, AWS_DEFAULT_REGION: region } })
  const folder = join(runner.folder, 'bench')
  await mkdir(folder)
  const { kubectl, authenticator } = await buildRealCluster()
  const keysOf = (role: Role): Record<string, string> => {
    const expires = new Date(Date.now() + 3_600_000)
    const keys = lab.aws.identities.issueSession(role, { name: 'bench', expires })
    return {
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_SESSION_TOKEN: keys.sessionToken,
      AWS_EC2_METADATA_DISABLED: 'true',
    }
  }
  const administrator = keysOf(
    lab.aws.identities.createRole({
      name: 'creator',
      trust: { Statement: [] },
      policies: { eks: { Statement: [{ Effect: 'Allow', Action: 'eks:*', Resource: '*' }] } },
    }),
  )
  const grants = loginsOf(runner, region, join(folder, 'grants'), await readAction(join(ACTION, 'grant')))
  return {
    lab,
    region,
    names,
    folder,
    env: runner.env(),
    keys: keysOf(role),
    kubectl,
    authenticator,
    async grant(inputs) {
      const { process } = await grants(inputs)
      return { ...process, env: { ...process.env, ...administrator } }
    },
    login: loginsOf(runner, region, folder, await readAction(ACTION)),
    close: () => runner.close(),
  }
}

/** Logins of a runner, each with a folder of its own for the job's files. */
export function loginsOf(
  runner: Runner,
  region: string,
  folder: string,
  { main, inputs: defaults }: Awaited<ReturnType<typeof readAction>>,
): Stage['login'] {
  let logins = 0
  return async given => {
    const own = join(folder, `login-${++logins}`)
    await mkdir(own, { recursive: true })
    const files = await createStepFiles(join(own, 'files'))
    const variables = inputVariables(defaults, { 'cluster-name': 'demo', region, ...given })
    const env = { ...runner.env(), RUNNER_TEMP: own, ...variables, ...files }
    return {
      process: { command: process.execPath, args: [main], env },
      report: async () => JSON.parse((await readStepFiles(join(own, 'files'))).outputs.report ?? ''),
      kubeconfig: join(own, 'eks-login', 'kubeconfig'),
    }
  }
}

/** A kubeconfig like another, whose exec block runs something else. */
export async function withExec(kubeconfig: string, exec: object, target: string): Promise<string> {
  const { load } = await import('js-yaml')
  const config = load(await readFile(kubeconfig, 'utf8')) as { users: { user: { exec: object } }[] }
  for (const { user } of config.users) user.exec = { ...user.exec, ...exec }
  // JSON is YAML, too.
  await writeFile(target, JSON.stringify(config), { mode: 0o600 })
  return target
}
