import type { Failure } from '../diagnosis/failure.ts'
import type { Probe } from '../kube/verdict.ts'
import type { Installed } from '../kubectl/install.ts'

/** One cluster that was logged in to. */
export interface ClusterReport {
  name: string
  arn: string
  region: string
  context: string
  /** URL of the API server */
  server: string
  version: string
  status: string
  authenticationMode: string
  credentials: { source: string; accessKeyId: string }
  /** null where the server cannot say who we are */
  username: string | null
  groups: string[]
  /** The IAM role as the cluster knows it; null where the cluster does not tell. */
  roleArn: string | null
  tokenExpires: string | null
  probes: Probe[]
}

/** A part of the run: when it began and how long it took, in milliseconds since the action's start. */
export interface Span {
  name: string
  cluster?: string
  start: number
  milliseconds: number
}

/** All that was checked, measured and found: the one value from which log, summary and outputs are made. */
export interface Report {
  schema: 1
  result: 'success' | 'failure'
  /** The file that was written; null when nothing was. */
  kubeconfig: string | null
  /** What later steps have on PATH; null where the input kubectl-version asked for none, and after a failure. */
  kubectl: Installed | null
  clusters: ClusterReport[]
  failures: Failure[]
  /** Worth knowing, and no failure. */
  warnings: string[]
  timings: Span[]
}

/** A run that failed: what was found on the way is told, and nothing was written. */
export function failed(
  clusters: ClusterReport[],
  failures: Failure[],
  { spans: timings }: Stopwatch,
): Report {
  return {
    schema: 1,
    result: 'failure',
    kubeconfig: null,
    kubectl: null,
    clusters,
    failures,
    warnings: [],
    timings,
  }
}

/** A run whose kubeconfig stands, and what else it made. */
export function succeeded(
  clusters: ClusterReport[],
  written: Pick<Report, 'kubectl' | 'warnings'> & { kubeconfig: string },
  { spans: timings }: Stopwatch,
): Report {
  return { schema: 1, result: 'success', ...written, clusters, failures: [], timings }
}

/** Measures the parts of a run, also those that run side by side. */
export class Stopwatch {
  readonly spans: Span[] = []
  // The process' own start: what the runtime takes to load us is part of what a user waits for.
  readonly #now = () => Math.round(performance.now() * 10) / 10

  /** Times a piece of work; a span is kept whether it succeeds or not. */
  async time<T>(name: string, work: Promise<T>, cluster?: string): Promise<T> {
    const start = this.#now()
    try {
      return await work
    } finally {
      const milliseconds = Math.round((this.#now() - start) * 10) / 10
      this.spans.push({ name, ...(cluster ? { cluster } : {}), start, milliseconds })
    }
  }
}
