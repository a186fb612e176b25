import { availableParallelism } from 'node:os'
import pLimit from 'p-limit'
import type { Credentials } from './aws/credentials.ts'
import {
  getTokenCommand,
  makeToken,
  signerCommand,
  type TokenRequest,
  tokenCredentials,
} from './aws/get-token.ts'
import type { Target } from './aws/target.ts'
import type { Inputs } from './inputs.ts'
import { type ExecConfig, runExec } from './kube/exec.ts'
import type { ExecCredential } from './kube/exec-credential.ts'
import type { Run } from './run.ts'
import type { Signer } from './signer.ts'

/** What makes tokens: for later steps the exec block that it is written as, and for this one a first credential. */
export interface TokenProvider {
  /** @param outpostId of a local cluster on Outposts, whose token names it in place of the cluster's name */
  execBlock(target: Target, outpostId?: string): ExecConfig
  /**
   * A credential such as the exec block gives. Nobody needs to wait for it at once: a failure is met by whoever does.
   *
   * @param own the runner's credentials, for a provider that needs them
   * @throws AwsProblem, KubeProblem
   */
  credential(target: Target, own: () => Promise<Credentials>, outpostId?: string): Promise<ExecCredential>
  /** What the exec block runs, where it has to be put somewhere. */
  signer?: Signer
}

/** Chooses what makes tokens, as the input token-provider says. */
export async function tokenProvider(inputs: Inputs, run: Run): Promise<TokenProvider> {
  return inputs.tokenProvider === 'builtin' ? builtin(inputs, run) : awsCli(inputs, run)
}

/** The AWS CLI: the credential comes from the exec block itself, run as kubectl runs it. */
function awsCli(inputs: Inputs, run: Run): TokenProvider {
  // The AWS CLI computes all the time that it runs: with as many at once as there are clusters, none would be ready in
  // time, and all would be in memory.
  const limit = pLimit(Math.max(2, availableParallelism()))
  const execBlock = (target: Target, outpostId?: string) =>
    getTokenCommand(request(inputs, target, outpostId), inputs.profile)
  return {
    execBlock,
    credential(target, _own, outpostId) {
      return timed(run, target, limit(runExec, execBlock(target, outpostId), run.env, run))
    },
  }
}

/** The action's own signer, which signs here without a process, by the code that the exec block will run. */
async function builtin(inputs: Inputs, run: Run): Promise<TokenProvider> {
  const { loadSigner } = await import('./signer.ts')
  const signer = await loadSigner(inputs.kubeconfig)
  return {
    signer,
    execBlock(target, outpostId) {
      return signerCommand(signer, request(inputs, target, outpostId), inputs)
    },
    credential(target, own, outpostId) {
      const making = async () => {
        const wanted = request(inputs, target, outpostId)
        const found = await own()
        const credentials = await tokenCredentials(wanted, found, run)
        const { secretAccessKey, sessionToken } = credentials.identity
        if (credentials !== found) await run.mask([secretAccessKey, sessionToken])
        return makeToken(wanted, credentials, run.env)
      }
      return timed(run, target, making())
    },
  }
}

function request({ roleArn }: Inputs, { region, name }: Target, id: string | undefined): TokenRequest {
  return { region, cluster: id ? { id } : { name }, roleArn }
}

function timed(run: Run, target: Target, making: Promise<ExecCredential>): Promise<ExecCredential> {
  const credential = run.time('exec credential', making, target.name)
  credential.catch(() => {})
  return credential
}
