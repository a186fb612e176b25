import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AwsOptions, type LabAws, startAws } from '../../lab/aws/aws.ts'
import type { PolicyStatement } from '../../lab/aws/policy.ts'
import type { CallOptions } from '../../src/aws/bounds.ts'
import type { Credentials } from '../../src/aws/credentials.ts'
import { type AwsEvidence, AwsProblem } from '../../src/aws/evidence.ts'

/** The lab's AWS, and a process environment that leads nowhere else. */
export interface Stage {
  aws: LabAws
  /** For files of a test. */
  folder: string
  leave(): Promise<void>
}

const OF_OTHERS = /^(aws_|https?_proxy$|all_proxy$|no_proxy$)/i

/** Puts the process on the lab's instance: the SDK's providers read the environment of the process itself. */
export async function enter(options?: AwsOptions): Promise<Stage> {
  const before = { ...process.env }
  const aws = await startAws(options)
  const folder = await mkdtemp(join(tmpdir(), 'aws-'))
  for (const name of Object.keys(process.env)) if (OF_OTHERS.test(name)) delete process.env[name]
  // The SDK remembers a file by its path, so each test has files of its own.
  const files = {
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
  }
  Object.assign(process.env, aws.env(), files)
  const leave = async () => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
    await aws.stop()
    await rm(folder, { recursive: true })
  }
  return { aws, folder, leave }
}

/** What a call is bound by, unless a test has it otherwise. */
export function calling(timeoutSeconds = 30, signal = new AbortController().signal): CallOptions {
  return { env: process.env, timeoutSeconds, signal }
}

/** Makes a role that instances, and whoever else is named, may take on. */
export function createRole(aws: LabAws, name: string, ...statements: PolicyStatement[]) {
  const trust = {
    Statement: [
      { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
      { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' },
    ],
  } as const
  return aws.identities.createRole({ name, trust, policies: { all: { Statement: statements } } })
}

export const ALLOW_DESCRIBE: PolicyStatement = {
  Effect: 'Allow',
  Action: 'eks:DescribeCluster',
  Resource: '*',
}

/** Credentials of a session of a role. */
export function sessionOf(aws: LabAws, role: ReturnType<typeof createRole>): Credentials {
  const expires = new Date(Date.now() + 3_600_000)
  return {
    source: 'test',
    shared: true,
    identity: aws.identities.issueSession(role, { name: 'i-1', expires }),
  }
}

/** The evidence that work is rejected with. */
export async function evidenceOf(work: Promise<unknown>): Promise<AwsEvidence> {
  const error: unknown = await work.then(
    () => 'no error',
    error => error,
  )
  if (error instanceof AwsProblem) return error.evidence
  throw new Error(`it is no problem of ours: ${error}`)
}
