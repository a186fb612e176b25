import { type Cluster, describeCluster } from '../aws/cluster.ts'
import type { Credentials } from '../aws/credentials.ts'
import { getTokenCommand, makeToken } from '../aws/get-token.ts'
import type { Target } from '../aws/target.ts'
import { accessKeyOf, checkAccessKey } from '../aws/token.ts'
import { connectTo, noteCluster } from '../described-cluster.ts'
import type { About, Failure } from '../diagnosis/failure.ts'
import type { Scene } from '../diagnosis/investigate.ts'
import type { ApiClient } from '../kube/client.ts'
import { runExec } from '../kube/exec.ts'
import type { ExecCredential } from '../kube/exec-credential.ts'
import type { Run } from '../run.ts'
import { type RunnerCredentials, runnerCredentials } from '../runner-credentials.ts'
import type { GrantInputs } from './inputs.ts'

/** The administrator in the cluster: whoever the job is, with whatever credentials it has. */
export class Administrator {
  readonly #target: Target
  readonly #inputs: GrantInputs
  readonly #run: Run
  readonly #found: RunnerCredentials
  /** What is known once something fails. */
  readonly #about: About
  readonly #scene: Scene

  /** Nothing is asked yet. */
  constructor(target: Target, inputs: GrantInputs, run: Run) {
    const { name: cluster, region, arn } = target
    this.#target = target
    this.#inputs = inputs
    this.#run = run
    this.#found = runnerCredentials({ credentialSource: 'any' }, run)
    this.#about = { cluster, region, isGrant: true, ...(arn ? { arn } : {}) }
    const own = () => this.credentials()
    this.#scene = { run, credentials: own, describer: own }
  }

  /** @throws AwsProblem */
  credentials(): Promise<Credentials> {
    return this.#found.in(this.#target.region)
  }

  /** @throws AwsProblem */
  async describe(): Promise<Cluster> {
    const describing = this.credentials().then(own => describeCluster(this.#target, own, this.#run))
    const cluster = await this.#run.time('describe cluster', describing)
    noteCluster(this.#about, this.#scene, cluster)
    return cluster
  }

  /**
   * A token such as a login would make. Region and name are enough for it, so it can be begun before the cluster is
   * described, but for a local cluster on Outposts.
   *
   * @throws AwsProblem, KubeProblem
   */
  token(named: { name: string } | { id: string } = { name: this.#target.name }): Promise<ExecCredential> {
    return this.#run.time('exec credential', this.#makeToken(named))
  }

  async #makeToken(cluster: { name: string } | { id: string }): Promise<ExecCredential> {
    const request = { region: this.#target.region, cluster }
    const { tokenProvider, profile } = this.#inputs
    const { env } = this.#run
    if (tokenProvider === 'builtin') return makeToken(request, await this.credentials(), env)
    return runExec(getTokenCommand(request, profile), env, this.#run)
  }

  /**
   * The way to the API server, as whoever the token says.
   *
   * @throws AwsProblem identity-differs; what `early` rejects with
   */
  async api(cluster: Cluster, early: Promise<ExecCredential>): Promise<ApiClient> {
    const connection = connectTo(cluster, this.#run)
    const { outpostId } = cluster
    const { token } = await (outpostId ? this.token({ id: outpostId }) : early)
    await this.#run.mask([token])
    const again = () => this.#found.again(this.#target.region)
    const asked = { credentialSource: 'any', roleArn: undefined } as const
    await checkAccessKey(accessKeyOf(token) ?? '', asked, await this.credentials(), again)
    return connection.as(token)
  }

  /** What an error, or several in one, amounts to, looked into as after a login that failed. */
  async failuresOf(error: unknown): Promise<Failure[]> {
    const { grantFailures } = await import('../diagnosis/grant.ts')
    const errors = error instanceof AggregateError ? error.errors : [error]
    const failures = errors.map(one => grantFailures(one, this.#about, this.#scene))
    return (await Promise.all(failures)).flat()
  }
}
