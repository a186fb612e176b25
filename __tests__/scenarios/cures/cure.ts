import { setTimeout } from 'node:timers/promises'
import { dump, load } from 'js-yaml'
import type { LabCluster } from '../../../lab/cluster.ts'
import type { Runner, StepResult } from '../../../lab/runner/runner.ts'
import type { Failure, Paste } from '../../../src/diagnosis/failure.ts'
import type { Login, Scenario } from '../scenario.ts'

// A cure is proven by doing what it says: the text of the failure, word for word, and nothing beside it.

/** What a failure gives to paste in a language, in its order: of the cause it names, not of those it leaves open. */
export function pastes({ cure }: Failure, language: Paste['language']): string[] {
  return cure.flatMap(step => (typeof step === 'object' && step.language === language ? [step.text] : []))
}

/** The one text to paste in a language. @throws when there are none or several */
export function onlyPaste(failure: Failure, language: Paste['language']): string {
  const [text, ...others] = pastes(failure, language)
  if (text === undefined || others.length > 0)
    throw new Error(`${failure.code} has ${text === undefined ? 'no' : 'several'} ${language} to paste`)
  return text
}

/** Who may do all in the lab's AWS and in the scenario's cluster, at a terminal with kubectl and the AWS CLI. */
export type Administrator = {
  /** Runs lines of a shell as they are, and fails unless they succeed. */
  run(lines: string): Promise<StepResult>
  /** Applies a manifest with kubectl. */
  apply(manifest: string): Promise<StepResult>
}

/** An administrator of a scenario, and of its first cluster unless another is given. Needs kubectl and the AWS CLI on the lab's PATH, as beside a real cluster. */
export async function administrator(at: Scenario, cluster: LabCluster = at.cluster): Promise<Administrator> {
  const { identities, instance } = at.lab.aws
  const name = `admin-${++count}`
  const everything = { Statement: [{ Effect: 'Allow' as const, Action: '*', Resource: '*' }] }
  const { arn } = identities.createUser({ name, policies: { everything } })
  const { accessKeyId, secretAccessKey } = identities.createAccessKey(arn)
  const terminal: Runner = await at.anotherRunner()
  const env = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: instance.region,
    KUBECONFIG: cluster.adminKubeconfig,
  }
  const run = async (lines: string) => {
    const result = await terminal.step('bash', ['-euo', 'pipefail', '-c', lines], { env })
    if (result.code !== 0)
      throw new Error(`the administrator's lines ended with ${result.code}:\n${result.log}`)
    return result
  }
  return {
    run,
    apply: manifest => run(`kubectl apply -f - <<'MANIFEST'\n${manifest}\nMANIFEST`),
  }
}

let count = 0

/** The step of a possibility that is to be pasted, of the one whose cause is so worded. @throws when there is none */
export function pasteOfPossibility({ otherwise = [] }: Failure, cause: RegExp): string {
  const steps = otherwise.find(possibility => cause.test(possibility.cause))?.cure ?? []
  const paste = steps.find(step => typeof step === 'object')
  if (!paste) throw new Error(`no possibility whose cause is ${cause} has something to paste`)
  return paste.text
}

type List = 'mapRoles' | 'mapUsers'

/** Adds lines to a list of aws-auth, as a person does in an editor: behind what is there, as they are. */
export async function addToAwsAuth(admin: Administrator, list: List, lines: string): Promise<void> {
  await editAwsAuth(admin, list, text => `${text.trimEnd()}\n${lines}\n`)
}

/** Makes the entry of a role in aws-auth what is given. */
export async function changeInAwsAuth(admin: Administrator, list: List, lines: string): Promise<void> {
  const [entry] = load(lines) as [{ rolearn: string }]
  await editAwsAuth(admin, list, text => {
    const entries = load(text) as { rolearn: string }[]
    return dump(entries.map(one => (one.rolearn === entry.rolearn ? entry : one)))
  })
}

async function editAwsAuth(
  { run }: Administrator,
  list: List,
  edit: (text: string) => string,
): Promise<void> {
  const { log } = await run('kubectl -n kube-system get configmap aws-auth -o json')
  // A shell may have something to say before.
  const { data = {} } = JSON.parse(log.slice(log.indexOf('{')))
  const patch = JSON.stringify({ data: { [list]: edit(data[list] ?? '') } })
  await run(
    `kubectl -n kube-system patch configmap aws-auth --type merge --patch-file /dev/stdin <<'P'\n${patch}\nP`,
  )
}

/** The first login that passes, or the last of many that do not: what is changed counts a moment later. */
export async function untilPassed(login: () => Promise<Login>): Promise<Login> {
  for (let tries = 0; ; tries++) {
    const outcome = await login()
    if (outcome.code === 0 || tries === 20) return outcome
    await setTimeout(500)
  }
}
