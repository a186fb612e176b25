/** What the story is played on: a lab with one cluster, and one job on a runner. */
import { basename, join } from 'node:path'
import type { Role } from '../aws/identities.ts'
import type { LabCluster } from '../cluster.ts'
import { type Lab, startLab } from '../lab.ts'
import { createRunner, type Runner, type StepResult } from '../runner/runner.ts'
import { checkNoSecretIn } from './secrets.ts'
import { findTools, type Tool, type ToolName, tryTools } from './tools.ts'

export type Inputs = Readonly<Record<string, string>>

export type Stage = {
  readonly lab: Lab
  readonly cluster: LabCluster
  readonly runner: Runner
  readonly tools: Readonly<Record<ToolName, Tool>>
  /** What the lab took to start. */
  readonly milliseconds: number
  /** What every login step is given, beside what it is about. */
  readonly inputs: Inputs
  /** Runs this action as a step, which shows and hands on no secret. @throws Difference */
  login(inputs: Inputs): Promise<StepResult>
  /** Runs the grant as a step of who made the cluster, which shows and hands on no secret. @throws Difference */
  grant(inputs: Inputs): Promise<StepResult>
  /** Runs a command as a later step. */
  step(command: string, args: readonly string[]): Promise<StepResult>
  /** A new role on the instance, which may do these actions of AWS. */
  putRole(name: string, actions: readonly string[]): Role
  /** Ends everything and removes its files. */
  close(): Promise<void>
}

/** The role that made the cluster, and is an administrator in it. */
const CREATOR = 'arn:aws:iam::111122223333:role/creator'

/** The folder of this action. */
const ACTION = join(import.meta.dirname, '..', '..')

/** @param signal after which no further step begins, and the one under way is the last */
export async function openStage(signal: AbortSignal): Promise<Stage> {
  const found = findTools()
  const programs = Object.fromEntries(Object.values(found).map(path => [basename(path), path]))
  const begun = performance.now()
  const lab = await startLab({
    kubernetes: 'embedded',
    programs,
    clusters: [{ name: 'demo', creator: CREATOR }],
  })
  const milliseconds = performance.now() - begun
  const [cluster] = lab.clusters
  if (cluster === undefined) throw new Error('a lab without a cluster')
  const runner = await createRunner({ env: lab.env })
  const unlessAborted = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work
    signal.throwIfAborted()
    return result
  }
  const close = async () => {
    await runner.close()
    await lab.stop()
  }
  putRole(lab, 'creator', ['eks:*'])
  try {
    const tools = await unlessAborted(tryTools(runner, found))
    const provider = tools.aws.kind === 'usable' ? {} : { 'token-provider': 'builtin' }
    return {
      ...{ lab, cluster, runner, tools, milliseconds, close },
      inputs: { 'cluster-name': cluster.name, ...provider },
      async login(inputs) {
        const step = await unlessAborted(runner.run({ action: ACTION, inputs }))
        checkNoSecretIn(lab, step)
        return step
      },
      async grant(inputs) {
        const { instance } = lab.aws
        const own = instance.roleArn
        instance.roleArn = CREATOR
        const step = await unlessAborted(runner.run({ action: join(ACTION, 'grant'), inputs }))
        instance.roleArn = own
        checkNoSecretIn(lab, step)
        return step
      },
      step: (command, args) => unlessAborted(runner.step(command, args)),
      putRole: (name, actions) => putRole(lab, name, actions),
    }
  } catch (error) {
    await close()
    throw error
  }
}

const VERSION = '2012-10-17'

function putRole({ aws }: Lab, name: string, actions: readonly string[]): Role {
  const allowed = {
    Version: VERSION,
    Statement: [{ Effect: 'Allow', Action: [...actions], Resource: '*' }],
  } as const
  const role = aws.identities.createRole({
    name,
    trust: {
      Version: VERSION,
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
    policies: actions.length > 0 ? { allowed } : {},
  })
  aws.instance.roleArn = role.arn
  return role
}
