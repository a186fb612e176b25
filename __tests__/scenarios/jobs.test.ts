import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { load } from 'js-yaml'
import { isRunning, posixOnly } from '../systems.ts'
import { ACTION, INPUTS, PATIENCE, PROVIDERS, scenario } from './scenario.ts'

const at = scenario([{ name: 'demo' }, { name: 'second', region: 'eu-west-1' }])

type Kubeconfig = {
  contexts: { name: string }[]
  users: unknown[]
  clusters: unknown[]
  'current-context': string
}

const read = async (file: string) => load(await readFile(file, 'utf8')) as Kubeconfig

/** What stands beside a kubeconfig of this name: with the builtin provider, the signer. */
const besides = (name: string) =>
  PROVIDERS[0] === 'builtin' ? [expect.stringContaining(`${name}.token-`)] : []

test(
  'one step logs in to two clusters, in two regions, side by side',
  async () => {
    const [, second] = at.lab.clusters
    const login = await at.login({ 'cluster-name': `demo\n${second?.arn}` })
    expect(login).toMatchObject({ code: 0, outputs: { context: 'demo', contexts: '["demo","second"]' } })
    expect(login.report.clusters.map(({ region, username }) => [region, username])).toEqual([
      [at.cluster.region, 'demo'],
      ['eu-west-1', 'demo'],
    ])
    for (const context of ['demo', 'second']) {
      expect(await at.list('namespaces', { context })).toMatchObject({ code: 0 })
      expect((await at.list('pods', { context })).stderr).toContain('Forbidden')
    }
  },
  PATIENCE,
)

test(
  'when one of two clusters fails, nothing is written for the other',
  async () => {
    const login = await at.login({ 'cluster-name': 'demo, missing' })
    expect(login).toMatchObject({ code: 1, env: {}, state: {} })
    expect(login.report.failures).toMatchObject([{ cluster: 'missing' }])
    expect(await readdir(at.runner.temp)).not.toContain('eks-login')
  },
  PATIENCE,
)

test(
  'two steps of a job merge into one file, and their post steps take it apart again',
  async () => {
    const first = await at.login()
    const second = await at.login({ 'cluster-name': 'second', region: 'eu-west-1', namespace: 'web' })
    const file = second.outputs.kubeconfig ?? ''
    expect(first.outputs.kubeconfig).toBe(file)
    expect((await read(file)).contexts).toMatchObject([
      { name: 'demo' },
      { name: 'second', context: { namespace: 'web' } },
    ])
    expect(await at.list('namespaces', { context: 'demo' })).toMatchObject({ code: 0 })
    expect((await at.list('pods')).stderr).toContain('in the namespace "web"')

    const posts = await at.runner.finish()
    expect(posts.map(({ code }) => code)).toEqual([0, 0])
    expect(await readdir(at.runner.temp)).not.toContain('eks-login')
  },
  PATIENCE,
)

test(
  'with cleanup: false the post step leaves the file',
  async () => {
    const { outputs } = await at.login({ cleanup: 'false' })
    await at.runner.finish()
    expect((await read(outputs.kubeconfig ?? '')).contexts).toHaveLength(1)
  },
  PATIENCE,
)

test(
  'twenty steps at once on one file: all twenty contexts are there afterwards',
  async () => {
    const file = join(at.runner.temp, 'shared', 'config')
    const aliases = Array.from({ length: 20 }, (_, index) => `alias-${index}`)
    const logins = await Promise.all(aliases.map(alias => at.login({ alias, kubeconfig: file })))
    expect(logins.flatMap(({ report }) => report.failures)).toEqual([])
    expect(logins.map(({ code }) => code)).toEqual(Array(20).fill(0))
    const config = await read(file)
    expect(config.contexts.map(({ name }) => name).sort()).toEqual(aliases.toSorted())
    expect([config.clusters.length, config.users.length]).toEqual([1, 1])
    expect(await readdir(join(file, '..'))).toEqual(['config', ...besides('config')])

    await at.runner.finish()
    expect(await readdir(at.runner.temp)).not.toContain('shared')
  },
  PATIENCE,
)

