import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { startKubectlMirror } from '../../lab/kubectl-mirror.ts'
import { content, evidenceOf, sha256, stage } from './stage.ts'

const at = stage()

const publish = (version: string, platform = 'linux/amd64', file = content()) => {
  at.mirror.publish({ version, platform, content: file })
  return file
}

const BINARY = /\/kubectl$/

describe('what is installed', () => {
  test.each([
    ['linux', 'x64', 'linux/amd64', 'kubectl'],
    ['linux', 'arm64', 'linux/arm64', 'kubectl'],
    ['darwin', 'x64', 'darwin/amd64', 'kubectl'],
    ['darwin', 'arm64', 'darwin/arm64', 'kubectl'],
    ['win32', 'x64', 'windows/amd64', 'kubectl.exe'],
    ['win32', 'arm64', 'windows/arm64', 'kubectl.exe'],
  ])('on %s on %s it is that of %s, called %s', async (platform, arch, folder, name) => {
    const file = publish('1.37.2', folder)
    publish('1.37.2', 'plan9/amd64')
    const installed = await at.install('1.37.2', { place: { machine: { platform, arch } } })
    const source = `${at.mirror.url}/release/v1.37.2/bin/${folder}/${name}`
    expect(installed).toMatchObject({ version: '1.37.2', source, sha256: sha256(file) })
    const mirror = expect.stringMatching(/^eks-login-kubectl-[0-9a-f]{12}$/)
    expect(relative(at.place.toolCache, installed.path).split(sep)).toEqual([mirror, '1.37.2', arch, name])
    expect(sha256(await readFile(installed.path))).toBe(sha256(file))
    if (process.platform !== 'win32') expect((await stat(installed.path)).mode & 0o777).toBe(0o755)
  })

  test.each([
    ['freebsd', 'x64'],
    ['linux', 'arm'],
    ['linux', 's390x'],
  ])('on %s on %s there is none, and nobody is asked', async (platform, arch) => {
    const evidence = await evidenceOf(at.install('1.37.2', { place: { machine: { platform, arch } } }))
    expect(evidence).toEqual({ kind: 'kubectl-unsupported', platform, arch })
    expect(at.mirror.requests).toEqual([])
  })

  test('of a minor it is the patch that the host calls its newest', async () => {
    publish('1.37.1')
    const file = publish('1.37.10')
    publish('1.36.4')
    expect(await at.install('1.37')).toMatchObject({ version: '1.37.10', sha256: sha256(file) })
    expect(at.mirror.requests[0]).toBe('/release/stable-1.37.txt')
  })

  test('the hash given by the workflow takes the place of the published one', async () => {
    const file = content()
    at.mirror.publish({ version: '1.37.2', platform: 'linux/amd64', content: file, sha256: 'none' })
    expect(await at.install('1.37.2', { checksum: sha256(file) })).toMatchObject({ sha256: sha256(file) })
    expect(at.mirror.requests).toEqual(['/release/v1.37.2/bin/linux/amd64/kubectl'])
  })

  test('the published hash may be written as sha256sum writes it, in any case', async () => {
    const file = content()
    const line = `${sha256(file).toUpperCase()}  kubectl\n`
    at.mirror.publish({ version: '1.37.2', platform: 'linux/amd64', content: file, sha256: line })
    expect(await at.install('1.37.2')).toMatchObject({ sha256: sha256(file) })
  })
})

describe('what is in the tool cache', () => {
  test('is found without any network: the same version, its minor, and the newest patch of that', async () => {
    const [older, newer] = [publish('1.37.2'), publish('1.37.10')]
    publish('1.38.0')
    for (const version of ['1.37.2', '1.37.10', '1.38.0']) await at.install(version)
    await at.mirror.stop()
    const again = (version: string) => at.install(version, { host: at.mirror.url })
    expect(await again('1.37.2')).toMatchObject({ source: 'cache', sha256: sha256(older) })
    expect(await again('1.37')).toMatchObject({ source: 'cache', version: '1.37.10', sha256: sha256(newer) })
  })

  test('is nothing but the program, its hash and the mark of the tool cache', async () => {
    publish('1.37.2')
    const { path } = await at.install('1.37.2')
    const shelf = dirname(path).slice(dirname(at.place.toolCache).length + 1)
    expect(await at.left()).toEqual(
      [`${shelf}.complete`, join(shelf, 'kubectl'), join(shelf, 'kubectl.sha256')].sort(),
    )
  })

  test.each([
    ['was changed there', (path: string) => writeFile(path, 'something else')],
    ['is gone from there', (path: string) => rm(path)],
    ['has lost its hash', (path: string) => rm(`${path}.sha256`)],
  ])('counts for nothing when it %s, and is put right', async (_what, harm) => {
    const file = publish('1.37.2')
    const { path } = await at.install('1.37.2')
    await harm(path)
    expect(await at.install('1.37.2')).toMatchObject({ path, source: expect.stringContaining('http') })
    expect(sha256(await readFile(path))).toBe(sha256(file))
    expect(await at.install('1.37.2')).toMatchObject({ source: 'cache' })
  })

  test('is held against the hash that the workflow gives', async () => {
    const file = publish('1.37.2')
    await at.install('1.37.2')
    expect(await at.install('1.37.2', { checksum: sha256(file) })).toMatchObject({ source: 'cache' })
    const other = publish('1.37.2')
    const replaced = await at.install('1.37.2', { checksum: sha256(other) })
    expect(replaced).toMatchObject({ source: expect.stringContaining('http'), sha256: sha256(other) })
  })

  test('is one host\u2019s alone', async () => {
    publish('1.37.2')
    await at.install('1.37.2')
    const other = await startKubectlMirror()
    expect(await evidenceOf(at.install('1.37.2', { host: other.url }))).toMatchObject({
      kind: 'kubectl-unknown',
    })
    await other.stop()
  })

  test('is whole however many install it at once', async () => {
    const file = publish('1.37.2')
    const installed = await Promise.all(Array.from({ length: 20 }, () => at.install('1.37.2')))
    expect(new Set(installed.map(({ path }) => path)).size).toBe(1)
    expect(sha256(await readFile(installed[0]?.path ?? ''))).toBe(sha256(file))
    expect(await at.left()).toHaveLength(3)
  })
})

