import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dump } from 'js-yaml'
import { demoGrant } from '../cluster.ts'
import type { StepResult } from '../runner/runner.ts'
import { check, checkStep } from './check.ts'
import { type LogPart, logParts, renderParts } from './log-view.ts'
import type { Screen } from './screen.ts'
import type { Inputs, Stage } from './stage.ts'

/** One thing that is wrong. */
type Failure = {
  readonly what: string
  /** The code that the login must fail with. */
  readonly code: `EKS${number}`
  /** Makes it wrong, and gives the inputs that the step has beside those of every login. */
  arrange(stage: Stage): Inputs | Promise<Inputs>
}

/** The failures that people meet most, in the order in which a login would meet them. */
export const FAILURES: readonly Failure[] = [
  {
    what: 'The instance has no role',
    code: 'EKS101',
    arrange({ lab }) {
      lab.aws.instance.roleArn = null
      return {}
    },
  },
  {
    what: 'The role may not call DescribeCluster',
    code: 'EKS201',
    arrange(stage) {
      stage.putRole('undescribed', [])
      return {}
    },
  },
  {
    what: 'There is no such cluster',
    code: 'EKS202',
    arrange(stage) {
      stage.putRole('everywhere', ['eks:DescribeCluster'])
      return { 'cluster-name': 'prod' }
    },
  },
  {
    what: 'The role is mapped to no user',
    code: 'EKS501',
    arrange(stage) {
      stage.putRole('stranger', ['eks:DescribeCluster'])
      return {}
    },
  },
  {
    what: 'The role may do too little',
    code: 'EKS601',
    arrange: () => ({ can: 'get deployments -n web' }),
  },
  {
    what: 'The role may do too much: somebody added pods to the ClusterRole',
    code: 'EKS701',
    async arrange({ cluster }) {
      const rules = [{ apiGroups: [''], resources: ['namespaces', 'pods'], verbs: ['list'] }]
      await cluster.apply(dump({ ...demoGrant.clusterroles, rules }))
      return {}
    },
  },
  {
    what: 'The kubeconfig to merge into is damaged',
    code: 'EKS902',
    async arrange({ runner }) {
      await writeFile(join(runner.workspace, DAMAGED), DAMAGE)
      return { kubeconfig: DAMAGED }
    },
  },
]

const DAMAGED = 'kubeconfig'
const DAMAGE = 'apiVersion: v1\nclusters: [\n'

/** The same step where one thing is wrong, again and again: each failure has a code, its evidence and a cure. */
export async function failInManyWays(stage: Stage, screen: Screen): Promise<void> {
  screen.heading('When something is wrong')
  screen.say(
    'The same step, with one thing wrong at a time. Shown is what the log says at its end, without groups and without the line that repeats the error.',
  )
  const roleArn = stage.lab.aws.instance.roleArn
  for (const failure of FAILURES) {
    const inputs = await failure.arrange(stage)
    const work = stage.login({ ...stage.inputs, ...inputs })
    const login = await screen.during(failure.what, work)
    checkFailure(login, failure)
    screen.show(messageOf(login), heading(failure, inputs))
    stage.lab.aws.instance.roleArn = roleArn
    await stage.cluster.apply(dump(demoGrant.clusterroles))
  }
  const damaged = await readFile(join(stage.runner.workspace, DAMAGED), 'utf8')
  check(damaged === DAMAGE, 'The damaged kubeconfig should be as it was.')
  screen.passed(
    `${FAILURES.length} failures, each with the code that it should have. None of them gave later steps anything, and the damaged file is as it was.`,
  )
}

function heading({ what }: Failure, inputs: Inputs): string {
  const given = Object.entries(inputs).map(([name, value]) => `${name}: ${value}`)
  return given.length > 0 ? `${what} (${given.join(', ')})` : what
}

/** @throws Difference when it did not fail, not for this alone, or left anything for later steps */
function checkFailure(login: StepResult, { what, code }: Failure): void {
  checkStep(login, what, 1, [`##[error]${code}`, 'Cure:'])
  const codes = JSON.parse(login.outputs.report ?? '{}').failures.map(
    (failure: { code: string }) => failure.code,
  )
  check(codes.join() === code, `${what}: the codes should be ${code} alone, and are ${codes}.`)
  const handed = Object.keys({ ...login.env, ...login.state, ...login.outputs })
  check(handed.join() === 'report', `${what}: nothing but the report should be handed on, and ${handed} is.`)
}

/** The log from the error on, without groups and repetition. */
function messageOf({ log }: StepResult): string {
  const parts = logParts(log).filter(part => part.kind !== 'group')
  const errors = new Set(parts.flatMap(part => (part.kind === 'error' ? [part.text] : [])))
  const isNew = (part: LogPart) => part.kind !== 'line' || !errors.has(part.text)
  return renderParts(parts.filter(isNew), () => true)
}
