import type { Failure, Possibility, Step } from '../diagnosis/failure.ts'
import type { Probe } from '../kube/verdict.ts'
import type { Installed } from '../kubectl/install.ts'
import { plain } from './plain.ts'
import type { ClusterReport, Report, Span } from './report.ts'

/** A part of the log: a heading, and lines that belong under it. */
export interface LogGroup {
  title: string
  lines: string[]
  /** Not folded: what a reader came for. */
  isOpen?: boolean
}

/** The log of a run, as groups; what the login put into the kubeconfig is shown whole, for there is no secret in it. */
export function logGroups(report: Report, kubeconfigText: string | null): LogGroup[] {
  const clusters = report.clusters.map(cluster => ({
    title: `${cluster.name} (${cluster.region}): ${identity(cluster)}`,
    lines: [...facts(cluster), '', ...probeLines(cluster.probes)],
  }))
  const file = report.kubeconfig && kubeconfigText ? [kubeconfigGroup(report.kubeconfig, kubeconfigText)] : []
  const tool = report.kubectl ? [kubectlGroup(report.kubectl)] : []
  return [...clusters, ...file, ...tool, timingsGroup(report.timings)]
}

/** What took how long, and from when. */
export function timingsGroup(timings: readonly Span[]): LogGroup {
  const lines = timings.map(
    ({ name, cluster, start, milliseconds }) =>
      `${String(milliseconds).padStart(8)} ms  from ${String(start).padStart(7)}  ${name}${cluster ? ` (${cluster})` : ''}`,
  )
  return { title: 'Timings', lines }
}

function identity({ username, roleArn }: ClusterReport): string {
  return `${username ?? 'unknown user'}${roleArn ? `, ${roleArn}` : ''}`
}

function facts(cluster: ClusterReport): string[] {
  const { source, accessKeyId } = cluster.credentials
  return [
    `cluster      ${cluster.arn}`,
    `             Kubernetes ${cluster.version}, ${cluster.status}, authentication mode ${cluster.authenticationMode}`,
    `server       ${cluster.server}`,
    `context      ${cluster.context}`,
    `credentials  ${source} (access key ${accessKeyId})`,
    `username     ${cluster.username ?? 'unknown'}`,
    `groups       ${cluster.groups.join(', ') || 'none'}`,
    `role         ${cluster.roleArn ?? 'unknown'}`,
    ...(cluster.tokenExpires ? [`token        until ${cluster.tokenExpires}`] : []),
  ]
}

/** What was asked of the authorizer, a line each. */
export function probeLines(probes: readonly Probe[]): string[] {
  const width = Math.max(0, ...probes.map(({ asked }) => asked.length))
  return probes.flatMap(({ asked, expected, answer, passed, reason, notes }) => [
    `${passed ? 'pass' : 'FAIL'}  can-i ${asked.padEnd(width)}  ${answer.padEnd(8)}  expected ${expected}${reason ? `  (${reason})` : ''}`,
    ...notes.map(note => `      ${note}`),
  ])
}

function kubeconfigGroup(file: string, text: string): LogGroup {
  return { title: `Kubeconfig ${file}`, lines: text.trimEnd().split('\n').map(shortened) }
}

function kubectlGroup({ version, path, source, sha256 }: Installed): LogGroup {
  return {
    title: `kubectl ${version}, ${provenance(source)}`,
    lines: [`path    ${path}`, `sha256  ${sha256}`],
  }
}

/** Where an installed kubectl came from, in words. */
export function provenance(source: Installed['source']): string {
  return source === 'cache' ? 'from the tool cache' : `downloaded from ${source}`
}

/** A certificate authority is public and long; its beginning tells it apart. */
function shortened(line: string): string {
  return line.replace(/(certificate-authority-data:? *"?[\w+/=]{20})[\w+/=]{20,}/, '$1…')
}

/** One failure in full: cause, evidence, cure, and what else it may be. */
export function failureGroup({ evidence, cure, otherwise = [], page, ...failure }: Failure): LogGroup {
  return {
    title: failureTitle(failure),
    lines: [
      ...section('Evidence:', evidence),
      ...section('Cure:', cure),
      ...(otherwise.length > 0 ? [OTHERWISE, ...otherwise.flatMap(possibility)] : []),
      ...(page ? [`More: ${page}`] : []),
    ],
  }
}

/** What stands above the causes that the evidence does not rule out. */
export const OTHERWISE = 'If it is not that, it may be, the likeliest first:'

function possibility({ cause, tell, cure }: Possibility, index: number): string[] {
  return [
    `  ${index + 1}. ${cause}`,
    ...section('To tell:', tell).map(deeper),
    ...section('Cure:', cure).map(deeper),
  ]
}

const deeper = (line: string) => `     ${line}`

function section(heading: string, steps: readonly Step[]): string[] {
  return steps.length > 0 ? [heading, ...steps.flatMap(stepLines)] : []
}

/** What is to be pasted stands deeper than what is said of it. */
function stepLines(step: Step): string[] {
  const [text, indent] = typeof step === 'string' ? [step, '  '] : [step.text, '    ']
  return text.split('\n').map(line => indent + line)
}

/** One line, as an annotation carries it. */
export function failureTitle({ code, cluster, cause }: Pick<Failure, 'code' | 'cluster' | 'cause'>): string {
  return `${code} ${cluster ? `${cluster}: ` : ''}${cause}`
}

/**
 * A text from outside, in which the runner finds no command: it looks for `::` behind leading blanks, and for the older
 * `##[` anywhere in a line (actions/runner, ActionCommand.cs).
 */
export function harmless(text: string): string {
  return plain(text)
    .replace(/^([^\S\n]*)::/gm, '$1: :')
    .replaceAll('##[', '## [')
}
