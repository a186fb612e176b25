/** The programs of this machine that a runner on it would have, and that the story can be told with. */
import { findProgram } from '../../src/kube/program.ts'
import type { Runner } from '../runner/runner.ts'

/** A program that does what the story needs of it, or why there is none. */
export type Tool =
  | { readonly kind: 'usable'; readonly version: string }
  | { readonly kind: 'missing'; readonly why: string }

export type ToolName = 'aws' | 'kubectl'

/** Paths of those that are on this process' PATH. */
export function findTools(): Partial<Record<ToolName, string>> {
  const [aws, kubectl] = [findProgram('aws', process.env), findProgram('kubectl', process.env)]
  return { ...(aws && { aws }), ...(kubectl && { kubectl }) }
}

/** Tries those that were found, on a runner, with no more than they will have there. */
export async function tryTools(
  runner: Runner,
  found: ReturnType<typeof findTools>,
): Promise<Record<ToolName, Tool>> {
  const [aws, kubectl] = await Promise.all([
    found.aws ? tryAws(runner) : absent('aws'),
    found.kubectl ? tryKubectl(runner) : absent('kubectl'),
  ])
  return { aws, kubectl }
}

function absent(name: ToolName): Tool {
  return { kind: 'missing', why: `there is no ${name} on PATH` }
}

/** A key that nobody has will do: a token is signed without asking anybody. */
const ANY_KEY = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example' }

/** Versions before 1.24 and 2.7 make a credential of v1alpha1, which kubectl does not take any more. */
async function tryAws(runner: Runner): Promise<Tool> {
  const args = ['eks', 'get-token', '--region', 'us-east-1', '--cluster-name', 'demo', '--output', 'json']
  const [version, token] = await Promise.all([
    printed(runner, 'aws', ['--version']),
    printed(runner, 'aws', args, ANY_KEY),
  ])
  if (!token.includes('client.authentication.k8s.io/v1beta1'))
    return { kind: 'missing', why: 'the aws on PATH makes no token of the version that kubectl takes' }
  return { kind: 'usable', version: version.split(/\s/, 1).join('') }
}

async function tryKubectl(runner: Runner): Promise<Tool> {
  const answer = await printed(runner, 'kubectl', ['version', '--client', '--output', 'json'])
  const [, version] = /"gitVersion":\s*"([^"]+)"/.exec(answer) ?? []
  if (version === undefined) return { kind: 'missing', why: 'the kubectl on PATH does not tell its version' }
  return { kind: 'usable', version }
}

/** What a program prints; nothing if it fails, or cannot be started. */
async function printed(
  runner: Runner,
  command: ToolName,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const run = await runner.step(command, args, { env, timeout: 20_000 }).catch(() => null)
  return run?.code === 0 ? run.stdout : ''
}
