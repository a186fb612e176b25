import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStepFiles, readStepFiles, type StepFiles } from '../../lab/runner/environment-files.ts'
import { keepUndo, keptUndo, mask, publish, say, warn } from '../../src/report/job.ts'
import { type ClusterReport, failed, type Report, Stopwatch, succeeded } from '../../src/report/report.ts'

const CLUSTER: ClusterReport = {
  name: 'demo',
  arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/demo',
  region: 'eu-west-1',
  context: 'mine',
  server: 'https://demo.example',
  version: '1.37',
  status: 'ACTIVE',
  authenticationMode: 'API',
  credentials: { source: 'instance role', accessKeyId: 'ASIAX' },
  username: 'demo',
  groups: ['a', 'b'],
  roleArn: 'arn:aws:iam::111122223333:role/runner',
  tokenExpires: null,
  probes: [],
}
const UNDO = {
  file: '/k/config',
  created: true,
  createdFolder: false,
  entries: [],
  before: { current: null, names: [] },
}

const success = (kubectl: Report['kubectl'] = null, warnings: string[] = []): Report =>
  succeeded(
    [CLUSTER, { ...CLUSTER, context: 'other' }],
    { kubeconfig: '/k/config', kubectl, warnings },
    new Stopwatch(),
  )
const failure = (): Report =>
  failed(
    [],
    [{ code: 'EKS701', cluster: 'demo', cause: 'too much', evidence: ['::error::x'], cure: ['less'] }],
    new Stopwatch(),
  )

const environment = { ...process.env }
const { write } = process.stdout
let folder: string
let printed: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'job-'))
  Object.assign(process.env, await createStepFiles(folder))
  printed = []
  process.stdout.write = text => {
    printed.push(String(text))
    return true
  }
})
afterEach(async () => {
  process.stdout.write = write
  // Of the process that runs the tests, too.
  process.exitCode = undefined
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name]
  Object.assign(process.env, environment)
  await rm(folder, { recursive: true })
})

/** What a step told its runner: on its output, and in its files. */
async function told(work: Promise<unknown>): Promise<StepFiles & { log: string }> {
  await work
  return { ...(await readStepFiles(folder)), log: printed.join('') }
}

describe('a login that succeeded', () => {
  test('has outputs of the first cluster, contexts of all, and the environment of later steps', async () => {
    const { outputs, env, path, summary, log } = await told(
      publish(success(), 'apiVersion: v1\n', { summary: true }),
    )
    expect(outputs).toEqual({
      report: expect.stringContaining('"schema":1'),
      kubeconfig: '/k/config',
      context: 'mine',
      contexts: '["mine","other"]',
      'cluster-arn': CLUSTER.arn,
      'cluster-version': '1.37',
      username: 'demo',
      groups: '["a","b"]',
      'role-arn': CLUSTER.roleArn,
    })
    expect(env).toEqual({ KUBECONFIG: '/k/config', KUBE_CONFIG_PATH: '/k/config' })
    expect(path).toEqual([])
    expect(summary).toContain('Logged in to')
    expect(log).toMatch(/::group::Kubeconfig \/k\/config\r?\napiVersion: v1\r?\n::endgroup::/)
    expect(process.exitCode).toBeUndefined()
  })

  test('with kubectl has its folder on PATH', async () => {
    const kubectl = {
      version: '1.37.2',
      path: join('/tools', 'kubectl'),
      source: 'cache',
      sha256: 'abc',
    } as const
    const { path } = await told(publish(success(kubectl), null, { summary: true }))
    expect(path).toEqual([join('/tools')])
  })

  test('warns of what is worth knowing', async () => {
    const { log } = await told(
      publish(success(null, ['the file is read by others']), null, { summary: false }),
    )
    expect(log).toContain('::warning::the file is read by others')
  })
})

test('a login that failed has its report and an exit code, and nothing for later steps', async () => {
  const { outputs, env, path, log } = await told(publish(failure(), null, { summary: true }))
  expect(Object.keys(outputs)).toEqual(['report'])
  expect([env, path]).toEqual([{}, []])
  expect(process.exitCode).toBe(1)
  expect(log).toContain('::error::EKS701 demo: too much')
  expect(log).not.toMatch(/^ *::error::x/m)
})

test('a failure links to the page on its code, of the version that runs', async () => {
  const page = 'https://git.example/them/eks-login/blob/v1/docs/failures.md#eks701'
  const version = { GITHUB_SERVER_URL: 'https://git.example', GITHUB_ACTION_REPOSITORY: 'them/eks-login' }
  Object.assign(process.env, version, { GITHUB_ACTION_REF: 'v1' })
  const { outputs, log } = await told(publish(failure(), null, { summary: false }))
  expect(JSON.parse(outputs.report ?? '').failures).toMatchObject([{ code: 'EKS701', page }])
  expect(log).toContain(`More: ${page}`)
})

test('a failure of an action in the workflow\u2019s own repository links to nothing', async () => {
  Object.assign(process.env, { GITHUB_SERVER_URL: 'https://git.example', GITHUB_ACTION_REPOSITORY: '' })
  const { outputs, log } = await told(publish(failure(), null, { summary: false }))
  expect(JSON.parse(outputs.report ?? '').failures[0]).not.toHaveProperty('page')
  expect(log).not.toContain('More:')
})

describe('the job summary', () => {
  test('is left out where nobody wants it', async () => {
    expect((await told(publish(success(), null, { summary: false }))).summary).toBe('')
  })

  test('is left out where the runner has no file for it', async () => {
    delete process.env.GITHUB_STEP_SUMMARY
    const { outputs, log } = await told(publish(success(), null, { summary: true }))
    expect(outputs.context).toBe('mine')
    expect(log).not.toContain('::warning::')
  })

  test('that cannot be written is a warning, and the login stands', async () => {
    process.env.GITHUB_STEP_SUMMARY = join(folder, 'missing', 'summary')
    const { outputs, log } = await told(publish(success(), null, { summary: true }))
    expect(outputs.context).toBe('mine')
    expect(log).toContain('::warning::The job summary could not be written')
  })
})

test('secrets are masked, and what is none is not: the runner would print *** between all letters', async () => {
  const { log } = await told(mask(['s3cret', undefined, '']))
  expect(log.match(/::add-mask::.*/g)).toEqual(['::add-mask::s3cret'])
})

test('what takes the login back is there for the post step, which knows when there is nothing', async () => {
  expect(await keptUndo()).toBeNull()
  const { state } = await told(keepUndo(UNDO))
  process.env.STATE_undo = state.undo
  expect(await keptUndo()).toEqual(UNDO)
})

test('a line is no command to the runner, and a warning is one annotation', async () => {
  const { log } = await told(Promise.all([say('::set-output name=a::b'), warn('left\nbehind')]))
  expect(log).not.toMatch(/^::set-output/m)
  expect(log).toContain('::warning::left%0Abehind')
})
