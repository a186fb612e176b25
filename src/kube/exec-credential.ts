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
  const refuse = (problem: string, found: { apiVersion?: string } = {}) =>
    new KubeProblem({ kind: 'exec-not-a-credential', command, problem, ...found })
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
    const { apiVersion } = printed
    const told = typeof apiVersion === 'string' ? apiVersion.slice(0, 80) : apiVersion
    const found = typeof told === 'string' ? { apiVersion: told } : {}
    throw refuse(`its apiVersion is ${JSON.stringify(told)?.slice(0, 82)}, not ${EXEC_API_VERSION}`, found)
  }
  const { token, expirationTimestamp } = printed.status ?? {}
  if (typeof token !== 'string' || token === '') throw refuse('it holds no token')
  // It goes into a header, in which anything else would end the request with an error of its own.
  if (!/^[\x21-\x7e]+$/.test(token)) throw refuse('its token is none that a request can carry')
  if (expirationTimestamp !== undefined && Number.isNaN(Date.parse(String(expirationTimestamp))))
    throw refuse('its expirationTimestamp is no time')
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
