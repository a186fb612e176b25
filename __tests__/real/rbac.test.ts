import { readFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import { join } from 'node:path'
import fc from 'fast-check'
import { ask, type ServerAddress, serverOf } from '../../lab/admin.ts'
import type { KubeObject } from '../../lab/kube/objects.ts'
import {
  allowances,
  authorize,
  forbiddenMessage,
  type Policy,
  rulesOf,
  type SubjectRules,
} from '../../lab/kube/rbac.ts'
import { attributesOf, readRequest } from '../../lab/kube/request.ts'
import { type RealLab, startLab } from '../../lab/lab.ts'
import { policyOf } from '../lab/kube/policy.ts'
import { apply, impersonating, judge, rulesAs, type Verdict } from './authorizer.ts'
import { givens, ofRun, type Question } from './policies.ts'
import { PATIENCE } from './scenario.ts'

// The embedded cluster's judge beside the real one, on roles, bindings and questions that nobody has thought of.

let lab: RealLab
let server: ServerAddress
const agent = new Agent({ keepAlive: true, maxSockets: 8 })
/** What a cluster holds from its start, as the embedded one has it. */
let system: readonly KubeObject[]
beforeAll(async () => {
  lab = await startLab({ kubernetes: 'real' })
  server = { ...serverOf(await readFile(lab.clusters[0]?.adminKubeconfig ?? '', 'utf8')), agent }
  const file = join(import.meta.dirname, '..', '..', 'lab', 'kube', 'recorded', 'bootstrap.json')
  system = JSON.parse(await readFile(file, 'utf8'))
}, PATIENCE)
afterAll(async () => {
  agent.destroy()
  await lab?.stop()
}, PATIENCE)

/** A reason or an error, whose parts the real one tells in any order. */
function sorted(text = ''): string {
  return text.replace(/\[(.*)\]/, (_, list: string) => `[${list.split(', ').sort().join(', ')}]`)
}

/** How often each answer was given, and why. */
const counts = { yes: 0, no: 0, yesByOneOfSeveral: 0, noForMissingRole: 0, rules: 0, rulesForMissingRole: 0 }

async function compareVerdicts(question: Question, policy: Policy): Promise<void> {
  const { user, attributes } = question
  const real = await judge(server, question)
  const ours = authorize(user, attributes, policy)
  if (!real.allowed) {
    const comparable = (verdict: Verdict) => ({ question, ...verdict, reason: sorted(verdict.reason) })
    expect(comparable(ours)).toEqual(comparable(real))
    counts.no++
    if (real.reason) counts.noForMissingRole++
    return
  }
  const reasons = allowances(user, attributes, policy)
  expect({ question, ...ours }).toEqual({ question, ...real, reason: reasons[0] })
  expect({ question, reasons }).toEqual({ question, reasons: expect.arrayContaining([real.reason ?? '']) })
  counts.yes++
  if (reasons.length > 1) counts.yesByOneOfSeveral++
}

async function compareRules({ user }: Question, namespace: string, policy: Policy): Promise<void> {
  const { userInfo, rules } = await rulesAs(server, user, namespace)
  const comparable = ({ resourceRules, nonResourceRules, evaluationError, ...rest }: SubjectRules) => ({
    ...{ userInfo, namespace, ...rest },
    resourceRules: resourceRules.map(rule => JSON.stringify(rule)).sort(),
    nonResourceRules: nonResourceRules.map(rule => JSON.stringify(rule)).sort(),
    evaluationError: sorted(evaluationError),
  })
  expect(comparable(rulesOf(userInfo, namespace, policy))).toEqual(comparable(rules))
  counts.rules++
  if (rules.evaluationError) counts.rulesForMissingRole++
}

/** Those whose name an HTTP header can bear. */
const isAscii = ({ user }: Question) => /^[ -~]+$/.test(user.username)

// The same draw in every run. What differs is told with this seed and the way to it, as small as it can be.
const SEED = 31_337

const RBAC = 'rbac.authorization.k8s.io'

describe('the embedded cluster and the real one', () => {
  it(
    'judge random questions by random roles and bindings alike',
    async () => {
      let run = 0
      const alike = fc.asyncProperty(givens, async template => {
        const name = `-${++run}`
        const { objects, questions } = ofRun(template, name)
        await apply(server, objects, name)
        const policy = policyOf(...system, ...objects)
        const asking = questions.slice(0, 8).filter(isAscii)
        await Promise.all([
          ...questions.map(question => compareVerdicts(question, policy)),
          ...asking.map(question => compareRules(question, `web${name}`, policy)),
        ])
      })
      const limit = { interruptAfterTimeLimit: PATIENCE * 0.9, markInterruptAsFailure: true }
      await fc.assert(alike, { seed: SEED, numRuns: 30, ...limit })

      expect(counts.yes + counts.no).toBeGreaterThan(1_000)
      // Neither a judge that always says yes nor one that always says no would come far, and the reasons vary.
      expect(counts.yes).toBeGreaterThan(300)
      expect(counts.no - counts.noForMissingRole).toBeGreaterThan(300)
      expect(counts.noForMissingRole).toBeGreaterThan(100)
      expect(counts.yesByOneOfSeveral).toBeGreaterThan(30)
      expect(counts.rules).toBeGreaterThan(100)
      expect(counts.rulesForMissingRole).toBeGreaterThan(30)
    },
    PATIENCE,
  )

  it('refuse in the same words', async () => {
    const user = { username: 'a "user" <of> \\ & co', groups: ['devs'] }
    const subjects = [{ apiGroup: RBAC, kind: 'User', name: user.username }]
    const binding = { apiVersion: `${RBAC}/v1`, kind: 'ClusterRoleBinding' }
    const roleRef = { apiGroup: RBAC, kind: 'ClusterRole', name: 'gone <"too">' }
    const dangling = { ...binding, metadata: { name: 'gone' }, roleRef, subjects }
    await apply(server, [dangling], '-refusals')
    const policy = policyOf(...system, dangling)
    const paths = [
      '/metrics',
      '/api/v1/namespaces',
      '/api/v1/namespaces/web',
      '/api/v1/namespaces/web/pods',
      '/api/v1/namespaces/web/pods?watch=true',
      '/api/v1/namespaces/web/pods/one',
      '/api/v1/namespaces/web/pods/one/log',
      '/apis/apps/v1/deployments',
      '/apis/apps/v1/namespaces/web/deployments/one/scale',
      `/apis/${RBAC}/v1/clusterroles/a%20%22role%22%20%3C1%3E`,
    ]
    for (const path of paths) {
      const { status, body } = await ask(server, 'GET', path, undefined, impersonating(user))
      const attributes = attributesOf(readRequest('GET', path))
      const { reason } = authorize(user, attributes, policy)
      const message = forbiddenMessage(user, attributes, reason)
      expect({ path, status: 403, message }).toEqual({
        path,
        status,
        message: (body as { message: string }).message,
      })
    }
  })
})
