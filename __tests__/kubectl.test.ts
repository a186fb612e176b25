import { parseKubectlVersion } from '../src/kubectl/request.ts'
import { type KubectlOutcome, startKubectl } from '../src/kubectl.ts'
import type { Run } from '../src/run.ts'
import { content, stage } from './kubectl/stage.ts'

const at = stage()

/** The run of a step, with what it measured. */
function run(signal = new AbortController().signal): Run & { timed: string[] } {
  const timed: string[] = []
  return {
    env: { RUNNER_TOOL_CACHE: at.place.toolCache, RUNNER_TEMP: at.place.temp },
    timeoutSeconds: 20,
    signal,
    timed,
    time(name, work) {
      timed.push(name)
      return work
    },
    mask: async () => {},
  }
}

/** Begins with a version, as a workflow gives it, for a login to so many clusters. */
function start(version: string, clusters = 1, step: Run = run()) {
  const parsed = parseKubectlVersion(version)
  if (parsed.kind === 'mistake') throw new Error(parsed.problem)
  return startKubectl({ version: parsed, host: at.mirror.url }, clusters, step)
}

const demo = { name: 'demo', version: '1.37' }

/** A kubectl for every machine that may run this. */
function publish(...versions: string[]): void {
  const systems = ['linux', 'darwin', 'windows'].flatMap(name => [`${name}/amd64`, `${name}/arm64`])
  for (const version of versions)
    for (const platform of systems) at.mirror.publish({ version, platform, content: content() })
}

const codes = ({ failures }: KubectlOutcome) => failures.map(({ code }) => code)

test('a version that needs no cluster is on its way before any cluster is known', async () => {
  publish('1.37.2')
  const settled = start('1.37.2')
  while (at.mirror.requests.length < 2) await new Promise(resolve => setTimeout(resolve, 5))
  expect(await settled([])).toMatchObject({ kubectl: { version: '1.37.2' }, failures: [] })
})

test('cluster is the minor version of the cluster', async () => {
  publish('1.36.5', '1.37.2', '1.38.0')
  const step = run()
  const settled = start('cluster', 1, step)
  expect(step.timed).toEqual([])
  expect(await settled([demo])).toMatchObject({ kubectl: { version: '1.37.2' }, warnings: [] })
  expect(step.timed).toEqual(['kubectl'])
})

test('for clusters that are two apart it is the one between them', async () => {
  publish('1.35.1', '1.36.5', '1.37.2')
  const two = [demo, { name: 'old', version: '1.35' }]
  const outcome = await start('cluster', 2)(two)
  expect(outcome).toMatchObject({ kubectl: { version: '1.36.5' }, warnings: [] })
})

test('for clusters that are farther apart it is the first one\u2019s, and the others are warned of', async () => {
  publish('1.37.2')
  const two = [demo, { name: 'old', version: '1.33' }]
  const outcome = await start('cluster', 2)(two)
  expect(outcome).toMatchObject({
    kubectl: { version: '1.37.2' },
    warnings: [expect.stringContaining('from old')],
  })
})

test('cluster is not sought where a cluster could not be asked', async () => {
  const outcome = await start('cluster', 2)([demo])
  expect(outcome).toEqual({ kubectl: null, failures: [], warnings: [] })
  expect(at.mirror.requests).toEqual([])
})

test('what goes wrong is a failure, and no warning', async () => {
  const outcome = await start('1.30.1')([demo])
  expect(codes(outcome)).toEqual(['EKS912'])
  expect(outcome).toMatchObject({ kubectl: null, warnings: [] })
})

test('that the step was cancelled is for the login to say', async () => {
  const cancel = new AbortController()
  const settled = start('1.37.2', 1, run(cancel.signal))
  cancel.abort(new Error('cancelled'))
  expect(codes(await settled([demo]))).toEqual([])
})
