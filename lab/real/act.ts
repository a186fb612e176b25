/** Workflows, run by act on this machine as a self-hosted runner would run them. */
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createKeeper, type Finished, type Keeper } from '../runner/keeper.ts'
import { type Annotation, readLog } from '../runner/log.ts'
import { buildRealCluster } from './build.ts'

export type ActOptions = {
  /** The text of a workflow that has `workflow_dispatch` and whose jobs run on `self-hosted`. */
  readonly workflow: string
  /** The environment of the runner, the whole of it but HOME; `node` on its PATH is what runs actions. */
  readonly env: Readonly<Record<string, string>>
  /** What the workflow's repository holds, which `actions/checkout` lays in the workspace: a folder that is copied. */
  readonly repository?: string
  /** Further files of the repository: path → text. */
  readonly files?: Readonly<Record<string, string>>
  /** Folders, which are copied, in the place of other repositories: `OWNER/REPO@REF` → folder. */
  readonly others?: Readonly<Record<string, string>>
  /** Inputs of `workflow_dispatch`. */
  readonly inputs?: Readonly<Record<string, string>>
  /** Milliseconds until it is killed with all it started; three minutes if not given. */
  readonly timeout?: number
}

/** A step as it ran once: its `Main`, or its `Post` after all others. */
export type ActStep = {
  readonly job: string
  /** Its id, or its number in the job; inside composite actions the ids on the way to it, joined by slashes. */
  readonly id: string
  readonly stage: 'Pre' | 'Main' | 'Post'
  readonly result: 'success' | 'failure' | 'unknown'
  readonly outputs: Readonly<Record<string, string>>
  readonly summary: string
  readonly annotations: readonly Annotation[]
  /** What it printed, masked. */
  readonly log: string
}

export type ActResult = {
  readonly code: number
  /** Everything act printed, masked as act masks it. */
  readonly log: string
  /** Job id → how it ended. */
  readonly jobs: Readonly<Record<string, 'success' | 'failure'>>
  /** In the order in which they began; a step that was skipped is not among them. */
  readonly steps: readonly ActStep[]
  readonly timedOut: boolean
  readonly milliseconds: number
}

/**
 * Runs a workflow in a repository made for it, and removes all of that afterwards.
 *
 * A workflow that uses `./` needs `actions/checkout` before it, as on GitHub; act does not fetch that but copies the
 * repository. Its RUNNER_TEMP goes when the run ends: a test that looks at what a post step left gives files a place
 * outside of it.
 *
 * act sends nothing anywhere. To find an address of the machine's own it opens a UDP socket towards a public one, on
 * which nothing is ever sent.
 *
 * Where act differs from GitHub: it masks a value only where it stands as a whole, so one of several lines hardly ever;
 * what it prints of outputs and summaries (`::set-output::`, `Summary -`) is in the log; of a `debug` command nothing is.
 */
export async function runAct(options: ActOptions): Promise<ActResult> {
  const keeper = createKeeper('act')
  try {
    const { act } = await buildRealCluster()
    const repository = await layRepository(keeper, options)
    const others = await Promise.all(
      Object.entries(options.others ?? {}).map(async ([name, folder], index) => {
        const copy = join(keeper.folder, 'others', String(index))
        await copyRepository(folder, copy)
        return `--local-repository=${name}=${copy}`
      }),
    )
    const inputs = Object.entries(options.inputs ?? {}).map(([name, value]) => `--input=${name}=${value}`)
    const args = ['workflow_dispatch', ...flags(keeper), ...inputs, ...others]
    const env = environment(keeper, options.env)
    const run = await keeper.run({ command: act, args, env, cwd: repository }, options.timeout ?? 180_000)
    return read(run)
  } finally {
    await keeper.close()
  }
}

function flags(keeper: Keeper): string[] {
  return [
    '--json',
    '--platform=self-hosted=-self-hosted',
    '--action-offline-mode',
    '--no-cache-server',
    `--action-cache-path=${keeper.folder}/cache`,
    // Without one it asks GitHub's own CLI, if the machine has that, for a token.
    '--secret=GITHUB_TOKEN=a-token-that-github-never-gave',
  ]
}

