import { within } from './aws/bounds.ts'
import { type Credentials, findCredentials } from './aws/credentials.ts'
import { AwsProblem } from './aws/evidence.ts'
import type { Inputs } from './inputs.ts'
import type { Run } from './run.ts'

/** The runner's own AWS credentials, masked before anybody has them. */
export interface RunnerCredentials {
  /**
   * Sought once for all clusters of a region: only the STS call of a profile or web identity depends on where.
   *
   * @throws AwsProblem no-credentials, credentials-failed, credentials-refused, credentials-expired, credentials-timed-out
   */
  in(region: string): Promise<Credentials>
  /** Sought anew, as the instance's are renewed every few hours. */
  again(region: string): Promise<Credentials>
}

/** Of the source that the input credential-source allows; nothing is sought yet. */
export function runnerCredentials(
  { credentialSource }: Pick<Inputs, 'credentialSource'>,
  run: Run,
): RunnerCredentials {
  const found = new Map<string, Promise<Credentials>>()
  const again = async (region: string) => {
    let source = ''
    const finding = findCredentials(credentialSource, run.env, region, asked => {
      source = asked
    })
    const bounded = within(SEARCH, run, finding).catch(error => {
      throw isOver(error)
        ? new AwsProblem({ kind: 'credentials-timed-out', source, seconds: run.timeoutSeconds })
        : error
    })
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

const SEARCH = 'the search for credentials'

/** Whether it is the search whose time is over, and not a call within it. */
function isOver(error: unknown): boolean {
  const evidence = error instanceof AwsProblem ? error.evidence : null
  return evidence?.kind === 'timed-out' && evidence.asked === SEARCH
}
