import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBareSection, nameSection } from '../../../src/diagnosis/credentials/profile-section.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'profile-'))
})
afterEach(() => rm(folder, { recursive: true }))

const missing = (profile: string, file = 'config') => ({
  kind: 'profile-missing' as const,
  variable: 'AWS_PROFILE',
  profile,
  files: [join(folder, file), join(folder, 'credentials')],
  profiles: [],
})

test.each([
  ['[ci]\nregion = x\n', true],
  ['[default]\r\n [ci] \r\n', true],
  ['[profile ci]\n', false],
  ['[cii]\n# [ci]\n', false],
  ['', false],
])('%j has a bare section: %s', async (text, bareSection) => {
  await writeFile(join(folder, 'config'), text)
  expect(await findBareSection(missing('ci'))).toEqual({ bareSection })
})

test('a file that is not there has none that could be found', async () => {
  await expect(findBareSection(missing('ci', 'none'))).rejects.toThrow('ENOENT')
})

test.each(['ci', 'a.b', 'a/b', 'a&b', 'a*', "it's", 'a[1]', 'a\\b', '^$'])(
  'the section %j gets its word, and no other',
  async name => {
    const file = join(folder, "it's a config")
    await writeFile(file, `[${name}]\nregion = x\n[axb]\n[a]\n`)
    execFileSync('sh', ['-c', nameSection(missing(name, "it's a config")).text])
    expect(await readFile(file, 'utf8')).toBe(`[profile ${name}]\nregion = x\n[axb]\n[a]\n`)
  },
)
