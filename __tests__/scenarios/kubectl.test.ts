import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Authority, createAuthority } from '../../lab/certificates.ts'
import { type KubectlMirror, startKubectlMirror } from '../../lab/kubectl-mirror.ts'
import type { RealCluster } from '../../lab/real/cluster.ts'
import type { Runner } from '../../lab/runner/runner.ts'
import { ACTION, expectFailure, INPUTS, PATIENCE, scenario } from './scenario.ts'

// `kubectl-version`: the lab serves the mirror, and beside a real cluster what it serves is the real kubectl.

const at = scenario()

const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64'
const SYSTEM = { darwin: 'darwin', win32: 'windows' }[process.platform as string] ?? 'linux'
const PLATFORM = `${SYSTEM}/${ARCHITECTURE}`
const FILE = SYSTEM === 'windows' ? 'kubectl.exe' : 'kubectl'

let mirror: KubectlMirror
/** What the mirror serves: a program that says of itself where it is. */
let program: Buffer
beforeAll(async () => {
  program = await programHere()
}, PATIENCE)
beforeEach(async () => {
  mirror = await startKubectlMirror()
  for (const version of ['1.36.5', '1.37.1', '1.37.2'])
    mirror.publish({ version, platform: PLATFORM, content: program })
})
afterEach(() => mirror.stop())

async function programHere(): Promise<Buffer> {
  if (KUBERNETES === 'real') return readFile((at.cluster as RealCluster).kubectlPath)
  // Windows starts no script by its name alone; the runtime is a program, and as good as any.
  if (process.platform === 'win32') return readFile(process.execPath)
  return Buffer.from('#!/bin/sh\necho "$0" "$@"\n')
}

/** What a later step asks of it, and what it answers. */
const [ASKED, SAID] =
  KUBERNETES === 'real'
    ? [['get', 'namespaces', '-o', 'name'], 'namespace/kube-system']
    : [['--version'], process.platform === 'win32' ? process.version : '--version']

const sha256 = (file: Buffer) => createHash('sha256').update(file).digest('hex')

const login = (inputs: Record<string, string> = {}, options: Parameters<typeof at.login>[1] = {}) =>
  at.login({ 'kubectl-version': '1.37.2', 'kubectl-mirror': mirror.url, ...inputs }, options)

const toolCache = (runner: Runner = at.runner) => runner.env().RUNNER_TOOL_CACHE ?? ''

/** Files of the tool cache and of the temporary folder that have to do with kubectl. */
async function left(runner: Runner = at.runner): Promise<string[]> {
  const below = async (folder: string) =>
    (await readdir(folder, { recursive: true })).map(name => join(folder, name))
  const all = [...(await below(toolCache(runner))), ...(await below(runner.temp))]
  return all.filter(name => name.includes('kubectl'))
}

test(
  'later steps have the kubectl that was asked for, and log, summary and report tell which',
  async () => {
    const { code, report, log, summary, path } = await login()
    expect(report.failures).toEqual([])
    expect(code).toBe(0)
    const source = `${mirror.url}/release/v1.37.2/bin/${PLATFORM}/${FILE}`
    expect(report).toMatchObject({
      schema: 1,
      kubectl: { version: '1.37.2', source, sha256: sha256(program) },
    })
    expect(report.timings.map(({ name }) => name)).toContain('kubectl')
    const { path: file = '' } = report.kubectl ?? {}
    expect(path).toEqual([dirname(file)])
    expect(relative(toolCache(), file).split(sep)).toEqual([expect.any(String), '1.37.2', process.arch, FILE])
    expect(log).toContain(`kubectl 1.37.2, downloaded from ${source}`)
    expect(summary).toContain('kubectl `1.37.2` is on `PATH` for later steps')
    const later = await at.runner.step(FILE, ASKED)
    expect(later).toMatchObject({ code: 0, stdout: expect.stringContaining(SAID) })
  },
  PATIENCE,
)

