import type { Failure, Possibility, Step } from '../diagnosis/failure.ts'
import type { Installed } from '../kubectl/install.ts'
import { failureTitle, OTHERWISE, provenance } from './log.ts'
import { oneLine, plain } from './plain.ts'
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
  const rows = probes.map(
    ({ asked, expected, answer, passed, reason }) =>
      `| ${passed ? '✅' : '❌'} | ${code(asked)} | ${answer} | ${expected} | ${text(reason)} |`,
  )
  const table = ['| | can-i | answer | expected | reason |', '| --- | --- | --- | --- | --- |', ...rows].join(
    '\n',
  )
  return [
    `**${name}**, ${region}, ${text(`Kubernetes ${version}`)}: ${who}`,
    ...(rows.length > 0 ? [table] : []),
  ].join('\n\n')
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

/** A code block that nothing in it ends (https://spec.commonmark.org/0.31.2/#fenced-code-blocks). */
function fenced(language: string, content: string): string {
  const longest = Math.max(2, ...(content.match(/`+/g) ?? []).map(({ length }) => length))
  const fence = '`'.repeat(longest + 1)
  return [fence + language, plain(content), fence].join('\n')
}

/** Inline code that what it holds cannot end, and that a table cell can carry. */
function code(value: string): string {
  return `\`${oneLine(value).replaceAll('`', "'").replaceAll('|', '\\|')}\``
}

/** Text from outside, without a meaning in Markdown or HTML, be it a paragraph of its own or a part of one. */
function text(value: string): string {
  return oneLine(value)
    .replace(/[\\`*_~&[\]<>|#!]/g, '\\$&')
    .replace(/^[-+=]/, '\\$&')
    .replace(/^(\d+)([.)])/, '$1\\$2')
}
