import { dirname } from 'node:path'
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

/**
 * Tells the job everything: log, annotations, job summary, outputs, and, after a success, the environment of later
 * steps. After a failure only the `report` output is set, and the exit code is 1.
 *
 * @param kubeconfigText our entries, as a kubeconfig of their own; null when nothing was written
 */
export async function publish(
  result: Report,
  kubeconfigText: string | null,
  { summary }: { summary: boolean },
): Promise<void> {
  const core = await toolkit()
  const failures = result.failures.map(failure => withPage(plainFailure(failure), process.env))
  const report = { ...result, failures, warnings: result.warnings.map(plain) }
  for (const group of logGroups(report, kubeconfigText)) print(core, group)
  for (const warning of report.warnings) core.warning(warning)
  for (const failure of report.failures) {
    // Not folded: what is wrong is what a reader came for.
    const { title, lines } = failureGroup(failure)
    core.error(failureTitle(failure))
    core.info(harmless([title, ...lines].join('\n')))
  }
  if (summary) await writeSummary(core, report)
  core.setOutput('report', report)
  if (report.result === 'success') exportLogin(core, report)
  else process.exitCode = core.ExitCode.Failure
}

/** A summary that cannot be written fails no login. */
async function writeSummary(core: Toolkit, report: Report): Promise<void> {
  // A runner without summaries (an old GitHub Enterprise Server, another engine) sets no file for them.
  if (!process.env.GITHUB_STEP_SUMMARY) return
  await core.summary
    .addRaw(summaryMarkdown(report))
    .write()
    .catch((error: Error) => core.warning(`The job summary could not be written: ${error.message}`))
}

type Toolkit = Awaited<ReturnType<typeof toolkit>>

function print(core: Toolkit, { title, lines }: LogGroup): void {
  core.startGroup(title)
  core.info(harmless(lines.join('\n')))
  core.endGroup()
}

function exportLogin(core: Toolkit, { kubeconfig, kubectl, clusters }: Report): void {
  const [first] = clusters
  core.setOutput('kubeconfig', kubeconfig)
  core.setOutput('context', first?.context)
  core.setOutput('contexts', JSON.stringify(clusters.map(({ context }) => context)))
  core.setOutput('cluster-arn', first?.arn)
  core.setOutput('cluster-version', first?.version)
  core.setOutput('username', first?.username)
  core.setOutput('groups', JSON.stringify(first?.groups ?? []))
  core.setOutput('role-arn', first?.roleArn)
  core.exportVariable('KUBECONFIG', kubeconfig)
  core.exportVariable('KUBE_CONFIG_PATH', kubeconfig)
  if (kubectl) core.addPath(dirname(kubectl.path))
}
