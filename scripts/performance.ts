import type { BenchResult, Measure, Ratio } from '../lab/bench/result.ts'
import type { Span } from '../src/report/report.ts'
import { table } from './table.ts'

/** The tables of docs/performance.md, by their names there: no figure in it is from anywhere but the bench. */
export function performanceTables(result: BenchResult): Record<string, string> {
  const { measures, ratios, sizes, usage, login } = result
  return {
    machine: machineOf(result),
    ratios: table(['Ratio of medians', 'Measured', 'At most', ''], ratios.map(ratioRow)),
    times: table(['What', 'Median', 'From', 'To', 'Runs'], measures.map(timeRow)),
    aws: spanTable(login.aws),
    builtin: spanTable(login.builtin),
    usage: table(
      ['', 'Peak memory', 'CPU time'],
      usage.map(({ name, megabytes, cpuMilliseconds }) => [
        name,
        `${megabytes} MB`,
        milliseconds(cpuMilliseconds),
      ]),
    ),
    sizes: table(
      ['Bundle', 'kB'],
      sizes.map(({ file, bytes }) => [`\`${file}\``, (bytes / 1e3).toFixed(0)]),
    ),
  }
}

function machineOf({ machine, versions, rounds }: BenchResult): string {
  const { cpu, cores, memoryGiB, node } = machine
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${rounds} rounds on ${cores} cores (${cpu}), ${memoryGiB} GiB, on which the cluster ran, too; Node ${node}, ${programs.join(', ')}.`
}

function ratioRow({ what, value, atMost }: Ratio): string[] {
  const measured = fraction(value)
  if (atMost === undefined) return [what, measured, '', '']
  const over = Number(((value / atMost - 1) * 100).toPrecision(2))
  return [what, measured, fraction(atMost), value <= atMost ? 'met' : `missed by ${over} %`]
}

/** What is below one half reads better as a part: 1/9. */
function fraction(value: number): string {
  return value < 0.5 ? `1/${Number((1 / value).toFixed(1))}` : String(Number(value.toFixed(2)))
}

function timeRow({ name, median, from, to, runs }: Measure): string[] {
  return [name, milliseconds(median), milliseconds(from), milliseconds(to), String(runs)]
}

function spanTable(spans: Span[]): string {
  const rows = spans
    .toSorted((one, other) => one.start - other.start)
    .map(({ name, start, milliseconds: length }) => [name, milliseconds(start), milliseconds(length)])
  return table(['Span', 'Begins after', 'Takes'], rows)
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}
