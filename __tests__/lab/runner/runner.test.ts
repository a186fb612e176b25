import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createRunner, type Runner } from '../../../lab/runner/runner.ts'

const metadata = `
name: Sample
description: An action of these tests
inputs:
  cluster-name: { description: a name, required: true }
  two words: { description: has a default, default: 'the default' }
  number: { description: no string, default: 30 }
runs: { using: node24, main: main.js, post: post.js }
`

const PATH = ['/usr/bin', '/bin'].join(delimiter)

let folder: string
let runner: Runner
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sample-action-'))
  runner = await createRunner({ env: { PATH, FROM_RUNNER: 'yes' } })
})
afterEach(async () => {
  await runner.close()
  await rm(folder, { recursive: true })
})

/** A step that runs a script of Node's, which is there on every system. */
const step = (script: string) => runner.step(process.execPath, ['--eval', script])

/** Writes an action whose scripts have `fs`, `env` and `set(FILE, text)`. */
async function action(main: string, post = ''): Promise<string> {
  const begin = `
    const fs = require('node:fs')
    const env = process.env
    const set = (file, text) => fs.appendFileSync(env['GITHUB_' + file], text + '\\n')
  `
  await writeFile(join(folder, 'action.yml'), metadata)
  await writeFile(join(folder, 'main.js'), begin + main)
  await writeFile(join(folder, 'post.js'), begin + post)
  return folder
}

test('gives an action its inputs as a runner names them, defaults included', async () => {
  const script = `
    const inputs = Object.entries(env).filter(([name]) => name.startsWith('INPUT_'))
    console.log(JSON.stringify(Object.fromEntries(inputs)))`
  const { stdout, code } = await runner.run({
    action: await action(script),
    inputs: { 'Cluster-Name': ' a\nb ' },
  })
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual({
    'INPUT_CLUSTER-NAME': ' a\nb ',
    INPUT_TWO_WORDS: 'the default',
    INPUT_NUMBER: '30',
  })
})

test('runs it under this Node, in the workspace, in an environment of its own', async () => {
  const script = `
    const { FROM_RUNNER, FROM_STEP, HOME, RUNNER_TEMP, GITHUB_WORKSPACE, AWS_CA_BUNDLE, RUNNER_DEBUG } = env
    const found = { FROM_RUNNER, FROM_STEP, HOME, RUNNER_TEMP, GITHUB_WORKSPACE, AWS_CA_BUNDLE, RUNNER_DEBUG }
    console.log(JSON.stringify({ ...found, cwd: process.cwd(), version: process.version }))`
  const { stdout } = await runner.run({ action: await action(script), env: { FROM_STEP: 'too' } })
  expect(JSON.parse(stdout)).toEqual({
    FROM_RUNNER: 'yes',
    FROM_STEP: 'too',
    HOME: runner.home,
    RUNNER_TEMP: runner.temp,
    GITHUB_WORKSPACE: runner.workspace,
    cwd: runner.workspace,
    version: process.version,
  })
})

test('reads what it hands over, and passes environment and path on to later steps', async () => {
  const script = `
    set('OUTPUT', 'one=1'); set('OUTPUT', 'many<<END\\na\\nb\\nEND')
    set('ENV', 'KUBECONFIG=/some/file'); set('ENV', 'GITHUB_WORKSPACE=/elsewhere')
    set('PATH', '/first/bin'); set('PATH', '/second/bin')
    set('STATE', 'left=behind'); set('STEP_SUMMARY', '# Title')`
  const result = await runner.run({ action: await action(script) })
  expect(result).toMatchObject({
    code: 0,
    outputs: { one: '1', many: 'a\nb' },
    env: { KUBECONFIG: '/some/file', GITHUB_WORKSPACE: '/elsewhere' },
    path: ['/first/bin', '/second/bin'],
    state: { left: 'behind' },
    summary: '# Title\n',
  })
  const next = JSON.parse((await step('console.log(JSON.stringify(process.env))')).stdout)
  expect(next).toMatchObject({
    KUBECONFIG: '/some/file',
    PATH: ['/second/bin', '/first/bin', PATH].join(delimiter),
    GITHUB_WORKSPACE: runner.workspace,
  })
  expect(Object.keys(next).filter(name => name.startsWith('INPUT_'))).toEqual([])
})

