import { delimiter } from 'node:path'
import type { LabCluster } from '../cluster.ts'
import type { Interruption } from './interruption.ts'
import { LIST } from './later-steps.ts'
import type { Screen } from './screen.ts'
import type { Stage } from './stage.ts'

/** Leaves the lab up until a signal comes, with the environment of a later step for another terminal. */
export async function leaveUp(
  { cluster, runner, tools }: Stage,
  screen: Screen,
  interruption: Interruption,
): Promise<void> {
  const { PATH = '', ...env } = runner.env()
  const ofJobsAlone = (name: string) => /^(CI|LANG|GITHUB_.*|RUNNER_.*)$/.test(name)
  const variables = {
    ...Object.fromEntries(Object.entries(env).filter(([name]) => !ofJobsAlone(name))),
    ADMIN_KUBECONFIG: cluster.adminKubeconfig,
  }
  screen.heading('Yours to play with')
  screen.say('In another terminal, this makes a shell what a later step is:')
  screen.show(
    [
      ...inTheWay(variables).map(SHELL.unset),
      ...Object.entries(variables).map(([name, value]) => SHELL.set(name, value)),
      SHELL.prepend('PATH', PATH),
    ].join('\n'),
  )
  screen.say('For example:')
  screen.show(examples(tools, cluster).join('\n'))
  const over = interruption.wait()
  screen.say('The lab is up until Ctrl-C.')
  await over
}

/** Variables of this shell, and so probably of the next, that would lead programs elsewhere. */
function inTheWay(variables: Readonly<Record<string, string>>): string[] {
  const leads = (name: string) => /^AWS_|^KUBE|_proxy$/i.test(name) && variables[name] === undefined
  return Object.keys(process.env).filter(leads).sort()
}

function examples({ aws, kubectl }: Stage['tools'], { name, region }: LabCluster): string[] {
  const admin = `--kubeconfig "${SHELL.use('ADMIN_KUBECONFIG')}"`
  return [
    ...(kubectl.kind === 'usable'
      ? ['kubectl get namespaces', `kubectl ${admin} get clusterrole demo -o yaml`]
      : [`node '${LIST}' namespaces`]),
    ...(aws.kind === 'usable' ? [`aws eks describe-cluster --region ${region} --name ${name}`] : []),
  ]
}

const POSIX = {
  set: (name: string, value: string) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`,
  prepend: (name: string, value: string) => `${POSIX.set(name, value)}"${delimiter}$${name}"`,
  unset: (name: string) => `unset ${name}`,
  use: (name: string) => `$${name}`,
}

const POWERSHELL: typeof POSIX = {
  set: (name, value) => `$env:${name} = '${value.replaceAll("'", "''")}'`,
  prepend: (name, value) => `${POWERSHELL.set(name, value)} + '${delimiter}' + $env:${name}`,
  unset: name => `Remove-Item Env:${name}`,
  use: name => `$env:${name}`,
}

const SHELL = process.platform === 'win32' ? POWERSHELL : POSIX