test(
  'a second login asks the network nothing, for the version and for its minor alike',
  async () => {
    await login()
    const asked = mirror.requests.length
    await mirror.stop()
    for (const version of ['1.37.2', 'v1.37.2', '1.37', 'cluster']) {
      const again = await login({ 'kubectl-version': version })
      expect(again.report).toMatchObject({
        result: 'success',
        kubectl: { version: '1.37.2', source: 'cache' },
      })
      expect(again.log).toContain('kubectl 1.37.2, from the tool cache')
    }
    expect(mirror.requests).toHaveLength(asked)
    expect(await at.runner.step(FILE, ASKED)).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'cluster is the newest patch of the minor that EKS says the cluster has',
  async () => {
    const { report } = await login({ 'kubectl-version': 'cluster' })
    expect(report).toMatchObject({ result: 'success', kubectl: { version: '1.37.2' }, warnings: [] })
    expect(mirror.requests[0]).toBe('/release/stable-1.37.txt')
  },
  PATIENCE,
)

test(
  'a kubectl that the cluster does not support is a warning',
  async () => {
    mirror.publish({ version: '1.34.0', platform: PLATFORM, content: program })
    const { report, annotations } = await login({ 'kubectl-version': '1.34' })
    const warning = expect.stringContaining('kubectl 1.34.0 is more than one minor version from demo')
    expect(report).toMatchObject({ result: 'success', warnings: [warning] })
    expect(annotations).toContainEqual(expect.objectContaining({ level: 'warning', message: warning }))
  },
  PATIENCE,
)

test(
  'without a mirror it comes from the official host, through the proxy, and from where that leads to',
  async () => {
    const authority = await createAuthority('The world')
    const world = await startWorld(authority)
    const ca = join(at.runner.temp, 'world.pem')
    await writeFile(ca, authority.certificatePem)
    const location = `https://cdn.dl.k8s.io/release/v1.37.2/bin/${PLATFORM}/${FILE}`
    world.fail({ path: /kubectl(\.exe)?$/, times: 1 }, { kind: 'status', status: 302, headers: { location } })
    const before = at.lab.aws.proxy.connects.length

    const distrusted = await at.login({ 'kubectl-version': '1.37.2' })
    await expectFailure(distrusted, at.runner, ['EKS913'])
    expect(distrusted.log).toContain('NODE_EXTRA_CA_CERTS')
    const { report } = await at.login({ 'kubectl-version': '1.37.2' }, { env: { NODE_EXTRA_CA_CERTS: ca } })
    expect(report).toMatchObject({
      result: 'success',
      kubectl: { source: `https://dl.k8s.io/release/v1.37.2/bin/${PLATFORM}/${FILE}` },
    })
    expect(report.kubectl?.path).toContain(`${sep}eks-login-kubectl${sep}`)
    const hosts = at.lab.aws.proxy.connects.slice(before).map(({ host }) => host)
    expect(hosts).toEqual(expect.arrayContaining(['dl.k8s.io', 'cdn.dl.k8s.io']))
    await world.stop()
  },
  PATIENCE,
)

/** The hosts of Kubernetes' releases, as the lab's proxy leads to them. */
async function startWorld(authority: Authority): Promise<KubectlMirror> {
  const names = ['dl.k8s.io', 'cdn.dl.k8s.io']
  const world = await startKubectlMirror(await authority.issue(names))
  for (const name of names) at.lab.aws.proxy.route(name, world.port)
  world.publish({ version: '1.37.2', platform: PLATFORM, content: program })
  return world
}

test.each([
  ['a file that is not what is published', /kubectl(\.exe)?$/, { kind: 'half' }, 'EKS917'],
  ['a web page in its place', /kubectl(\.exe)?$/, { kind: 'html' }, 'EKS917'],
  ['a web page in place of its hash', /sha256$/, { kind: 'html' }, 'EKS916'],
  ['a download that is cut off each time', /kubectl(\.exe)?$/, { kind: 'cut' }, 'EKS913'],
  ['a download that never ends', /kubectl(\.exe)?$/, { kind: 'stalled' }, 'EKS914'],
  ['a host that answers 503 each time', /./, { kind: 'status', status: 503 }, 'EKS915'],
  ['a version that is not there', /./, { kind: 'status', status: 404 }, 'EKS912'],
] as const)(
  '%s fails the login, and nothing of it is anywhere',
  async (_what, path, fault, code) => {
    mirror.fail({ path }, fault)
    // Time for the download to be given up, and nobody else needs as much.
    const failed = await login({ timeout: '10', 'token-provider': 'builtin' })
    await expectFailure(failed, at.runner, [code])
    expect(failed.path).toEqual([])
    expect(failed.report.kubectl).toBeNull()
    expect(await left()).toEqual([])
  },
  PATIENCE,
)

test(
  'a hash that the workflow gives and the file does not have fails, and the right one passes',
  async () => {
    const wrong = await login({ 'kubectl-checksum': sha256(Buffer.from('another')) })
    await expectFailure(wrong, at.runner, ['EKS917'])
    expect(wrong.log).toContain('as told by kubectl-checksum')
    expect(await left()).toEqual([])
    expect(await login({ 'kubectl-checksum': sha256(program) })).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'what is wrong with kubectl and with the login is told in one run',
  async () => {
    const failed = await login({ 'kubectl-version': '1.37.9', can: 'create pods', cannot: '' })
    await expectFailure(failed, at.runner, ['EKS601', 'EKS912'])
  },
  PATIENCE,
)

test(
  'after a login that failed, kubectl is on nobody\u2019s PATH',
  async () => {
    const failed = await login({ can: 'create pods', cannot: '' })
    await expectFailure(failed, at.runner, ['EKS601'])
    expect(failed.path).toEqual([])
    expect(failed.report.kubectl).toBeNull()
  },
  PATIENCE,
)

test(
  'wrong inputs are told at once, and the mirror is not asked',
  async () => {
    const inputs = {
      'kubectl-version': 'latest',
      'kubectl-mirror': 'http://mirror.example',
      'kubectl-checksum': '',
    }
    const failed = await login(inputs)
    await expectFailure(failed, at.runner, ['EKS001', 'EKS001'])
    for (const input of ['kubectl-version', 'kubectl-mirror']) expect(failed.log).toContain(`input ${input}:`)
    expect(mirror.requests).toEqual([])
  },
  PATIENCE,
)

test(
  'twenty logins at once all have it, and it is whole',
  async () => {
    const text = Buffer.concat([Buffer.from('#!/bin/sh\n'), Buffer.alloc(500_000, 0x23)])
    mirror.publish({ version: '1.37.7', platform: PLATFORM, content: text })
    const aliases = Array.from({ length: 20 }, (_, index) => `alias-${index}`)
    // Twenty AWS CLIs at once take their time, too.
    const inputs = { 'kubectl-version': '1.37.7', timeout: '120' }
    const logins = await Promise.all(aliases.map(alias => login({ alias, ...inputs })))
    expect(logins.flatMap(({ report }) => report.failures)).toEqual([])
    const paths = new Set(logins.map(({ report }) => report.kubectl?.path ?? ''))
    expect(paths.size).toBe(1)
    const [path = ''] = paths
    expect(sha256(await readFile(path))).toBe(sha256(text))
    expect((await readdir(dirname(dirname(path)))).sort()).toEqual([process.arch, `${process.arch}.complete`])
    expect((await left()).filter(name => name.startsWith(at.runner.temp))).toEqual([])
  },
  PATIENCE,
)

// On Windows a process that is ended is not told: a runner there presses Ctrl+C, which nobody else can.
if (process.platform !== 'win32')
  test(
    'cancelled amid the download, it leaves nothing',
    async () => {
      mirror.fail({ path: /kubectl(\.exe)?$/ }, { kind: 'stalled' })
      const inputs = {
        ...INPUTS,
        region: at.cluster.region,
        'kubectl-version': '1.37.2',
        'kubectl-mirror': mirror.url,
      }
      const given = Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])
      const child = spawn(process.execPath, [join(ACTION, 'dist/login/index.js')], {
        env: { ...at.runner.env(), ...Object.fromEntries(given) },
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      let printed = ''
      child.stdout.on('data', text => {
        printed += text
      })
      while ((await left()).length === 0) await new Promise(resolve => setTimeout(resolve, 20))
      child.kill('SIGTERM')
      expect(await new Promise(resolve => child.once('close', resolve))).toBe(1)
      expect(printed).toContain('EKS003')
      expect(await left()).toEqual([])
    },
    PATIENCE,
  )

test(
  'a login without kubectl-version loads nothing of it',
  async () => {
    const loads = async (inputs: Record<string, string>) => {
      const list = join(at.runner.temp, 'loaded')
      await writeFile(list, '')
      const hook = join(at.runner.temp, 'hook.mjs')
      await writeFile(hook, recordingLoads(list))
      const { code } = await at.login(inputs, { env: { NODE_OPTIONS: `--import=${pathToFileURL(hook)}` } })
      expect(code).toBe(0)
      const files = (await readFile(list, 'utf8')).split('\n').filter(Boolean)
      const texts = await Promise.all(files.map(file => readFile(new URL(file), 'utf8')))
      return texts.filter(text => text.includes('eks-login-kubectl-')).length
    }
    expect(await loads({})).toBe(0)
    expect(await loads({ 'kubectl-version': '1.37', 'kubectl-mirror': mirror.url })).toBe(1)
  },
  PATIENCE,
)

/** A module that writes down each file of ours that is loaded. */
function recordingLoads(list: string): string {
  return `import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
registerHooks({
  load(url, context, next) {
    if (url.includes('/dist/login/')) appendFileSync(${JSON.stringify(list)}, url + '\\n')
    return next(url, context)
  },
})
`
}
