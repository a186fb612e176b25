import { type LabAws, startAws } from '../../lab/aws/aws.ts'
import type { PolicyStatement } from '../../lab/aws/policy.ts'
import { buildRealCluster } from '../../lab/real/build.ts'
import { createKeeper, type Finished, type Keeper } from '../../lab/runner/keeper.ts'
import { PATIENCE } from './scenario.ts'

const ROLE = 'arn:aws:iam::111122223333:role/team/apps/runner'
const USER = 'arn:aws:iam::111122223333:user/ci'

let aws: LabAws
let keeper: Keeper
let program: string
let env: Record<string, string>
beforeAll(async () => {
  aws = await startAws()
  keeper = createKeeper('access-entries')
  program = (await buildRealCluster()).aws
  aws.putCluster({ name: 'demo', region: 'us-east-1' })
  aws.identities.createRole({ name: 'runner', path: '/team/apps/', trust: { Statement: [] } })
  aws.identities.createUser({ name: 'ci' })
  const Statement: PolicyStatement[] = [{ Effect: 'Allow', Action: 'eks:*Access*', Resource: '*' }]
  const { arn } = aws.identities.createUser({ name: 'admin', policies: { entries: { Statement } } })
  const { accessKeyId, secretAccessKey } = aws.identities.createAccessKey(arn)
  env = {
    ...aws.env(),
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_MAX_ATTEMPTS: '1',
    HOME: keeper.folder,
    PATH: '/usr/bin:/bin',
  }
}, PATIENCE)
afterAll(async () => {
  await keeper?.close()
  await aws?.stop()
})

/** Runs `aws eks COMMAND --cluster-name demo …`. */
const eks = (command: string, ...args: string[]): Promise<Finished> =>
  keeper.run(
    { command: program, args: ['eks', command, '--cluster-name', 'demo', '--output', 'json', ...args], env },
    60_000,
  )

async function answerOf(command: string, ...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await eks(command, ...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout || '{}')
}

test(
  'the AWS CLI makes, describes, lists, changes and takes away access entries',
  async () => {
    const of = (arn: string) => ['--principal-arn', arn]
    const made = await answerOf('create-access-entry', ...of(ROLE), '--kubernetes-groups', 'dev', 'ops')
    const entry = {
      clusterName: 'demo',
      principalArn: ROLE,
      kubernetesGroups: ['dev', 'ops'],
      accessEntryArn: expect.stringMatching(
        /^arn:aws:eks:us-east-1:111122223333:access-entry\/demo\/role\/111122223333\/runner\/[0-9a-f-]{36}$/,
      ),
      createdAt: expect.anything(),
      modifiedAt: expect.anything(),
      tags: {},
      username: 'arn:aws:sts::111122223333:assumed-role/runner/{{SessionName}}',
      type: 'STANDARD',
    }
    expect(made).toEqual({ accessEntry: entry })
    expect(await answerOf('describe-access-entry', ...of(ROLE))).toEqual(made)

    await answerOf('create-access-entry', ...of(USER), '--username', 'ci', '--type', 'STANDARD')
    expect(await answerOf('list-access-entries', '--page-size', '1')).toEqual({ accessEntries: [ROLE, USER] })

    const changed = await answerOf('update-access-entry', ...of(ROLE), '--username', 'ops:{{SessionName}}')
    expect(changed).toEqual({ accessEntry: { ...entry, username: 'ops:{{SessionName}}' } })
    await answerOf('delete-access-entry', ...of(ROLE))
    expect(await answerOf('list-access-entries')).toEqual({ accessEntries: [USER] })
  },
  PATIENCE,
)

test.each([
  [
    'an entry that there is not',
    ['describe-access-entry', '--principal-arn', ROLE],
    /\(ResourceNotFoundException\) when calling the DescribeAccessEntry operation: The specified principalArn could not be found\./,
  ],
  [
    'a principal that does not exist',
    ['create-access-entry', '--principal-arn', `${ROLE}x`],
    /\(InvalidParameterException\) when calling the CreateAccessEntry operation: The specified principalArn is invalid/,
  ],
  [
    'a group of the system',
    ['create-access-entry', '--principal-arn', ROLE, '--kubernetes-groups', 'system:masters'],
    /\(InvalidParameterException\).*: The kubernetes group name system:masters is invalid/,
  ],
  [
    'what it may not do',
    ['create-access-entry', '--principal-arn', ROLE, '--tags', 'team=x'],
    /\(AccessDeniedException\).*arn:aws:iam::111122223333:user\/admin is not authorized to perform: eks:TagResource/,
  ],
  [
    'what the lab does not have',
    [
      ...['associate-access-policy', '--principal-arn', ROLE, '--access-scope', 'type=cluster'],
      ...['--policy-arn', 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy'],
    ],
    /\(NotImplementedException\)/,
  ],
])(
  'the AWS CLI is told of %s',
  async (_, [command = '', ...args], message) => {
    const { code, stderr } = await eks(command, ...args)
    expect(stderr).toMatch(message)
    expect(code).not.toBe(0)
  },
  PATIENCE,
)
