import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createKeeper, type Keeper } from '../../../lab/runner/keeper.ts'

let keeper: Keeper
beforeEach(() => {
  keeper = createKeeper('keeper-test')
})
afterEach(() => keeper.close())

const env = { PATH: '/usr/bin:/bin' }
const shell = (script: string) => ({ command: '/bin/sh', args: ['-c', script], env })

test('runs a command in exactly the environment it is given', async () => {
  const given = { ...env, 'INPUT_WITH-HYPHEN': 'kept', BASH_ENV: '/nowhere' }
  const { stdout } = await keeper.run({ command: '/usr/bin/env', args: [], env: given }, 5_000)
  // What the shell that starts it adds says nothing that the process could not find out.
  const variables = stdout.split('\n').filter(line => line !== '' && !/^(PWD|SHLVL|_)=/.test(line))
  expect(variables.sort()).toEqual(['BASH_ENV=/nowhere', 'INPUT_WITH-HYPHEN=kept', 'PATH=/usr/bin:/bin'])
})

test('gathers both streams, apart and line by line', async () => {
  const script = 'echo out; sleep 0.1; echo err >&2; sleep 0.1; printf "no end"; exit 7'
  const { code, stdout, stderr, lines } = await keeper.run(shell(script), 5_000)
  expect({ code, stdout, stderr, lines }).toEqual({
    code: 7,
    stdout: 'out\nno end',
    stderr: 'err\n',
    lines: ['out', 'err', 'no end'],
  })
})

test('hands over what the command is to read', async () => {
  const { stdout } = await keeper.run({ command: 'cat', args: [], env }, 5_000, 'line\nand more')
  expect(stdout).toBe('line\nand more')
})

test('kills a command that takes too long, with what it started', async () => {
  const { code, timedOut, stdout } = await keeper.run(shell('sleep 60 & echo $!; wait'), 200)
  expect({ code, timedOut }).toEqual({ code: 137, timedOut: true })
  expect(await gone(Number(stdout))).toBe(true)
})

test('leaves nothing of a command that ended but let something run on', async () => {
  const { code, stdout } = await keeper.run(shell('sleep 60 & echo $!'), 5_000)
  expect(code).toBe(0)
  expect(await gone(Number(stdout))).toBe(true)
})

test('ends what a signal does not end', async () => {
  const log = join(keeper.folder, 'log')
  const kept = keeper.start(shell('trap "" TERM; echo ready; while :; do sleep 1; done'), log)
  while (readFileSync(log, 'utf8') !== 'ready\n') await sleep(10)
  expect(await kept.end('SIGTERM', 100)).toBe(137)
  expect(await kept.end('SIGTERM')).toBe(137)
})

test('ends what runs and removes the folder when it is closed', async () => {
  const { pid } = keeper.start(shell('sleep 60'), join(keeper.folder, 'log'))
  await keeper.close()
  expect(existsSync(keeper.folder)).toBe(false)
  expect(await gone(pid)).toBe(true)
})

test('ends what runs and removes the folder when its owner is killed', async () => {
  const module = join(import.meta.dirname, '../../../lab/runner/keeper.ts')
  const script = `
    const { createKeeper } = await import(${JSON.stringify(module)})
    const keeper = createKeeper('keeper-test')
    const command = { command: 'sleep', args: ['60'], env: { PATH: '/usr/bin:/bin' } }
    const { pid } = keeper.start(command, keeper.folder + '/log')
    console.log(JSON.stringify({ pid, folder: keeper.folder }))
    setInterval(() => {}, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '--no-warnings', '-e', script], { env })
  const [line] = await owner.stdout.take(1).toArray()
  const { pid, folder } = JSON.parse(String(line)) as { pid: number; folder: string }
  expect(existsSync(folder)).toBe(true)
  owner.kill('SIGKILL')
  expect(await gone(pid)).toBe(true)
  for (let tries = 0; existsSync(folder) && tries < 100; tries++) await sleep(20)
  expect(existsSync(folder)).toBe(false)
})

test('does not keep a process alive that has forgotten to close it', async () => {
  const module = join(import.meta.dirname, '../../../lab/runner/keeper.ts')
  const script = `
    const { createKeeper } = await import(${JSON.stringify(module)})
    const keeper = createKeeper('keeper-test')
    keeper.start({ command: 'sleep', args: ['60'], env: { PATH: '/usr/bin:/bin' } }, keeper.folder + '/log')`
  const args = ['--input-type=module', '--no-warnings', '-e', script]
  const { code, timedOut } = await keeper.run({ command: process.execPath, args, env }, 10_000)
  expect({ code, timedOut }).toEqual({ code: 0, timedOut: false })
})

test('says which command could not be started', async () => {
  const { code, stderr } = await keeper.run({ command: 'no-such-command', args: [], env }, 5_000)
  expect(code).toBe(127)
  expect(stderr).toContain('no-such-command')
  expect(() => keeper.run({ command: 'true', args: [], env, cwd: '/no/such/folder' }, 5_000)).toThrow(
    '/no/such/folder',
  )
})

/** Whether a process ends within two seconds; one that only waits for its parent to notice has ended. */
async function gone(pid: number): Promise<boolean> {
  expect(pid).toBeGreaterThan(0)
  for (let tries = 0; tries < 100; tries++) {
    if (!existsSync(`/proc/${pid}`) || /^\d+ \(.*\) Z/.test(stat(pid))) return true
    await sleep(20)
  }
  return false
}

function stat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return `${pid} () Z`
  }
}
