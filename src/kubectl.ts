import type { Failure } from './diagnosis/failure.ts'
import { kubectlFailures } from './diagnosis/kubectl.ts'
import { type Installed, installKubectl } from './kubectl/install.ts'
import type { ExactVersion, KubectlRequest, MinorVersion } from './kubectl/request.ts'
import { type ClusterVersion, minorFor, skewWarnings } from './kubectl/skew.ts'
import type { Run } from './run.ts'

/** What came of the input kubectl-version. */
export interface KubectlOutcome {
  kubectl: Installed | null
  failures: Failure[]
  warnings: string[]
}

const NOTHING: KubectlOutcome = { kubectl: null, failures: [], warnings: [] }

/**
 * Begins to install kubectl, beside all else that a login does. Nobody has it on PATH before the login has succeeded.
 *
 * @param clusters how many there are to log in to
 * @returns what waits for it, told the clusters that could be asked: a version that depends on them begins only then,
 *   and is not sought where one of them is missing, which is a failure of its own. Never rejects
 */
export function startKubectl(
  { version, host }: KubectlRequest,
  clusters: number,
  run: Run,
): (asked: ClusterVersion[]) => Promise<KubectlOutcome> {
  const begin = (wanted: ExactVersion | MinorVersion) =>
    outcome(run.time('kubectl', install(wanted, host, run)), run)
  const early = version.kind === 'cluster' ? null : begin(version)
  return async asked => {
    const [first, ...others] = asked
    const complete = first && asked.length === clusters
    const came = await (early ?? (complete ? begin(minorFor([first, ...others])) : NOTHING))
    return { ...came, warnings: came.kubectl ? skewWarnings(came.kubectl.version, asked) : [] }
  }
}

function install(wanted: ExactVersion | MinorVersion, host: string, run: Run): Promise<Installed> {
  // That both are there, the inputs have seen to.
  const { RUNNER_TOOL_CACHE: toolCache = '', RUNNER_TEMP: temp = '' } = run.env
  return installKubectl(wanted, host, { machine: process, toolCache, temp }, run)
}

async function outcome(installing: Promise<Installed>, { signal }: Run): Promise<KubectlOutcome> {
  return installing.then(
    kubectl => ({ ...NOTHING, kubectl }),
    // That the step was cancelled, the login tells.
    error => (signal.aborted ? NOTHING : { ...NOTHING, failures: kubectlFailures(error) }),
  )
}
