import { type Cluster, describeCluster } from './aws/cluster.ts'
import type { Credentials } from './aws/credentials.ts'
import { AwsProblem } from './aws/evidence.ts'
import { assumeRole } from './aws/sts.ts'
import type { Target } from './aws/target.ts'
import { accessKeyOf, checkAccessKey } from './aws/token.ts'
import { connectTo, noteCluster } from './described-cluster.ts'
import type { About, Evidence, Failure } from './diagnosis/failure.ts'
import type { Scene } from './diagnosis/investigate.ts'
import type { Inputs } from './inputs.ts'
import type { Connection } from './kube/client.ts'
import { KubeProblem } from './kube/evidence.ts'
import type { ExecConfig } from './kube/exec.ts'
import type { ExecCredential } from './kube/exec-credential.ts'
import { checkKubeconfig, type Found } from './kube/file.ts'
import { type KubeconfigEntry, merge, uniqueContexts } from './kube/kubeconfig.ts'
import { resolveRules } from './kube/resolve.ts'
import { type Identity, type Review, reviewRules, whoAmI } from './kube/reviews.ts'
import type { RuleMistake } from './kube/rules.ts'
import { scanKubeconfig } from './kube/secrets.ts'
import { differingIdentity, failedProbes, mistakenRules, type Probe, probe } from './kube/verdict.ts'
import type { ClusterReport } from './report/report.ts'
import type { Run } from './run.ts'
import type { RunnerCredentials } from './runner-credentials.ts'
import type { TokenProvider } from './token-provider.ts'

/** What one cluster's login starts from. */
export interface Start {
  target: Target
  credentials: RunnerCredentials
  provider: TokenProvider
  /** The provider's credential for the target, already being made. */
  early: Promise<ExecCredential>
}

/** What one cluster's login came to: entry and report once the cluster was asked. */
interface Proof {
  failures: Failure[]
  entry?: KubeconfigEntry
  report?: ClusterReport
}

/** What all clusters' logins came to. */
export interface Proven {
  failures: Failure[]
  reports: ClusterReport[]
  entries: KubeconfigEntry[]
  /** What there was of the kubeconfig when the login began. */
  found: Found
}

/**
 * All clusters, side by side, and that their entries can be put into the kubeconfig. Never rejects.
 *
 * @returns a report and an entry of each cluster that could be asked, with contexts that no two share
 */
export async function proveAll(starts: Start[], inputs: Inputs, run: Run): Promise<Proven> {
  const checking = checkKubeconfig(inputs.kubeconfig).then(
    found => ({ failures: [], found }),
    async error => {
      const { stepFailures } = await import('./diagnosis/diagnose.ts')
      return { failures: stepFailures(error), found: { file: true, folder: true } }
    },
  )
  const proofs = await Promise.all(starts.map((start, index) => prove(start, inputs, run, index === 0)))
  const entries = uniqueContexts(proofs.flatMap(({ entry }) => entry ?? []))
  const reports = proofs.flatMap(({ report }) => report ?? [])
  const file = await checking
  return {
    found: file.found,
    failures: [...file.failures, ...proofs.flatMap(({ failures }) => failures)],
    reports: reports.map((report, index) => ({
      ...report,
      context: entries[index]?.context ?? report.context,
    })),
    entries,
  }
}

/**
 * One cluster, from its name to the proof of what the role may do there. What goes wrong is explained by a chunk of its
 * own, which a login that passes does not load. Never rejects.
 */
async function prove(start: Start, inputs: Inputs, run: Run, first: boolean): Promise<Proof> {
  const { name: cluster, region, arn } = start.target
  const { roleArn, assumeRoleArn, expectUsername, expectGroups } = inputs
  const asked = given({ arn, tokenRole: roleArn, assumeRoleArn, expectUsername, expectGroups })
  const about: About = { cluster, region, ...asked }
  const credentials = () => start.credentials.in(region)
  const describer = once(async () => describerOf(start.target, await credentials(), inputs, run))
  const scene: Scene = { run, credentials, describer }
  try {
    const obtained = await obtain(start, describer, inputs, run, first)
    noteCluster(about, scene, obtained.cluster, inputs.proxyUrl)
    const { evidence, known, ...proof } = judge(obtained, await ask(obtained, inputs, run), inputs)
    if (evidence.length === 0) return { ...proof, failures: [] }
    const { lookInto } = await import('./diagnosis/investigate.ts')
    return { ...proof, failures: await lookInto(evidence, { ...about, ...known }, scene) }
  } catch (error) {
    const { failuresOf } = await import('./diagnosis/investigate.ts')
    const errors = [error, ...(await besides(error, start))]
    const failures = await Promise.all(errors.map(one => failuresOf(one, about, scene)))
    return { failures: failures.flat() }
  }
}

/** Does it the first time that somebody wants it, and no more. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | undefined
  return () => {
    begun ??= work()
    return begun
  }
}

/** Without what is undefined. */
function given<Given extends object>(all: Given): { [Key in keyof Given]?: NonNullable<Given[Key]> } {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as never
}

/**
 * What is wrong with the exec block, too, whatever else went wrong, so that nobody has to run the job once more to learn
 * it. Without credentials its command fails for want of them, and only that it is missing or too old is news; that it
 * was slow is none beside anything, as what made the rest fail may have held it up.
 */
async function besides(error: unknown, { early, credentials, target }: Start): Promise<unknown[]> {
  const [made, found] = await Promise.allSettled([early, credentials.in(target.region)])
  if (made.status === 'fulfilled' || made.reason === error) return []
  if (!(made.reason instanceof AwsProblem || made.reason instanceof KubeProblem)) return []
  const { kind } = made.reason.evidence
  if (kind === 'exec-timed-out') return []
  const isNews = found.status === 'fulfilled' || kind === 'exec-not-found' || kind === 'exec-not-a-credential'
  return isNews ? [made.reason] : []
}

