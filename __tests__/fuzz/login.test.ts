import { createHash } from 'node:crypto'
import { join } from 'node:path'
import fc from 'fast-check'
import { type Lab, startLab } from '../../lab/lab.ts'
import { createRunner } from '../../lab/runner/runner.ts'
import { anyText } from './arbitraries.ts'

// The action as a runner runs it, given anything: it passes, or says by a code what is wrong with what it was given.

const ACTION = join(import.meta.dirname, '..', '..')
const PATIENCE = 180_000

let lab: Lab
beforeAll(async () => {
  lab = await startLab({ kubernetes: 'embedded' })
  await lab.admitRunner()
}, PATIENCE)
afterAll(() => lab?.stop())

/** What an environment can hold. */
const given = anyText
  .map(text => text.toWellFormed().replaceAll('\0', ''))
  .filter(text => text.length < 30_000)

/** None that names an address to ask, and no path but below the workspace. */
const inputs = fc.dictionary(
  fc.constantFrom(
    ...[
      'cluster-name',
      'region',
      'alias',
      'user-alias',
      'namespace',
      'role-arn',
      'assume-role-arn',
      'credential-source',
    ],
    ...[
      'can',
      'cannot',
      'expect-username',
      'expect-groups',
      'kubectl-checksum',
      'cleanup',
      'summary',
      'timeout',
    ],
  ),
  given,
  { minKeys: 1, maxKeys: 3, noNullPrototype: true },
)
const file = given.map(
  text => `config-${createHash('sha256').update(text).digest('hex')}${text.replace(/[/\\]|\.\./g, '')}`,
)

test(
  'inputs',
  () =>
    fc.assert(
      fc.asyncProperty(inputs, fc.option(file, { nil: undefined }), async (inputs, kubeconfig) => {
        const runner = await createRunner({ env: lab.env })
        const all = {
          'cluster-name': 'demo',
          region: 'us-east-1',
          'token-provider': 'builtin',
          ...(kubeconfig ? { kubeconfig } : {}),
          ...inputs,
        }
        const { code, log, stderr, outputs, env, annotations, timedOut } = await runner.run({
          action: ACTION,
          inputs: all,
        })
        await runner.close()
        const { failures } = JSON.parse(outputs.report ?? '')
        expect([code, failures.length > 0]).toEqual(code === 0 ? [0, false] : [1, true])
        expect(timedOut).toBe(false)
        expect(stderr).toBe('')
        for (const failure of failures) expect(failure.code).toMatch(/^EKS(?!002)\d{3}$/)
        expect(log).not.toMatch(/^\s+at .*[:(]/m)
        // Nothing that was given is a command to the runner.
        const { alias } = inputs as { alias?: string }
        expect(outputs.context).toBe(code === 0 ? alias?.trim() || 'demo' : undefined)
        expect(Object.keys(env)).toEqual(code === 0 ? ['KUBECONFIG', 'KUBE_CONFIG_PATH'] : [])
        expect(annotations.filter(({ level }) => level === 'error')).toHaveLength(failures.length)
      }),
      { numRuns: 30 },
    ),
  PATIENCE,
)
