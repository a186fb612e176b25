/** A GitHub runner, as far as a JavaScript action can tell: one job, its steps one by one or at once. */
import { mkdir, writeFile } from 'node:fs/promises'
import { arch } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { inputVariables, readAction } from './action.ts'
import { createStepFiles, FileCommandError, readStepFiles, type StepFiles } from './environment-files.ts'
import { createKeeper, type Keeper } from './keeper.ts'
import { type Annotation, readLog } from './log.ts'

export type RunnerOptions = {
  /** The environment the runner itself was started in: PATH at least. Nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** Run as with debug logging enabled: RUNNER_DEBUG is 1, and debug lines are in the log. */
  readonly debug?: boolean
}

/** A step that uses an action. */
export type ActionStep = {
  /** The folder of its action.yml. */
  readonly action: string
  /** What `with:` gives. */
  readonly inputs?: Readonly<Record<string, string>>
  /** What the step's `env:` gives. */
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds until the step is killed with all it started; two minutes if not given. */
  readonly timeout?: number
}

/** What is left of a step: what it printed, and what it handed to the runner. */
export type StepResult = {
  /** 0 only for success; 128 + 9 for a step that was killed; 1 also when the runner refused one of its files. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Both, as the runner shows them: masked, commands swallowed or shown as ##[…]. */
  readonly log: string
  readonly outputs: Readonly<Record<string, string>>
  /** What the step set for later steps. */
  readonly env: Readonly<Record<string, string>>
  readonly path: readonly string[]
  readonly state: Readonly<Record<string, string>>
  /** The summary as the step wrote it, unmasked. */
  readonly summary: string
  readonly annotations: readonly Annotation[]
  /** Every value that the job masks after this step. */
  readonly masks: readonly string[]
  readonly timedOut: boolean
  readonly milliseconds: number
}

export type Runner = {
  /** Holds all of the job's folders and files. */
  readonly folder: string
  readonly workspace: string
  /** RUNNER_TEMP */
  readonly temp: string
  readonly home: string
  /** The environment of the next step, as the steps before it have left it; a copy. */
  env(): Record<string, string>
  /** Runs an action's `main`. */
  run(step: ActionStep): Promise<StepResult>
  /** Runs a command in the job's environment, without a shell. */
  step(
    command: string,
    args: readonly string[],
    options?: Pick<ActionStep, 'env' | 'timeout'>,
  ): Promise<StepResult>
  /** Runs `post` of the actions that ran, the last one first, each with its own inputs and state. */
  finish(): Promise<StepResult[]>
  /** Ends what still runs and removes all folders. */
  close(): Promise<void>
}

type Script = {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly timeout: number
}

/** Makes the folders of a job on a runner. Close it when done; it closes by itself when this process ends. */
export async function createRunner({ env, debug = false }: RunnerOptions): Promise<Runner> {
  const keeper = createKeeper('runner')
  const job = await createJob(keeper, env, debug)
  const masks = new Set<string>()
  const posts: Script[] = []
  let count = 0

  const execute = async (script: Script): Promise<StepResult> => {
    const files = join(keeper.folder, 'file-commands', String(++count))
    const variables = { ...job.env(), ...script.env, ...(await createStepFiles(files)) }
    const { command, args, timeout } = script
    const finished = await keeper.run({ command, args, env: variables, cwd: job.workspace }, timeout)
    const { lines, ...rest } = finished
    const { outputs, state, ...log } = readLog(lines, masks, debug)
    const { written, refusal } = await readOrRefuse(files)
    job.take(written)
    return {
      ...rest,
      ...written,
      code: refusal === undefined ? finished.code : finished.code || 1,
      log: log.log + (refusal === undefined ? '' : `##[error]${refusal.message}\n`),
      annotations: refusal === undefined ? log.annotations : [...log.annotations, refusal],
      outputs: { ...outputs, ...written.outputs },
      state: { ...state, ...written.state },
      masks: [...masks],
    }
  }

  return {
    folder: keeper.folder,
    ...job,
    async run({ action, inputs = {}, env: stepEnv = {}, timeout = 120_000 }) {
      const { main, post, inputs: defaults } = await readAction(action)
      const variables = { ...stepEnv, ...inputVariables(defaults, inputs), GITHUB_ACTION: '__self' }
      const script = (file: string) => ({ command: process.execPath, args: [file], env: variables, timeout })
      const result = await execute(script(main))
      if (post !== undefined) {
        posts.push({ ...script(post), env: { ...variables, ...stateVariables(result.state) } })
      }
      return result
    },
    step(command, args, { env: stepEnv = {}, timeout = 120_000 } = {}) {
      return execute({ command, args, env: stepEnv, timeout })
    },
    async finish() {
      const results: StepResult[] = []
      for (let post = posts.pop(); post !== undefined; post = posts.pop()) {
        results.push(await execute(post))
      }
      return results
    },
    close: () => keeper.close(),
  }
}

