import { locate } from './aws/target.ts'
import { Administrator } from './grant/administrator.ts'
import { checkRules } from './grant/check.ts'
import { type GrantInputs, readGrantInputs } from './grant/inputs.ts'
import { findEntry, methodOf } from './grant/mapping.ts'
import { applyPlan, planGrant } from './grant/plan.ts'
import { changesIn, type GrantReport, publishGrant } from './grant/report.ts'
import { mask } from './report/job.ts'
import { Stopwatch } from './report/report.ts'
import { Cancelled, type Run } from './run.ts'

// From the inputs to a role that may do what it shall in a cluster, and is mapped to who may. All is planned before
// anything is written, and all that is written is asked for again as the API server sees it.

const watch = new Stopwatch()
const stop = new AbortController()
// A runner that cancels sends the first; on Windows it presses Ctrl+C, which Node tells as that one.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stop.abort(new Cancelled(signal)))

let inputs: GrantInputs | null = null
let report = nothingYet()
let failuresOf = async (error: unknown) => (await import('./diagnosis/diagnose.ts')).stepFailures(error)
try {
  inputs = readGrantInputs(process.env)
  report = { ...report, ...of(inputs) }
  await grant(inputs)
} catch (error) {
  report = { ...report, result: 'failure', failures: await failuresOf(error) }
} finally {
  // Ends whatever a failure left under way, and waits for none of it.
  stop.abort()
}
await publishGrant({ ...report, timings: watch.spans }, { summary: inputs?.summary ?? true })
process.stdout.write('', () => process.exit())

async function grant(inputs: GrantInputs): Promise<void> {
  const run = runOf(inputs)
  const [target] = await locate([inputs.cluster], inputs.region, process.env)
  if (!target) return
  const administrator = new Administrator(target, inputs, run)
  failuresOf = error => administrator.failuresOf(error)
  // A token needs no more than region and name: it is made while AWS is asked.
  const early = administrator.token()
  early.catch(() => {})
  const cluster = await administrator.describe()
  const method = methodOf(inputs, cluster)
  report = { ...report, cluster: cluster.arn, method }

  const [entry, api] = await Promise.all([
    findEntry(inputs, method, cluster, await administrator.credentials(), run),
    administrator.api(cluster, early),
  ])
  const plan = await watch.time('plan', planGrant(inputs, cluster, { method, ...entry }, api))
  const changes = changesIn(plan)
  report = { ...report, changes, warnings: plan.notes, changed: changes.length > 0 }
  if (inputs.mode === 'plan') return

  await watch.time('apply', applyPlan(plan, inputs, api))
  if (inputs.mode === 'revoke') return
  report = { ...report, probes: await watch.time('check', checkRules(plan, inputs, api)) }
}

function runOf({ timeoutSeconds }: GrantInputs): Run {
  return { env: process.env, timeoutSeconds, signal: stop.signal, mask, time: watch.time.bind(watch) }
}

function nothingYet(): GrantReport {
  return {
    schema: 1,
    result: 'success',
    ...{ mode: 'apply', cluster: null, role: '', username: '', groups: [], name: '', method: null },
    ...{ changed: false, changes: [], probes: [], warnings: [], failures: [], timings: [] },
  }
}

function of({ mode, role, username, groups, name }: GrantInputs): Partial<GrantReport> {
  return { mode, role: role.arn, username, groups, name }
}
