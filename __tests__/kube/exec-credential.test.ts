import { type KubeEvidence, KubeProblem } from '../../src/kube/evidence.ts'
import {
  type ExecCredential,
  printExecCredential,
  readExecCredential,
} from '../../src/kube/exec-credential.ts'

const GROUP = 'client.authentication.k8s.io'
const STATUS: ExecCredential = { token: 'k8s-aws-v1.abc', expirationTimestamp: '2030-01-02T03:04:05Z' }

const asking = (apiVersion: string) =>
  JSON.stringify({ kind: 'ExecCredential', apiVersion, spec: { interactive: false } })

test.each([
  ['v1beta1', asking(`${GROUP}/v1beta1`), 'v1beta1'],
  ['v1', asking(`${GROUP}/v1`), 'v1'],
  ['v1alpha1, which no kubectl has known since 1.24', asking(`${GROUP}/v1alpha1`), 'v1beta1'],
  ['a version to come', asking(`${GROUP}/v2`), 'v1beta1'],
  ['nothing, as before 1.20', undefined, 'v1beta1'],
  ['an empty text', '', 'v1beta1'],
  ['half of it', asking(`${GROUP}/v1`).slice(0, -1), 'v1beta1'],
  ['null', 'null', 'v1beta1'],
  ['no version', '{}', 'v1beta1'],
  ['a list', '[]', 'v1beta1'],
])(
  'a client that asks by %s gets a credential in its version, or else in v1beta1',
  (_what, info, version) => {
    expect(JSON.parse(printExecCredential(STATUS, info))).toEqual({
      kind: 'ExecCredential',
      apiVersion: `${GROUP}/${version}`,
      spec: {},
      status: STATUS,
    })
  },
)

test.each([[STATUS], [{ token: 'k8s-aws-v1.abc' }]])('%j that was printed is read back', status => {
  const printed = printExecCredential(status, asking(`${GROUP}/v1beta1`))
  expect(readExecCredential(`${printed}\n`, 'aws eks get-token')).toEqual(status)
})

function evidenceOf(work: () => unknown): KubeEvidence {
  try {
    work()
  } catch (error) {
    if (error instanceof KubeProblem) return error.evidence
    throw error
  }
  throw new Error('there is no problem')
}

test('a credential in a version that the exec block does not name is refused, with the command', () => {
  const printed = printExecCredential(STATUS, asking(`${GROUP}/v1`))
  expect(evidenceOf(() => readExecCredential(printed, 'aws eks get-token'))).toEqual({
    kind: 'exec-not-a-credential',
    command: 'aws eks get-token',
    problem: `its apiVersion is "${GROUP}/v1", not ${GROUP}/v1beta1`,
    apiVersion: `${GROUP}/v1`,
  })
})

test.each([
  ['a line feed in its token', { token: 'k8s-aws-v1.abc\n' }, 'its token is none that a request can carry'],
  ['letters that no header holds', { token: 'k8s-\u00e4' }, 'its token is none that a request can carry'],
  ['no time as its end', { token: 'a', expirationTimestamp: 'soon' }, 'its expirationTimestamp is no time'],
  ['null as its end', { token: 'a', expirationTimestamp: null }, 'its expirationTimestamp is no time'],
])('a credential with %s is refused by that', (_what, status, problem) => {
  const printed = JSON.stringify({ kind: 'ExecCredential', apiVersion: `${GROUP}/v1beta1`, status })
  expect(evidenceOf(() => readExecCredential(printed, 'aws'))).toMatchObject({ problem })
})

test.each([
  [JSON.stringify('x'.repeat(1000)), 82],
  [JSON.stringify({ token: 'x'.repeat(1000) }), 82],
  ['undefined', 9],
])('a version is quoted only as far as one is long', (apiVersion, length) => {
  const version = apiVersion === 'undefined' ? '' : `"apiVersion":${apiVersion},`
  const work = () => readExecCredential(`{${version}"kind":"ExecCredential"}`, 'aws')
  const { problem } = evidenceOf(work) as { problem: string }
  expect(problem.replace('its apiVersion is ', '').replace(/, not .*/, '')).toHaveLength(length)
})
