import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parsePairs } from '../../lab/runner/environment-files.ts'
import { type Repository, releaseOf } from '../../scripts/release.ts'

const CHANGELOG = `# Changelog

## [Unreleased]

## [1.10.0] - 2026-12-01

### Added

- A way out.

## [1.9.3] - 2026-11-30

### Fixed

- A [way](https://example.com/way) in.

[Unreleased]: https://example.com/compare/v1.10.0...HEAD
[1.10.0]: https://example.com/compare/v1.9.3...v1.10.0
`

const repository = (change: Partial<Repository> = {}): Repository => ({
  version: '1.10.0',
  changelog: CHANGELOG,
  tags: ['v1', 'v1.9.3', 'v1.9.2', 'v1.10.0'],
  isOnMain: true,
  ...change,
})

test('the highest version is the latest release, with its section of the changelog, and takes the major tag', () => {
  expect(releaseOf('v1.10.0', repository())).toEqual({
    notes: '### Added\n\n- A way out.',
    latest: true,
    major: 'v1',
  })
})

test('the last section of the changelog ends before the definitions of links', () => {
  expect(releaseOf('v1.9.3', repository({ version: '1.9.3' }))).toMatchObject({
    notes: '### Fixed\n\n- A [way](https://example.com/way) in.',
  })
})

test('a fix of an older minor version leaves the major tag and the latest release where they are', () => {
  expect(releaseOf('v1.9.3', repository({ version: '1.9.3' }))).toMatchObject({
    latest: false,
    major: undefined,
  })
})

test('a fix of an older major version takes the tag of that version, and is not the latest release', () => {
  const tags = ['v1.10.0', 'v2.0.0', 'v2']
  expect(releaseOf('v1.10.0', repository({ tags }))).toMatchObject({ latest: false, major: 'v1' })
})

test('tags that are no versions count for nothing', () => {
  const tags = ['v1.10.0', 'v9', 'v1.11.0-rc.1', 'v01.11.0', '3.0.0', '']
  expect(releaseOf('v1.10.0', repository({ tags }))).toMatchObject({ latest: true, major: 'v1' })
})

test('everything that keeps a tag from being released is told at once', () => {
  expect(releaseOf('v1.11.0', repository({ isOnMain: false }))).toEqual({
    mistakes: [
      'v1.11.0 is not on main',
      'package.json says version 1.10.0, not 1.11.0',
      'CHANGELOG.md has no section "## [1.11.0] - YYYY-MM-DD" that says something',
    ],
  })
})

test.each([
  ['has no date', '## [1.10.0]\n\n- A way out.\n'],
  ['says nothing', '## [1.10.0] - 2026-12-01\n\n## [1.9.3] - 2026-11-30\n\n- A way in.\n'],
  ['is that of a version that only begins so', '## [1.10.0.1] - 2026-12-01\n\n- A way out.\n'],
])('a section that %s is none', (_, changelog) => {
  expect(releaseOf('v1.10.0', repository({ changelog }))).toHaveProperty('mistakes')
})

test.each(['v1', '1.10.0', 'v1.10', 'v1.10.0-rc.1', 'v1.10.00', ''])('"%s" is no tag of a version', tag => {
  expect(releaseOf(tag, repository())).toEqual({ mistakes: [`${tag} is no tag of a version: vX.Y.Z`] })
})

describe('in a checkout of the tag', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'release-test-'))
    git('init', '--quiet', '--initial-branch=main')
    await writeFile(join(folder, 'package.json'), '{ "version": "1.10.0" }')
    await writeFile(join(folder, 'CHANGELOG.md'), CHANGELOG)
    git('add', '.')
    git('commit', '--quiet', '--message=One')
    git('tag', 'v1.10.0')
  })
  afterEach(() => rm(folder, { recursive: true }))

  const SCRIPT = join(import.meta.dirname, '../../scripts/release.ts')
  const git = (...args: string[]) => {
    const author = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false']
    const { status, stdout, stderr } = spawnSync('git', [...author, ...args], {
      cwd: folder,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`git ${args[0]}: ${stderr}`)
    return stdout.trim()
  }
  const run = async () => {
    const output = join(folder, 'output')
    await writeFile(output, '')
    const env = { ...process.env, GITHUB_OUTPUT: output }
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, 'v1.10.0'], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    return { status, stderr, outputs: parsePairs(await readFile(output, 'utf8')) }
  }

  test('the jobs that follow get the commit, the notes and where the tags are to be', async () => {
    git('update-ref', 'refs/remotes/origin/main', 'HEAD')
    expect(await run()).toMatchObject({
      status: 0,
      outputs: {
        commit: git('rev-parse', 'v1.10.0'),
        notes: '### Added\n\n- A way out.',
        latest: 'true',
        major: 'v1',
      },
    })
  })

  test('a tag beside main is refused, and nothing is handed on', async () => {
    git('update-ref', 'refs/remotes/origin/main', 'HEAD')
    git('commit', '--quiet', '--allow-empty', '--message=Two')
    const { status, stderr, outputs } = await run()
    expect(status).toBe(1)
    expect(stderr).toContain('v1.10.0 is not on main')
    expect(outputs).toEqual({})
  })
})
