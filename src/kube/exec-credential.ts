import { KubeProblem } from './evidence.ts'

// The contract between kubectl and what makes its tokens
// (https://kubernetes.io/docs/reference/config-api/client-authentication.v1beta1/), read and written.

/** The status of an ExecCredential: the one that a bearer token comes in. */
export interface ExecCredential {
  token: string
  /** RFC 3339; absent when the plugin gave none */
  expirationTimestamp?: string
}

export const EXEC_API_VERSION = 'client.authentication.k8s.io/v1beta1'
const API_VERSIONS = [EXEC_API_VERSION, 'client.authentication.k8s.io/v1']

/**
 * Reads what an exec block's command printed.
 *
 * @param command for the evidence
 * @throws KubeProblem exec-not-a-credential
 */
export function readExecCredential(stdout: string, command: string): ExecCredential {
  const refuse = (problem: string) => new KubeProblem({ kind: 'exec-not-a-credential', command, problem })
  let printed: {
    kind?: unknown
    apiVersion?: unknown
    status?: { token?: unknown; expirationTimestamp?: unknown }
  }
  try {
    printed = JSON.parse(stdout)
  } catch {
    // What it printed may be half a token: the evidence says its size, not its text.
    throw refuse(stdout.trim() === '' ? 'it printed nothing' : `its ${stdout.length} characters are not JSON`)
  }
  if (printed?.kind !== 'ExecCredential') throw refuse('what it printed is not of kind ExecCredential')
  if (printed.apiVersion !== EXEC_API_VERSION) {
    throw refuse(`its apiVersion is ${JSON.stringify(printed.apiVersion)}, not ${EXEC_API_VERSION}`)
  }
  const { token, expirationTimestamp } = printed.status ?? {}
  if (typeof token !== 'string' || token === '') throw refuse('it holds no token')
  return typeof expirationTimestamp === 'string' ? { token, expirationTimestamp } : { token }
}

/**
 * An ExecCredential as JSON, in the version of the API that the client asks for.
 *
 * @param execInfo KUBERNETES_EXEC_INFO; where it is absent, unreadable or of another version, v1beta1 is made
 */
export function printExecCredential(status: ExecCredential, execInfo: string | undefined): string {
  const asked = apiVersionIn(execInfo)
  const apiVersion = API_VERSIONS.find(version => version === asked) ?? EXEC_API_VERSION
  return JSON.stringify({ kind: 'ExecCredential', apiVersion, spec: {}, status })
}

function apiVersionIn(execInfo = ''): unknown {
  try {
    return JSON.parse(execInfo)?.apiVersion
  } catch {
    return undefined
  }
}
