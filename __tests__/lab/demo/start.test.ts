import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

const START = join(import.meta.dirname, '..', '..', '..', 'lab', 'demo', 'start.js')

/** Stands in the place of npm: counts its runs and installs, as the lock file says, a Node that is this one. */
const NPM = `
import { appendFileSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
appendFileSync('npm-runs', process.argv.slice(2).join(' ') + '\\n')
if (process.env.NPM_FAILS) process.exit(Number(process.env.NPM_FAILS))
mkdirSync('node_modules/node/bin', { recursive: true })
const node = 'node_modules/node/bin/node' + (process.platform === 'win32' ? '.exe' : '')
try {
  symlinkSync(process.execPath, node)
} catch {
  // Windows lets few users make links.
  copyFileSync(process.execPath, node)
}
copyFileSync('package-lock.json', 'node_modules/.package-lock.json')
`

const DEMO = `
process.on('SIGTERM', () => process.exit(7))
console.log('demo', JSON.stringify(process.argv.slice(2)))
if (process.argv[2] === '--keep') setTimeout(() => {}, 60_000)
else process.exitCode = 3
`

let clone: string
beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), 'demo-start-'))
  await mkdir(join(clone, 'lab', 'demo'), { recursive: true })
  await mkdir(join(clone, 'bin'))
  await copyFile(START, join(clone, 'lab', 'demo', 'start.js'))
  await writeFile(join(clone, 'lab', 'demo', 'demo.ts'), DEMO)
  await writeFile(join(clone, 'package.json'), '{"type": "module"}')
  await writeFile(join(clone, 'npm.mjs'), NPM)
  await writeFile(join(clone, 'bin', 'npm'), `#!/bin/sh\nexec node '${join(clone, 'npm.mjs')}' "$@"\n`)
  await writeFile(join(clone, 'bin', 'npm.cmd'), `@node "${join(clone, 'npm.mjs')}" %*\r\n`)
  await chmod(join(clone, 'bin', 'npm'), 0o700)
  await lock('1.0.0')
})
afterEach(() => rm(clone, { recursive: true, force: true }))

/** Makes the lock file name this version of a package, and one that is for another machine. */
async function lock(version: string): Promise<void> {
  const packages = {
    '': { name: 'clone' },
    'node_modules/one': { version, integrity: `sha512-${version}` },
    'node_modules/other-machine': { version, integrity: 'sha512-other', optional: true },
  }
  await writeFile(join(clone, 'package-lock.json'), JSON.stringify({ packages }))
}

function start(options: string[] = [], env: Record<string, string> = {}) {
  const PATH = [join(clone, 'bin'), dirname(process.execPath), '/bin', process.env.SystemRoot ?? ''].join(
    delimiter,
  )
  const child = spawn(process.execPath, [join(clone, 'lab', 'demo', 'start.js'), ...options], {
    env: { PATH, ComSpec: process.env.ComSpec ?? '', ...env },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', chunk => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', chunk => {
    stderr += chunk
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, stdout, stderr }))
  return { child, ended }
}

async function installs(): Promise<number> {
  const runs = await readFile(join(clone, 'npm-runs'), 'utf8').catch(() => '')
  expect(runs.replaceAll('ci\n', '')).toBe('')
  return runs.length / 'ci\n'.length
}

test('in a fresh clone it installs and says so, hands on its option, and ends as the demo ends', async () => {
  const { code, stdout } = await start().ended
  expect(code).toBe(3)
  expect(stdout).toContain('npm ci')
  expect(stdout).toMatch(/Installed in \d+\.\d s\.\ndemo \[\]/)
  expect(await installs()).toBe(1)
})

test('what is installed is not installed again, unless the lock file names something else', async () => {
  await start().ended
  const { stdout } = await start().ended
  expect(stdout).toBe('demo []\n')
  expect(await installs()).toBe(1)

  await lock('2.0.0')
  expect((await start().ended).stdout).toContain('npm ci')
  expect(await installs()).toBe(2)
})

test('packages of other machines need not be there', async () => {
  await start().ended
  const installed = join(clone, 'node_modules', '.package-lock.json')
  const { packages } = JSON.parse(await readFile(installed, 'utf8'))
  delete packages['node_modules/other-machine']
  await writeFile(installed, JSON.stringify({ packages }))
  await start().ended
  expect(await installs()).toBe(1)
})

test('when npm fails, there is no demo, and the code is that of npm', async () => {
  const { code, stdout, stderr } = await start([], { NPM_FAILS: '5' }).ended
  expect(code).toBe(5)
  expect(stdout).not.toContain('demo []')
  expect(stderr).toContain('npm ci failed')
})

test.each([['--kep'], ['keep'], ['--keep=yes']])(
  'for %s there is one error that says what there is, before anything is done',
  async option => {
    const { code, stdout, stderr } = await start([option]).ended
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('--keep')
    expect(stderr.trimEnd().split('\n').length).toBe(2)
    expect(await installs()).toBe(0)
    await expect(access(join(clone, 'node_modules'))).rejects.toThrow('ENOENT')
  },
)

// Windows has no signals.
if (process.platform !== 'win32') {
  test('a signal is handed on to the demo, which decides how it ends', async () => {
    const { child, ended } = start(['--keep'])
    while (!String(await once(child.stdout, 'data')).includes('demo ["--keep"]'));
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 7 })
  })
}
