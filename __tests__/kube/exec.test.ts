import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KubeEvidence, KubeProblem } from '../../src/kube/evidence.ts'
import { runExec } from '../../src/kube/exec.ts'

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

/** Runs a shell script as an exec block's command. */
function run(
  script: string,
  { seconds = 30, signal = forever, env = [] as { name: string; value: string }[] } = {},
) {
  return runExec({ command: 'sh', args: ['-c', script], env }, ENV, { timeoutSeconds: seconds, signal })
}

const print = (value: unknown) =>
  `cat <<'END'\n${typeof value === 'string' ? value : JSON.stringify(value)}\nEND`

async function evidenceOf(work: Promise<unknown>): Promise<KubeEvidence> {
  const error: unknown = await work.catch(error => error)
  if (error instanceof KubeProblem) return error.evidence
  throw new Error(`it is no problem of ours: ${error}`)
}

/** Whether a process runs; one that has ended and waits for its parent does not. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return status !== '' && !/\) [ZX] /.test(status)
}

async function pidsIn(name: string, count: number): Promise<number[]> {
  for (;;) {
    const pids = (await readFile(join(folder, name), 'utf8').catch(() => '')).split('\n').filter(Boolean)
    if (pids.length >= count) return pids.map(Number)
    await sleep(5)
  }
}

async function ended(pids: number[]): Promise<void> {
  for (const pid of pids) while (await isRunning(pid)) await sleep(5)
}

test('the token and when it ends are what the command prints', async () => {
  expect(await run(print(CREDENTIAL))).toEqual({ token: 'k8s-aws-v1.abc', expirationTimestamp: EXPIRES })
})

test('a credential without an end has none', async () => {
  expect(await run(print({ ...CREDENTIAL, status: { token: 'x' } }))).toEqual({ token: 'x' })
})

test('what the command says beside its credential, on standard error, does no harm', async () => {
  expect(await run(`echo warning >&2; ${print(CREDENTIAL)}`)).toMatchObject({ token: 'k8s-aws-v1.abc' })
})

test('the command has our environment, its own on top, and what kubectl tells of itself', async () => {
  const out = join(folder, 'env')
  const env = [
    { name: 'AWS_PROFILE', value: 'ci' },
    { name: 'HOME', value: '/block' },
    { name: 'KUBERNETES_EXEC_INFO', value: 'not this' },
  ]
  await runExec(
    { command: 'sh', args: ['-c', `env -0 > ${out}; ${print(CREDENTIAL)}`], env },
    { ...ENV, HOME: '/ours', MINE: 'a\nb' },
    { timeoutSeconds: 30, signal: forever },
  )
  const variables = (await readFile(out, 'utf8')).split('\0').filter(Boolean)
  const seen = Object.fromEntries(
    variables.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  expect(seen).toMatchObject({ ...ENV, HOME: '/block', MINE: 'a\nb', AWS_PROFILE: 'ci' })
  expect(JSON.parse(seen.KUBERNETES_EXEC_INFO ?? '')).toEqual({
    kind: 'ExecCredential',
    apiVersion: V1BETA1,
    spec: { interactive: false },
  })
  const ours = new Set([
    ...Object.keys(ENV),
    'HOME',
    'MINE',
    'AWS_PROFILE',
    'KUBERNETES_EXEC_INFO',
    'PWD',
    'SHLVL',
    '_',
    'OLDPWD',
  ])
  expect(Object.keys(seen).filter(name => !ours.has(name))).toEqual([])
})

test('the command has no standard input', async () => {
  expect(await run(`cat > ${join(folder, 'in')}; ${print(CREDENTIAL)}`)).toMatchObject({
    token: 'k8s-aws-v1.abc',
  })
  expect(await readFile(join(folder, 'in'), 'utf8')).toBe('')
})

test('its arguments go through no shell', async () => {
  const out = join(folder, 'args')
  const script = join(folder, 'aws')
  await writeFile(script, `#!/bin/sh\nprintf '%s\\n' "$@" > ${out}\n${print(CREDENTIAL)}\n`)
  await chmod(script, 0o755)
  const args = ['$(id)', 'a b', '*', '; exit 1']
  const env = { PATH: `${folder}:${ENV.PATH}` }
  await runExec({ command: 'aws', args, env: [] }, env, { timeoutSeconds: 30, signal: forever })
  expect((await readFile(out, 'utf8')).trim().split('\n')).toEqual(args)
})

describe('a command that fails', () => {
  test('is told with its exit code and what it said, and nothing of what it printed', async () => {
    const evidence = await evidenceOf(
      run(`${print(CREDENTIAL)}\necho 'Unable to locate credentials' >&2; exit 253`),
    )
    expect(evidence).toEqual({
      kind: 'exec-failed',
      command: expect.stringMatching(/^sh -c /),
      exitCode: 253,
      signal: null,
      stderr: 'Unable to locate credentials\n',
    })
  })

  test('is told with the signal that ended it', async () => {
    expect(await evidenceOf(run('kill -TERM $$'))).toMatchObject({
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

  test('may not be run', async () => {
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
    const evidence = await evidenceOf(run(`: ; ${print(printed)}`))
    expect(evidence).toMatchObject({
      kind: 'exec-not-a-credential',
      problem: typeof problem === 'string' ? problem : expect.stringMatching(problem),
    })
    expect((evidence as { problem: string }).problem).not.toMatch(/secret|k8s-aws-v1/)
  })

  test('more than a credential can be', async () => {
    expect(await evidenceOf(run('yes | head -c 3000000'))).toMatchObject({
      kind: 'exec-not-a-credential',
      problem: `its ${2 ** 20} characters are not JSON`,
    })
  })
})

describe('when its time is over', () => {
  test('the command ends, with all that it had started', async () => {
    const pids = join(folder, 'pids')
    // The child, its child, and one in the background that ignores a polite request.
    const script = `echo $$ >> ${pids}; sh -c 'echo $$ >> ${pids}; exec sleep 600' & sh -c 'trap "" TERM HUP; echo $$ >> ${pids}; sleep 600; :' & wait`
    const evidence = await evidenceOf(run(script, { seconds: 1 }))
    expect(evidence).toEqual({
      kind: 'exec-timed-out',
      command: expect.stringMatching(/^sh -c /),
      seconds: 1,
    })
    await ended(await pidsIn('pids', 3))
  })

  test('it is over also for a command whose child has left the group and holds its output', async () => {
    const script = `setsid sh -c 'echo $$ > ${join(folder, 'pids')}; exec sleep 600' & wait`
    expect(await evidenceOf(run(script, { seconds: 1 }))).toMatchObject({ kind: 'exec-timed-out' })
    const [pid = 0] = await pidsIn('pids', 1)
    expect(await isRunning(pid)).toBe(true)
    process.kill(pid, 'SIGKILL')
    await ended([pid])
  })

  test('a credential that had come by then is good', async () => {
    const script = `sleep 600 & echo $! > ${join(folder, 'pids')}; ${print(CREDENTIAL)}`
    expect(await run(script, { seconds: 1 })).toMatchObject({ token: 'k8s-aws-v1.abc' })
    await ended(await pidsIn('pids', 1))
  })
})

describe('when it is called off', () => {
  test('the command ends, with all that it had started, and the reason is passed on', async () => {
    const calling = new AbortController()
    const pids = join(folder, 'pids')
    const script = `echo $$ >> ${pids}; sh -c 'echo $$ >> ${pids}; exec sleep 600'`
    const work = run(script, { signal: calling.signal })
    const rejected = expect(work).rejects.toThrow('SIGTERM')
    const running = await pidsIn('pids', 2)
    calling.abort(new Error('SIGTERM'))
    await rejected
    await ended(running)
  })

  test('before it began, nothing is left running', async () => {
    const script = `echo $$ > ${join(folder, 'pids')}; exec sleep 600`
    await expect(run(script, { signal: AbortSignal.abort(new Error('over')) })).rejects.toThrow('over')
    const pid = Number(await readFile(join(folder, 'pids'), 'utf8').catch(() => '0'))
    if (pid) await ended([pid])
  })
})
