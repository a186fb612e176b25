import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { load } from 'js-yaml'
import type { Failure } from '../../../src/diagnosis/failure.ts'
import { onlyPaste } from '../../scenarios/cures/cure.ts'
import { expectFailure, type Login, PATIENCE, scenario } from '../../scenarios/scenario.ts'

// The exec block's command, which is the real AWS CLI or a script around it, and the cures of what is wrong with it.

const at = scenario()

/** The AWS CLI of the lab. */
const aws = () => join(at.lab.env.PATH?.split(delimiter)[0] ?? '', 'aws')
/** Folders of a PATH on which there is Node, and no AWS CLI. */
const bare = () => dirname(process.execPath)

/** Puts a script named `aws` onto a PATH of its own, before all else. */
async function script(...lines: string[]): Promise<{ PATH: string }> {
  const bin = join(at.runner.temp, 'bin')
  await mkdir(bin, { recursive: true })
  await writeFile(join(bin, 'aws'), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 })
  return { PATH: [bin, at.runner.env().PATH].join(delimiter) }
}

/** Fails with the code. */
async function failure(
  code: string,
  env: { PATH: string },
  inputs: Record<string, string> = {},
): Promise<Failure> {
  const login = await at.login(inputs, { env })
  await expectFailure(login, at.runner, [code])
  return login.report.failures[0] as Failure
}

/** Logs in with the inputs that the cure gives. */
async function withCure(failed: Failure, env: { PATH: string }, inputs = {}): Promise<Login> {
  const { with: given } = load(onlyPaste(failed, 'yaml')) as { with: Record<string, string> }
  return at.login({ ...inputs, ...given }, { env })
}

test(
  'EKS401: an AWS CLI that lies where no folder of PATH leads is put there',
  async () => {
    const bin = join(at.runner.home, '.local', 'bin')
    await mkdir(bin, { recursive: true })
    await symlink(aws(), join(bin, 'aws'))
    const failed = await failure('EKS401', { PATH: bare() })
    const cured = await at.runner.step('bash', ['-euo', 'pipefail', '-c', onlyPaste(failed, 'sh')])
    expect(cured.path).toEqual([bin])
    const PATH = [...cured.path, bare()].join(delimiter)
    expect(await at.login({}, { env: { PATH } })).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'EKS401: without an AWS CLI, the signer of the action makes the token, now and in later steps',
  async () => {
    const env = { PATH: bare() }
    const login = await withCure(await failure('EKS401', env), env)
    expect(login.code).toBe(0)
    expect(await readFile(login.outputs.kubeconfig ?? '', 'utf8')).not.toContain('command: aws')
    expect(await at.list('namespaces', { env })).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'EKS403: an AWS CLI that is slow gets the time that it takes',
  async () => {
    const env = await script('sleep 14', `exec '${aws()}' "$@"`)
    const failed = await failure('EKS403', env, { timeout: '10' })
    expect(await withCure(failed, env, { timeout: '10' })).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test.each([
  [
    'speaks v1alpha1',
    (real: string) => `'${real}' "$@" | sed s/v1beta1/v1alpha1/`,
    /speaks client\.authentication\.k8s\.io\/v1alpha1 alone/,
  ],
  [
    'has no get-token',
    () => 'echo "aws: error: argument operation: Invalid choice, valid choices are:" >&2; exit 2',
    /does not know the exec block\u2019s command/,
  ],
])(
  'EKS406: an AWS CLI that is too old is done without: it %s',
  async (_what, answer, cause) => {
    const version = 'aws-cli/1.16.140 Python/3.6.0 Linux/4.14 botocore/1.12.130'
    const env = await script(`[ "$1" = --version ] && { echo ${version}; exit; }`, answer(aws()))
    const failed = await failure('EKS406', env)
    expect(failed.cause).toMatch(cause)
    expect(failed.evidence).toContainEqual(expect.stringContaining(`bin/aws: ${version}`))
    expect(await withCure(failed, env)).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'what the AWS CLI itself says of a profile that is not there is known',
  async () => {
    // A profile that the action finds, and the AWS CLI does not, as its environment is another.
    const env = await script('export AWS_PROFILE=nobody', `exec '${aws()}' "$@"`)
    const failed = await failure('EKS402', env)
    expect(failed.cause).toBe('the AWS CLI does not find the profile nobody')
  },
  PATIENCE,
)

test(
  'what the AWS CLI itself says of credentials that are not there is known',
  async () => {
    const env = await script('export AWS_EC2_METADATA_DISABLED=true', `exec '${aws()}' "$@"`)
    const failed = await failure('EKS402', env)
    expect(failed.cause).toBe('the AWS CLI finds no credentials')
  },
  PATIENCE,
)

test(
  'what the AWS CLI itself says of a command that it does not know is that it is too old',
  async () => {
    const env = await script(
      `[ "$1" = --version ] && exec '${aws()}' "$@"`,
      `exec '${aws()}' --region us-east-1 eks get-no-token`,
    )
    const failed = await failure('EKS406', env)
    expect(failed.evidence).toContainEqual(expect.stringMatching(/bin\/aws: aws-cli\/\d/))
  },
  PATIENCE,
)
