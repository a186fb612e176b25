import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'
import type { Guardrail } from '../../../lab/aws/guardrails.ts'
import type { Role } from '../../../lab/aws/identities.ts'
import type { PolicyDocument, PolicyStatement } from '../../../lab/aws/policy.ts'
import type { TrustStatement } from '../../../lab/aws/trust.ts'
import type { Failure } from '../../../src/diagnosis/failure.ts'
import { expectFailure, PATIENCE, PROVIDERS, scenario } from '../scenario.ts'
import { onlyPaste, pastes } from './cure.ts'

// The EKS API and STS: each cure is put where it says, as it stands, and the login passes.

const at = scenario()

const EC2: TrustStatement = {
  Effect: 'Allow',
  Principal: { Service: 'ec2.amazonaws.com' },
  Action: 'sts:AssumeRole',
}
const ALLOW: PolicyStatement = { Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' }
const OTHERS: PolicyStatement = { Effect: 'Allow', Action: 's3:*', Resource: '*' }
const DENY: PolicyStatement = { Effect: 'Deny', Action: 'eks:*', Resource: '*' }
const OTHER_ACCOUNT = '444455556666'

/** A role of the instance that the cluster maps, with these permissions. */
async function runAs(name: string, ...statements: PolicyStatement[]): Promise<Role> {
  const policies = { own: { Statement: statements } }
  const role = at.lab.aws.identities.createRole({ name, trust: { Statement: [EC2] }, policies })
  await at.cluster.mapRole(role.arn, 'demo')
  at.lab.aws.instance.roleArn = role.arn
  return role
}

const allow = (role: Role, policy: string) =>
  at.lab.aws.identities.putPolicy(role.arn, 'cure', JSON.parse(policy))

/** The only failure of a login, which has this code. */
async function failing(code: string, ...login: Parameters<typeof at.login>): Promise<Failure> {
  const failed = await at.login(...login)
  await expectFailure(failed, at.runner, [code])
  return failed.report.failures[0] as Failure
}

async function expectPass(...login: Parameters<typeof at.login>): Promise<void> {
  const passed = await at.login(...login)
  expect(passed.report.failures).toEqual([])
  expect(passed.code).toBe(0)
}

/** The inputs that a failure says to give. */
const inputsOf = (failure: Failure) =>
  (load(onlyPaste(failure, 'yaml')) as { with: Record<string, string> }).with

describe('DescribeCluster that is denied (EKS201)', () => {
  const guardrail = (kind: Guardrail, role: Role, policy: PolicyDocument | null) => {
    const { guardrails } = at.lab.aws.identities
    if (kind === 'permissions boundary') guardrails.setBoundary(role.arn, policy)
    else guardrails.setCommon(kind as 'service control policy', policy)
  }

  test(
    'for want of a policy passes with the policy of its cure',
    async () => {
      const role = await runAs('undescribed')
      const failure = await failing('EKS201')
      expect(failure.cause).toContain('no identity-based policy allows it')
      allow(role, onlyPaste(failure, 'json'))
      await expectPass()
    },
    PATIENCE,
  )

  test(
    'by a Deny of its own passes with that Deny under the condition of its cure',
    async () => {
      const role = await runAs('denied', ALLOW, DENY)
      const failure = await failing('EKS201')
      expect(failure.cause).toContain('an explicit deny in an identity-based policy forbids it')
      const { Condition } = JSON.parse(onlyPaste(failure, 'json'))
      at.lab.aws.identities.putPolicy(role.arn, 'own', { Statement: [ALLOW, { ...DENY, Condition }] })
      await expectPass()
    },
    PATIENCE,
  )

  test.each<Guardrail>(['permissions boundary', 'service control policy', 'VPC endpoint policy'])(
    'for want of a statement in the %s passes with the statement of its cure in it',
    async kind => {
      const role = await runAs(`without-${kind.replaceAll(' ', '-')}`, ALLOW)
      guardrail(kind, role, { Statement: [OTHERS] })
      const failure = await failing('EKS201')
      expect(failure.cause).toContain(`no ${kind} allows it`)
      guardrail(kind, role, { Statement: [OTHERS, JSON.parse(onlyPaste(failure, 'json'))] })
      await expectPass()
      guardrail(kind, role, null)
    },
    PATIENCE,
  )

  test.each<Guardrail>([
    'permissions boundary',
    'service control policy',
    'resource control policy',
    'VPC endpoint policy',
  ])(
    'by a Deny in the %s passes with that Deny under the condition of its cure',
    async kind => {
      const role = await runAs(`denied-${kind.replaceAll(' ', '-')}`, ALLOW)
      const everything = { Effect: 'Allow', Action: '*', Resource: '*' } as const
      guardrail(kind, role, { Statement: [everything, DENY] })
      const failure = await failing('EKS201')
      expect(failure.cause).toContain(`an explicit deny in a ${kind} forbids it`)
      const { Condition } = JSON.parse(onlyPaste(failure, 'json'))
      guardrail(kind, role, { Statement: [everything, { ...DENY, Condition }] })
      await expectPass()
      guardrail(kind, role, null)
    },
    PATIENCE,
  )

  test(
    'for want of a statement in the session policy passes with the statement of its cure in it',
    async () => {
      const role = await runAs('narrowed', ALLOW)
      const session = (policy: PolicyDocument) => {
        const expires = new Date(Date.now() + 3_600_000)
        const keys = at.lab.aws.identities.issueSession(role, { name: 'oidc', expires, policy })
        return {
          AWS_ACCESS_KEY_ID: keys.accessKeyId,
          AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
          AWS_SESSION_TOKEN: keys.sessionToken,
        }
      }
      const failure = await failing('EKS201', {}, { env: session({ Statement: [OTHERS] }) })
      expect(failure.cause).toContain('no session policy allows it')
      const statement = JSON.parse(onlyPaste(failure, 'json'))
      await expectPass({}, { env: session({ Statement: [OTHERS, statement] }) })
    },
    PATIENCE,
  )
})

describe('a cluster that is not there', () => {
  test(
    'but nearly by that name (EKS202) is logged in to with the name of the cure',
    async () => {
      await runAs('lister', ALLOW, { ...ALLOW, Action: 'eks:ListClusters' })
      const failure = await failing('EKS202', { 'cluster-name': 'dmeo' })
      expect(failure.cause).toContain('the nearest name there is demo')
      await expectPass(inputsOf(failure))
    },
    PATIENCE,
  )

  test.each<[string, PolicyStatement[]]>([
    ['that may be described there', [ALLOW]],
    [
      'that may only be listed there',
      [
        { ...ALLOW, Resource: 'arn:aws:eks:eu-west-3:*:*' },
        { ...ALLOW, Resource: 'arn:aws:eks:us-east-1:*:*/nowhere' },
        { ...ALLOW, Action: 'eks:ListClusters' },
      ],
    ],
  ])(
    'but in the region of the instance (EKS212), %s, is logged in to with the region of the cure',
    async (_what, statements) => {
      const role = await runAs(`elsewhere-${statements.length}`, ...statements)
      const failure = await failing('EKS212', { region: 'eu-west-3' })
      expect(failure.cause).toContain('there is one in us-east-1')
      at.lab.aws.identities.putPolicy(role.arn, 'there', { Statement: [ALLOW] })
      await expectPass(inputsOf(failure))
    },
    PATIENCE,
  )

  test(
    'but, by its ARN, in the region of a variable (EKS212) is logged in to with the ARN of the cure',
    async () => {
      await runAs('variable', ALLOW)
      const wrong = at.cluster.arn.replace('us-east-1', 'eu-west-3')
      const env = { AWS_REGION: 'us-east-1', AWS_EC2_METADATA_DISABLED: 'false' }
      const failure = await failing('EKS212', { 'cluster-name': wrong, region: '' }, { env })
      const given = inputsOf(failure)
      expect(given).toEqual({ 'cluster-name': at.cluster.arn })
      await expectPass({ ...given, region: '' }, { env })
    },
    PATIENCE,
  )

  test(
    'but in another account (EKS203) is described by the role of the cure',
    async () => {
      const role = await runAs('stranger', ALLOW)
      const { region, endpoint, caPem, name } = at.cluster
      const theirs = { account: OTHER_ACCOUNT, endpoint, certificateAuthorityPem: caPem }
      const { arn } = at.lab.aws.putCluster({ name, region, ...theirs })
      const failure = await failing('EKS203', { 'cluster-name': arn, region: '' })
      expect(failure.cause).toContain(`the account ${at.lab.aws.account}`)
      const [trust, describe, assume] = pastes(failure, 'json') as [string, string, string]
      const given = inputsOf(failure)
      const describer = at.lab.aws.identities.createRole({
        name: given['assume-role-arn']?.split('/').at(-1) ?? '',
        account: OTHER_ACCOUNT,
        trust: JSON.parse(trust),
        policies: { describe: JSON.parse(describe) },
      })
      expect(describer.arn).toBe(given['assume-role-arn'])
      allow(role, assume)
      await expectPass({ ...given, region: '' })
      at.lab.aws.removeCluster(arn)
    },
    PATIENCE,
  )
})

describe('the service', () => {
  /** So short a timeout is meant for the service alone: credentials are there, and nobody has to be asked for them. */
  const impatient = (timeout: string): Parameters<typeof at.login> => {
    const expires = new Date(Date.now() + 3_600_000)
    const session = at.lab.aws.identities.issueSession(at.role, { name: 'job', expires })
    const env = {
      AWS_ACCESS_KEY_ID: session.accessKeyId,
      AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
      AWS_SESSION_TOKEN: session.sessionToken,
    }
    return [{ timeout, 'token-provider': 'builtin' }, { env }]
  }

  test(
    'that is busy for longer than there is time (EKS206) is waited for as long as the cure says',
    async () => {
      at.lab.aws.fail({ service: 'eks', operation: 'DescribeCluster', times: 8 }, { kind: 'throttle' })
      const failure = await failing('EKS206', ...impatient('2'))
      expect(failure.cause).toContain('eks:DescribeCluster was throttled')
      await expectPass(inputsOf(failure))
    },
    PATIENCE,
  )

  test(
    'that fails for longer than there is time (EKS213) is waited for as long as the cure says',
    async () => {
      const fault = { kind: 'server-error', status: 503 } as const
      at.lab.aws.fail({ service: 'eks', operation: 'DescribeCluster', times: 9 }, fault)
      const failure = await failing('EKS213', ...impatient('1'))
      expect(failure.cause).toContain('answered 503')
      await expectPass(inputsOf(failure))
    },
    PATIENCE,
  )

  test(
    'that is slower than there is time (EKS209) is waited for as long as the cure says',
    async () => {
      const slow = { kind: 'slow', milliseconds: 4000 } as const
      const order = at.lab.aws.fail({ service: 'eks', operation: 'DescribeCluster' }, slow)
      const failure = await failing('EKS209', ...impatient('2'))
      await expectPass(inputsOf(failure))
      order.cancel()
    },
    PATIENCE,
  )
})

describe('a role that may not be assumed (EKS210)', () => {
  const ASSUME: PolicyStatement = { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }
  const foreign = (name: string, ...trust: TrustStatement[]) => {
    const { region, endpoint, caPem } = at.cluster
    const theirs = { account: OTHER_ACCOUNT, endpoint, certificateAuthorityPem: caPem }
    const { arn } = at.lab.aws.putCluster({ name: 'demo', region, ...theirs })
    const policies = { describe: { Statement: [ALLOW] } }
    const role = at.lab.aws.identities.createRole({
      name,
      account: OTHER_ACCOUNT,
      trust: { Statement: trust },
      policies,
    })
    return { role, inputs: { 'cluster-name': arn, region: '', 'assume-role-arn': role.arn } }
  }

  test(
    'because the caller has no permission is assumed with the policy of the cure',
    async () => {
      const role = await runAs('unpermitted', ALLOW)
      const { inputs } = foreign('trusting', { ...EC2, Principal: { AWS: role.arn } })
      const failure = await failing('EKS210', inputs)
      expect(failure.cause).toContain('no identity-based policy allows it')
      allow(role, onlyPaste(failure, 'json'))
      await expectPass(inputs)
    },
    PATIENCE,
  )

  test(
    'because it does not trust the caller is assumed with the statement of the cure, and that is left open',
    async () => {
      await runAs('untrusted', ALLOW, ASSUME)
      const { role, inputs } = foreign('distrusting', EC2)
      const failure = await failing('EKS210', inputs)
      expect(failure.cause).toContain('AWS does not say which')
      const statement = JSON.parse(onlyPaste(failure, 'json'))
      at.lab.aws.identities.setTrust(role.arn, { Statement: [EC2, statement] })
      await expectPass(inputs)
    },
    PATIENCE,
  )

  test(
    'for both reasons is assumed with both cures, the second of which the next run tells',
    async () => {
      const own = await runAs('neither', ALLOW)
      const { role, inputs } = foreign('unknown', EC2)
      const first = await failing('EKS210', inputs)
      const statement = JSON.parse(onlyPaste(first, 'json'))
      at.lab.aws.identities.setTrust(role.arn, { Statement: [EC2, statement] })
      allow(own, onlyPaste(await failing('EKS210', inputs), 'json'))
      await expectPass(inputs)
    },
    PATIENCE,
  )

  test(
    'by a Deny of the caller\u2019s own is assumed with that Deny under the condition of the cure',
    async () => {
      const deny = { ...DENY, Action: 'sts:*' }
      const own = await runAs('forbidden', ALLOW, ASSUME, deny)
      const { inputs } = foreign('welcoming', { ...EC2, Principal: { AWS: own.arn } })
      const failure = await failing('EKS210', inputs)
      const { Condition } = JSON.parse(onlyPaste(failure, 'json'))
      const { identities } = at.lab.aws
      identities.putPolicy(own.arn, 'own', { Statement: [ALLOW, ASSUME, { ...deny, Condition }] })
      await expectPass(inputs)
    },
    PATIENCE,
  )

  test.each(PROVIDERS)(
    'that the token is to be made with, by %s, is assumed with the statement of the cure',
    async provider => {
      await runAs(`signer-${provider}`, ALLOW, ASSUME)
      const { identities } = at.lab.aws
      const role = identities.createRole({ name: `token-${provider}`, trust: { Statement: [EC2] } })
      await at.cluster.mapRole(role.arn, 'demo')
      const inputs = { 'role-arn': role.arn, 'token-provider': provider }
      const failure = await failing('EKS210', inputs)
      const statement = JSON.parse(onlyPaste(failure, 'json'))
      identities.setTrust(role.arn, { Statement: [EC2, statement] })
      await expectPass(inputs)
    },
    PATIENCE,
  )

  test(
    'by the web identity of a pod is assumed with the statement of the cure',
    async () => {
      const { webIdentities, identities, account, instance } = at.lab.aws
      const role = await runAs('pod', ALLOW)
      instance.roleArn = null
      const issuer = 'https://oidc.eks.us-east-1.amazonaws.com/id/1'
      const audience = 'sts.amazonaws.com'
      webIdentities.trustProvider({ account, issuer, audiences: [audience] })
      const file = join(at.runner.temp, 'web-identity')
      const subject = 'system:serviceaccount:ci:runner'
      await writeFile(file, webIdentities.issueToken({ issuer, subject, audience }))
      const env = {
        AWS_WEB_IDENTITY_TOKEN_FILE: file,
        AWS_ROLE_ARN: role.arn,
        AWS_ROLE_SESSION_NAME: 'runner',
        HOME: at.lab.env.HOME ?? '',
      }
      const failure = await failing('EKS210', {}, { env })
      expect(failure.cause).toContain(subject)
      const statement = JSON.parse(onlyPaste(failure, 'json'))
      identities.setTrust(role.arn, { Statement: [EC2, statement] })
      await expectPass({}, { env })
    },
    PATIENCE,
  )
})

describe('whatever answers in the place of AWS', () => {
  test(
    'with a page is told by its type (EKS214), and passed by when it is gone',
    async () => {
      const order = at.lab.aws.fail({ service: 'eks', operation: 'DescribeCluster' }, { kind: 'html' })
      const failure = await failing('EKS214', { 'token-provider': 'builtin' })
      expect(failure.evidence.join()).toContain(at.lab.aws.eksEndpoint)
      order.cancel()
      await expectPass()
    },
    PATIENCE,
  )

  test(
    'with a certificate that nobody trusts is told by who signed it (EKS211), and passed with AWS_CA_BUNDLE',
    async () => {
      const env = { AWS_ENDPOINT_URL_EKS: '', AWS_CA_BUNDLE: '' }
      const failure = await failing('EKS211', { 'token-provider': 'builtin' }, { env })
      expect(failure.cause).toContain('which Lab AWS CA signed')
      const { AWS_CA_BUNDLE } = (load(onlyPaste(failure, 'yaml')) as { env: Record<string, string> }).env
      expect(AWS_CA_BUNDLE).toMatch(/\.crt$/)
      await expectPass({ 'token-provider': 'builtin' }, { env: { ...env, AWS_CA_BUNDLE: at.lab.aws.caFile } })
    },
    PATIENCE,
  )

  test(
    'that is a proxy which is gone is named (EKS208), and NO_PROXY offered as the way past it',
    async () => {
      const silent = 'http://127.0.0.1:1'
      const env = { AWS_ENDPOINT_URL_EKS: '', HTTPS_PROXY: silent }
      const failure = await failing('EKS208', { 'token-provider': 'builtin' }, { env })
      expect(failure.cause).toContain(`the proxy ${silent} cannot be reached`)
      expect(load(onlyPaste(failure, 'yaml'))).toEqual({
        env: { NO_PROXY: `${at.lab.env.NO_PROXY},eks.${at.cluster.region}.amazonaws.com` },
      })
    },
    PATIENCE,
  )
})
