import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KubeEvidence, KubeProblem } from '../../src/kube/evidence.ts'
import { runExec } from '../../src/kube/exec.ts'
import { isOfSystem, isRunning, posixOnly, putProgram } from '../systems.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exec-'))
})
afterEach(() => rm(folder, { recursive: true }))

const V1BETA1 = 'client.authentication.k8s.io/v1beta1'
const EXPIRES = '2030-01-02T03:04:05Z'
const CREDENTIAL = {
  kind: 'ExecCredential',
  apiVersion: V1BETA1,
  spec: {},
  status: { token: 'k8s-aws-v1.abc', expirationTimestamp: EXPIRES },
}
const ENV = { PATH: process.env.PATH ?? '' }
const forever = new AbortController().signal

/** Runs a script of Node's, which is there on every system, as an exec block's command. */
function run(
  script: string,
  { seconds = 30, signal = forever, env = [] as { name: string; value: string }[] } = {},
) {
  const exec = { command: process.execPath, args: ['--eval', script], env }
  return runExec(exec, ENV, { timeoutSeconds: seconds, signal })
}

const print = (value: unknown) => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return `console.log(${JSON.stringify(text)});`
}
const write = (file: string, value: string) =>
  `require('node:fs').writeFileSync(${JSON.stringify(file)}, ${value});`
/** Notes the number of the process in the file `pids`. */
const note = () =>
  `require('node:fs').appendFileSync(${JSON.stringify(join(folder, 'pids'))}, process.pid + '\\n');`
/** Starts a child that holds its parent's output; an expression. */
const start = (script: string, more = '') =>
  `require('node:child_process').spawn(process.execPath, ['--eval', ${JSON.stringify(script)}], { stdio: 'inherit', ${more} })`
const FOREVER = 'setInterval(() => {}, 1000);'

async function evidenceOf(work: Promise<unknown>): Promise<KubeEvidence> {
  const error: unknown = await work.catch(error => error)
  if (error instanceof KubeProblem) return error.evidence
  throw new Error(`it is no problem of ours: ${error}`)
}

async function noted(count: number): Promise<number[]> {
  for (;;) {
    const pids = (await readFile(join(folder, 'pids'), 'utf8').catch(() => '')).split('\n').filter(Boolean)
    if (pids.length >= count) return pids.map(Number)
    await sleep(5)
  }
}

async function ended(pids: number[]): Promise<void> {
  for (const pid of pids) while (isRunning(pid)) await sleep(5)
}

test('the token and when it ends are what the command prints', async () => {
  expect(await run(print(CREDENTIAL))).toEqual({ token: 'k8s-aws-v1.abc', expirationTimestamp: EXPIRES })
})

test('a credential without an end has none', async () => {
  expect(await run(print({ ...CREDENTIAL, status: { token: 'x' } }))).toEqual({ token: 'x' })
})

test('what the command says beside its credential, on standard error, does no harm', async () => {
  expect(await run(`console.error('warning'); ${print(CREDENTIAL)}`)).toMatchObject({
    token: 'k8s-aws-v1.abc',
  })
})

test('the command has our environment, its own on top, and what kubectl tells of itself', async () => {
  const out = join(folder, 'env')
  const env = [
    { name: 'AWS_PROFILE', value: 'ci' },
    { name: 'HOME', value: '/block' },
    { name: 'KUBERNETES_EXEC_INFO', value: 'not this' },
  ]
  const script = `${write(out, 'JSON.stringify(process.env)')} ${print(CREDENTIAL)}`
  await runExec(
    { command: process.execPath, args: ['--eval', script], env },
    { ...ENV, HOME: '/ours', MINE: 'a\nb' },
    { timeoutSeconds: 30, signal: forever },
  )
  const seen = JSON.parse(await readFile(out, 'utf8'))
  expect(seen).toMatchObject({ ...ENV, HOME: '/block', MINE: 'a\nb', AWS_PROFILE: 'ci' })
  expect(JSON.parse(seen.KUBERNETES_EXEC_INFO ?? '')).toEqual({
    kind: 'ExecCredential',
    apiVersion: V1BETA1,
    spec: { interactive: false },
  })
  const ours = new Set([...Object.keys(ENV), 'HOME', 'MINE', 'AWS_PROFILE', 'KUBERNETES_EXEC_INFO'])
  expect(Object.keys(seen).filter(name => !ours.has(name) && !isOfSystem(name))).toEqual([])
})