function environment(keeper: Keeper, env: ActOptions['env']): Record<string, string> {
  // It would ask its makers for news.
  return { ...env, HOME: join(keeper.folder, 'home'), ACT_DISABLE_VERSION_CHECK: '1' }
}

async function layRepository(keeper: Keeper, options: ActOptions): Promise<string> {
  const folder = join(keeper.folder, 'repository')
  await mkdir(join(keeper.folder, 'home'))
  await mkdir(folder)
  if (options.repository !== undefined) await copyRepository(options.repository, folder)
  // Its own workflows would answer to the same event.
  const workflows = join('.github', 'workflows')
  const files = { ...options.files, [join(workflows, 'workflow.yml')]: options.workflow }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  const author = ['-c', 'user.name=lab', '-c', 'user.email=lab@localhost', '-c', 'commit.gpgsign=false']
  for (const args of [
    ['init', '--quiet', '--initial-branch=main'],
    ['add', '--all'],
    ['commit', '--quiet', '-m', 'lab'],
  ]) {
    const env = environment(keeper, options.env)
    const { code, stderr } = await keeper.run(
      { command: 'git', args: [...author, ...args], env, cwd: folder },
      60_000,
    )
    if (code !== 0) throw new Error(`git ${args[0]} ended with ${code}: ${stderr}`)
  }
  return folder
}

const left = new Set(['node_modules', '.git', '.cache', '.github', 'coverage'])

/** Copies a repository's folder without what its users do not get, and without its own workflows. */
function copyRepository(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true, filter: source => source === from || !left.has(basename(source)) })
}

/** One line of act's JSON log. Its message is masked; its other fields are not, so none of them goes in a log. */
type Line = {
  readonly msg?: string
  readonly jobID?: string
  readonly jobResult?: 'success' | 'failure'
  readonly stage?: ActStep['stage']
  readonly stepID?: readonly string[]
  readonly stepResult?: 'success' | 'failure'
  readonly raw_output?: boolean
  readonly command?: string
  readonly name?: string
  readonly arg?: string
  readonly content?: string
  readonly kvPairs?: Readonly<Record<string, string>>
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }
type GrowingStep = Writable<Omit<ActStep, 'outputs' | 'annotations'>> & {
  outputs: Record<string, string>
  annotations: Annotation[]
}

function read(run: Finished): ActResult {
  const jobs: Record<string, 'success' | 'failure'> = {}
  const steps = new Map<string, GrowingStep>()
  let log = ''
  for (const text of run.lines) {
    const line = parseLine(text)
    const message = (line.msg ?? '').replace(/\n$/, '')
    log += line.raw_output === true ? `  | ${message}\n` : `${message}\n`
    if (line.jobID === undefined) continue
    if (line.jobResult !== undefined) jobs[line.jobID] = line.jobResult
    if (line.stepID === undefined || line.stage === undefined) continue
    const id = line.stepID.join('/')
    const key = JSON.stringify([line.jobID, line.stage, id])
    const step = steps.get(key) ?? newStep(line.jobID, id, line.stage)
    // What act says of a step before it begins, as where it found its action, is no step.
    if (steps.has(key) || message.startsWith('⭐')) steps.set(key, step)
    record(step, line, message)
  }
  const { code, timedOut, milliseconds } = run
  return { code, log, jobs, steps: [...steps.values()], timedOut, milliseconds }
}

/** What act prints before it has read its flags is no JSON. */
function parseLine(text: string): Line {
  try {
    return JSON.parse(text) as Line
  } catch {
    return { msg: text }
  }
}

function newStep(job: string, id: string, stage: ActStep['stage']): GrowingStep {
  return { job, id, stage, result: 'unknown', outputs: {}, summary: '', annotations: [], log: '' }
}

function record(step: GrowingStep, line: Line, message: string): void {
  if (line.stepResult !== undefined) step.result = line.stepResult
  if (line.raw_output === true) step.log += `${message}\n`
  switch (line.command) {
    case 'set-output':
      step.outputs[line.name ?? line.kvPairs?.name ?? ''] = line.arg ?? ''
      break
    case 'summary':
      step.summary += line.content ?? ''
      break
    case 'error':
    case 'warning':
    case 'notice':
      // From the message, as that is masked; act sets a sign before the command.
      step.annotations.push(...readLog([message.slice(message.indexOf('::'))], new Set(), false).annotations)
  }
}
