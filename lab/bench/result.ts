import type { Span } from '../../src/report/report.ts'

/** What one run of the bench found, as docs/bench.json holds it: tables and charts are made from it alone. */
export interface BenchResult {
  schema: 1
  /** How often all measures were taken in turns. */
  rounds: number
  machine: { cpu: string; cores: number; memoryGiB: number; node: string }
  /** Version of each program that was measured, by the program's name. */
  versions: Record<string, string>
  measures: Measure[]
  ratios: Ratio[]
  sizes: { file: string; bytes: number }[]
  /** What the action's own process used. */
  usage: { name: string; megabytes: number; cpuMilliseconds: number }[]
  /** The parts of one login, by who makes the token. */
  login: Record<'aws' | 'builtin', Span[]>
}

/** How long something takes, in milliseconds: the median of its runs, and the fastest and the slowest of them. */
export interface Measure {
  group: 'token' | 'login' | 'grant' | 'kubectl' | 'clusters' | 'rules' | 'lab'
  name: string
  median: number
  from: number
  to: number
  runs: number
}

/** Two medians, one by the other; unlike milliseconds they hold on other machines, too. */
export interface Ratio {
  what: string
  value: number
  /** What it must not be above; without it, nothing is promised. */
  atMost?: number
}