/** Whatever went wrong, nothing of it is anywhere. */
async function expectRefusal(installing: Promise<unknown>, evidence: object): Promise<void> {
  expect(await evidenceOf(installing)).toMatchObject(evidence)
  expect(await at.left()).toEqual([])
}

describe('what is refused', () => {
  test('a file that is not what is published', async () => {
    const file = content()
    const expected = sha256(content())
    at.mirror.publish({ version: '1.37.2', platform: 'linux/amd64', content: file, sha256: expected })
    const url = `${at.mirror.url}/release/v1.37.2/bin/linux/amd64/kubectl`
    await expectRefusal(at.install('1.37.2'), {
      kind: 'kubectl-mismatch',
      url,
      from: `${url}.sha256`,
      expected,
      found: sha256(file),
    })
    expect(at.mirror.requests).toHaveLength(2)
  })

  test('a file that is not what the workflow asks for', async () => {
    publish('1.37.2')
    const expected = sha256(content())
    const mismatch = { kind: 'kubectl-mismatch', from: 'kubectl-checksum', expected }
    await expectRefusal(at.install('1.37.2', { checksum: expected }), mismatch)
  })

  test.each([
    ['half of a file that claims to be whole', 'half', '150000 bytes, application/octet-stream'],
    ['a web page in place of the file', 'html', '36 bytes, text/html'],
  ] as const)('%s, which says what came', async (_what, kind, came) => {
    publish('1.37.2')
    at.mirror.fail({ path: BINARY }, { kind })
    await expectRefusal(at.install('1.37.2'), { kind: 'kubectl-mismatch', came })
  })

  test('a file that is always cut off, after several tries', async () => {
    publish('1.37.2')
    at.mirror.fail({ path: BINARY }, { kind: 'cut' })
    await expectRefusal(at.install('1.37.2'), {
      kind: 'kubectl-unreachable',
      message: expect.stringMatching(/after \d+ of 300000 bytes/),
    })
    expect(at.mirror.requests.length).toBeGreaterThan(3)
  })

  test.each([
    ['1.37.9', '/release/v1.37.9/bin/linux/amd64/kubectl.sha256', 'kubectl 1.37.9 for linux/amd64'],
    ['1.99', '/release/stable-1.99.txt', 'any kubectl 1.99'],
  ])('the version %s, which there is not, asked for once', async (version, path, wanted) => {
    publish('1.37.2')
    const url = `${at.mirror.url}${path}`
    await expectRefusal(at.install(version), { kind: 'kubectl-unknown', wanted, url, status: 404 })
    expect(at.mirror.requests).toEqual([path])
  })

  test.each([
    ['a hash', /sha256$/, '1.37.2', 'a sha256'],
    ['a version', /stable/, '1.37', 'a version of 1.37, like v1.37.1'],
  ])('a web page in place of %s', async (_what, path, version, wanted) => {
    publish('1.37.2')
    at.mirror.fail({ path }, { kind: 'html' })
    const found = '"<!DOCTYPE html><title>Log in</title>"'
    await expectRefusal(at.install(version), { kind: 'kubectl-unexpected', wanted, found })
  })

  test('a newest patch that is of another minor', async () => {
    publish('1.36.1')
    const { mirror } = at
    mirror.fail(
      { path: /stable-1.37/ },
      { kind: 'status', status: 302, headers: { location: '/release/stable-1.36.txt' } },
    )
    await expectRefusal(at.install('1.37'), { kind: 'kubectl-unexpected', found: '"v1.36.1"' })
  })

  test.each([
    ['says that it is', 2 ** 31],
    ['does not say how', 'endless'],
  ] as const)(
    'a file that is larger than any kubectl, when the host %s large',
    async (_what, bytes) => {
      publish('1.37.2')
      at.mirror.fail({ path: BINARY }, { kind: 'large', bytes })
      const found = 'more than 134217728 bytes'
      await expectRefusal(at.install('1.37.2', { timeoutSeconds: 60 }), { kind: 'kubectl-unexpected', found })
    },
    90_000,
  )

  test('a hash that never ends', async () => {
    publish('1.37.2')
    at.mirror.fail({ path: /sha256$/ }, { kind: 'large', bytes: 'endless' })
    await expectRefusal(at.install('1.37.2'), { kind: 'kubectl-unexpected', wanted: 'a sha256' })
  })

  test('a file that has not come in time', async () => {
    publish('1.37.2')
    at.mirror.fail({ path: BINARY }, { kind: 'stalled' })
    await expectRefusal(at.install('1.37.2', { timeoutSeconds: 1 }), {
      kind: 'kubectl-timed-out',
      seconds: 1,
      came: '150000 of 300000 bytes',
    })
  })

  test('everything, once the step is cancelled', async () => {
    publish('1.37.2')
    at.mirror.fail({ path: BINARY }, { kind: 'stalled' })
    const cancel = new AbortController()
    const installing = at.install('1.37.2', { signal: cancel.signal })
    while (at.mirror.requests.length < 2) await new Promise(resolve => setTimeout(resolve, 5))
    cancel.abort(new Error('cancelled'))
    await expect(installing).rejects.toThrow('cancelled')
    expect(await at.left()).toEqual([])
  })
})

