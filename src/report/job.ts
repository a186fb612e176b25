import { dirname } from 'node:path'
import type { Failure } from '../diagnosis/failure.ts'
import type { Undo } from '../kube/kubeconfig.ts'
import { failureGroup, failureTitle, harmless, type LogGroup, logGroups } from './log.ts'
import { withPage } from './page.ts'
import { plain, plainFailure } from './plain.ts'
import type { Report } from './report.ts'
import { summaryMarkdown } from './summary.ts'

// The toolkit is needed only once there is something to say: it loads while the credentials are sought.
const toolkit = () => import('@actions/core')

/** Makes the runner print *** wherever one of these would stand in the log of this or any later step. */
export async function mask(secrets: (string | undefined)[]): Promise<void> {
  const { setSecret } = await toolkit()
  for (const secret of secrets) if (secret) setSecret(secret)
}

/** Keeps for the post step what takes the login back. */
export async function keepUndo(undo: Undo): Promise<void> {
  const { saveState } = await toolkit()
  saveState(UNDO, JSON.stringify(undo))
}

/** What a login left for its post step; null when it wrote nothing. */
export async function keptUndo(): Promise<Undo | null> {
  const { getState } = await toolkit()
  const state = getState(UNDO)
  return state ? JSON.parse(state) : null
}

const UNDO = 'undo'

/** One line of the log. */
export async function say(line: string): Promise<void> {
  const { info } = await toolkit()
  info(harmless(line))
}

/** An annotation that fails nothing. */
export async function warn(line: string): Promise<void> {
  const { warning } = await toolkit()
  warning(plain(line))
}

/** What a step tells people. */
export interface Told {
  groups: LogGroup[]
  warnings: string[]
  /** As `readable` gives them. */
  failures: Failure[]
  /** GitHub Markdown; null: none is wanted. */
  summary: string | null
}

/** Log, annotations and job summary of a step; with failures, exit code 1. */
export async function tell({ groups, warnings, failures, summary }: Told): Promise<void> {
  const core = await toolkit()
  for (const group of groups) print(core, group)
  for (const warning of warnings) core.warning(warning)
  for (const failure of failures) {
    core.error(failureTitle(failure))
    print(core, { ...failureGroup(failure), isOpen: true })
  }
  if (summary !== null) await writeSummary(core, summary)
  if (failures.length > 0) process.exitCode = core.ExitCode.Failure
}

/** Failures as people may read them: without control characters, and with the page that tells more. */
export function readable(failures: readonly Failure[]): Failure[] {
  return failures.map(failure => withPage(plainFailure(failure), process.env))
}

/** Outputs of the step, by name; what is no text as JSON. */
export async function setOutputs(outputs: Record<string, unknown>): Promise<void> {
  const { setOutput } = await toolkit()
  for (const [name, value] of Object.entries(outputs)) setOutput(name, value)
}

/**
 * Tells the job everything of a login: log, annotations, job summary, outputs, and, after a success, the environment of
 * later steps. After a failure only the `report` output is set, and the exit code is 1.
 *
 * @param kubeconfigText our entries, as a kubeconfig of their own; null when nothing was written
 */
export async function publish(
  result: Report,
  kubeconfigText: string | null,
  { summary }: { summary: boolean },
): Promise<void> {
  const report = { ...result, failures: readable(result.failures), warnings: result.warnings.map(plain) }
  await tell({
    groups: logGroups(report, kubeconfigText),
    warnings: report.warnings,
    failures: report.failures,
    summary: summary ? summaryMarkdown(report) : null,
  })
  await setOutputs({ report })
  if (report.result === 'success') await exportLogin(report)
}

/** A summary that cannot be written fails no step. */
async function writeSummary(core: Toolkit, markdown: string): Promise<void> {
  // A runner without summaries (an old GitHub Enterprise Server, another engine) sets no file for them.
  if (!process.env.GITHUB_STEP_SUMMARY) return
  await core.summary
    .addRaw(markdown)
    .write()
    .catch((error: Error) => core.warning(`The job summary could not be written: ${error.message}`))
}

type Toolkit = Awaited<ReturnType<typeof toolkit>>

function print(core: Toolkit, { title, lines, isOpen = false }: LogGroup): void {
  if (!isOpen) core.startGroup(title)
  core.info(harmless((isOpen ? [title, ...lines] : lines).join('\n')))
  if (!isOpen) core.endGroup()
}

async function exportLogin({ kubeconfig, kubectl, clusters }: Report): Promise<void> {
  const core = await toolkit()
  const [first] = clusters
  await setOutputs({
    kubeconfig,
    context: first?.context,
    contexts: JSON.stringify(clusters.map(({ context }) => context)),
    'cluster-arn': first?.arn,
    'cluster-version': first?.version,
    username: first?.username,
    groups: JSON.stringify(first?.groups ?? []),
    'role-arn': first?.roleArn,
  })
  core.exportVariable('KUBECONFIG', kubeconfig)
  core.exportVariable('KUBE_CONFIG_PATH', kubeconfig)
  if (kubectl) core.addPath(dirname(kubectl.path))
}
