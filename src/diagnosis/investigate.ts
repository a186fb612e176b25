import { askClock } from '../aws/ask-clock.ts'
import { within } from '../aws/bounds.ts'
import type { Credentials } from '../aws/credentials.ts'
import type { TokenRequest } from '../aws/get-token.ts'
import { readInstanceNetwork } from '../aws/instance-network.ts'
import type { Connection } from '../kube/client.ts'
import { versionOf } from '../kube/exec.ts'
import { findProgram } from '../kube/program.ts'
import type { Run } from '../run.ts'
import { findInstance } from './credentials/instance.ts'
import { findKeys } from './credentials/keys.ts'
import { findBareSection } from './credentials/profile-section.ts'
import { diagnose } from './diagnose.ts'
import { knownFolders, knowsNoCommand } from './exec/aws-cli.ts'
import type { About, Evidence, Failure, Findings } from './failure.ts'
import { findEntry, findMapping } from './mapping/find-mapping.ts'
import { isAboutPlaces } from './network/network.ts'
import { findRoute, findWay } from './network/route.ts'
import { lookIntoRefusal } from './service/refusal.ts'
import { whoDescribes } from './service/whereabouts.ts'
import { evidenceOf, withoutEvidence } from './step.ts'

/** What a login that failed can still ask with. */
export interface Scene {
  run: Run
  /** The runner's own, as they were found; rejects when they were not. */
  credentials(): Promise<Credentials>
  /** Those that describe the cluster: the runner's own, or those of a role in the cluster's account. */
  describer(): Promise<Credentials>
  /** Once it is described: as a token names it, and a way to its API server. */
  cluster?: { named: TokenRequest['cluster']; connect(run: Run): Connection }
}

/** The failures of one cluster that an error amounts to, looked into as far as its evidence leaves causes open. */
export async function failuresOf(error: unknown, about: About, scene: Scene): Promise<Failure[]> {
  const evidence = evidenceOf(error)
  return evidence
    ? lookInto([evidence], about, scene)
    : [{ ...withoutEvidence(error), cluster: about.cluster }]
}

/** The failures of one cluster that pieces of evidence amount to, each looked into. Never rejects. */
export function lookInto(evidence: readonly Evidence[], about: About, scene: Scene): Promise<Failure[]> {
  return Promise.all(
    evidence.map(async piece => diagnose(piece, { ...about, ...(await investigate(piece, about, scene)) })),
  )
}

type Investigation<Kind extends Evidence['kind']> = (
  evidence: Extract<Evidence, { kind: Kind }>,
  about: About,
  scene: Scene,
) => Promise<Findings>

/** What is asked once something has failed, by what failed. A login that passes asks none of it. */
const INVESTIGATIONS: { [Kind in Evidence['kind']]?: Investigation<Kind> } = {
  unauthorized: (_evidence, about, scene) => findMapping(about, scene),
  'username-differs': (_evidence, about, scene) => findEntry(about, scene),
  'groups-differ': (_evidence, about, scene) => findEntry(about, scene),
  'rule-allowed': (_evidence, about, scene) => findEntry(about, scene),
  'server-unreachable': place,
  'server-timed-out': place,
  'metadata-failed': async (evidence, _about, { run }) => ({
    instance: await findInstance(evidence, run.env),
  }),
  'credentials-expired': async (_evidence, { region }, { run }) => ({
    clockSkewSeconds: await askClock(region, run),
  }),
  'profile-missing': findBareSection,
  'credentials-refused': (evidence, { region }, { run }) => findKeys(evidence, region, run),
  'exec-not-found': async ({ command }, _about, { run: { env } }) => {
    const foundAt = findProgram(command, { ...env, PATH: knownFolders(env) })
    return foundAt ? { foundAt } : {}
  },
  'exec-failed': async ({ stderr }, _about, scene) => (knowsNoCommand(stderr) ? cliVersion(scene) : {}),
  'exec-not-a-credential': (_evidence, _about, scene) => cliVersion(scene),
  refused: lookIntoRefusal,
  unreachable: ({ endpoint }, about, { run }) => findWay(endpoint, about.region, run),
  'timed-out': ({ endpoint }, about, { run }) => findWay(endpoint, about.region, run),
  'answer-unreadable': ({ endpoint }) => findRoute(endpoint),
  'wrong-account': async (_evidence, about, scene) => ({ caller: await whoDescribes(about, scene) }),
}

/**
 * Asks what tells the causes of a piece of evidence apart. Never rejects: what cannot be learned is absent.
 *
 * It ends within what is left of the input timeout, counted from the start of the step, and two seconds at the most
 * after that.
 */
async function investigate(evidence: Evidence, about: About, scene: Scene): Promise<Findings> {
  const investigation = INVESTIGATIONS[evidence.kind] as Investigation<Evidence['kind']> | undefined
  if (!investigation || scene.run.signal.aborted) return {}
  const bounded: Run = { ...scene.run, timeoutSeconds: secondsLeft(scene.run) }
  const asking = investigation(evidence, about, { ...scene, run: bounded })
  return within('what tells the causes apart', bounded, asking).catch(() => ({}))
}

const AT_LEAST_SECONDS = 1.5
const AT_MOST_SECONDS = 10

function secondsLeft({ timeoutSeconds }: Run): number {
  const left = timeoutSeconds + AT_LEAST_SECONDS - performance.now() / 1000
  // A timer takes whole milliseconds only: halves of a second are some, exactly.
  return Math.min(Math.max(Math.floor(left * 2) / 2, AT_LEAST_SECONDS), AT_MOST_SECONDS)
}

/** What the AWS CLI is that the exec block runs. */
async function cliVersion({ run }: Scene): Promise<Findings> {
  return { cliVersion: await versionOf('aws', run.env, run) }
}

/** Where the runner is, if that matters. */
async function place(
  evidence: Extract<Evidence, { kind: 'server-unreachable' | 'server-timed-out' }>,
  { access }: About,
  { run }: Scene,
): Promise<Findings> {
  return access && isAboutPlaces(evidence) ? { runner: await readInstanceNetwork(run.env) } : {}
}
