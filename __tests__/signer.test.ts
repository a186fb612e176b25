import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { installSigner, lastingNode, loadSigner, type Signer, sweepSigners } from '../src/signer.ts'
import { OWNERS_FOLDER, posixOnly, withLinks } from './systems.ts'

let folder: string
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'signer-')))
})
afterEach(() => rm(folder, { recursive: true }))

describe('the runtime that an exec block names', () => {
  const nodeOf = (externals: string) => join(folder, externals, 'node24', 'bin', 'node')

  async function unpack(externals: string) {
    await mkdir(join(folder, externals, 'node24', 'bin'), { recursive: true })
    await writeFile(nodeOf(externals), externals)
  }

  async function lead(externals: string) {
    await rm(join(folder, 'externals'), { force: true })
    await symlink(join(folder, externals), join(folder, 'externals'), 'junction')
  }

  test('is reached by the runner\u2019s own link, which outlives an update', async () => {
    await unpack('externals.2.330.0')
    await lead('externals.2.330.0')
    const lasting = lastingNode(nodeOf('externals.2.330.0'))
    expect(lasting).toBe(nodeOf('externals'))

    await unpack('externals.2.331.0')
    await lead('externals.2.331.0')
    await rm(join(folder, 'externals.2.330.0'), { recursive: true })
    expect(await readFile(lasting, 'utf8')).toBe('externals.2.331.0')
  })

  test('is itself where a runner was never updated', async () => {
    await unpack('externals')
    expect(lastingNode(nodeOf('externals'))).toBe(nodeOf('externals'))
  })

  test('is itself where there is no link', async () => {
    await unpack('externals.2.330.0')
    expect(lastingNode(nodeOf('externals.2.330.0'))).toBe(nodeOf('externals.2.330.0'))
  })

  test('is itself where the link leads to another', async () => {
    await unpack('externals.2.330.0')
    await unpack('externals.2.329.0')
    await lead('externals.2.329.0')
    expect(lastingNode(nodeOf('externals.2.330.0'))).toBe(nodeOf('externals.2.330.0'))
  })

  test.each(['/usr/bin/node', '/opt/externals.d/node', '/opt/externals.1/node', '/opt/externals.1.2'])(
    'is %s itself, which is no runner\u2019s',
    path => {
      expect(lastingNode(path)).toBe(path)
    },
  )
})

/* A bundle as the build leaves it, beside the entry that runs. */

const FILES = { 'index.js': 'sign()', '1.index.js': 'assume()', digest: 'abcdef012345\n' }

async function bundle(files: Record<string, string> = FILES): Promise<string> {
  const path = join(folder, 'dist', 'token')
  await mkdir(path, { recursive: true })
  for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content)
  return path
}

async function signer(): Promise<Signer> {
  const path = join(folder, 'config.token-abcdef012345')
  return { command: 'node', script: join(path, 'index.js'), folder: path, bundle: await bundle() }
}

async function contentsOf(path: string): Promise<Record<string, string>> {
  const names = await readdir(path)
  return Object.fromEntries(
    await Promise.all(names.map(async name => [name, await readFile(join(path, name), 'utf8')])),
  )
}

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

test('the signer is found beside the entry that runs, and named by its digest beside the kubeconfig', async () => {
  const path = await bundle()
  const { argv } = process
  process.argv = ['node', join(folder, 'dist', 'login', 'index.js')]
  try {
    expect(await loadSigner('/work/kubeconfig')).toEqual({
      command: lastingNode(process.execPath),
      folder: '/work/kubeconfig.token-abcdef012345',
      script: join('/work/kubeconfig.token-abcdef012345', 'index.js'),
      bundle: path,
    })
  } finally {
    process.argv = argv
  }
})

