import { writeFileSync } from 'node:fs'
import { within } from './aws/bounds.ts'
import { findCredentials } from './aws/credentials.ts'
import { makeToken, tokenCredentials } from './aws/get-token.ts'
import { printExecCredential } from './kube/exec-credential.ts'
import { readArguments } from './token-arguments.ts'

// The builtin signer: the program that an exec block of `token-provider: builtin` runs, in place of
// `aws eks get-token`. kubectl waits for it on each of its calls, so it starts with what the credentials of the
// environment or the instance need; all else is loaded when it is met.

const STDOUT = 1

try {
  const { request, credentialSource, timeoutSeconds } = readArguments(process.argv.slice(2))
  const run = { env: process.env, timeoutSeconds, signal: new AbortController().signal }
  const finding = findCredentials(credentialSource, run.env, request.region)
  const own = await within('the search for credentials', run, finding)
  const token = makeToken(request, await tokenCredentials(request, own, run), run.env)
  // Not process.stdout, which loads all of sockets for a pipe.
  writeFileSync(STDOUT, `${printExecCredential(token, run.env.KUBERNETES_EXEC_INFO)}\n`)
} catch (error) {
  const { explain } = await import('./report/explain.ts')
  // What was out of time may still be under way, and kubectl waits for the end of this process.
  process.stderr.write(explain(error), () => process.exit(1))
}
