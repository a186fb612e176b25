import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { obstacleTo } from '../../src/kube/obstacle.ts'
import { posixOnly } from '../systems.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'obstacle-'))
})
afterEach(() => rm(folder, { recursive: true }))

const self = process.getuid?.()

posixOnly('is the file itself, to reading it', async () => {
  const path = join(folder, 'config')
  await writeFile(path, '', { mode: 0o640 })
  expect(await obstacleTo(path, 'EACCES', 'reading')).toEqual({
    obstacle: { path, isFolder: false, owner: self, self, mode: '0640' },
  })
})

posixOnly('is the next folder above it that there is, to making it', async () => {
  await mkdir(join(folder, 'sub'), { mode: 0o750 })
  const path = join(folder, 'sub', 'new', 'config')
  expect(await obstacleTo(path, 'EPERM', 'writing')).toEqual({
    obstacle: { path: join(folder, 'sub'), isFolder: true, owner: self, self, mode: '0750' },
  })
})

posixOnly.each(['reading', 'writing'] as const)(
  'is the file that stands where a folder has to be: %s',
  async doing => {
    const path = join(folder, 'file')
    await writeFile(path, '')
    expect(await obstacleTo(join(path, 'sub', 'config'), 'ENOTDIR', doing)).toMatchObject({
      obstacle: { path, isFolder: false },
    })
  },
)

test('is none to an error that is about something else', async () => {
  expect(await obstacleTo(join(folder, 'config'), 'ENOSPC', 'writing')).toEqual({})
})

test('is none where all that there is are folders', async () => {
  expect(await obstacleTo(join(folder, 'config'), 'ENOTDIR', 'writing')).toEqual({})
})