/* The AWS half: credentials, cluster, token. */

interface Obtained {
  credentials: Credentials
  cluster: Cluster
  entry: KubeconfigEntry
  credential: ExecCredential
  connection: Connection
}

async function obtain(
  start: Start,
  describer: () => Promise<Credentials>,
  inputs: Inputs,
  run: Run,
  first: boolean,
): Promise<Obtained> {
  const { target, provider, early } = start
  const own = () => start.credentials.in(target.region)
  const credentials = await own()
  const describing = describer().then(own => describeCluster(target, own, run))
  const cluster = await run.time('describe cluster', describing, target.name)
  const entry = entryOf(start, cluster, inputs)
  const connection = connectTo(cluster, run, inputs.proxyUrl)
  if (first) await rehearse(inputs.kubeconfig, entry)

  // The token of a local cluster on Outposts names its id, which is known only now.
  const { outpostId } = cluster
  const credential = await (outpostId ? provider.credential(target, own, outpostId) : early)
  await run.mask([credential.token])
  const again = () => start.credentials.again(target.region)
  await checkAccessKey(accessKey(credential, entry.user.exec), inputs, credentials, again)
  return { credentials, cluster, entry, credential, connection }
}

/** Whose credentials may describe the cluster. */
async function describerOf(
  target: Target,
  own: Credentials,
  { assumeRoleArn }: Inputs,
  run: Run,
): Promise<Credentials> {
  if (!assumeRoleArn) return own
  const session = `eks-login-${run.env.GITHUB_RUN_ID ?? process.pid}`
  const credentials = await assumeRole(assumeRoleArn, own, target.region, session, run)
  await run.mask([credentials.identity.secretAccessKey, credentials.identity.sessionToken])
  return credentials
}

function entryOf({ target, provider }: Start, cluster: Cluster, inputs: Inputs): KubeconfigEntry {
  const { arn, endpoint: server, certificateAuthorityData, outpostId } = cluster
  const { alias, userAlias, namespace, proxyUrl } = inputs
  return {
    context: alias ?? target.name,
    ...(namespace ? { namespace } : {}),
    cluster: { name: arn, server, certificateAuthorityData, ...(proxyUrl ? { proxyUrl } : {}) },
    user: { name: userAlias ?? arn, exec: provider.execBlock(target, outpostId) },
  }
}

/**
 * Takes an entry through all that the kubeconfig's text will go through. Code that runs for the first time is slow;
 * while the AWS CLI makes the token, or at least the API server shakes hands, there is nothing else to do.
 *
 * @throws KubeProblem kubeconfig-secret
 */
async function rehearse(file: string, entry: KubeconfigEntry): Promise<void> {
  await scanKubeconfig(file, await merge(file, null, [entry]), [entry])
}

function accessKey({ token }: ExecCredential, { command }: ExecConfig): string {
  const accessKeyId = accessKeyOf(token)
  if (accessKeyId) return accessKeyId
  throw new KubeProblem({ kind: 'exec-not-a-credential', command, problem: 'its token is none of EKS' })
}

/* The Kubernetes half: who are we, and what may we do. */

interface Asked {
  who: Identity | null
  probes: Probe[]
  /** What the probes were made of, in their order. */
  reviews: Review[]
  mistakes: RuleMistake[]
}

async function ask({ connection, credential, entry }: Obtained, inputs: Inputs, run: Run): Promise<Asked> {
  const time = <T>(name: string, work: Promise<T>) => run.time(name, work, entry.context)
  const api = connection.as(credential.token)
  try {
    const rules = [...inputs.can, ...inputs.cannot]
    const [who, { resolved, mistakes }] = await Promise.all([
      time('who am i', whoAmI(api)),
      time('resolve rules', resolveRules(api, rules, inputs.namespace ?? 'default')),
    ])
    const reviews = await time('access reviews', reviewRules(api, resolved))
    const wanted = new Set(inputs.can)
    const probes = reviews.map(review => probe(review, wanted.has(review.rule.rule) ? 'yes' : 'no'))
    return { who, probes, reviews, mistakes }
  } finally {
    api.close()
  }
}

/* What was found, held against what was asked for. */

interface Judged {
  report: ClusterReport
  entry: KubeconfigEntry
  /** Of all that is not as it was asked for. */
  evidence: Evidence[]
  /** What the cluster said of us. */
  known: Pick<About, 'username' | 'groups' | 'roleArn' | 'sessionName'>
}

function judge(obtained: Obtained, { who, probes, reviews, mistakes }: Asked, inputs: Inputs): Judged {
  const { cluster, entry, credentials, credential } = obtained
  const roleArn = who?.extra.canonicalArn?.[0] ?? null
  const sessionName = who?.extra.sessionName?.[0]
  const known = given({
    username: who?.username,
    groups: who?.groups,
    roleArn: roleArn ?? undefined,
    sessionName,
  })
  const evidence = [
    ...mistakenRules(mistakes),
    ...differingIdentity(who, { username: inputs.expectUsername, groups: inputs.expectGroups }),
    ...failedProbes(probes, reviews),
  ]
  const report: ClusterReport = {
    name: cluster.name,
    arn: cluster.arn,
    region: cluster.region,
    context: entry.context,
    server: cluster.endpoint,
    version: cluster.version,
    status: cluster.status,
    authenticationMode: cluster.authenticationMode,
    credentials: { source: credentials.source, accessKeyId: credentials.identity.accessKeyId },
    username: who?.username ?? null,
    groups: who?.groups ?? [],
    roleArn,
    tokenExpires: credential.expirationTimestamp ?? null,
    probes,
  }
  return { report, entry, evidence, known }
}