test('shows the log masked, later steps included', async () => {
  // Two pipes have no common order but that of time.
  const script = `
    const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    console.log('::add-mask::hunter2'); console.log('it is hunter2'); pause(); console.error('hunter2 again')
    pause(); console.log('::warning title=T::careful')`
  const result = await runner.run({ action: await action(script) })
  expect(result.log).toBe('it is ***\n*** again\n##[warning]careful\n')
  expect(result.stdout).toContain('it is hunter2')
  expect(result.annotations).toEqual([{ level: 'warning', title: 'T', message: 'careful' }])
  expect(result.masks).toEqual(['hunter2'])
  expect((await step('console.log(`hunter2`)')).log).toBe('***\n')
})

test('runs the post steps last to first, each with its own inputs and state', async () => {
  const main = `set('STATE', 'name=' + env['INPUT_CLUSTER-NAME'])`
  const post = `console.log(env.STATE_name, env['INPUT_CLUSTER-NAME'], env.SET_LATER)`
  const path = await action(main, post)
  await runner.run({ action: path, inputs: { 'cluster-name': 'a' } })
  await runner.run({ action: path, inputs: { 'cluster-name': 'b' } })
  await step('require(`node:fs`).appendFileSync(process.env.GITHUB_ENV, `SET_LATER=yes`)')
  expect((await runner.finish()).map(({ log }) => log)).toEqual(['b b yes\n', 'a a yes\n'])
  expect(await runner.finish()).toEqual([])
})

test('runs the post step of an action that failed', async () => {
  const path = await action(`console.log('::error::no'); process.exitCode = 1`, `console.log('clean')`)
  expect(await runner.run({ action: path })).toMatchObject({ code: 1, annotations: [{ message: 'no' }] })
  expect(await runner.finish()).toMatchObject([{ code: 0, log: 'clean\n' }])
})

test.each([
  ['a file that it cannot read', `set('OUTPUT', 'nonsense')`, "Invalid format 'nonsense'"],
  ['NODE_OPTIONS', `set('ENV', 'NODE_OPTIONS=--inspect')`, "Can't store NODE_OPTIONS"],
])('fails a step for %s', async (_, script, message) => {
  const result = await runner.run({ action: await action(script) })
  expect(result.code).toBe(1)
  expect(result.annotations[0]?.message).toContain(message)
  expect(result.log).toContain(`##[error]${message}`)
})

test('kills a step that takes too long, and still reads what it had written', async () => {
  const script = `set('OUTPUT', 'early=1'); setInterval(() => {}, 1000)`
  const result = await runner.run({ action: await action(script), timeout: 1_000 })
  expect(result).toMatchObject({ code: 137, timedOut: true, outputs: { early: '1' } })
})

test('shows debug lines and sets RUNNER_DEBUG when it debugs', async () => {
  const debugging = await createRunner({ env: { PATH }, debug: true })
  try {
    const path = await action(`console.log('::debug::detail ' + env.RUNNER_DEBUG)`)
    expect((await debugging.run({ action: path })).log).toBe('##[debug]detail 1\n')
    expect((await runner.run({ action: path })).log).toBe('')
  } finally {
    await debugging.close()
  }
})

test('runs steps side by side, each with its own files', async () => {
  const path = await action(`set('OUTPUT', 'name=' + env['INPUT_CLUSTER-NAME'])`)
  const names = ['a', 'b', 'c', 'd']
  const results = await Promise.all(
    names.map(name => runner.run({ action: path, inputs: { 'cluster-name': name } })),
  )
  expect(results.map(({ outputs }) => outputs.name)).toEqual(names)
})

test('says of an action that is not a JavaScript action what it is', async () => {
  await mkdir(join(folder, 'composite'))
  await writeFile(join(folder, 'composite', 'action.yml'), 'runs: { using: composite, steps: [] }')
  await expect(runner.run({ action: join(folder, 'composite') })).rejects.toThrow("runs.using is 'composite'")
})

test('removes its folders when it is closed', async () => {
  await runner.close()
  expect(existsSync(runner.folder)).toBe(false)
})
