import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Answer, ask, serverOf } from '../../../lab/admin.ts'
import type { Role } from '../../../lab/aws/identities.ts'
import { type Gate, openGate } from '../../../lab/kube/gate.ts'
import { inputVariables, readAction } from '../../../lab/runner/action.ts'
import { createStepFiles, readStepFiles } from '../../../lab/runner/environment-files.ts'
import type { Runner, StepResult } from '../../../lab/runner/runner.ts'
import type { GrantReport } from '../../../src/grant/report.ts'
import {
  ACTION,
  COUNTED,
  expectNoSecret,
  expectTold,
  PATIENCE,
  PROVIDERS,
  type Scenario,
} from '../scenario.ts'

// An administrator's job beside the runner's: one grants, and the other logs in with what it was granted.

export type Granted = StepResult & { plan: GrantReport }

/** How a grant ended that was sent a signal, by a code or by the signal, and the plan that it told, if it did. */
export type Ended = { code: number | null; by: string | null; plan: GrantReport | null }

/** The role that makes the lab's cluster, and is an administrator in it. */
export const CREATOR = 'arn:aws:iam::111122223333:role/creator'

export const GRANT = join(ACTION, 'grant')

/** What a scenario of a cluster that `CREATOR` made can do beside a login. */
export function grants(at: Scenario) {
  let gate: Gate
  let creator: Role
  let ends: (() => Promise<unknown> | undefined)[] = []
  let count = 0
  const roleOf = (name: string, path: string, actions: string[]) =>
    at.lab.aws.identities.createRole({
      ...{ name, path },
      trust: {
        Statement: [
          { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
        ],
      },
      policies: { own: { Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] } },
    })
  beforeAll(async () => {
    creator = roleOf('creator', '/', ['eks:*'])
    gate = await openGate(serverOf(await readFile(at.cluster.adminKubeconfig, 'utf8')))
  }, PATIENCE)
  afterAll(() => gate?.stop())
  beforeEach(() => {
    ends = []
  })
  afterEach(async () => {
    gate.between = null
    for (const end of ends.reverse()) await end()
  })

  /** Runs the grant as the runner runs it, as the role, and looks through all that it left behind for secrets. */
  const grantAs = async (
    role: Role,
    inputs: Record<string, string>,
    { env = {}, on = at.runner }: { env?: Record<string, string>; on?: Runner } = {},
  ): Promise<Granted> => {
    const given = { ...COUNTED, ...keysOf(role), ...env }
    const result = await on.run({ action: GRANT, inputs: inputsOf(inputs), env: given })
    await expectNoSecret(at.lab, on, result)
    return { ...result, plan: JSON.parse(result.outputs.plan ?? 'null') }
  }
  /** Temporary keys of a role, as a step before the grant sets them: several grants at once have each their own. */
  const keysOf = (role: Role) => {
    const session = { name: 'administrator', expires: new Date(Date.now() + 3_600_000) }
    const keys = at.lab.aws.identities.issueSession(role, session)
    return {
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_SESSION_TOKEN: keys.sessionToken,
    }
  }
  const inputsOf = (inputs: Record<string, string>) => ({
    'cluster-name': at.cluster.name,
    region: at.cluster.region,
    'token-provider': PROVIDERS[0] ?? 'builtin',
    ...inputs,
  })

  /** Runs a grant that is sent a signal some time. @param arm is given what sends it, and waits until the grant is gone */
  const ending = async (
    inputs: Record<string, string>,
    arm: (end: (signal: NodeJS.Signals) => Promise<unknown>) => void,
  ): Promise<Ended> => {
    const { main, inputs: defaults } = await readAction(GRANT)
    const files = join(at.runner.temp, `files-${++count}`)
    const env = {
      ...at.runner.env(),
      ...keysOf(creator),
      ...inputVariables(defaults, inputsOf(inputs)),
      ...(await createStepFiles(files)),
    }
    const grant = spawn(process.execPath, [main], { env, stdio: 'ignore' })
    const gone = once(grant, 'close')
    arm(signal => {
      grant.kill(signal)
      return gone
    })
    const [code, by] = (await gone) as [number | null, string | null]
    const { outputs } = await readStepFiles(files)
    return { code, by, plan: JSON.parse(outputs.plan ?? 'null') }
  }

  return {
    /** A role with a path that no cluster knows, and that a login may describe the cluster with. */
    newRole: (path = '/ci/') => roleOf(`deployer-${++count}`, path, ['eks:DescribeCluster']),
    /** A role that may do in AWS what is given. */
    roleWith: (...actions: string[]) => roleOf(`operator-${++count}`, '/', actions),
    grant: (inputs: Record<string, string>, options = {}) => grantAs(creator, inputs, options),
    grantAs,
    /**
     * Runs a grant up to one of its requests to the API server, and has a signal sent to it then: before what is asked
     * is done, or before the answer comes back.
     *
     * @param moment which of these moments
     * @param counts which requests have them
     */
    async endAt(
      moment: number,
      signal: 'SIGTERM' | 'SIGKILL',
      inputs: Record<string, string>,
      counts: (request: { method: string; path: string }) => boolean = () => true,
    ): Promise<Ended> {
      let moments = 0
      const ended = await ending(inputs, end => {
        gate.between = async request => {
          if (counts(request) && ++moments === moment) await end(signal)
        }
      })
      gate.between = null
      return ended
    },
    /** Runs a grant until something is so, and ends it at once then. */
    async killWhen(isSo: () => boolean, inputs: Record<string, string>): Promise<Ended> {
      let timer: NodeJS.Timeout | undefined
      const ended = await ending(inputs, end => {
        timer = setInterval(() => isSo() && end('SIGKILL'), 2)
      })
      clearInterval(timer)
      return ended
    },
    /** An administrator of AWS and of the cluster. */
    creator: () => creator,
    /** A login of the role, which has no part in what is granted to it. */
    async loginAs(role: Role, inputs: Record<string, string> = {}) {
      at.lab.aws.instance.roleArn = role.arn
      return at.login(inputs, { on: await at.anotherRunner() })
    },
    /** Asks the API server as its administrator. */
    async admin(method: string, path: string, body?: unknown, headers = {}): Promise<Answer> {
      return ask(serverOf(await readFile(at.cluster.adminKubeconfig, 'utf8')), method, path, body, headers)
    },
    /** Until the test ends, EKS describes the cluster by a gate before it, at which requests are counted. */
    behindGate(): Gate {
      const { name, region, caPem, endpoint, arn } = at.cluster
      const authenticationMode = at.lab.aws.findCluster(arn)?.accessConfig.authenticationMode ?? 'CONFIG_MAP'
      const put = (endpoint: string, certificateAuthorityPem: string) =>
        at.lab.aws.putCluster({ name, region, endpoint, certificateAuthorityPem, authenticationMode })
      put(gate.endpoint, gate.caPem)
      ends.push(async () => put(endpoint, caPem))
      return gate
    },
    /** What is done when the test is over. */
    end(ending: () => Promise<unknown>) {
      ends.push(ending)
    },
  }
}

/** What a grant did to what, in its order. */
export function deeds({ plan }: Granted): string[] {
  return plan.changes.map(({ action, what }) => `${action} ${what}`)
}

/** Requests that ask the API server to change something. */
export function writesAmong(requests: Gate['requests']): string[] {
  return requests
    .filter(({ method, operation }) => method !== 'GET' && !/reviews$/.test(operation))
    .map(({ method, operation }) => `${method} ${operation}`)
}

/** That a grant did what it was asked for, or found it done. */
export function expectSuccess({ plan, code }: Granted): void {
  expect(plan.failures).toEqual([])
  expect(code).toBe(0)
}

/** What a failed grant told: its codes, with a cure each, and what it left undone. */
export function expectRefusal(granted: Granted, codes: string[]): void {
  expect(granted.plan.failures.map(({ code }) => code)).toEqual(codes)
  expect(granted.code).toBe(1)
  expect(Object.keys(granted.outputs)).toEqual(['plan'])
  expectTold(granted.plan.failures, granted)
}
