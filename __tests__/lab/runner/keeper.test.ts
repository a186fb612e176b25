import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createKeeper, type Keeper } from '../../../lab/runner/keeper.ts'
import { isOfSystem, isRunning, isWindows, posixOnly } from '../../systems.ts'

let keeper: Keeper
beforeEach(() => {
  keeper = createKeeper('keeper-test')
})
afterEach(() => keeper.close())

const env = { PATH: process.env.PATH ?? '' }
/** A script of Node's, which is there on every system. */
const node = (script: string) => ({ command: process.execPath, args: ['--eval', script], env })
const FOREVER = 'setInterval(() => {}, 1000);'
const START = `const child = require('node:child_process').spawn(process.execPath, ['--eval', ${JSON.stringify(FOREVER)}], { stdio: 'inherit' }); console.log(child.pid);`

test('runs a command in exactly the environment it is given', async () => {
  const given = { ...env, 'INPUT_WITH-HYPHEN': 'kept', BASH_ENV: '/nowhere' }
  const print = 'console.log(JSON.stringify(process.env))'
  const { stdout } = await keeper.run({ ...node(print), env: given }, 5_000)
  const variables = Object.entries(JSON.parse(stdout))
  // What the shell that starts it adds says nothing that the process could not find out.
  const told = variables.filter(([name]) => !/^(PWD|SHLVL|_)$/.test(name) && !isOfSystem(name))
  expect(Object.fromEntries(told)).toEqual(given)
})

test('gathers both streams, apart and line by line', async () => {
  const script = `
    const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    console.log('out'); pause(); console.error('err'); pause(); process.stdout.write('no end'); process.exitCode = 7`
  const { code, stdout, stderr, lines } = await keeper.run(node(script), 5_000)
  expect({ code, stdout, stderr, lines }).toEqual({
    code: 7,
    stdout: 'out\nno end',
    stderr: 'err\n',
    lines: ['out', 'err', 'no end'],
  })
})

test('hands over what the command is to read', async () => {
  const { stdout } = await keeper.run(node('process.stdin.pipe(process.stdout)'), 5_000, 'line\nand more')
  expect(stdout).toBe('line\nand more')
})

test('kills a command that takes too long, with what it started', async () => {
  const { code, timedOut, stdout } = await keeper.run(node(START + FOREVER), 1_000)
  expect({ code, timedOut }).toEqual({ code: 137, timedOut: true })
  expect(await gone(Number(stdout))).toBe(true)
})

test('leaves nothing of a command that ended but let something run on', async () => {
  const { code, stdout } = await keeper.run(node(`${START} process.exit()`), 5_000)
  expect(code).toBe(0)
  expect(await gone(Number(stdout))).toBe(true)
})

test('ends what a signal does not end', async () => {
  const log = join(keeper.folder, 'log')
  const kept = keeper.start(node(`process.on('SIGTERM', () => {}); console.log('ready'); ${FOREVER}`), log)
  while (readFileSync(log, 'utf8') !== 'ready\n') await sleep(10)
  // Windows has no signals to ignore: it is ended at once, and told by the one that was sent.
  const code = isWindows ? 143 : 137
  expect(await kept.end('SIGTERM', 100)).toBe(code)
  expect(await kept.end('SIGTERM')).toBe(code)
})

test('ends what runs and removes the folder when it is closed', async () => {
  const { pid } = keeper.start(node(FOREVER), join(keeper.folder, 'log'))
  await keeper.close()
  expect(existsSync(keeper.folder)).toBe(false)
  expect(await gone(pid)).toBe(true)
})

/** A process that makes a keeper, and starts another one with it. */
const owner = `
  const { createKeeper } = await import(${JSON.stringify(new URL('../../../lab/runner/keeper.ts', import.meta.url).href)})
  const { join } = await import('node:path')
  const keeper = createKeeper('keeper-test')
  const command = ${JSON.stringify(node(FOREVER))}
  const { pid } = keeper.start(command, join(keeper.folder, 'log'))`
const ownerArgs = (script: string) => ['--input-type=module', '--no-warnings', '--eval', script]

test('ends what runs and removes the folder when its owner is killed', async () => {
  const script = `${owner}
    console.log(JSON.stringify({ pid, folder: keeper.folder }))
    ${FOREVER}`
  const killed = spawn(process.execPath, ownerArgs(script), { env })
  const [line] = await killed.stdout.take(1).toArray()
  const { pid, folder } = JSON.parse(String(line)) as { pid: number; folder: string }
  expect(existsSync(folder)).toBe(true)
  killed.kill('SIGKILL')
  expect(await gone(pid)).toBe(true)
  for (let tries = 0; existsSync(folder) && tries < 100; tries++) await sleep(20)
  expect(existsSync(folder)).toBe(false)
})

test('does not keep a process alive that has forgotten to close it', async () => {
  const command = { command: process.execPath, args: ownerArgs(owner), env }
  const { code, timedOut } = await keeper.run(command, 10_000)
  expect({ code, timedOut }).toEqual({ code: 0, timedOut: false })
})

test('says which command could not be started, and where', () => {
  expect(() => keeper.run({ ...node(''), cwd: join(keeper.folder, 'no such folder') }, 5_000)).toThrow(
    'no such folder',
  )
})

posixOnly('says by the shell which command could not be started', async () => {
  const { code, stderr } = await keeper.run({ command: 'no-such-command', args: [], env }, 5_000)
  expect(code).toBe(127)
  expect(stderr).toContain('no-such-command')
})

/** Whether a process ends within two seconds. */
async function gone(pid: number): Promise<boolean> {
  expect(pid).toBeGreaterThan(0)
  for (let tries = 0; tries < 100; tries++) {
    if (!isRunning(pid)) return true
    await sleep(20)
  }
  return false
}
