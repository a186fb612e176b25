import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type KubectlMirror, startKubectlMirror } from '../../lab/kubectl-mirror.ts'
import { expectFailure, PATIENCE, scenario } from './scenario.ts'

// The real kubectl, on disks that it does not fit on. All else about kubectl-version is in scenarios/kubectl.test.ts.

const at = scenario()

let mirror: KubectlMirror
beforeAll(async () => {
  mirror = await startKubectlMirror()
  const platform = `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`
  mirror.publish({ version: '1.37.2', platform, content: await readFile(at.cluster.kubectlPath) })
}, PATIENCE)
afterAll(() => mirror.stop())

/** Logs in with one of the runner's folders on a file system of its own; says which files are left there. */
async function loginWith(variable: 'RUNNER_TOOL_CACHE' | 'RUNNER_TEMP', options: string) {
  const folder = join(at.runner.workspace, 'mnt')
  await mkdir(folder, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
  try {
    const inputs = {
      'kubectl-version': '1.37.2',
      'kubectl-mirror': mirror.url,
      kubeconfig: join(at.runner.home, 'config'),
    }
    const login = await at.login(inputs, { env: { [variable]: folder } })
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return { login, left: entries.filter(entry => entry.isFile()).map(({ name }) => name) }
  } finally {
    execFileSync('umount', [folder])
  }
}

test.each([
  ['a full tool cache', 'RUNNER_TOOL_CACHE', 'size=20m', 'ENOSPC', 'Make room'],
  ['a tool cache that cannot be written', 'RUNNER_TOOL_CACHE', 'ro', 'EROFS', 'RUNNER_TOOL_CACHE'],
  ['a full temporary folder', 'RUNNER_TEMP', 'size=20m', 'ENOSPC', 'Make room'],
] as const)(
  '%s fails with its name, and nothing is left there',
  async (_what, variable, options, code, cure) => {
    const { login, left } = await loginWith(variable, options)
    await expectFailure(login, at.runner, ['EKS918'])
    expect(login.log).toContain(code)
    expect(login.log).toContain(cure)
    expect(left).toEqual([])
    expect((await readdir(at.runner.temp)).filter(name => name.includes('kubectl'))).toEqual([])
  },
  PATIENCE,
)
