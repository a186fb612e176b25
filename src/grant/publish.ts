import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import { readable, setOutputs, tell } from '../report/job.ts'
import { type LogGroup, probeLines, timingsGroup } from '../report/log.ts'
import { code, fenced, text } from '../report/markdown.ts'
import { plain } from '../report/plain.ts'
import { failureMarkdown, probeTable } from '../report/summary.ts'
import { type Change, CONFIG_MAP } from './change.ts'
import type { GrantReport } from './report.ts'

/**
 * Tells the job everything of a grant: log, annotations, job summary and outputs. After a failure only `plan` is set, and
 * the exit code is 1.
 */
export async function publishGrant(result: GrantReport, { summary }: { summary: boolean }): Promise<void> {
  const report = { ...result, failures: readable(result.failures), warnings: result.warnings.map(plain) }
  const { warnings, failures, changed, username, method } = report
  await tell({
    groups: logGroups(report),
    warnings,
    failures,
    summary: summary ? summaryMarkdown(report) : null,
  })
  await setOutputs({ plan: report, ...(failures.length > 0 ? {} : { changed, username, method }) })
}

/* The log. */

function logGroups(report: GrantReport): LogGroup[] {
  const { changes, done, probes, timings } = report
  const lines = changes.flatMap(change => difference(change).split('\n'))
  // Before the inputs are read there is nothing to say of any role.
  if (report.role === '') return [timingsGroup(timings)]
  return [
    { title: headline(report), lines, isOpen: true },
    ...changes
      .slice(0, done)
      .filter(isOfAwsAuth)
      .map(({ before }) => ({
        title: 'mapRoles of aws-auth as it was, to be put back if need be',
        lines: before.split('\n'),
      })),
    ...(probes.length > 0 ? [{ title: 'As the API server sees it', lines: probeLines(probes) }] : []),
    timingsGroup(timings),
  ]
}

/** What the step did, in one line. */
function headline({ mode, role, cluster, username, changes, done, result }: GrantReport): string {
  const where = `${role} as ${username}${cluster ? ` in ${cluster}` : ''}`
  const count = (action: Change['action']) => changes.filter(change => change.action === action).length
  const counts = (['create', 'update', 'delete'] as const)
    .filter(action => count(action) > 0)
    .map(action => `${count(action)} to ${action}`)
  const deed = { apply: 'Grant to', plan: 'Plan for', revoke: 'Revoke from' }[mode]
  if (result === 'failure') return `${deed} ${where} failed; ${done} of ${changes.length} changes are made`
  return `${deed} ${where}: ${counts.length > 0 ? counts.join(', ') : 'nothing differs from what is wanted'}`
}

/** As `diff -u` has it. */
function difference({ what, before, after }: Change): string {
  const from = before === '' ? '/dev/null' : what
  const to = after === '' ? '/dev/null' : what
  return createTwoFilesPatch(from, to, before, after, '', '', { headerOptions: FILE_HEADERS_ONLY }).trimEnd()
}

/** Others can be made again from what is said of them; of this text, every byte is somebody's. */
function isOfAwsAuth({ what, before }: Change): boolean {
  return what === CONFIG_MAP && before !== ''
}

/* The summary. */

function summaryMarkdown(report: GrantReport): string {
  const { mode, role, cluster, username, method, changes, probes, failures, warnings } = report
  const done = { apply: 'Granted', plan: 'Planned a grant', revoke: 'Revoked' }[mode]
  const heading = failures.length > 0 ? '### EKS grant failed' : `### ${done}: ${code(role)}`
  const where = [
    `${code(username)}${cluster ? ` in ${code(cluster)}` : ''}${method ? `, mapped by ${method}` : ''}`,
  ]
  const parts = [
    heading,
    ...failures.map(failureMarkdown),
    ...(role === '' ? [] : where),
    ...(changes.length > 0
      ? [fenced('diff', changes.map(difference).join('\n'))]
      : failures.length > 0
        ? []
        : ['Nothing differed from what is wanted; nothing was written.']),
    ...probeTable(probes),
    ...warnings.map(warning => `> [!WARNING]\n> ${text(warning)}`),
  ]
  return `${parts.join('\n\n')}\n`
}
