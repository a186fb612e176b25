import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { readInputs } from '../src/inputs.ts'
import { KubeProblem } from '../src/kube/evidence.ts'
import type { Run } from '../src/run.ts'
import { tokenProvider } from '../src/token-provider.ts'
import { putProgram } from './systems.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'provider-'))
})
afterEach(() => rm(folder, { recursive: true }))

const names = Array.from({ length: 12 }, (_, index) => `cluster-${index}`)
const inputs = (more: Record<string, string> = {}) =>
  readInputs({
    'INPUT_CLUSTER-NAME': names.join('\n'),
    INPUT_REGION: 'us-east-1',
    RUNNER_TEMP: folder,
    ...more,
  })

const run = (): Run => ({
  env: { PATH: [folder, '/usr/bin', '/bin'].join(delimiter) },
  timeoutSeconds: 30,
  signal: new AbortController().signal,
  time: (_name, work) => work,
  mask: async () => {},
})

const never = async () => {
  throw new Error('no credentials are asked for')
}

/** An `aws` that notes when it begins and ends, and prints a credential. */
async function fakeAws(token: string): Promise<string> {
  const notes = join(folder, 'notes')
  const printed = JSON.stringify({
    kind: 'ExecCredential',
    apiVersion: 'client.authentication.k8s.io/v1beta1',
    status: { token },
  })
  const source = `
    import { appendFileSync } from 'node:fs'
    const note = what => appendFileSync(${JSON.stringify(notes)}, what + '\\n')
    note('begin')
    await new Promise(resolve => setTimeout(resolve, 200))
    note('end')
    console.log(${JSON.stringify(printed)})`
  await putProgram(folder, 'aws', source)
  return notes
}

test('of the AWS CLI no more run at once than there are cores, and every cluster gets its credential', async () => {
  const notes = await fakeAws('t')
  const provider = await tokenProvider(inputs(), run())
  const targets = names.map(name => ({ name, region: 'us-east-1' }))
  const credentials = await Promise.all(targets.map(target => provider.credential(target, never)))
  expect(credentials).toEqual(names.map(() => ({ token: 't' })))
  let now = 0
  let most = 0
  for (const note of (await readFile(notes, 'utf8')).trim().split('\n')) {
    now += note === 'begin' ? 1 : -1
    most = Math.max(most, now)
  }
  expect(now).toBe(0)
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(Math.max(2, availableParallelism()))
})

test('a failure is met by whoever waits for it, and by nobody else', async () => {
  const provider = await tokenProvider(inputs(), run())
  const credential = provider.credential({ name: 'demo', region: 'us-east-1' }, never)
  await new Promise(resolve => setTimeout(resolve, 200))
  await expect(credential).rejects.toBeInstanceOf(KubeProblem)
})
