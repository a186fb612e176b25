import { within } from './aws/calls.ts'
import { type Cluster, describeCluster } from './aws/cluster.ts'
import { type Credentials, findCredentials } from './aws/credentials.ts'
import { assumeRole, whoSigns } from './aws/sts.ts'
import type { Target } from './aws/target.ts'
import { checkSigner, signerOf } from './aws/token.ts'
import { diagnose, failureOf } from './diagnosis/diagnose.ts'
import type { About, Failure } from './diagnosis/failure.ts'
import { execBlock, execCredential } from './exec-block.ts'
import type { Inputs } from './inputs.ts'
import { ApiProblem } from './kube/answers.ts'
import { type Connection, openConnection } from './kube/client.ts'
import { KubeProblem } from './kube/evidence.ts'
import type { ExecConfig, ExecCredential } from './kube/exec.ts'
import type { KubeconfigEntry } from './kube/kubeconfig.ts'
import { resolveRules } from './kube/resolve.ts'
import { type Identity, reviewRules, whoAmI } from './kube/reviews.ts'
import type { RuleMistake } from './kube/rules.ts'
import { differingIdentity, failedProbes, mistakenRules, type Probe, probe } from './kube/verdict.ts'
import type { ClusterReport } from './report/report.ts'
import type { Run } from './run.ts'

/** What one cluster's login came to: a kubeconfig entry only when nothing failed. */
export interface Proof {
  failures: Failure[]
  entry?: KubeconfigEntry
  report?: ClusterReport
}

/**
 * One cluster, from its name to the proof of what the role may do there. Never rejects.
 *
 * @param early the exec block's credential, already being made
 */
export async function prove(
  target: Target,
  inputs: Inputs,
  run: Run,
  early: Promise<ExecCredential>,
): Promise<Proof> {
  const { name: cluster, region, arn } = target
  const about: About = { cluster, region, ...(arn ? { arn } : {}) }
  try {
    const obtained = await obtain(target, inputs, run, early)
    about.authenticationMode = obtained.cluster.authenticationMode
    const asked = await ask(obtained, inputs, run).catch(async error => {
      if (isUnauthorized(error))
        Object.assign(about, await roleBehind(obtained.credentials, target, inputs, run))
      throw error
    })
    return judge(obtained, asked, inputs, about)
  } catch (error) {
    return { failures: [failureOf(error, about)] }
  }
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
  target: Target,
  inputs: Inputs,
  run: Run,
  early: Promise<ExecCredential>,
): Promise<Obtained> {
  const time = <T>(name: string, work: Promise<T>) => run.time(name, work, target.name)
  const find = () =>
    within(
      'the search for credentials',
      run,
      findCredentials(inputs.credentialSource, run.env, target.region),
    )
  const credentials = await time('credentials', find())
  await run.mask([credentials.identity.secretAccessKey, credentials.identity.sessionToken])
  const cluster = await time('describe cluster', describe(target, credentials, inputs, run))
  const entry = entryOf(target, cluster, inputs)
  const connection = connect(cluster, inputs, run)

  // The token of a local cluster on Outposts names its id, which is known only now.
  const { outpostId } = cluster
  const credential = await (outpostId ? execCredential(target, inputs, run, outpostId) : early)
  await run.mask([credential.token])
  await checkSigner(signer(credential, entry.user.exec), inputs, credentials, find)
  return { credentials, cluster, entry, credential, connection }
}

async function describe(
  target: Target,
  own: Credentials,
  { assumeRoleArn }: Inputs,
  run: Run,
): Promise<Cluster> {
  if (!assumeRoleArn) return describeCluster(target, own, run)
  const session = `eks-login-${run.env.GITHUB_RUN_ID ?? process.pid}`
  const credentials = await assumeRole(assumeRoleArn, own, target.region, session, run)
  await run.mask([credentials.identity.secretAccessKey, credentials.identity.sessionToken])
  return describeCluster(target, credentials, run)
}

function entryOf(target: Target, cluster: Cluster, inputs: Inputs): KubeconfigEntry {
  const { arn, endpoint: server, certificateAuthorityData, outpostId } = cluster
  const { alias, userAlias, namespace, proxyUrl } = inputs
  return {
    context: alias ?? target.name,
    ...(namespace ? { namespace } : {}),
    cluster: { name: arn, server, certificateAuthorityData, ...(proxyUrl ? { proxyUrl } : {}) },
    user: { name: userAlias ?? arn, exec: execBlock(target, inputs, outpostId) },
  }
}

/** Starts now, so that the handshake is over when the token arrives. */
function connect(
  { endpoint: server, certificateAuthorityData }: Cluster,
  { proxyUrl }: Inputs,
  run: Run,
): Connection {
  const certificateAuthority = Buffer.from(certificateAuthorityData, 'base64').toString('utf8')
  return openConnection({ server, certificateAuthority, ...(proxyUrl ? { proxyUrl } : {}) }, run)
}

function signer({ token }: ExecCredential, { command }: ExecConfig): string {
  const accessKeyId = signerOf(token)
  if (accessKeyId) return accessKeyId
  throw new KubeProblem({ kind: 'exec-not-a-credential', command, problem: 'its token is none of EKS' })
}

/* The Kubernetes half: who are we, and what may we do. */

interface Asked {
  who: Identity | null
  probes: Probe[]
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
    return { who, probes, mistakes }
  } finally {
    api.close()
  }
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof ApiProblem && error.evidence.kind === 'unauthorized'
}

/** The role that the cluster refused; asked of AWS only after it did. */
async function roleBehind(credentials: Credentials, { region }: Target, { roleArn }: Inputs, run: Run) {
  if (roleArn) return { roleArn }
  // An unknown role leaves a blank in the cure; the refusal is the failure to tell.
  return whoSigns(credentials, region, run).then(
    signer => ({ roleArn: signer }),
    () => ({}),
  )
}

/* What was found, held against what was asked for. */

function judge(obtained: Obtained, { who, probes, mistakes }: Asked, inputs: Inputs, about: About): Proof {
  const { cluster, entry, credentials, credential } = obtained
  const roleArn = who?.extra.canonicalArn?.[0] ?? null
  const known: About = {
    ...about,
    ...(who ? { username: who.username } : {}),
    ...(roleArn ? { roleArn } : {}),
  }
  const evidence = [
    ...mistakenRules(mistakes),
    ...differingIdentity(who, { username: inputs.expectUsername, groups: inputs.expectGroups }),
    ...failedProbes(probes),
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
  return { report, entry, failures: evidence.map(found => diagnose(found, known)) }
}