describe('installing', () => {
  /** What the folder holds after it, which is all that there is, beside the bundle and what else is named. */
  async function expectInstalled({ folder: path }: Signer, ...others: string[]) {
    expect(await contentsOf(path)).toEqual(FILES)
    expect((await lstat(path)).isDirectory()).toBe(true)
    expect(await modeOf(path)).toBe(OWNERS_FOLDER)
    expect((await readdir(folder)).sort()).toEqual(['config.token-abcdef012345', 'dist', ...others].sort())
  }

  test('puts all files into a folder for its owner alone', async () => {
    const made = await signer()
    await installSigner(made)
    await expectInstalled(made)
  })

  test('again changes nothing', async () => {
    const made = await signer()
    await installSigner(made)
    const before = await stat(made.folder)
    await installSigner(made)
    expect(await stat(made.folder)).toMatchObject({ ino: before.ino, ctimeMs: before.ctimeMs })
    await expectInstalled(made)
  })

  const replaces = async (tamper: (path: string) => Promise<unknown>) => {
    const made = await signer()
    await installSigner(made)
    await tamper(made.folder)
    await installSigner(made)
    await expectInstalled(made)
  }

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['with a file changed', path => writeFile(join(path, 'index.js'), 'steal()')],
    ['with a file too many', path => writeFile(join(path, '2.index.js'), 'steal()')],
    ['with a file too few', path => rm(join(path, '1.index.js'))],
    ['with a folder in it', path => mkdir(join(path, 'node_modules'))],
  ])('replaces a folder %s', async (_what, tamper) => {
    await replaces(tamper)
  })

  posixOnly.each<[string, (path: string) => Promise<unknown>]>([
    [
      'with a pipe for a file',
      async path => {
        await rm(join(path, 'index.js'))
        execFileSync('mkfifo', [join(path, 'index.js')], { env: { PATH: process.env.PATH } })
      },
    ],
    ['that all may write to', path => chmod(path, 0o777)],
  ])('replaces a folder %s', async (_what, tamper) => {
    await replaces(tamper)
  })

  test('replaces a file of that name', async () => {
    const made = await signer()
    await writeFile(made.folder, 'theirs')
    await installSigner(made)
    await expectInstalled(made)
  })

  test.each([
    ['the very same files', FILES],
    ['other files', { 'index.js': 'theirs' }],
  ])('replaces a link to a folder with %s, and leaves that as it was', async (_what, files) => {
    const made = await signer()
    const theirs = join(folder, 'theirs')
    await mkdir(theirs)
    for (const [name, content] of Object.entries(files)) await writeFile(join(theirs, name), content)
    await symlink(theirs, made.folder, 'junction')
    await installSigner(made)
    await expectInstalled(made, 'theirs')
    expect(await contentsOf(theirs)).toEqual(files)
  })

  test('replaces a link to nowhere', async () => {
    const made = await signer()
    await symlink(join(folder, 'nowhere'), made.folder, 'junction')
    await installSigner(made)
    await expectInstalled(made)
  })

  withLinks(
    'replaces a file that is a link to one of the same content, and leaves that as it was',
    async () => {
      const made = await signer()
      await installSigner(made)
      await rename(made.script, join(folder, 'theirs.js'))
      await symlink(join(folder, 'theirs.js'), made.script)
      await installSigner(made)
      await expectInstalled(made, 'theirs.js')
      expect((await lstat(made.script)).isFile()).toBe(true)
      expect(await readFile(join(folder, 'theirs.js'), 'utf8')).toBe(FILES['index.js'])
    },
  )

  test('that fails leaves what was there, and nothing beside it', async () => {
    const made = await signer()
    await cp(made.bundle, made.folder, { recursive: true })
    await writeFile(made.script, 'older')
    await mkdir(join(made.bundle, 'what copies as no file'))
    await expect(installSigner(made)).rejects.toThrow()
    expect(await contentsOf(made.folder)).toEqual({ ...FILES, 'index.js': 'older' })
    expect((await readdir(folder)).sort()).toEqual(['config.token-abcdef012345', 'dist'])
  })
})

describe('sweeping', () => {
  const kubeconfig = () => join(folder, 'config')
  const naming = (...scripts: string[]) =>
    JSON.stringify({
      users: scripts.map((script, index) => ({
        name: `user-${index}`,
        user: { exec: { command: 'node', args: [script, '--region', 'eu-west-1'] } },
      })),
    })

  test('takes a signer that the kubeconfig does not name, whole', async () => {
    await installSigner(await signer())
    await sweepSigners(kubeconfig(), 'users: []\n')
    expect(await readdir(folder)).toEqual(['dist'])
  })

  test('takes all where the kubeconfig is gone, and twice', async () => {
    await installSigner(await signer())
    await sweepSigners(kubeconfig(), null)
    await sweepSigners(kubeconfig(), null)
    expect(await readdir(folder)).toEqual(['dist'])
  })

  test('takes a link of such a name, and leaves what it leads to', async () => {
    const made = await signer()
    await symlink(made.bundle, made.folder, 'junction')
    await sweepSigners(kubeconfig(), null)
    expect(await readdir(folder)).toEqual(['dist'])
    expect(await contentsOf(made.bundle)).toEqual(FILES)
  })

  test('keeps what is named, and takes other versions and drafts of the killed', async () => {
    const made = await signer()
    await installSigner(made)
    for (const name of ['0123456789ab', `abcdef012345.${randomUUID()}.tmp`])
      await mkdir(join(folder, `config.token-${name}`))
    await sweepSigners(kubeconfig(), naming('get-token', made.script))
    expect((await readdir(folder)).sort()).toEqual([basename(made.folder), 'dist'])
    expect(await contentsOf(made.folder)).toEqual(FILES)
  })

  test('keeps what is named by another path to the folder, as a step names it that came through a link', async () => {
    const made = await signer()
    await installSigner(made)
    await symlink(folder, join(folder, 'link'), 'junction')
    await sweepSigners(kubeconfig(), naming(join(folder, 'link', basename(made.folder), 'index.js')))
    expect(await contentsOf(made.folder)).toEqual(FILES)
  })

  test('keeps what it is told of without reading', async () => {
    const made = await signer()
    await installSigner(made)
    await sweepSigners(kubeconfig(), '- no kubeconfig', made.folder)
    expect(await contentsOf(made.folder)).toEqual(FILES)
  })

  test('keeps all beside a text that cannot be read', async () => {
    const made = await signer()
    await installSigner(made)
    await sweepSigners(kubeconfig(), 'users: [')
    expect(await contentsOf(made.folder)).toEqual(FILES)
  })

  test('leaves what only looks alike', async () => {
    const names = [
      'config.token-0123456789abc',
      'config.tokens',
      'other.token-0123456789ab',
      'config.token-x',
    ]
    for (const name of names) await mkdir(join(folder, name))
    await sweepSigners(kubeconfig(), null)
    expect(await readdir(folder)).toEqual(expect.arrayContaining(names))
  })

  test('names a folder as YAML may write it', async () => {
    const made = await signer()
    await installSigner(made)
    const escaped = JSON.stringify(made.script).replace('config', '\\u0063onfig')
    await sweepSigners(kubeconfig(), `users: [{name: a, user: {exec: {args: [${escaped}]}}}]`)
    expect(await contentsOf(made.folder)).toEqual(FILES)
  })
})
