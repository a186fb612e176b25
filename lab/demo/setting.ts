import type { Screen } from './screen.ts'
import type { Stage } from './stage.ts'

/** What the story is told with, and on what. */
export function introduce({ tools, lab, cluster, milliseconds }: Stage, screen: Screen): void {
  screen.heading('What this machine has')
  screen.say(
    tools.aws.kind === 'usable'
      ? `aws: ${tools.aws.version}. The kubeconfig will run aws eks get-token.`
      : `aws: ${tools.aws.why}. The kubeconfig will run the action's own signer (token-provider: builtin).`,
  )
  screen.say(
    tools.kubectl.kind === 'usable'
      ? `kubectl: ${tools.kubectl.version}. Later steps run it.`
      : `kubectl: ${tools.kubectl.why}. Later steps run lab/runner/list.ts, a client that does with a kubeconfig what kubectl does with it.`,
  )

  screen.heading('The lab')
  screen.say(
    `An AWS that verifies every signature, and a Kubernetes API server that asks it who signed, are up after ${Math.round(milliseconds)} ms. All that follows is done by them and by the action as it is released; nothing leaves this machine.`,
  )
  screen.show(
    [
      `instance metadata  ${lab.aws.metadataEndpoint}`,
      `EKS API            ${lab.aws.eksEndpoint}`,
      `cluster ${cluster.name.padEnd(10)} ${cluster.endpoint}`,
    ].join('\n'),
  )
}
