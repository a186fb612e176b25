import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  statfs,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type KubeEvidence, KubeProblem } from '../../src/kube/evidence.ts'
import { checkKubeconfig, undoKubeconfig, writeKubeconfig } from '../../src/kube/file.ts'
import type { KubeconfigEntry, Undo } from '../../src/kube/kubeconfig.ts'
import { OWNERS_FILE, posixOnly, withLinks } from '../systems.ts'

let folder: string
let file: string
beforeEach(async () => {
  // Its real path, which evidence names: macOS has its temporary folder behind a link.
  folder = await realpath(await mkdtemp(join(tmpdir(), 'kubeconfig-')))
  file = join(folder, 'config')
})
afterEach(() => rm(folder, { recursive: true }))

function entry(name: string): KubeconfigEntry {
  return {
    context: name,
    cluster: { name, server: 'https://demo.example', certificateAuthorityData: 'Q0E=' },
    user: { name, exec: { command: 'aws', args: ['eks', 'get-token'], env: [] } },
  }
}

/** Writes, and gives what takes it back. */
async function write(path = file, names = ['demo']): Promise<Undo> {
  let kept: Undo | undefined
  await writeKubeconfig(path, names.map(entry), 30, async (_text, undo) => {
    kept = undo
  })
  if (!kept) throw new Error('nobody was told how to take it back')
  return kept
}

async function evidenceOf(work: Promise<unknown>): Promise<KubeEvidence> {
  const error: unknown = await work.catch(error => error)
  if (error instanceof KubeProblem) return error.evidence
  throw new Error(`it is no problem of ours: ${error}`)
}

const contextsIn = async (path = file) =>
  parse(await readFile(path, 'utf8')).contexts.map(({ name }: { name: string }) => name)
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

const OTHERS = 'kind: Config\ncontexts:\n- {name: other, context: {cluster: c, user: u}} # theirs\n'