type Job = Pick<Runner, 'workspace' | 'temp' | 'home' | 'env'> & {
  /** Takes what a step wrote over for the steps after it. */
  take(written: StepFiles): void
}

async function createJob(keeper: Keeper, env: RunnerOptions['env'], debug: boolean): Promise<Job> {
  const folder = (...names: string[]) => join(keeper.folder, ...names)
  const home = folder('home')
  const temp = folder('work', '_temp')
  const toolCache = folder('work', '_tool')
  const workspace = folder('work', 'demo', 'demo')
  const event = folder('work', '_temp', '_github_workflow', 'event.json')
  await Promise.all(
    [home, temp, toolCache, workspace, dirname(event)].map(path => mkdir(path, { recursive: true })),
  )
  await writeFile(event, '{}')
  const base = {
    ...env,
    HOME: home,
    // On Windows some ask this one; a process that is not told is told the user's own by Node (libuv, required_vars).
    ...(process.platform === 'win32' ? { USERPROFILE: home } : {}),
    ...githubVariables(workspace, event),
    ...runnerVariables(temp, toolCache, debug),
  }
  const added: Record<string, string> = {}
  let paths: readonly string[] = []
  return {
    home,
    temp,
    workspace,
    env() {
      const variables: Record<string, string> = { ...base, ...added }
      return { ...variables, PATH: [...paths, variables.PATH ?? ''].join(delimiter) }
    },
    take(written) {
      // The variables that a runner sets itself are its own.
      const own = (name: string) => /^(GITHUB|RUNNER)_/.test(name)
      Object.assign(added, Object.fromEntries(Object.entries(written.env).filter(([name]) => !own(name))))
      paths = [...[...written.path].reverse(), ...paths]
    },
  }
}

/** https://docs.github.com/en/actions/reference/variables-reference#default-environment-variables */
function githubVariables(workspace: string, event: string): Record<string, string> {
  return {
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTOR: 'octocat',
    GITHUB_EVENT_NAME: 'workflow_dispatch',
    GITHUB_EVENT_PATH: event,
    GITHUB_JOB: 'demo',
    GITHUB_REF: 'refs/heads/main',
    GITHUB_REPOSITORY: 'demo/demo',
    GITHUB_REPOSITORY_OWNER: 'demo',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_RUN_ID: '1',
    GITHUB_RUN_NUMBER: '1',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_SHA: '0'.repeat(40),
    GITHUB_WORKFLOW: 'demo',
    GITHUB_WORKSPACE: workspace,
  }
}

const OS_NAMES: Partial<Record<NodeJS.Platform, string>> = { darwin: 'macOS', win32: 'Windows' }

function runnerVariables(temp: string, toolCache: string, debug: boolean): Record<string, string> {
  return {
    RUNNER_ARCH: arch() === 'arm64' ? 'ARM64' : 'X64',
    RUNNER_ENVIRONMENT: 'self-hosted',
    RUNNER_NAME: 'lab',
    RUNNER_OS: OS_NAMES[process.platform] ?? 'Linux',
    RUNNER_TEMP: temp,
    RUNNER_TOOL_CACHE: toolCache,
    ...(debug ? { RUNNER_DEBUG: '1' } : {}),
  }
}

function stateVariables(state: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value]))
}

async function readOrRefuse(files: string): Promise<{ written: StepFiles; refusal?: Annotation }> {
  try {
    return { written: await readStepFiles(files) }
  } catch (error) {
    if (!(error instanceof FileCommandError)) throw error
    const refusal = { level: 'error', title: '', message: error.message } as const
    return { written: { outputs: {}, env: {}, state: {}, path: [], summary: '' }, refusal }
  }
}
