import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readInputs } from '../src/inputs.ts'
import { checkKubeconfig, undoKubeconfig } from '../src/kube/file.ts'
import type { Undo } from '../src/kube/kubeconfig.ts'
import { writeLogin } from '../src/kubeconfig-file.ts'

let folder: string
let before: string | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'login-'))
  before = process.env.GITHUB_STATE
})
afterEach(async () => {
  if (before === undefined) delete process.env.GITHUB_STATE
  else process.env.GITHUB_STATE = before
  await rm(folder, { recursive: true })
})

const entry = (context: string) => ({
  context,
  cluster: { name: 'c', server: 'https://127.0.0.1', certificateAuthorityData: 'Q0E=' },
  user: { name: 'u', exec: { command: 'aws', args: [] as string[], env: [] } },
})
const provider = {
  execBlock: () => entry('').user.exec,
  credential: async () => ({ token: '' }),
}

const inputsFor = (file: string, more: Record<string, string> = {}) =>
  readInputs({
    'INPUT_CLUSTER-NAME': 'demo',
    INPUT_REGION: 'us-east-1',
    INPUT_KUBECONFIG: file,
    RUNNER_TEMP: folder,
    ...more,
  })

/** Writes a context, by a login that began when the kubeconfig was as `found` says; gives what takes it back. */
async function login(context: string, file: string, found: Awaited<ReturnType<typeof checkKubeconfig>>) {
  process.env.GITHUB_STATE = join(folder, 'state')
  await writeFile(process.env.GITHUB_STATE, '')
  await writeLogin(inputsFor(file), { entries: [entry(context)], found }, provider)
  const [, undo = ''] = (await readFile(process.env.GITHUB_STATE, 'utf8')).split('\n')
  await rm(process.env.GITHUB_STATE)
  return JSON.parse(undo) as Undo
}

test('what there is of a kubeconfig is told before anything is written', async () => {
  const file = join(folder, 'sub', 'config')
  expect(await checkKubeconfig(file)).toEqual({ file: false, folder: false })
  expect(await checkKubeconfig(join(folder, 'config'))).toEqual({ file: false, folder: true })
  await writeFile(join(folder, 'config'), '')
  expect(await checkKubeconfig(join(folder, 'config'))).toEqual({ file: true, folder: true })
})

test.each([
  ['second', [0, 1]],
  ['first', [1, 0]],
])(
  'of two logins at once that found nothing, whichever is taken back last takes all away: the %s that wrote',
  async (_which, order) => {
    const file = join(folder, 'sub', 'config')
    const found = await checkKubeconfig(file)
    const undos = [await login('one', file, found), await login('two', file, found)]
    for (const index of order) await undoKubeconfig(undos[index] as Undo, 1)
    expect(await readdir(folder)).toEqual([])
  },
)

test('with cleanup: false nothing is kept that takes the login back, and the log shows what is ours alone', async () => {
  const file = join(folder, 'config')
  await writeFile(file, 'users: [{name: theirs, user: {token: s3cret}}]\n')
  process.env.GITHUB_STATE = join(folder, 'state')
  await writeFile(process.env.GITHUB_STATE, '')
  const inputs = inputsFor(file, { INPUT_CLEANUP: 'false' })
  const found = await checkKubeconfig(file)
  const { text, warnings } = await writeLogin(inputs, { entries: [entry('one')], found }, provider)
  expect(await readFile(process.env.GITHUB_STATE, 'utf8')).toBe('')
  expect(await readFile(file, 'utf8')).toContain('s3cret')
  expect(text).toContain('name: one')
  expect(text).not.toContain('s3cret')
  expect(warnings.join()).toContain('the field token, of user theirs')
})

test('the signer that the entries name stands beside the file', async () => {
  const bundle = join(folder, 'bundle')
  await mkdir(bundle)
  await writeFile(join(bundle, 'index.js'), 'sign()')
  const file = join(folder, 'sub', 'config')
  const signer = { command: 'node', script: '', folder: `${file}.token-0123456789ab`, bundle }
  const named = entry('one')
  named.user.exec.args = [join(signer.folder, 'index.js')]
  process.env.GITHUB_STATE = join(folder, 'state')
  await writeFile(process.env.GITHUB_STATE, '')
  const found = await checkKubeconfig(file)
  await writeLogin(inputsFor(file), { entries: [named], found }, { ...provider, signer })
  expect(await readFile(join(signer.folder, 'index.js'), 'utf8')).toBe('sign()')
})

test('a login that found a file and its folder leaves both', async () => {
  const file = join(folder, 'sub', 'config')
  const first = await login('one', file, await checkKubeconfig(file))
  const second = await login('two', file, await checkKubeconfig(file))
  expect(second).toMatchObject({ created: false, createdFolder: false })
  await undoKubeconfig(first, 1)
  expect(await undoKubeconfig(second, 1)).toBe('kept')
  expect(await readdir(dirname(file))).toEqual(['config'])
})
