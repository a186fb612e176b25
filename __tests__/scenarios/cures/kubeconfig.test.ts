import { execFileSync, spawnSync } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { diagnose } from '../../../src/diagnosis/diagnose.ts'
import type { Failure } from '../../../src/diagnosis/failure.ts'
import type { KubeEvidence } from '../../../src/kube/evidence.ts'
import { posixOnly } from '../../systems.ts'
import { expectFailure, PATIENCE, scenario } from '../scenario.ts'
import { onlyPaste } from './cure.ts'

// Files and locks, mended by the lines of the cure in a shell of the job's user.

const at = scenario()
const file = (name = "it's a config") => join(at.runner.workspace, name)

/** What was moved away from the kubeconfig's place, under a name that ends with the time. */
async function movedAway(ending: string): Promise<string> {
  const names = await readdir(at.runner.workspace)
  const [name = '', ...more] = names.filter(one => one.startsWith(`it's a config.${ending}.`))
  expect(more).toEqual([])
  return readFile(join(at.runner.workspace, name), 'utf8')
}

/** Fails with the code; then what `mend` does about the failure makes it pass. */
async function expectCured(
  code: string,
  inputs: Record<string, string>,
  mend: (failure: Failure) => Promise<Record<string, string> | undefined>,
): Promise<void> {
  // The lock is waited for as long as the timeout lets.
  const given = { timeout: '5', 'token-provider': 'builtin', ...inputs }
  const failed = await at.login(given)
  await expectFailure(failed, at.runner, [code])
  const [failure] = failed.report.failures
  const better = await mend(failure as Failure)
  expect(await at.login({ ...given, ...better })).toMatchObject({ code: 0 })
}

/** The inputs that the one paste for a step gives, as the runner fills them in. */
async function inputsOf(failure: Failure): Promise<Record<string, string>> {
  const text = onlyPaste(failure, 'yaml').replaceAll(`\${{ runner.temp }}`, at.runner.temp)
  const { with: inputs } = load(text) as { with: Record<string, string> }
  return inputs
}

/** Runs the one paste for a shell, as it is. */
async function inShell(failure: Failure): Promise<undefined> {
  const { code, log } = await at.runner.step('bash', ['-euo', 'pipefail', '-c', onlyPaste(failure, 'sh')])
  expect({ code, log }).toMatchObject({ code: 0 })
}

posixOnly(
  'EKS901: a file where a folder has to be is moved out of the way',
  async () => {
    await writeFile(file(), 'precious')
    await expectCured('EKS901', { kubeconfig: join(file(), 'config') }, inShell)
    expect(await movedAway('old')).toBe('precious')
  },
  PATIENCE,
)

posixOnly(
  'EKS902: a file that is no YAML is moved out of the way',
  async () => {
    const text = 'clusters:\n- name: a\n  cluster: {server: "https://a\n'
    await writeFile(file(), text)
    await expectCured('EKS902', { kubeconfig: file() }, inShell)
    expect(await movedAway('broken')).toBe(text)
  },
  PATIENCE,
)

posixOnly.each([
  ['a manifest', () => writeFile(file(), 'kind: Pod\napiVersion: v1\n')],
  ['a folder', () => mkdir(file())],
])(
  'EKS903: what is no kubeconfig is moved out of the way: %s',
  async (_what, make) => {
    await make()
    await expectCured('EKS903', { kubeconfig: file() }, inShell)
  },
  PATIENCE,
)

posixOnly(
  'EKS904: a symlink out of the folder gives way to the file that it leads to',
  async () => {
    const target = join(at.runner.temp, 'kubeconfig')
    await writeFile(target, '')
    await symlink(target, file())
    await expectCured('EKS904', { kubeconfig: file() }, inputsOf)
    expect(await readFile(target, 'utf8')).toContain('current-context: demo')
  },
  PATIENCE,
)

posixOnly(
  'EKS904: a symlink to nothing is removed',
  async () => {
    await symlink(file('nothing'), file())
    await expectCured('EKS904', { kubeconfig: file() }, inShell)
  },
  PATIENCE,
)

posixOnly.each([
  ['kubectl', ''],
  ['a process of another machine', JSON.stringify({ pid: 1, host: `not-${hostname()}`, nonce: 'n' })],
])(
  'EKS905: a lock that was left behind is removed: by %s',
  async (_whose, content) => {
    await writeFile(`${file()}.lock`, content)
    await expectCured('EKS905', { kubeconfig: file() }, inShell)
  },
  PATIENCE,
)

// To mount a file system, or to be another user, takes root: CI has it, a laptop may not.
const asRoot =
  process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0 ? test : test.skip

asRoot(
  'EKS906: a read-only file system gives way to the job\u2019s own folder',
  async () => {
    const disk = file('disk')
    await mkdir(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,ro', 'lab', disk])
    try {
      await expectCured('EKS906', { kubeconfig: join(disk, 'config') }, inputsOf)
    } finally {
      execFileSync('umount', [disk])
    }
    expect(await readFile(join(at.runner.temp, 'kubeconfig'), 'utf8')).toContain('current-context: demo')
  },
  PATIENCE,
)

describe('for a user who is not root', () => {
  const NOBODY = 65534
  const WRITER = join(import.meta.dirname, '..', '..', 'kube', 'writer.ts')
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nobody-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  const as = (uid: number, command: string, args: string[], env = process.env) => {
    const { status, stdout, stderr } = spawnSync(command, args, { uid, gid: uid, encoding: 'utf8', env })
    if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`)
    return stdout
  }
  /** What is in the way of writing the kubeconfig; null for nothing. */
  const found = (path: string): KubeEvidence | null =>
    JSON.parse(as(NOBODY, process.execPath, [WRITER, 'write', path]))
  const paste = (path: string) => {
    const evidence = found(path)
    if (!evidence) throw new Error('nothing is in the way')
    return onlyPaste(diagnose(evidence, { cluster: '', region: '' }), 'sh')
  }

  asRoot.each([
    ['a file', 'config', 0o000],
    ['a folder', '.', 0o500],
    ['a folder that cannot be entered', '.', 0o600],
  ])('%s of their own is made theirs to use', async (_what, what, mode) => {
    const path = join(folder, 'config')
    await writeFile(path, '')
    await Promise.all([chown(path, NOBODY, NOBODY), chown(folder, NOBODY, NOBODY)])
    await chmod(join(folder, what), mode)
    as(NOBODY, 'bash', ['-euc', paste(path)])
    expect(found(path)).toBeNull()
  })

  asRoot('a file of another\u2019s is made theirs by who may', async () => {
    const path = join(folder, 'config')
    await chmod(folder, 0o777)
    await writeFile(path, '', { mode: 0o600 })
    // Root needs no sudo, and may have none.
    await writeFile(join(folder, 'sudo'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 })
    as(0, 'bash', ['-euc', paste(path)], { ...process.env, PATH: `${folder}:${process.env.PATH}` })
    expect(found(path)).toBeNull()
  })
})
