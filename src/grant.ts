import { locateOne } from './aws/target.ts'
import { Administrator } from './grant/administrator.ts'
import { changesIn } from './grant/change.ts'
import { type GrantInputs, readGrantInputs } from './grant/inputs.ts'
import { newReport } from './grant/report.ts'
import { mask } from './report/job.ts'
import { Stopwatch } from './report/report.ts'
import { hearCancellation, type Run } from './run.ts'

// From the inputs to a role that may do what it shall in a cluster, and is mapped to who may. All is planned before
// anything is written, and all that is written is asked for again as the API server sees it.

const watch = new Stopwatch()
const stop = hearCancellation()

const report = newReport()
let summary = true
let failuresOf = async (error: unknown) => (await import('./diagnosis/diagnose.ts')).stepFailures(error)
try {
  const inputs = readGrantInputs(process.env)
  summary = inputs.summary
  await grant(inputs)
} catch (error) {
  report.result = 'failure'
  report.failures = await failuresOf(error)
} finally {
  // Ends whatever a failure left under way, and waits for none of it.
  stop.abort()
}
const { publishGrant } = await import('./grant/publish.ts')
await publishGrant({ ...report, timings: watch.spans }, { summary })
process.stdout.write('', () => process.exit())

/** What it comes to is in the report, step by step, so that a failure tells all that was found and done before it. */
async function grant(inputs: GrantInputs): Promise<void> {
  const { mode, role, username, groups, name } = inputs
  Object.assign(report, { mode, role: role.arn, username, groups, name })
  const run = runOf(inputs)
  const target = await locateOne(inputs.cluster, inputs.region, process.env)
  const administrator = new Administrator(target, inputs, run)
  failuresOf = error => administrator.failuresOf(error)
  // A token needs no more than region and name: it is made while AWS is asked.
  const early = administrator.token()
  early.catch(() => {})
  const describing = administrator.describe()
  describing.catch(() => {})
  // Loaded while these are under way.
  const { findEntry, methodOf } = await import('./grant/plan-mapping.ts')
  const { applyPlan, planGrant } = await import('./grant/plan.ts')
  const { checkRules } = await import('./grant/check.ts')
  const cluster = await describing
  report.cluster = cluster.arn
  report.method = methodOf(inputs, cluster)

  const finding = findEntry(inputs, report.method, cluster, await administrator.credentials(), run)
  const [[found], api] = await Promise.all([Promise.allSettled([finding]), administrator.api(cluster, early)])
  const known = { method: report.method, ...(found.status === 'fulfilled' ? found.value : {}) }
  const planning = watch.time('plan', planGrant(inputs, cluster, known, api))
  // Whoever is denied the one may be denied the other, too.
  if (found.status === 'rejected') throw await allOf(found.reason, planning)
  const plan = await planning
  report.changes = changesIn(plan.works)
  report.warnings = plan.notes
  report.changed = mode === 'plan' && report.changes.length > 0
  if (mode === 'plan') return

  const tell = (done: number) => {
    Object.assign(report, { done, changed: true, changes: changesIn(plan.works) })
  }
  await watch.time('apply', applyPlan(plan, tell))
  if (mode === 'apply') report.probes = await watch.time('check', checkRules(plan, inputs, api))
}

/** An error, and what some work fails with beside it. */
async function allOf(error: unknown, work: Promise<unknown>): Promise<AggregateError> {
  const [outcome] = await Promise.allSettled([work])
  return new AggregateError([error, ...(outcome.status === 'rejected' ? [outcome.reason] : [])])
}

function runOf({ timeoutSeconds }: GrantInputs): Run {
  return { env: process.env, timeoutSeconds, signal: stop.signal, mask, time: watch.time.bind(watch) }
}
