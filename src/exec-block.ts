import { getTokenCommand } from './aws/get-token.ts'
import type { Target } from './aws/target.ts'
import type { Inputs } from './inputs.ts'
import { type ExecConfig, type ExecCredential, runExec } from './kube/exec.ts'
import type { Run } from './run.ts'

/** What goes into the exec block, and what is run here: AWS knows the command, Kubernetes how it is run. */
export function execBlock(target: Target, { roleArn, profile }: Inputs, outpostId?: string): ExecConfig {
  return getTokenCommand(target, { id: outpostId, roleArn, profile })
}

/**
 * A credential from the exec block. Nobody needs to wait for it at once: a failure is met by whoever does.
 *
 * @param outpostId of a local cluster on Outposts, whose token names it in place of the cluster's name
 * @throws KubeProblem exec-not-found, exec-failed, exec-timed-out, exec-not-a-credential
 */
export function execCredential(
  target: Target,
  inputs: Inputs,
  run: Run,
  outpostId?: string,
): Promise<ExecCredential> {
  const running = runExec(execBlock(target, inputs, outpostId), run.env, run)
  const credential = run.time('exec credential', running, target.name)
  credential.catch(() => {})
  return credential
}