test('the command has no standard input', async () => {
  const script = `${write(join(folder, 'in'), 'require("node:fs").readFileSync(0)')} ${print(CREDENTIAL)}`
  expect(await run(script)).toMatchObject({ token: 'k8s-aws-v1.abc' })
  expect(await readFile(join(folder, 'in'), 'utf8')).toBe('')
})

test('its arguments come to it as they are, whatever a shell would make of them', async () => {
  const out = join(folder, 'args')
  const notes = `import { writeFileSync } from 'node:fs'
    writeFileSync(${JSON.stringify(out)}, JSON.stringify(process.argv.slice(2)));`
  await putProgram(folder, 'aws', notes + print(CREDENTIAL))
  const args = ['$(id)', 'a b', '*', '; exit 1', '& exit 1', '"quoted"', "it's", '\\', '']
  const env = { PATH: folder + delimiter + ENV.PATH }
  await runExec({ command: 'aws', args, env: [] }, env, { timeoutSeconds: 30, signal: forever })
  expect(JSON.parse(await readFile(out, 'utf8'))).toEqual(args)
})

describe('a command that fails', () => {
  // Windows finds no such program, and says just that.
  posixOnly('to start, at once even, is told with the system\u2019s word', async () => {
    const command = join(process.execPath, 'aws')
    const exec = { command, args: [], env: [] }
    const evidence = await evidenceOf(runExec(exec, ENV, { timeoutSeconds: 30, signal: forever }))
    expect(evidence).toEqual({
      kind: 'exec-failed',
      words: [command],
      exitCode: null,
      signal: null,
      stderr: expect.stringContaining('ENOTDIR'),
    })
  })

  test('is told with its exit code and what it said, and nothing of what it printed', async () => {
    const evidence = await evidenceOf(
      run(`${print(CREDENTIAL)} console.error('Unable to locate credentials'); process.exitCode = 253`),
    )
    expect(evidence).toEqual({
      kind: 'exec-failed',
      words: expect.arrayContaining([process.execPath, '--eval']),
      exitCode: 253,
      signal: null,
      stderr: 'Unable to locate credentials\n',
    })
  })

  posixOnly('is told with the signal that ended it', async () => {
    expect(await evidenceOf(run(`process.kill(process.pid, 'SIGTERM'); ${FOREVER}`))).toMatchObject({
      kind: 'exec-failed',
      exitCode: null,
      signal: 'SIGTERM',
    })
  })

  test('is not there: told with the PATH that was searched', async () => {
    const exec = { command: 'no-such-command', args: ['x'], env: [] }
    const work = runExec(exec, { PATH: folder }, { timeoutSeconds: 30, signal: forever })
    expect(await evidenceOf(work)).toEqual({
      kind: 'exec-not-found',
      command: 'no-such-command',
      path: folder,
    })
  })

  test('is not there, nor any PATH to search', async () => {
    const exec = { command: 'no-such-command', args: [], env: [] }
    const work = runExec(exec, {}, { timeoutSeconds: 30, signal: forever })
    expect(await evidenceOf(work)).toEqual({ kind: 'exec-not-found', command: 'no-such-command', path: '' })
  })

  test('is not there, and is called off beside that', async () => {
    const exec = { command: 'no-such-command', args: [], env: [] }
    const signal = AbortSignal.abort(new Error('over'))
    await expect(runExec(exec, { PATH: folder }, { timeoutSeconds: 30, signal })).rejects.toThrow(
      'exec-not-found',
    )
  })

  posixOnly('may not be run', async () => {
    await writeFile(join(folder, 'aws'), 'text', { mode: 0o644 })
    const exec = { command: join(folder, 'aws'), args: [], env: [] }
    const work = runExec(exec, ENV, { timeoutSeconds: 30, signal: forever })
    expect(await evidenceOf(work)).toMatchObject({
      kind: 'exec-failed',
      exitCode: null,
      stderr: expect.stringContaining('EACCES'),
    })
  })
})

