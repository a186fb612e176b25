import type { Failure, Possibility, Step } from '../diagnosis/failure.ts'
import type { Probe } from '../kube/verdict.ts'
import type { Installed } from '../kubectl/install.ts'
import { failureTitle, OTHERWISE, provenance } from './log.ts'
import { code, fenced, text } from './markdown.ts'
import type { ClusterReport, Report } from './report.ts'

/** The job summary of a run, as GitHub Markdown. */
export function summaryMarkdown(report: Report): string {
  const heading =
    report.result === 'success'
      ? `### Logged in to ${report.clusters.map(({ name }) => code(name)).join(', ')}`
      : '### EKS login failed'
  const warnings = report.warnings.map(warning => `> [!WARNING]\n> ${text(warning)}`)
  const tool = report.kubectl ? [kubectl(report.kubectl)] : []
  const parts = [
    heading,
    ...report.failures.map(failureMarkdown),
    ...report.clusters.map(cluster),
    ...tool,
    ...warnings,
  ]
  return `${parts.join('\n\n')}\n`
}

function kubectl({ version, source }: Installed): string {
  return `kubectl ${code(version)} is on \`PATH\` for later steps, ${text(provenance(source))}`
}

function cluster({ name, region, version, context, username, roleArn, probes }: ClusterReport): string {
  const who = `${code(context)} is ${code(username ?? 'unknown')}${roleArn ? ` (${code(roleArn)})` : ''}`
  return [`**${name}**, ${region}, ${text(`Kubernetes ${version}`)}: ${who}`, ...probeTable(probes)].join(
    '\n\n',
  )
}

/** What was asked of the authorizer, as a table; none where nothing was. */
export function probeTable(probes: readonly Probe[]): string[] {
  if (probes.length === 0) return []
  const rows = probes.map(
    ({ asked, expected, answer, passed, reason }) =>
      `| ${passed ? '✅' : '❌'} | ${code(asked)} | ${answer} | ${expected} | ${text(reason)} |`,
  )
  return [['| | can-i | answer | expected | reason |', '| --- | --- | --- | --- | --- |', ...rows].join('\n')]
}

/** One failure in full, as GitHub Markdown: cause, evidence, cure, and what else it may be. */
export function failureMarkdown({ evidence, cure, otherwise = [], page, ...failed }: Failure): string {
  return [
    `#### ❌ ${text(failureTitle(failed))}`,
    ...(evidence.length > 0 ? ['Evidence:', fenced('text', evidence.join('\n'))] : []),
    'Cure:',
    ...cure.map(step),
    ...(otherwise.length > 0 ? [OTHERWISE, ...otherwise.map(possibility)] : []),
    ...(page ? [`[More on ${failed.code}](${page})`] : []),
  ].join('\n\n')
}

function possibility({ cause, tell, cure }: Possibility, index: number): string {
  const parts = [...(tell.length > 0 ? ['To tell:', ...tell.map(step)] : []), 'Cure:', ...cure.map(step)]
  const [bullet, indent] = [`${index + 1}. `, '   ']
  return `${bullet}${text(cause)}\n\n${parts.join('\n\n').replace(/^(?=.)/gm, indent)}`
}

function step(given: Step): string {
  return typeof given === 'string' ? text(given) : fenced(given.language, given.text)
}
