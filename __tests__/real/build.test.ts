import { spawnSync } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildRealCluster } from '../../lab/real/build.ts'

const lab = join(import.meta.dirname, '../../lab')

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'build-test-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Runs the build of a project that has built nothing yet, on a machine that has these programs and no others. */
async function buildWith(programs: Record<string, string>) {
  const bin = join(folder, 'bin')
  await mkdir(bin)
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`)
    await chmod(join(bin, name), 0o755)
  }
  for (const room of ['real', 'programs']) {
    await cp(join(lab, room), join(folder, 'lab', room), { recursive: true })
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  const args = [join(folder, 'lab', 'real', 'build.ts')]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    env: { PATH: bin },
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('finds what is built without any other program', async () => {
  const path = process.env.PATH
  try {
    process.env.PATH = ''
    const said: string[] = []
    const { kubectl } = await buildRealCluster(line => said.push(line))
    expect(kubectl).toMatch(/\/\.cache\/real\/kubernetes-[0-9a-f]+\/kubectl$/)
    expect(said).toEqual([])
  } finally {
    process.env.PATH = path
  }
})

test('says in one line that Go is missing and where it is to be had', async () => {
  expect(await buildWith({ python3: 'exit 0' })).toEqual({
    status: 1,
    stdout: '',
    stderr: 'Go 1.26.0 or newer is missing: see https://go.dev/doc/install\n',
  })
})

test('says in one line that Go is too old', async () => {
  expect(await buildWith({ python3: 'exit 0', go: 'echo go1.9.7' })).toEqual({
    status: 1,
    stdout: '',
    stderr: 'Go 1.26.0 or newer is needed, this is 1.9.7: see https://go.dev/doc/install\n',
  })
})

test('says in one line that Python cannot make a virtual environment', async () => {
  expect(await buildWith({ python3: 'exit 1', go: 'echo go1.26.8' })).toEqual({
    status: 1,
    stdout: '',
    stderr: 'Python 3 with its modules venv and ensurepip is missing: on Debian install python3-venv\n',
  })
})

test('says which build failed, and leaves nothing of it', async () => {
  const python = 'if [ "$1" = -c ]; then exit 0; fi; echo broken >&2; exit 3'
  expect(await buildWith({ python3: python, go: 'echo go1.26.8' })).toEqual({
    status: 1,
    stdout: 'Building the AWS CLI (under a minute) …\n',
    stderr: 'python3 -m ended with 3: broken\n',
  })
  expect(await readdir(join(folder, '.cache', 'real'))).toEqual([])
})