describe('the file', () => {
  posixOnly('is for its owner alone, as is a folder that had to be made', async () => {
    const path = join(folder, 'a', 'b', 'config')
    await write(path)
    expect([
      await modeOf(path),
      await modeOf(join(folder, 'a')),
      await modeOf(join(folder, 'a', 'b')),
    ]).toEqual(['600', '700', '700'])
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['config'])
  })

  posixOnly(
    'is for its owner alone also when it was for all before, and a folder that was there stays as it was',
    async () => {
      await writeFile(file, OTHERS, { mode: 0o644 })
      await chmod(folder, 0o755)
      await write()
      expect([await modeOf(file), await modeOf(folder)]).toEqual(['600', '755'])
    },
  )

  posixOnly(
    'is another one after each write, so that who reads has the old or the new one whole',
    async () => {
      await writeFile(file, OTHERS)
      const before = await stat(file)
      const reading = await open(file)
      await write()
      expect((await stat(file)).ino).not.toBe(before.ino)
      expect(await reading.readFile('utf8')).toBe(OTHERS)
      await reading.close()
      expect(await contextsIn()).toEqual(['other', 'demo'])
    },
  )

  test('is written though somebody reads it for a moment, whom Windows leaves undisturbed', async () => {
    await writeFile(file, OTHERS)
    const reading = await open(file)
    const writing = write()
    await new Promise(resolve => setTimeout(resolve, 100))
    await reading.close()
    await writing
    expect(await contextsIn()).toEqual(['other', 'demo'])
    expect(await readdir(folder)).toEqual(['config'])
  })

  test('holds what was announced before it was written', async () => {
    let announced = ''
    await writeKubeconfig(file, [entry('demo')], 1, async (text, undo) => {
      announced = text
      expect(undo).toEqual({
        file,
        created: true,
        createdFolder: false,
        entries: [entry('demo')],
        before: { current: null, names: [] },
      })
      await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
    })
    expect(await readFile(file, 'utf8')).toBe(announced)
  })

  test('stays as it was when who was told of it objects', async () => {
    await writeFile(file, OTHERS)
    const objection = new KubeProblem({ kind: 'kubeconfig-secret', file, where: ['x'] })
    const writing = writeKubeconfig(file, [entry('demo')], 1, async () => {
      throw objection
    })
    await expect(writing).rejects.toBe(objection)
    expect(await readFile(file, 'utf8')).toBe(OTHERS)
    expect(await readdir(folder)).toEqual(['config'])
  })

  test('has all contexts of many who write at once', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `context-${index}`)
    await Promise.all(names.map(name => write(file, [name])))
    expect((await contextsIn()).sort()).toEqual([...names].sort())
    expect(await readdir(folder)).toEqual(['config'])
  })

  test('takes the leftovers of killed writers with it, and nothing else', async () => {
    const id = '123e4567-e89b-42d3-a456-426614174000'
    const others = [
      `.config.old.${id}.tmp`,
      `.config.${id}.tmp.bak`,
      '.config.tmp',
      `.other.${id}.tmp`,
      'x.tmp',
    ]
    for (const name of [...others, `.config.${id}.tmp`]) await writeFile(join(folder, name), 'half')
    await write()
    expect((await readdir(folder)).sort()).toEqual([...others, 'config'].sort())
  })

  test('that cannot be merged into is refused, at first sight and later, and stays byte for byte as it was', async () => {
    for (const bytes of [
      'kind: Config\r\n\tx\r\n',
      '- a\n',
      'kind: Secret\n',
      'kind: Config\n---\nkind: Config\n',
    ]) {
      await writeFile(file, bytes)
      const evidence = await evidenceOf(write())
      expect(evidence.kind).toMatch(/^kubeconfig-(corrupt|unexpected)$/)
      expect(await evidenceOf(checkKubeconfig(file))).toEqual(evidence)
      expect(await readFile(file, 'utf8')).toBe(bytes)
      expect(await readdir(folder)).toEqual(['config'])
    }
  })

  test('that is locked stays as it was', async () => {
    await writeFile(file, OTHERS)
    await writeFile(`${file}.lock`, '')
    const writing = writeKubeconfig(file, [entry('demo')], 0.05, async () => {})
    expect(await evidenceOf(writing)).toMatchObject({ kind: 'kubeconfig-locked', lock: `${file}.lock` })
    expect(await readFile(file, 'utf8')).toBe(OTHERS)
    // To look at it is no reason to wait.
    await checkKubeconfig(file)
  })
})

describe('a symlink', () => {
  withLinks('that stays in the folder is followed, and stays', async () => {
    await mkdir(join(folder, 'sub'))
    const real = join(folder, 'sub', 'real')
    await writeFile(real, OTHERS)
    await symlink(join('sub', 'real'), file)
    await write()
    expect((await lstat(file)).isSymbolicLink()).toBe(true)
    expect(await contextsIn(real)).toEqual(['other', 'demo'])
    expect(await modeOf(real)).toBe(OWNERS_FILE)
  })

  test('in place of the folder is followed: it is the folder that was asked for', async () => {
    await mkdir(join(folder, 'real'))
    await symlink(join(folder, 'real'), join(folder, 'link'), 'junction')
    await write(join(folder, 'link', 'config'))
    expect(await contextsIn(join(folder, 'real', 'config'))).toEqual(['demo'])
  })

  withLinks.each([
    ['out of the folder', 'outside', () => join(folder, 'outside')],
    ['to nothing', join('inside', 'nothing'), () => null],
  ])('%s is refused, and nothing written', async (_where, to, target) => {
    await writeFile(join(folder, 'outside'), OTHERS)
    await mkdir(join(folder, 'inside'))
    const link = join(folder, 'inside', 'config')
    await symlink(join(folder, to), link)
    const evidence = { kind: 'kubeconfig-symlink', file: link, target: target() }
    expect(await evidenceOf(write(link))).toEqual(evidence)
    expect(await evidenceOf(checkKubeconfig(link))).toEqual(evidence)
    const undo = {
      file: link,
      created: true,
      createdFolder: true,
      entries: [entry('demo')],
      before: { current: null, names: [] },
    }
    expect(await evidenceOf(undoKubeconfig(undo, 1))).toEqual(evidence)
    expect(await readFile(join(folder, 'outside'), 'utf8')).toBe(OTHERS)
    expect(await readdir(join(folder, 'inside'))).toEqual(['config'])
  })
})

