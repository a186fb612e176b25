import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { OWNERS_FILE, withLinks } from '../systems.ts'
import { EXISTING } from './kubeconfigs.ts'
import { expectFailure, PATIENCE, scenario } from './scenario.ts'

const at = scenario()

async function existing(text: string): Promise<string> {
  const file = join(at.runner.workspace, 'config')
  await writeFile(file, text, { mode: 0o644 })
  return file
}

test(
  'merging keeps other entries, unknown fields and comments, and the post step gives the file back as it was',
  async () => {
    const file = await existing(EXISTING)
    const login = await at.login({ kubeconfig: 'config' })
    expect(login).toMatchObject({ code: 0, outputs: { kubeconfig: file, context: 'demo' } })
    const merged = await readFile(file, 'utf8')
    for (const comment of [
      '# The team',
      '# unknown to kubectl',
      '# the local one',
      '# Kept current by hand.',
    ]) {
      expect(merged).toContain(comment)
    }
    const before = load(EXISTING) as Record<string, unknown[]>
    const after = load(merged) as Record<string, unknown[]>
    expect(after).toMatchObject({ 'x-team': 'payments', 'current-context': 'demo' })
    for (const section of ['clusters', 'users', 'contexts']) {
      expect(after[section]?.slice(0, -1)).toEqual(before[section])
    }
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe(OWNERS_FILE)
    // The other user's token was there before: told, without its value.
    expect(login.annotations).toContainEqual(
      expect.objectContaining({ level: 'warning', message: expect.stringContaining('user minikube') }),
    )
    expect(login.log).not.toContain('0123456789abcdef')

    expect(await at.list('namespaces', { context: 'demo' })).toMatchObject({ code: 0 })
    await at.runner.finish()
    expect(load(await readFile(file, 'utf8'))).toEqual(before)
  },
  PATIENCE,
)

test.each([
  ['YAML that breaks off', 'clusters:\n- name: a\n  cluster: {server: "https://a\n', 'EKS902', 'line 4'],
  ['another kind of document', 'kind: Pod\napiVersion: v1\n', 'EKS903', '"Pod"'],
  ['a list', '- a\n- b\n', 'EKS903', 'not a mapping'],
  ['two documents', 'kind: Config\n---\nkind: Config\n', 'EKS903', '2 documents'],
])(
  'a file that is %s is refused and left byte for byte',
  async (_what, text, code, told) => {
    const file = await existing(text)
    const login = await at.login({ kubeconfig: file })
    await expectFailure(login, at.runner, [code])
    expect(login.log).toContain(told)
    expect(await readFile(file, 'utf8')).toBe(text)
    expect(await readdir(at.runner.workspace)).toEqual(['config'])
  },
  PATIENCE,
)

withLinks(
  'a symlink out of the folder is refused, and what it points to is left alone',
  async () => {
    const victim = join(at.runner.temp, 'victim')
    await writeFile(victim, 'precious')
    const file = join(at.runner.workspace, 'config')
    await symlink(victim, file)
    await expectFailure(await at.login({ kubeconfig: file }), at.runner, ['EKS904'])
    expect(await readFile(victim, 'utf8')).toBe('precious')
  },
  PATIENCE,
)

withLinks(
  'a symlink inside the folder is followed',
  async () => {
    const real = join(at.runner.workspace, 'real-config')
    await writeFile(real, '')
    await symlink('real-config', join(at.runner.workspace, 'config'))
    expect(await at.login({ kubeconfig: 'config' })).toMatchObject({ code: 0 })
    expect(await readFile(real, 'utf8')).toContain('current-context: demo')
  },
  PATIENCE,
)