describe('what does not get in the way', () => {
  test.each([
    ['503', { kind: 'status', status: 503 }],
    ['429', { kind: 'status', status: 429, headers: { 'retry-after': '1' } }],
    ['a reset', { kind: 'reset' }],
    ['an answer that is cut off', { kind: 'cut' }],
  ] as const)('%s, twice', async (_what, fault) => {
    const file = publish('1.37.2')
    at.mirror.fail({ path: BINARY, times: 2 }, fault)
    expect(await at.install('1.37.2')).toMatchObject({ sha256: sha256(file) })
    expect(at.mirror.requests).toHaveLength(4)
  })

  test('but a host that fails until the time is over is told by its answer', async () => {
    publish('1.37.2')
    at.mirror.fail({ path: /stable/ }, { kind: 'status', status: 503, headers: { 'retry-after': '9' } })
    const url = `${at.mirror.url}/release/stable-1.37.txt`
    await expectRefusal(at.install('1.37', { timeoutSeconds: 1 }), {
      kind: 'kubectl-host-failing',
      url,
      status: 503,
    })
  })

  test('nor does it ask again after a refusal', async () => {
    publish('1.37.2')
    at.mirror.fail({ path: /sha256$/ }, { kind: 'status', status: 403 })
    await expectRefusal(at.install('1.37.2'), { kind: 'kubectl-unexpected', found: 'status 403' })
    expect(at.mirror.requests).toHaveLength(1)
  })
})

describe('where it cannot be put', () => {
  test('the tool cache names the folder, and nothing is left in the other', async () => {
    publish('1.37.2')
    await rm(at.place.toolCache, { recursive: true })
    await writeFile(at.place.toolCache, '')
    expect(await evidenceOf(at.install('1.37.2'))).toMatchObject({
      kind: 'kubectl-unwritable',
      folder: expect.stringContaining(join(at.place.toolCache, 'eks-login-kubectl-')),
      code: expect.stringMatching(/ENOTDIR|EEXIST|ENOENT/),
    })
    expect(await at.left()).toEqual(['tools'])
  })

  test('a tool cache that fails amid the copying names the folder, too', async () => {
    publish('1.37.2')
    const file = join(at.place.temp, 'file')
    await writeFile(file, '')
    process.env.RUNNER_TOOL_CACHE = join(file, 'tools')
    expect(await evidenceOf(at.install('1.37.2'))).toMatchObject({ kind: 'kubectl-unwritable' })
    expect(await at.left()).toEqual([join('temp', 'file')])
  })

  test('the temporary folder is named', async () => {
    publish('1.37.2')
    const temp = join(at.place.temp, 'missing')
    await expectRefusal(at.install('1.37.2', { place: { temp } }), {
      kind: 'kubectl-unwritable',
      folder: temp,
      code: 'ENOENT',
    })
  })

  test('a lock that somebody else holds is named when the time is over', async () => {
    publish('1.37.2')
    const { path } = await at.install('1.37.2')
    const folder = dirname(path)
    await rm(folder, { recursive: true })
    await writeFile(`${folder}.lock`, '')
    expect(await evidenceOf(at.install('1.37.2', { timeoutSeconds: 1 }))).toMatchObject({
      kind: 'kubectl-locked',
      lock: `${folder}.lock`,
      holder: 'another program, such as kubectl',
    })
  })
})

test('an end amid the copying leaves nothing that would be found, and the next run puts it right', async () => {
  const file = publish('1.37.2')
  const { path } = await at.install('1.37.2')
  await rm(`${dirname(path)}.complete`)
  await mkdir(join(dirname(path), 'half'))
  await writeFile(path, file.subarray(1))
  expect(await at.install('1.37.2')).toMatchObject({ path, source: expect.stringContaining('http') })
  expect(await at.left()).toHaveLength(3)
})
