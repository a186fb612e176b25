import { diagnoseKubectl, kubectlFailures } from '../../src/diagnosis/kubectl.ts'
import { type KubectlEvidence, KubectlProblem } from '../../src/kubectl/evidence.ts'

/** Evidence, its code, and what the failure must say, wherever it says it. */
const CASES: [KubectlEvidence, string, RegExp[]][] = [
  [{ kind: 'kubectl-unsupported', platform: 'aix', arch: 'ppc64' }, 'EKS911', [/aix on ppc64/]],
  [
    { kind: 'kubectl-unknown', wanted: 'kubectl 1.37.9 for linux/amd64', url: 'u', status: 404 },
    'EKS912',
    [/does not have kubectl 1\.37\.9 for linux\/amd64/, /u answered 404/, /kubernetes\.io\/releases/],
  ],
  [
    { kind: 'kubectl-unreachable', url: 'u', code: 'ECONNREFUSED', message: 'm' },
    'EKS913',
    [/u: ECONNREFUSED, m/, /HTTPS_PROXY/],
  ],
  [
    { kind: 'kubectl-unreachable', url: 'u', code: 'SELF_SIGNED_CERT_IN_CHAIN', message: 'm' },
    'EKS913',
    [/certificate/, /NODE_EXTRA_CA_CERTS/],
  ],
  [{ kind: 'kubectl-unreachable', url: 'u', code: '', message: 'm' }, 'EKS913', [/^u: m$/m]],
  [
    { kind: 'kubectl-timed-out', url: 'u', seconds: 30, came: '1 of 2 bytes' },
    'EKS914',
    [/within 30 s/, /u: 1 of 2 bytes/, /Raise timeout/],
  ],
  [
    { kind: 'kubectl-host-failing', url: 'u', status: 503 },
    'EKS915',
    [/u answered 503/, /Run the job again/],
  ],
  [
    { kind: 'kubectl-unexpected', url: 'u', wanted: 'a sha256', found: '"<html>"' },
    'EKS916',
    [/a sha256 was asked for, and "<html>" came/, /kubectl-mirror/],
  ],
  [
    {
      kind: 'kubectl-mismatch',
      url: 'u',
      from: 'v',
      expected: 'aa',
      found: 'bb',
      came: '7 bytes, text/html',
    },
    'EKS917',
    [/its sha256 is another/, /7 bytes, text\/html/, /is +bb/, /be +aa/, /told by v/],
  ],
  [{ kind: 'kubectl-unwritable', folder: '/t', code: 'ENOSPC', message: 'm' }, 'EKS918', [/Make room/]],
  [
    { kind: 'kubectl-unwritable', folder: '/t', code: 'EACCES', message: 'EACCES: no, mkdir' },
    'EKS918',
    [/^EACCES: no, mkdir$/m, /RUNNER_TOOL_CACHE/],
  ],
  [
    { kind: 'kubectl-locked', lock: '/t.lock', holder: 'process 7 on h', since: '' },
    'EKS919',
    [/held by process 7 on h$/m, /rm -- \/t\.lock/],
  ],
  [
    { kind: 'kubectl-locked', lock: '/t.lock', holder: 'process 7 on h', since: '2020' },
    'EKS919',
    [/process 7 on h since 2020/],
  ],
]

test.each(CASES)('%j is %s', (evidence, code, said) => {
  const failure = diagnoseKubectl(evidence)
  expect(failure).toMatchObject({ code })
  expect(failure.cause).toMatch(/^[^\n]+$/)
  expect(failure.evidence.length).toBeGreaterThan(0)
  expect(failure.cure.length).toBeGreaterThan(0)
  const steps = failure.cure.map(step => (typeof step === 'string' ? step : step.text))
  const text = [failure.cause, ...failure.evidence, ...steps].join('\n')
  for (const form of said) expect(text).toMatch(form)
  expect(text).not.toMatch(/undefined|null|NaN|\[object/)
})

test('a code stands for one kind of evidence', () => {
  const kinds = Map.groupBy(CASES, ([, code]) => code)
  for (const [, cases] of kinds) expect(new Set(cases.map(([{ kind }]) => kind)).size).toBe(1)
})

test.each([
  [new KubectlProblem({ kind: 'kubectl-unwritable', folder: '/t', code: '', message: 'm' }), 'EKS918'],
  [new TypeError('x is not a function'), 'EKS002'],
])('%s is the failure %s of the step', (error, code) => {
  const failures = kubectlFailures(error)
  expect(failures).toMatchObject([{ code }])
  expect(failures[0]).not.toHaveProperty('cluster')
})