describe('a symlink that cannot be followed', () => {
  withLinks('to itself is told as what it is', async () => {
    await symlink(file, file)
    const evidence = { kind: 'kubeconfig-unreadable', file, code: 'ELOOP' }
    expect(await evidenceOf(write())).toMatchObject(evidence)
    expect(await evidenceOf(checkKubeconfig(file))).toMatchObject(evidence)
  })

  posixOnly('is told with what is in the way, where it leads', async () => {
    const blocking = join(folder, 'blocking')
    await writeFile(blocking, OTHERS)
    await symlink(join('blocking', 'config'), file)
    expect(await evidenceOf(write())).toMatchObject({
      kind: 'kubeconfig-unreadable',
      file,
      code: 'ENOTDIR',
      obstacle: { path: blocking, isFolder: false },
    })
  })
})

describe('what is no file is refused', () => {
  const expectRefused = async () => {
    expect(await evidenceOf(write())).toMatchObject({
      kind: 'kubeconfig-unexpected',
      message: 'it is no regular file',
    })
    expect(await evidenceOf(checkKubeconfig(file))).toMatchObject({ kind: 'kubeconfig-unexpected' })
    expect(await readdir(folder)).toEqual(['config'])
  }

  test.each([
    ['a folder', () => mkdir(file)],
    ['a link to a folder', () => symlink(folder, file, 'junction')],
  ])('%s', async (_what, make) => {
    await make()
    await expectRefused()
  })

  posixOnly('a pipe', async () => {
    execFileSync('mkfifo', [file])
    await expectRefused()
  })

  test('a path below a file', async () => {
    await writeFile(file, OTHERS)
    const path = join(file, 'config')
    expect(await evidenceOf(write(path))).toMatchObject({
      kind: 'kubeconfig-unwritable',
      code: 'EEXIST',
    })
    expect(await readFile(file, 'utf8')).toBe(OTHERS)
  })

  // To Windows, what is below a file is not there, like what is below nothing.
  posixOnly('a path below a file, at first sight', async () => {
    await writeFile(file, OTHERS)
    expect(await evidenceOf(checkKubeconfig(join(file, 'config')))).toMatchObject({
      kind: 'kubeconfig-unreadable',
      code: 'ENOTDIR',
      obstacle: { path: file, isFolder: false },
    })
    expect(await readFile(file, 'utf8')).toBe(OTHERS)
  })
})

// To mount a file system, or to be another user, takes root: CI has it, a laptop may not.
const asRoot =
  process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0 ? test : test.skip

