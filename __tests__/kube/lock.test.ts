import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KubeProblem } from '../../src/kube/evidence.ts'
import { withLock } from '../../src/kube/lock.ts'

let folder: string
let file: string
let children: ChildProcess[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'))
  file = join(folder, 'config')
  children = []
})
afterEach(async () => {
  const running = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
  await Promise.all(
    running.map(child => {
      child.kill('SIGKILL')
      return once(child, 'exit')
    }),
  )
  await rm(folder, { recursive: true })
})

const HOLDER = join(import.meta.dirname, 'holder.ts')
const log = () => join(folder, 'log')

function startHolder(times: string): ChildProcess {
  const child = spawn(process.execPath, [HOLDER, file, log(), times], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  children.push(child)
  return child
}

async function noted(what: string, times: number): Promise<void> {
  const count = async () => (await readFile(log(), 'utf8').catch(() => '')).split(`${what} `).length - 1
  while ((await count()) < times) await sleep(5)
}

/** Lets so many processes take the lock at once, and tells what they wrote down: who was inside when. */
async function race(processes: number, times: number): Promise<string[][]> {
  const started = Array.from({ length: processes }, () => startHolder(String(times)))
  await noted('ready', processes)
  await writeFile(`${log()}.go`, '')
  await Promise.all(started.map(child => child.exitCode ?? once(child, 'exit')))
  const lines = (await readFile(log(), 'utf8')).trim().split('\n')
  return lines.filter(line => !line.startsWith('ready')).map(line => line.split(' '))
}

/** How often somebody came in while another was inside. */
function overlaps(noted: string[][]): number {
  const inside = new Set<string>()
  let count = 0
  for (const [what, pid = ''] of noted) {
    if (what === 'leave') inside.delete(pid)
    else if (inside.size > 0) count += 1
    if (what === 'enter') inside.add(pid)
  }
  return count
}

/** The id of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['--version']).pid
}

function lockOf(holder: { pid: number; host?: string }): string {
  return JSON.stringify({ host: hostname(), nonce: 'n', since: '2026-01-01T00:00:00.000Z', ...holder })
}

test('the lock is kubectl\u2019s, FILE.lock, says who holds it, and is gone afterwards', async () => {
  const held = await withLock(file, 1, () => readFile(`${file}.lock`, 'utf8'))
  expect(JSON.parse(held)).toMatchObject({ pid: process.pid, host: hostname() })
  expect(await readdir(folder)).toEqual([])
})

test('it is gone after work that failed, too, and the failure passes through', async () => {
  const failing = withLock(file, 1, async () => {
    throw new Error('as it must')
  })
  await expect(failing).rejects.toThrow('as it must')
  expect(await readdir(folder)).toEqual([])
})

test('what the work gives is given back', async () => {
  expect(await withLock(file, 1, async () => 42)).toBe(42)
})

test('kubectl\u2019s empty lock is waited for', async () => {
  await writeFile(`${file}.lock`, '')
  let inside = false
  const waiting = withLock(file, 30, async () => {
    inside = true
  })
  await sleep(100)
  expect(inside).toBe(false)
  expect(await readFile(`${file}.lock`, 'utf8')).toBe('')
  await rm(`${file}.lock`)
  await waiting
  expect(inside).toBe(true)
})

test.each([
  ['kubectl\u2019s', '', { holder: 'another program, such as kubectl' }],
  [
    'somebody\u2019s with something else in it',
    '{"pid": "x"}',
    { holder: 'another program, such as kubectl' },
  ],
  [
    'one of a living process',
    lockOf({ pid: process.pid }),
    { holder: `process ${process.pid} on ${hostname()}`, pid: process.pid },
  ],
  [
    'one of a process on another host',
    lockOf({ pid: 1, host: 'elsewhere' }),
    { holder: 'process 1 on elsewhere', pid: 1, host: 'elsewhere' },
  ],
])('a lock that stays is respected: %s', async (_whose, content, held) => {
  await writeFile(`${file}.lock`, content)
  const error = await withLock(file, 0.05, async () => 'inside').catch(error => error)
  expect(error).toBeInstanceOf(KubeProblem)
  expect(error.evidence).toEqual({
    kind: 'kubeconfig-locked',
    lock: `${file}.lock`,
    ...held,
    since: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  })
  expect(await readdir(folder)).toEqual(['config.lock'])
  expect(await readFile(`${file}.lock`, 'utf8')).toBe(content)
})

test('the lock of a process that is gone is taken over', async () => {
  await writeFile(`${file}.lock`, lockOf({ pid: deadPid() }))
  const held = await withLock(file, 0, () => readFile(`${file}.lock`, 'utf8'))
  expect(JSON.parse(held).pid).toBe(process.pid)
  expect(await readdir(folder)).toEqual([])
})

test('the lock of a process that was killed inside is taken over', async () => {
  await writeFile(`${log()}.go`, '')
  const holder = startHolder('keep')
  await noted('enter', 1)
  await expect(withLock(file, 0, async () => {})).rejects.toMatchObject({
    evidence: { kind: 'kubeconfig-locked', holder: `process ${holder.pid} on ${hostname()}` },
  })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  expect(await withLock(file, 10, async () => 'inside')).toBe('inside')
  expect(existsSync(`${file}.lock`)).toBe(false)
})

test('what a process leaves that was killed while it waited goes with the next lock', async () => {
  await writeFile(`${file}.lock`, '')
  await writeFile(`${log()}.go`, '')
  const waiting = startHolder('1')
  const drafts = async () => (await readdir(folder)).filter(name => name.startsWith('config.lock.'))
  while ((await drafts()).length === 0) await sleep(5)
  waiting.kill('SIGKILL')
  await once(waiting, 'exit')
  expect(await drafts()).toHaveLength(1)
  await rm(`${file}.lock`)
  await writeFile(`${file}.lock.living`, lockOf({ pid: process.pid }))
  await writeFile(`${file}.lock.mine`, 'notes')
  await withLock(file, 10, async () => {})
  expect((await drafts()).sort()).toEqual(['config.lock.living', 'config.lock.mine'])
})

test('of many processes, two are never inside at once', async () => {
  const noted = await race(5, 20)
  expect(noted.filter(([what]) => what === 'enter')).toHaveLength(100)
  expect(overlaps(noted)).toBe(0)
}, 60_000)

test('of many processes that find a dead one\u2019s lock, two are never inside at once', async () => {
  await writeFile(`${file}.lock`, lockOf({ pid: deadPid() }))
  const noted = await race(4, 5)
  expect(noted.filter(([what]) => what === 'enter')).toHaveLength(20)
  expect(overlaps(noted)).toBe(0)
}, 60_000)

test('of many at once in one process, two are never inside at once', async () => {
  const noted: string[][] = []
  const work = (id: string) =>
    withLock(file, 60, async () => {
      noted.push(['enter', id])
      await sleep(1)
      noted.push(['leave', id])
    })
  await Promise.all(Array.from({ length: 30 }, (_, index) => work(String(index))))
  expect(noted).toHaveLength(60)
  expect(overlaps(noted)).toBe(0)
})

test('a folder that is not there is the error of the file system', async () => {
  await expect(withLock(join(folder, 'none', 'config'), 1, async () => {})).rejects.toMatchObject({
    code: 'ENOENT',
  })
})
