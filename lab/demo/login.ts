import { readFile } from 'node:fs/promises'
import { styleText } from 'node:util'
import { dump } from 'js-yaml'
import type { StepResult } from '../runner/runner.ts'
import { check, checkStep } from './check.ts'
import { logParts, renderParts } from './log-view.ts'
import { renderMarkdown } from './markdown.ts'
import type { Screen } from './screen.ts'
import { checkNoSecret } from './secrets.ts'
import type { Inputs, Stage } from './stage.ts'

/** The login step: what a workflow says, and what its run shows. */
export async function logIn(stage: Stage, screen: Screen): Promise<void> {
  screen.heading('The login step')
  screen.say('A workflow says:')
  screen.show(stepYaml(stage.inputs))
  const login = await screen.during('The login step runs', stage.login(stage.inputs))
  await checkLogin(stage, login)

  screen.say(
    `Its log, after ${Math.round(login.milliseconds)} ms. Groups that a page of GitHub shows folded are open here but for the last; the certificate is short in the log itself:`,
  )
  screen.show(renderParts(logParts(login.log), title => title === 'Timings'))
  screen.passed(
    `The kubeconfig holds none of the ${stage.lab.aws.identities.secrets().length} secrets that this AWS has issued, and nothing that looks like one; neither do log, summary and outputs.`,
  )
  screen.say('Its job summary:')
  screen.show(renderMarkdown(login.summary, screen.width))
  screen.say('Its outputs (report in short):')
  screen.show(outputs(login))
}

/** A step of a workflow that uses the login, or another action of this repository. */
export function stepYaml(inputs: Inputs, uses = './'): string {
  return dump([{ uses, with: inputs }])
}

async function checkLogin({ lab }: Stage, login: StepResult): Promise<void> {
  checkStep(login, 'The login step', 0, ['pass  can-i list namespaces', 'pass  can-i list pods'])
  const { kubeconfig = '', username, context } = login.outputs
  check(username === 'demo' && context === 'demo', 'The outputs should name the user and the context demo.')
  check(login.env.KUBECONFIG === kubeconfig, 'Later steps should be given the kubeconfig.')
  checkNoSecret(lab, kubeconfig, await readFile(kubeconfig, 'utf8'))
}

function outputs({ outputs }: StepResult): string {
  const width = Math.max(...Object.keys(outputs).map(name => name.length))
  const line = ([name, value]: [string, string]) => {
    const shown = name === 'report' ? `${value.slice(0, 50)}… (${value.length} characters)` : value
    return `${styleText('cyan', name.padEnd(width))}  ${shown}`
  }
  return Object.entries(outputs).map(line).join('\n')
}
