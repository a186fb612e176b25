import { within } from './aws/bounds.ts'
import { type Credentials, findCredentials } from './aws/credentials.ts'
import type { Inputs } from './inputs.ts'
import type { Run } from './run.ts'

/** The runner's own AWS credentials, masked before anybody has them. */
export interface RunnerCredentials {
  /**
   * Sought once for all clusters of a region: only the STS call of a profile or web identity depends on where.
   *
   * @throws AwsProblem no-credentials, credentials-failed, credentials-refused, credentials-expired, timed-out
   */
  in(region: string): Promise<Credentials>
  /** Sought anew, as the instance's are renewed every few hours. */
  again(region: string): Promise<Credentials>
}

/** Of the source that the input credential-source allows; nothing is sought yet. */
export function runnerCredentials({ credentialSource }: Inputs, run: Run): RunnerCredentials {
  const found = new Map<string, Promise<Credentials>>()
  const again = async (region: string) => {
    const finding = findCredentials(credentialSource, run.env, region)
    const bounded = within('the search for credentials', run, finding)
    const credentials = await run.time('credentials', bounded)
    const { secretAccessKey, sessionToken } = credentials.identity
    await run.mask([secretAccessKey, sessionToken])
    return credentials
  }
  return {
    again,
    in(region) {
      const known = found.get(region) ?? again(region)
      found.set(region, known)
      return known
    },
  }
}
