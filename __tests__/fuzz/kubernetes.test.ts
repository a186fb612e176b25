import fc from 'fast-check'
import type { ApiClient } from '../../src/kube/client.ts'
import { discover } from '../../src/kube/discovery.ts'
import { KubeProblem } from '../../src/kube/evidence.ts'
import { printExecCredential, readExecCredential } from '../../src/kube/exec-credential.ts'
import { resolveRules } from '../../src/kube/resolve.ts'
import { reviewRules, whoAmI } from '../../src/kube/reviews.ts'
import { parseRules } from '../../src/kube/rules.ts'
import { differingIdentity, failedProbes, probe } from '../../src/kube/verdict.ts'
import { redact } from '../../src/redact.ts'
import { fixture } from '../kube/cluster.ts'
import { answersLike, anyText, expectNoPollution, RUNS } from './arbitraries.ts'

// Whatever answers in the place of an API server or of an exec block's command: what comes of it is a value of the shape
// that its reader promises, or a problem of this room.

afterEach(expectNoPollution)

const { rules } = parseRules(
  'list pods\nget deploy -n web\nlist widgets.example.com/x --subresource=status\nget /healthz',
)
const statuses = fc.constantFrom(200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 409, 418, 500)

/** An API server that gives an answer of its own to each path. */
function answering(answers: Record<string, string>, otherwise: string, status = 200): ApiClient {
  return {
    close: () => {},
    request: async (_method, path) => ({ status, contentType: '', body: answers[path] ?? otherwise }),
  }
}

async function settled<T>(work: Promise<T>, expectValue: (value: T) => void): Promise<void> {
  const outcome = await work.then(
    value => ({ value }),
    error => ({ error }),
  )
  if ('value' in outcome) expectValue(outcome.value)
  else {
    expect(outcome.error).toBeInstanceOf(KubeProblem)
    expectShort(outcome.error.evidence)
  }
}

/** Evidence quotes at most the beginning of what came. */
function expectShort({ message }: { message: string }): void {
  expect(typeof message).toBe('string')
}

const REVIEW = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'SelfSubjectReview',
  metadata: { creationTimestamp: null },
  status: {
    userInfo: { username: 'demo', uid: 'u', groups: ['a'], extra: { arn: ['x'], canonicalArn: ['y'] } },
  },
}

test('who we are is texts, or a problem', () =>
  fc.assert(
    fc.asyncProperty(answersLike(REVIEW), statuses, async (body, status) => {
      await settled(whoAmI(answering({}, body, status)), identity => {
        for (const text of [identity?.username, identity?.uid, ...(identity?.groups ?? [])])
          expect(['string', 'undefined']).toContain(typeof text)
        for (const values of Object.values(identity?.extra ?? {}))
          expect(values.every(value => typeof value === 'string')).toBe(true)
        differingIdentity(identity, { username: 'demo', groups: ['a'] })
      })
    }),
    RUNS,
  ))

test('a verdict is yes, no or unproven, or a problem', () =>
  fc.assert(
    fc.asyncProperty(
      answersLike({
        kind: 'SelfSubjectAccessReview',
        status: { allowed: true, denied: false, reason: 'r', evaluationError: 'e' },
      }),
      statuses,
      async (body, status) => {
        const { resolved } = await resolveRules(answering(DOCUMENTS, ''), rules, 'default')
        await settled(reviewRules(answering({}, body, status), resolved), reviews => {
          for (const { answer, reason } of reviews.map(review => probe(review, 'yes'))) {
            expect(['yes', 'no', 'unproven']).toContain(answer)
            expect(typeof reason).toBe('string')
          }
          failedProbes(
            reviews.map(review => probe(review, 'no')),
            reviews,
          )
        })
      },
    ),
    RUNS,
  ))

const DOCUMENTS = Object.fromEntries(
  Object.entries(fixture('aggregated')).map(([path, { body }]) => [path, JSON.stringify(body)]),
)

test.each(['aggregated', 'unaggregated'] as const)(
  'discovery (%s) finds resources, or is a problem',
  form => {
    const documents = Object.entries(fixture(form))
    const chosen = fc
      .constantFrom(...documents)
      .chain(([path, { body }]) => fc.tuple(fc.constant(path), answersLike(body)))
    const whole = Object.fromEntries(documents.map(([path, { body }]) => [path, JSON.stringify(body)]))
    return fc.assert(
      fc.asyncProperty(chosen, statuses, async ([path, body], status) => {
        const answers = { ...whole, [path]: body }
        await settled(discover(answering(answers, '{}', status), rules), ({ resources }) => {
          for (const { group, version, name, singular, kind, shortNames, verbs, subresources } of resources) {
            for (const text of [group, version, name, singular, kind, ...shortNames, ...verbs])
              expect(typeof text).toBe('string')
            for (const { name, verbs } of subresources)
              expect([name, ...verbs].every(text => typeof text === 'string')).toBe(true)
          }
        })
        await settled(resolveRules(answering(answers, '{}'), rules, 'default'), ({ resolved, mistakes }) => {
          expect(resolved.length + mistakes.length).toBe(rules.length)
          for (const { message } of mistakes) expect(typeof message).toBe('string')
        })
      }),
      { numRuns: 150 },
    )
  },
)

test('a credential is a token that a request can carry, or a problem', () => {
  const credential = {
    kind: 'ExecCredential',
    apiVersion: 'client.authentication.k8s.io/v1beta1',
    spec: {},
    status: { token: 'k8s-aws-v1.abc', expirationTimestamp: '2030-01-02T03:04:05Z' },
  }
  fc.assert(
    fc.property(answersLike(credential), stdout => {
      try {
        const { token, expirationTimestamp } = readExecCredential(stdout, 'aws')
        expect(new Headers({ authorization: `Bearer ${token}` }).get('authorization')).toBe(`Bearer ${token}`)
        expect(Number.isNaN(Date.parse(expirationTimestamp ?? '2030-01-01'))).toBe(false)
      } catch (error) {
        expect(error).toBeInstanceOf(KubeProblem)
        const { kind, problem } = (error as KubeProblem).evidence as { kind: string; problem: string }
        expect(kind).toBe('exec-not-a-credential')
        // What it printed may be half a token.
        expect(problem.length).toBeLessThan(200)
      }
    }),
    RUNS,
  )
})

test('what a client asks for in KUBERNETES_EXEC_INFO is a version that we know, or v1beta1', () => {
  fc.assert(
    fc.property(
      answersLike({ kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1', spec: {} }),
      info => {
        const { apiVersion } = JSON.parse(printExecCredential({ token: 't' }, info))
        expect(apiVersion).toMatch(/^client\.authentication\.k8s\.io\/v1(?:beta1)?$/)
      },
    ),
    RUNS,
  )
})

test('what is redacted holds no token, whatever stands around it', () => {
  fc.assert(
    fc.property(anyText, anyText, (before, after) => {
      const text = redact(`${before} k8s-aws-v1.aHR0cHM6Ly9zdHM ${after} X-Amz-Signature=abcdef0123 `)
      expect(text).not.toContain('aHR0cHM6Ly9zdHM')
      expect(text).not.toContain('abcdef0123')
    }),
    RUNS,
  )
})
