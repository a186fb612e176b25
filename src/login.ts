import { locate } from './aws/target.ts'
import { type Inputs, readInputs } from './inputs.ts'
import { mask, publish } from './report/job.ts'
import { failed, Stopwatch, succeeded } from './report/report.ts'
import { hearCancellation, type Run } from './run.ts'
import { runnerCredentials } from './runner-credentials.ts'
import { tokenProvider } from './token-provider.ts'

// From the inputs to a kubeconfig that is proven to work. Nothing is written before everything is proven, so that
// no failure leaves anything behind that a later step could mistake for success.

const watch = new Stopwatch()
const stop = hearCancellation()

let summary = true
try {
  const inputs = readInputs(process.env)
  summary = inputs.summary
  await login(inputs)
} catch (error) {
  const { stepFailures } = await import('./diagnosis/diagnose.ts')
  await publish(failed([], stepFailures(error), watch), null, { summary })
} finally {
  // Ends whatever a failure left under way, and waits for none of it.
  stop.abort()
  process.stdout.write('', () => process.exit())
}

async function login(inputs: Inputs): Promise<void> {
  const run = runOf(inputs)
  const targets = await watch.time('locate', locate(inputs.clusters, inputs.region, process.env))
  const provider = await tokenProvider(inputs, run)
  const credentials = runnerCredentials(inputs, run)
  // A token needs no more than region and name: it is made while all else is loaded and asked.
  const starts = targets.map(target => {
    const early = provider.credential(target, () => credentials.in(target.region))
    return { target, credentials, provider, early }
  })
  const installing =
    inputs.kubectl && (await import('./kubectl.ts')).startKubectl(inputs.kubectl, targets.length, run)
  const { proveAll } = await import('./proof.ts')
  const proven = await proveAll(starts, inputs, run)
  const { reports } = proven
  const tool = (await installing?.(reports)) ?? { kubectl: null, failures: [], warnings: [] }
  const failures = [...proven.failures, ...tool.failures]
  if (failures.length > 0) return publish(failed(reports, failures, watch), null, inputs)

  stop.signal.throwIfAborted()
  const { writeLogin } = await import('./kubeconfig-file.ts')
  const { text, warnings } = await watch.time('write kubeconfig', writeLogin(inputs, proven, provider))
  const written = {
    kubeconfig: inputs.kubeconfig,
    kubectl: tool.kubectl,
    warnings: [...warnings, ...tool.warnings],
  }
  return publish(succeeded(reports, written, watch), text, inputs)
}

function runOf({ timeoutSeconds }: Inputs): Run {
  return { env: process.env, timeoutSeconds, signal: stop.signal, mask, time: watch.time.bind(watch) }
}
