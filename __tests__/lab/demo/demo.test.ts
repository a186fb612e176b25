import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FAILURES } from '../../../lab/demo/failures.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const DEMO = join(ROOT, 'lab', 'demo', 'demo.ts')
/** Milliseconds: a demo takes a few seconds, on a busy machine many more. */
const PATIENCE = 120_000

let folder: string
let processes: ChildProcess[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-test-'))
  processes = []
})
afterEach(async () => {
  for (const process of processes) process.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

/** A demo that finds on PATH what is in this folder alone, and has a temporary folder of its own. */
async function start(options: string[] = []) {
  const [temporary, bin] = [join(folder, 'tmp'), join(folder, 'bin')]
  await mkdir(temporary)
  await mkdir(bin, { recursive: true })
  const env = { PATH: bin, TMPDIR: temporary, TEMP: temporary, TMP: temporary }
  const child = spawn(process.execPath, [DEMO, ...options], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  processes.push(child)
  const told = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8')
    child[name].on('data', chunk => {
      told[name] += chunk
    })
  }
  const ended = once(child, 'close').then(([code]) => code as number)
  const says = async (text: string) => {
    while (!told.stdout.includes(text)) await Promise.race([once(child.stdout, 'data'), refuse(ended)])
  }
  return { child, told, ended, says, left: () => readdir(temporary) }
}

async function refuse(ended: Promise<number>): Promise<never> {
  throw new Error(`the demo ended with ${await ended}`)
}

test(
  'piped, without aws and kubectl, the whole story is told in plain text, with no secret in it; with --keep the lab stays for a shell that takes the environment, until a signal comes',
  async () => {
    const { child, told, ended, says, left } = await start(['--keep'])
    await says('until Ctrl-C.')
    const environment = [...told.stdout.matchAll(/^ {4}(?:export |\$env:).*$/gm)].flat()
    const [example = ''] = /^ {4}node '.*list\.ts' namespaces$/m.exec(told.stdout) ?? []
    const [shell, ...args] = SHELL
    const script = [...environment, example].join('\n')
    const { stdout } = await promisify(execFile)(shell, [...args, script], { env: {} })
    expect(stdout.split(/\r?\n/)).toContain('namespace/default')
    for (const text of BEFORE_THE_END) expect(told.stdout).toContain(text)
    expectPlain(told.stdout)

    child.kill('SIGINT')
    // On Windows, which has no signals, this is the end of the process and not its wish.
    if (process.platform === 'win32') return
    expect(await ended).toBe(0)
    expect(told.stderr).toBe('')
    expect(told.stdout).toContain('8. The end of the job')
    expect(told.stdout).toMatch(/Removed .*\n\n✓ Nothing is left.*\n\nAll went as the story says\.\n$/s)
    expectPlain(told.stdout)
    expect(await left()).toEqual([])
  },
  PATIENCE,
)

const BEFORE_THE_END = [
  '1. What this machine has',
  'there is no aws on PATH',
  'token-provider: builtin',
  'there is no kubectl on PATH',
  '2. The lab',
  '3. What an administrator does, once',
  'uses: ./grant',
  '+kind: ClusterRoleBinding',
  '+username: demo',
  '▼ As the API server sees it',
  '4. The login step',
  '▼ Kubeconfig ',
  'pass  can-i list namespaces',
  '5. Later steps of the job',
  'namespace/default',
  'User "demo" cannot list resource "configmaps"',
  '6. When something is wrong',
  ...FAILURES.map(({ code }) => `Error: ${code} `),
  '7. Yours to play with',
]

/** Neither colours nor anything else that moves a cursor, and no secret. */
function expectPlain(text: string): void {
  expect(text).not.toMatch(/[^\P{Cc}\n]/u)
  expect(text).not.toMatch(/k8s-aws-v1\.|X-Amz-Signature|PRIVATE KEY/i)
}

const SHELL: readonly [string, ...string[]] =
  process.platform === 'win32' ? ['powershell', '-NoProfile', '-Command'] : ['/bin/sh', '-c']

// Windows starts no script without a shell.
if (process.platform !== 'win32') {
  test(
    'a cluster that allows what the administrator did not is told, and is no success',
    async () => {
      await mkdir(join(folder, 'bin'))
      const kubectl = join(folder, 'bin', 'kubectl')
      await writeFile(kubectl, '#!/bin/sh\necho \'{"gitVersion": "v1.99.0"} default kube-system\'\n')
      await chmod(kubectl, 0o700)
      const { told, ended, left } = await start()
      expect(await ended).toBe(1)
      expect(told.stdout).toContain('kubectl: v1.99.0')
      expect(told.stderr).toContain('kubectl get pods:\nit should end with exit code 1, and ended with 0')
      expect(told.stdout).not.toContain('All went')
      expect(await left()).toEqual([])
    },
    PATIENCE,
  )

  test(
    'a signal in the middle of the story ends it, and nothing is left',
    async () => {
      const { child, told, ended, says, left } = await start()
      await says('4. The login step')
      child.kill('SIGTERM')
      expect(await ended).toBe(128 + 15)
      expect(told.stderr).toContain('Interrupted (SIGTERM)')
      expect(await left()).toEqual([])
    },
    PATIENCE,
  )
}