describe('a file system in the way', () => {
  let disk: string
  beforeEach(async () => {
    disk = join(folder, 'disk')
    await mkdir(disk)
  })
  const mount = (...options: string[]) =>
    execFileSync('mount', ['-t', 'tmpfs', '-o', ['size=256k', ...options].join(), 'lab', disk])
  const unmounted = async (work: () => Promise<void>) => {
    mount()
    try {
      await work()
    } finally {
      execFileSync('umount', [disk])
    }
  }
  /** Leaves room for so many blocks. */
  const fill = async (blocks: number) => {
    const { bavail, bsize } = await statfs(disk)
    await writeFile(join(disk, 'filler'), Buffer.alloc((bavail - blocks) * bsize))
  }

  asRoot.each([0, 1])(
    'a full disk, %i blocks left: the old file stays as it was, and nothing beside it',
    async blocks => {
      await unmounted(async () => {
        const path = join(disk, 'config')
        const before = `${OTHERS}# ${'x'.repeat(9000)}\n`
        await writeFile(path, before)
        await fill(blocks)
        expect(await evidenceOf(write(path))).toEqual({
          kind: 'kubeconfig-unwritable',
          file: path,
          code: 'ENOSPC',
          message: expect.stringContaining('no space left'),
        })
        expect(await readFile(path, 'utf8')).toBe(before)
        expect((await readdir(disk)).sort()).toEqual(['config', 'filler'])
      })
    },
  )

  asRoot('a full disk without a file: none is made', async () => {
    await unmounted(async () => {
      await fill(0)
      expect(await evidenceOf(write(join(disk, 'config')))).toMatchObject({ code: 'ENOSPC' })
      expect(await readdir(disk)).toEqual(['filler'])
    })
  })

  asRoot('a read-only one', async () => {
    await unmounted(async () => {
      const path = join(disk, 'config')
      await writeFile(path, OTHERS)
      execFileSync('mount', ['-o', 'remount,ro', disk])
      expect(await evidenceOf(write(path))).toMatchObject({
        kind: 'kubeconfig-unwritable',
        file: path,
        code: 'EROFS',
      })
      expect(await evidenceOf(write(join(disk, 'new', 'config')))).toMatchObject({
        kind: 'kubeconfig-unwritable',
      })
      expect(await readFile(path, 'utf8')).toBe(OTHERS)
      await checkKubeconfig(path)
    })
  })

  const WRITER = join(import.meta.dirname, 'writer.ts')
  const nobody = (how: 'write' | 'check', path: string) => {
    const { stdout, stderr } = spawnSync(process.execPath, [WRITER, how, path], {
      uid: 65534,
      gid: 65534,
      encoding: 'utf8',
    })
    if (!stdout) throw new Error(stderr)
    return JSON.parse(stdout)
  }

  asRoot('a folder that is another user\u2019s', async () => {
    await chmod(folder, 0o755)
    await writeFile(file, OTHERS, { mode: 0o644 })
    expect(nobody('check', file)).toBeNull()
    const obstacle = { path: folder, isFolder: true, owner: 0, self: 65534, mode: '0755' }
    const evidence = { kind: 'kubeconfig-unwritable', file, code: 'EACCES', obstacle }
    expect(nobody('write', file)).toMatchObject(evidence)
    expect(nobody('write', join(folder, 'new', 'config'))).toMatchObject({ code: 'EACCES', obstacle })
    expect(await readFile(file, 'utf8')).toBe(OTHERS)
  })

  asRoot('a file that is another user\u2019s', async () => {
    await chmod(folder, 0o777)
    await writeFile(file, OTHERS, { mode: 0o600 })
    const obstacle = { path: file, isFolder: false, owner: 0, self: 65534, mode: '0600' }
    const evidence = {
      ...{ kind: 'kubeconfig-unreadable', file, code: 'EACCES', message: expect.any(String), obstacle },
    }
    expect(nobody('check', file)).toEqual(evidence)
    expect(nobody('write', file)).toEqual(evidence)
    expect(await readFile(file, 'utf8')).toBe(OTHERS)
    expect((await readdir(folder)).sort()).toEqual(['config', 'disk'])
  })
})

