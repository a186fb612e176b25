import { join } from 'node:path'
import { styleText } from 'node:util'
import type { StepResult } from '../runner/runner.ts'
import { checkStep } from './check.ts'
import type { Screen } from './screen.ts'
import type { Stage } from './stage.ts'

/** Steps after the login: one that the role may do, and two that it may not. */
export async function listThings(stage: Stage, screen: Screen): Promise<void> {
  screen.heading('Later steps of the job')
  screen.say('They find the kubeconfig by KUBECONFIG, and the cluster decides.')
  for (const { resource, code, says } of EXPECTED) {
    const { command, step } = await screen.during(`Listing ${resource}`, list(stage, resource))
    checkStep(step, command, code, says)
    screen.show(result(step).join('\n'), `- run: ${command}`)
  }
  screen.passed(
    'Namespaces are listed; pods and configmaps are Forbidden, which is what the administrator said.',
  )
}

const EXPECTED = [
  { resource: 'namespaces', code: 0, says: ['default', 'kube-system'] },
  { resource: 'pods', code: 1, says: ['(Forbidden)', 'User "demo" cannot list resource "pods"'] },
  { resource: 'configmaps', code: 1, says: ['(Forbidden)', 'User "demo" cannot list resource "configmaps"'] },
] as const

/** The client in place of kubectl. */
export const LIST = join(import.meta.dirname, '..', 'runner', 'list.ts')

/** Lists a resource as a later step does, by kubectl where there is one. */
export async function list(
  { tools, step }: Stage,
  resource: string,
): Promise<{ command: string; step: StepResult }> {
  return tools.kubectl.kind === 'usable'
    ? { command: `kubectl get ${resource}`, step: await step('kubectl', ['get', resource]) }
    : {
        command: `node lab/runner/list.ts ${resource}`,
        step: await step(process.execPath, [LIST, resource]),
      }
}

/** Its lines, and the one that a runner adds to those of a step that failed. */
function result({ log, code }: StepResult): string[] {
  const lines = log.trimEnd().split('\n')
  return code === 0 ? lines : [...lines, styleText('red', `Error: Process completed with exit code ${code}.`)]
}
