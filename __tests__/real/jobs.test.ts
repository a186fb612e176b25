import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { load } from 'js-yaml'
import { ACTION, PATIENCE, scenario } from './scenario.ts'

const at = scenario([{ name: 'demo' }, { name: 'second', region: 'eu-west-1' }])

type Kubeconfig = {
  contexts: { name: string }[]
  users: unknown[]
  clusters: unknown[]
  'current-context': string
}

const read = async (file: string) => load(await readFile(file, 'utf8')) as Kubeconfig
const kubectl = (...args: string[]) => at.runner.step('kubectl', args)

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
      expect(await kubectl('get', 'ns', '--context', context)).toMatchObject({ code: 0 })
      expect((await kubectl('get', 'pods', '--context', context)).stderr).toContain('Forbidden')
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
    expect(await kubectl('get', 'ns', '--context', 'demo')).toMatchObject({ code: 0 })
    expect((await kubectl('get', 'pods')).stderr).toContain('in the namespace "web"')

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
    const logins = await Promise.all(
      aliases.map(alias =>
        at.runner.run({
          action: ACTION,
          inputs: { 'cluster-name': 'demo', region: at.cluster.region, alias, kubeconfig: file },
        }),
      ),
    )
    expect(logins.map(({ code }) => code)).toEqual(Array(20).fill(0))
    const config = await read(file)
    expect(config.contexts.map(({ name }) => name).sort()).toEqual(aliases.toSorted())
    expect([config.clusters.length, config.users.length]).toEqual([1, 1])
    expect(await readdir(join(file, '..'))).toEqual(['config'])

    await at.runner.finish()
    expect(await readdir(at.runner.temp)).not.toContain('shared')
  },
  PATIENCE,
)

/** The action as a bare process, which can be killed at any moment. */
function start(inputs: Record<string, string>, env: Record<string, string> = {}): ChildProcess {
  const variables = Object.entries({
    'cluster-name': 'demo',
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

test(
  'cancelled by the runner, it says so, writes nothing and takes the exec block\u2019s command along',
  async () => {
    const bin = join(at.runner.temp, 'bin')
    await mkdir(bin)
    const pidFile = join(at.runner.temp, 'pid')
    await writeFile(join(bin, 'aws'), `#!/bin/sh\necho $$ > ${pidFile}\nexec sleep 300\n`, { mode: 0o755 })
    const file = join(at.runner.temp, 'cancelled', 'config')
    const child = start({ kubeconfig: file }, { PATH: `${bin}:${at.runner.env().PATH}` })
    let printed = ''
    child.stdout?.on('data', text => {
      printed += text
    })
    while (!(await readFile(pidFile, 'utf8').catch(() => ''))) await sleep(20)
    child.kill('SIGTERM')
    expect(await ended(child)).toBe(1)
    expect(printed).toContain('EKS003')
    expect(await readdir(at.runner.temp)).not.toContain('cancelled')
    const pid = Number(await readFile(pidFile, 'utf8'))
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  },
  PATIENCE,
)

test('killed at a hundred moments, it leaves the old file or the new one, and the next run goes on', async () => {
  const file = join(at.runner.temp, 'killed', 'config')
  const inputs = (alias: string) => ({ kubeconfig: file, alias })
  const begun = performance.now()
  expect(await ended(start(inputs('old')))).toBe(0)
  const duration = performance.now() - begun
  const old = await readFile(file, 'utf8')
  let killed = 0
  let written = 0
  for (let moment = 0; moment < 100; moment++) {
    const alias = `new-${moment}`
    const child = start(inputs(alias))
    const exit = ended(child)
    // Most of a run only asks; its last fifth is where it writes.
    await Promise.race([exit, sleep(duration * (0.75 + (moment % 50) / 125))])
    child.kill('SIGKILL')
    if ((await exit) === null) killed++
    const { contexts } = await read(file)
    const names = contexts.map(({ name }) => name)
    expect(names[0]).toBe('old')
    if (names.includes(alias)) written++
  }
  expect(killed).toBeGreaterThan(10)
  expect(written).toBeGreaterThan(0)
  expect(await readFile(file, 'utf8')).toContain(old.split('current-context')[0]?.slice(0, 200))
  expect(await ended(start(inputs('after')))).toBe(0)
  expect((await read(file)).contexts.at(-1)).toMatchObject({ name: 'after' })
  expect(
    (await readdir(join(file, '..'))).filter(name => name.endsWith('.tmp') || name.endsWith('.lock')),
  ).toEqual([])
}, 600_000)