describe('undo', () => {
  test('removes a file that the login had made, and the folder it had made for it', async () => {
    const path = join(folder, 'eks-login', 'config')
    const undo = await write(path)
    expect(await undoKubeconfig(undo, 1)).toBe('removed')
    expect(await readdir(folder)).toEqual([])
  })

  test.each([
    ['nothing, of a file of ours', null, null],
    ['what others had in it', OTHERS, 'theirs'],
  ])('tells under the lock what it leaves: %s', async (_what, before, left) => {
    if (before !== null) await writeFile(file, before)
    const undo = await write()
    const told: (string | null)[] = []
    await undoKubeconfig(undo, 1, async text => {
      told.push(text)
      expect(await readdir(folder)).toContain('config.lock')
    })
    expect(told).toEqual([left === null ? null : await readFile(file, 'utf8')])
  })

  test('of a file that is gone takes the folder that the login had made, too', async () => {
    const path = join(folder, 'eks-login', 'config')
    const undo = await write(path)
    await rm(path)
    const told: (string | null)[] = []
    expect(await undoKubeconfig(undo, 1, async text => void told.push(text))).toBe('gone')
    expect(told).toEqual([null])
    expect(await readdir(folder)).toEqual([])
  })

  test('leaves a folder that was there before, empty as it was', async () => {
    const undo = await write()
    expect(await undoKubeconfig(undo, 1)).toBe('removed')
    expect(await readdir(folder)).toEqual([])
  })

  test('leaves a folder in which others have put something', async () => {
    const path = join(folder, 'eks-login', 'config')
    const undo = await write(path)
    await writeFile(join(folder, 'eks-login', 'theirs'), '')
    expect(await undoKubeconfig(undo, 1)).toBe('removed')
    expect(await readdir(join(folder, 'eks-login'))).toEqual(['theirs'])
  })

  test('takes ours out of a file of others, whole or not at all, for its owner alone', async () => {
    await writeFile(file, OTHERS)
    const undo = await write()
    const { ino } = await stat(file)
    expect(await undoKubeconfig(undo, 1)).toBe('kept')
    expect(await contextsIn()).toEqual(['other'])
    expect(await readFile(file, 'utf8')).toContain('# theirs')
    expect((await stat(file)).ino).not.toBe(ino)
    expect(await modeOf(file)).toBe(OWNERS_FILE)
    expect(await readdir(folder)).toEqual(['config'])
  })

  test.each(['first', 'second'])(
    'of two steps, the %s to be taken back leaves the other\u2019s context',
    async which => {
      const undos = [await write(file, ['a']), await write(file, ['b'])]
      const [one, other] = (which === 'first' ? undos : undos.reverse()) as [Undo, Undo]
      expect(await undoKubeconfig(one, 1)).toBe('kept')
      expect(await contextsIn()).toEqual([which === 'first' ? 'b' : 'a'])
      // A file that the second step found belongs to whoever made it.
      expect(await undoKubeconfig(other, 1)).toBe(which === 'first' ? 'kept' : 'removed')
    },
  )

  test.each([
    ['file', 'config'],
    ['folder', join('eks-login', 'config')],
  ])('a %s that is gone is no failure', async (_what, name) => {
    const path = join(folder, name)
    const undo = await write(path)
    await rm(path)
    if (undo.createdFolder) await rm(join(folder, 'eks-login'), { recursive: true })
    expect(await undoKubeconfig(undo, 1)).toBe('gone')
    expect(await readdir(folder)).toEqual([])
  })

  test('leaves a file that has become unreadable as it is', async () => {
    const undo = await write()
    await writeFile(file, 'a: b: c')
    expect(await evidenceOf(undoKubeconfig(undo, 1))).toMatchObject({ kind: 'kubeconfig-corrupt', line: 1 })
    expect(await readFile(file, 'utf8')).toBe('a: b: c')
  })

  test('respects the lock', async () => {
    const undo = await write()
    await writeFile(`${file}.lock`, '')
    expect(await evidenceOf(undoKubeconfig(undo, 0.05))).toMatchObject({ kind: 'kubeconfig-locked' })
    expect(await contextsIn()).toEqual(['demo'])
  })
})

test('a file that is not there, in a folder that is not there, is fit to be written', async () => {
  await checkKubeconfig(join(folder, 'none', 'config'))
  expect(await readdir(folder)).toEqual([])
})
