import type { Failure } from '../diagnosis/failure.ts'
import { failureTitle } from './log.ts'
import type { ClusterReport, Report } from './report.ts'

/** The job summary of a run, as GitHub Markdown. */
export function summaryMarkdown(report: Report): string {
  const heading =
    report.result === 'success'
      ? `### Logged in to ${report.clusters.map(({ name }) => code(name)).join(', ')}`
      : '### EKS login failed'
  const warnings = report.warnings.map(warning => `> [!WARNING]\n> ${text(warning)}`)
  return (
    [heading, ...report.failures.map(failure), ...report.clusters.map(cluster), ...warnings].join('\n\n') +
    '\n'
  )
}

function cluster({ name, region, version, context, username, roleArn, probes }: ClusterReport): string {
  const who = `${code(context)} is ${code(username ?? 'unknown')}${roleArn ? ` (${code(roleArn)})` : ''}`
  const rows = probes.map(
    ({ asked, expected, answer, passed, reason }) =>
      `| ${passed ? '✅' : '❌'} | ${code(asked)} | ${answer} | ${expected} | ${text(reason)} |`,
  )
  const table = ['| | can-i | answer | expected | reason |', '| --- | --- | --- | --- | --- |', ...rows].join(
    '\n',
  )
  return [`**${name}**, ${region}, Kubernetes ${version}: ${who}`, ...(rows.length > 0 ? [table] : [])].join(
    '\n\n',
  )
}

function failure(failed: Failure): string {
  const block = (lines: string[]) =>
    ['```text', ...lines.map(line => line.replaceAll('```', "'''")), '```'].join('\n')
  return [
    `#### ❌ ${text(failureTitle(failed))}`,
    ...(failed.evidence.length > 0 ? ['Evidence:', block(failed.evidence)] : []),
    'Cure:',
    block(failed.cure),
  ].join('\n\n')
}

/** Inline code that what it holds cannot end, and that a table cell can carry. */
function code(value: string): string {
  return `\`${value.replaceAll('`', "'").replaceAll('|', '\\|').replace(/\s+/g, ' ')}\``
}

/** Text from outside, without a meaning in Markdown or HTML. */
function text(value: string): string {
  return value.replace(/[\\`*_[\]<>|#!]/g, '\\$&').replace(/\s+/g, ' ')
}
