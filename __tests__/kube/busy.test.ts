import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeFile, whenFree } from '../../src/kube/busy.ts'

const platform = process.platform
const runOn = (value: NodeJS.Platform) => Object.defineProperty(process, 'platform', { value })
afterEach(() => runOn(platform))

/** Work that fails so often with a code of the file system, before it gives how often it was tried. */
function failing(code: string, times: number) {
  let tries = 0
  const work = async () => {
    tries += 1
    if (tries <= times) throw Object.assign(new Error(code), { code })
    return tries
  }
  return { work, tries: () => tries }
}

test.each(['EBUSY', 'EPERM', 'EACCES', 'ENOTEMPTY'])(
  'what Windows says of an open file is tried again there: %s',
  async code => {
    runOn('win32')
    expect(await whenFree(failing(code, 3).work)).toBe(4)
  },
)

test.each(['ENOENT', 'ENOSPC', 'EEXIST'])('any other failure is told at once: %s', async code => {
  runOn('win32')
  const { work, tries } = failing(code, 1)
  await expect(whenFree(work)).rejects.toMatchObject({ code })
  expect(tries()).toBe(1)
})

test.each(['linux', 'darwin'] as const)('on %s a refusal is one', async system => {
  runOn(system)
  const { work, tries } = failing('EACCES', 1)
  await expect(whenFree(work)).rejects.toMatchObject({ code: 'EACCES' })
  expect(tries()).toBe(1)
})

test('what stays refused is told in the end', async () => {
  runOn('win32')
  const began = Date.now()
  await expect(whenFree(failing('EPERM', 1e9).work)).rejects.toMatchObject({ code: 'EPERM' })
  expect(Date.now() - began).toBeGreaterThan(2900)
})

test('a file is removed, one that is not there is no failure, and a folder is no file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'busy-'))
  await writeFile(join(folder, 'file'), '')
  await removeFile(join(folder, 'file'))
  await removeFile(join(folder, 'file'))
  await expect(removeFile(folder)).rejects.toMatchObject({ code: 'ERR_FS_EISDIR' })
  await rm(folder, { recursive: true })
})
