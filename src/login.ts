import { locate } from './aws/target.ts'
import { stepFailures } from './diagnosis/diagnose.ts'
import { execCredential } from './exec-block.ts'
import { type Inputs, readInputs } from './inputs.ts'
import { checkKubeconfig, writeKubeconfig } from './kube/file.ts'
import { type KubeconfigEntry, merge, uniqueContexts } from './kube/kubeconfig.ts'
import { scanKubeconfig } from './kube/secrets.ts'
import { keepUndo, mask, publish } from './report/job.ts'
import { failed, Stopwatch, succeeded } from './report/report.ts'
import { Cancelled, type Run } from './run.ts'

// From the inputs to a kubeconfig that is proven to work. Nothing is written before everything is proven, so that
// no failure leaves anything behind that a later step could mistake for success.

const watch = new Stopwatch()
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stop.abort(new Cancelled(signal)))

let summary = true
try {
  const inputs = readInputs(process.env)
  summary = inputs.summary
  await login(inputs)
} catch (error) {
  await publish(failed([], stepFailures(error), watch), null, { summary })
} finally {
  // Ends whatever a failure left under way, and waits for none of it.
  stop.abort()
  process.stdout.write('', () => process.exit())
}

async function login(inputs: Inputs): Promise<void> {
  const run = runOf(inputs)
  const targets = await watch.time('locate', locate(inputs.clusters, inputs.region, process.env))
  // The exec block's command needs no more than region and name: it runs while all else is loaded and asked.
  const started = targets.map(target => ({ target, credential: execCredential(target, inputs, run) }))
  const { prove } = await import('./proof.ts')
  const file = checkKubeconfig(inputs.kubeconfig).then(() => [], stepFailures)
  const proofs = await Promise.all(
    started.map(({ target, credential }) => prove(target, inputs, run, credential)),
  )

  const failures = [...(await file), ...proofs.flatMap(proof => proof.failures)]
  const found = proofs.flatMap(proof => proof.report ?? [])
  if (failures.length > 0) return publish(failed(found, failures, watch), null, inputs)

  stop.signal.throwIfAborted()
  const entries = uniqueContexts(proofs.flatMap(proof => proof.entry ?? []))
  const { text, warnings } = await watch.time('write kubeconfig', write(inputs, entries))
  const clusters = found.map((report, index) => ({
    ...report,
    context: entries[index]?.context ?? report.context,
  }))
  return publish(succeeded(clusters, inputs.kubeconfig, warnings, watch), text, inputs)
}

function runOf({ timeoutSeconds }: Inputs): Run {
  return { env: process.env, timeoutSeconds, signal: stop.signal, mask, time: watch.time.bind(watch) }
}

async function write({ kubeconfig, timeoutSeconds, cleanup }: Inputs, entries: KubeconfigEntry[]) {
  let warnings: string[] = []
  await writeKubeconfig(kubeconfig, entries, timeoutSeconds, async (text, undo) => {
    warnings = await scanKubeconfig(kubeconfig, text, entries)
    if (cleanup) await keepUndo(undo)
  })
  // What others keep in the file may be a secret of theirs: the log shows what is ours.
  return { text: await merge(kubeconfig, null, entries), warnings }
}