/** The action as a bare process, which can be killed at any moment. */
function start(inputs: Record<string, string>, env: Record<string, string> = {}): ChildProcess {
  const variables = Object.entries({
    ...INPUTS,
    region: at.cluster.region,
    summary: 'false',
    ...inputs,
  })
  return spawn(process.execPath, [join(ACTION, 'dist/login/index.js')], {
    env: {
      ...at.runner.env(),
      ...env,
      ...Object.fromEntries(variables.map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
}

const ended = (child: ChildProcess) =>
  new Promise<number | null>(resolve => child.once('close', code => resolve(code)))

// On Windows a process that is ended is not told: a runner there presses Ctrl+C, which nobody else can.
posixOnly(
  'cancelled by the runner, it says so, writes nothing and takes the exec block\u2019s command along',
  async () => {
    const bin = join(at.runner.temp, 'bin')
    await mkdir(bin)
    const pidFile = join(at.runner.temp, 'pid')
    await writeFile(join(bin, 'aws'), `#!/bin/sh\necho $$ > ${pidFile}\nexec sleep 300\n`, { mode: 0o755 })
    const file = join(at.runner.temp, 'cancelled', 'config')
    const child = start(
      { kubeconfig: file, 'token-provider': 'aws' },
      { PATH: bin + delimiter + at.runner.env().PATH },
    )
    let printed = ''
    child.stdout?.on('data', text => {
      printed += text
    })
    while (!(await readFile(pidFile, 'utf8').catch(() => ''))) await sleep(20)
    child.kill('SIGTERM')
    expect(await ended(child)).toBe(1)
    expect(printed).toContain('EKS003')
    expect(await readdir(at.runner.temp)).not.toContain('cancelled')
    const command = Number(await readFile(pidFile, 'utf8'))
    while (isRunning(command)) await sleep(20)
  },
  PATIENCE,
)

test(
  'a job summary that cannot be written is a warning, and the login stands',
  async () => {
    const child = start(
      { summary: 'true' },
      { GITHUB_STEP_SUMMARY: join(at.runner.temp, 'missing', 'summary') },
    )
    let printed = ''
    child.stdout?.on('data', text => {
      printed += text
    })
    expect(await ended(child)).toBe(0)
    expect(printed).toContain('::warning::The job summary could not be written')
  },
  PATIENCE,
)

/**
 * Resolves when a new file of that form is in the folder, or when the child has ended without. It looks each
 * millisecond: macOS tells of changes only when the write that they belong to is long over.
 */
async function signOf(form: RegExp, folder: string, child: ChildProcess): Promise<void> {
  const leftovers = new Set(readdirSync(folder))
  const isSign = (name: string) => form.test(name) && !leftovers.has(name)
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  while (!isOver() && !readdirSync(folder).some(isSign)) await sleep(1)
}

/** Each is a login: a hundred take longer than all else that needs no real cluster. */
const MOMENTS = KUBERNETES === 'real' ? 100 : 20

test('killed at many moments of a write, it leaves the old file or the new one, and the next run goes on', async () => {
  const file = join(at.runner.temp, 'killed', 'config')
  const inputs = (alias: string) => ({ kubeconfig: file, alias })
  expect(await ended(start(inputs('old')))).toBe(0)
  const outcomes = { killed: 0, old: 0, new: 0 }
  for (let moment = 0; moment < MOMENTS; moment++) {
    const alias = `new-${moment}`
    const child = start(inputs(alias))
    const exit = ended(child)
    // Every second one from the lock on, which may have to be taken over from the one before; the others from the
    // temporary file on, which is there for a few milliseconds.
    await signOf(moment % 2 ? /\.tmp$/ : /\.lock/, dirname(file), child)
    await sleep((12 * moment) / MOMENTS)
    child.kill('SIGKILL')
    if ((await exit) === null) outcomes.killed++
    const names = (await read(file)).contexts.map(({ name }) => name)
    expect(names[0]).toBe('old')
    if (names.includes(alias)) outcomes.new++
    else outcomes.old++
  }
  // Kills that all came too early or too late would prove nothing.
  expect(outcomes.killed).toBeGreaterThan(MOMENTS / 2)
  expect(outcomes.old).toBeGreaterThan(0)
  expect(outcomes.new).toBeGreaterThan(0)
  expect(await ended(start(inputs('after')))).toBe(0)
  expect((await read(file)).contexts.at(-1)).toMatchObject({ name: 'after' })
  expect(await readdir(dirname(file))).toEqual(['config', ...besides('config')])
}, 600_000)