describe('what is no credential is refused, and not repeated', () => {
  test.each([
    ['nothing', '', 'it printed nothing'],
    ['blanks', '  ', 'it printed nothing'],
    ['text', 'secret-text', 'its 12 characters are not JSON'],
    ['half of it', JSON.stringify(CREDENTIAL).slice(0, -2), /characters are not JSON/],
    ['null', 'null', /not of kind ExecCredential/],
    ['a list', '[]', /not of kind ExecCredential/],
    ['another kind', { ...CREDENTIAL, kind: 'Status' }, /not of kind ExecCredential/],
    [
      'another version',
      { ...CREDENTIAL, apiVersion: 'client.authentication.k8s.io/v1alpha1' },
      /v1alpha1", not .*v1beta1/,
    ],
    ['no version', { ...CREDENTIAL, apiVersion: undefined }, /undefined, not .*v1beta1/],
    ['no status', { ...CREDENTIAL, status: undefined }, 'it holds no token'],
    ['status null', { ...CREDENTIAL, status: null }, 'it holds no token'],
    ['an empty token', { ...CREDENTIAL, status: { token: '' } }, 'it holds no token'],
    ['a token that is no text', { ...CREDENTIAL, status: { token: { secret: 1 } } }, 'it holds no token'],
    ['certificates', { ...CREDENTIAL, status: { clientCertificateData: 'secret' } }, 'it holds no token'],
  ])('%s', async (_what, printed, problem) => {
    const evidence = await evidenceOf(run(print(printed)))
    expect(evidence).toMatchObject({
      kind: 'exec-not-a-credential',
      problem: typeof problem === 'string' ? problem : expect.stringMatching(problem),
    })
    expect((evidence as { problem: string }).problem).not.toMatch(/secret|k8s-aws-v1/)
  })

  test('more than a credential can be', async () => {
    expect(await evidenceOf(run(`process.stdout.write('y'.repeat(3e6))`))).toMatchObject({
      kind: 'exec-not-a-credential',
      problem: `its ${2 ** 20} characters are not JSON`,
    })
  })
})

describe('when its time is over', () => {
  test('the command ends, with all that it had started', async () => {
    // The child, its child, and another that ignores a polite request.
    const stubborn = `process.on('SIGTERM', () => {}); process.on('SIGHUP', () => {}); ${note()} ${FOREVER}`
    const script = `${note()} ${start(note() + FOREVER)}; ${start(stubborn)}; ${FOREVER}`
    const evidence = await evidenceOf(run(script, { seconds: 2 }))
    expect(evidence).toEqual({
      kind: 'exec-timed-out',
      words: expect.arrayContaining([process.execPath, '--eval']),
      seconds: 2,
    })
    await ended(await noted(3))
  })

  posixOnly('it is over also for a command whose child has left the group and holds its output', async () => {
    const script = `${start(note() + FOREVER, 'detached: true')}; ${FOREVER}`
    expect(await evidenceOf(run(script, { seconds: 2 }))).toMatchObject({ kind: 'exec-timed-out' })
    const [pid = 0] = await noted(1)
    expect(isRunning(pid)).toBe(true)
    process.kill(pid, 'SIGKILL')
    await ended([pid])
  })

  test('a credential that had come by then is good', async () => {
    const script = `${write(join(folder, 'pids'), `String(${start(FOREVER)}.pid)`)} ${print(CREDENTIAL)} process.exit()`
    expect(await run(script, { seconds: 2 })).toMatchObject({ token: 'k8s-aws-v1.abc' })
    await ended(await noted(1))
  })
})

describe('when it is called off', () => {
  test('the command ends, with all that it had started, and the reason is passed on', async () => {
    const calling = new AbortController()
    const work = run(`${note()} ${start(note() + FOREVER)}; ${FOREVER}`, { signal: calling.signal })
    const rejected = expect(work).rejects.toThrow('SIGTERM')
    const running = await noted(2)
    calling.abort(new Error('SIGTERM'))
    await rejected
    await ended(running)
  })

  test('before it began, nothing is left running', async () => {
    const work = run(note() + FOREVER, { signal: AbortSignal.abort(new Error('over')) })
    await expect(work).rejects.toThrow('over')
    const pid = Number(await readFile(join(folder, 'pids'), 'utf8').catch(() => '0'))
    if (pid) await ended([pid])
  })
})
