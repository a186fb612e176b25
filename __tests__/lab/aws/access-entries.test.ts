import {
  type AccessScope,
  AssociateAccessPolicyCommand,
  CreateAccessEntryCommand,
  type CreateAccessEntryCommandInput,
  DeleteAccessEntryCommand,
  DescribeAccessEntryCommand,
  DisassociateAccessPolicyCommand,
  EKSClient,
  ListAccessEntriesCommand,
  ListAccessPoliciesCommand,
  ListAssociatedAccessPoliciesCommand,
  paginateListAccessEntries,
  UpdateAccessEntryCommand,
  type UpdateAccessEntryCommandInput,
} from '@aws-sdk/client-eks'
import { type LabAws, startAws } from '../../../lab/aws/aws.ts'
import type { AuthenticationMode } from '../../../lab/aws/clusters.ts'
import type { PolicyStatement } from '../../../lab/aws/policy.ts'
import { ask } from './ask.ts'

const ACCOUNT = '111122223333'
const ROLE = `arn:aws:iam::${ACCOUNT}:role/team/apps/runner`
const USER = `arn:aws:iam::${ACCOUNT}:user/people/bob`
const CLUSTER = `arn:aws:eks:us-east-1:${ACCOUNT}:cluster/demo`
const ENTRY = `arn:aws:eks:us-east-1:${ACCOUNT}:access-entry/demo`
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'

let aws: LabAws
let clients: EKSClient[]
let client: EKSClient
beforeEach(async () => {
  aws = await startAws()
  clients = []
  putCluster()
  const trust = {
    Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  } as const
  aws.identities.createRole({ name: 'runner', path: '/team/apps/', trust })
  aws.identities.createUser({ name: 'bob', path: '/people/' })
  client = administrator({ Effect: 'Allow', Action: 'eks:*', Resource: '*' })
})
afterEach(async () => {
  for (const each of clients) each.destroy()
  await aws.stop()
})

function putCluster(authenticationMode?: AuthenticationMode) {
  const mode = authenticationMode === undefined ? {} : { authenticationMode }
  return aws.putCluster({ name: 'demo', region: 'us-east-1', ...mode })
}

/** A client of a user who is allowed what the statements say. */
function administrator(...Statement: PolicyStatement[]): EKSClient {
  const { arn } = aws.identities.createUser({
    name: `admin-${clients.length}`,
    policies: { all: { Statement } },
  })
  const credentials = aws.identities.createAccessKey(arn)
  const made = new EKSClient({ region: 'us-east-1', endpoint: aws.eksEndpoint, credentials, maxAttempts: 1 })
  clients.push(made)
  return made
}

const create = (input: Partial<CreateAccessEntryCommandInput> = {}, by = client) =>
  by.send(new CreateAccessEntryCommand({ clusterName: 'demo', principalArn: ROLE, ...input }))
const describeEntry = (principalArn = ROLE, by = client) =>
  by.send(new DescribeAccessEntryCommand({ clusterName: 'demo', principalArn }))
const update = (input: Partial<UpdateAccessEntryCommandInput>, by = client) =>
  by.send(new UpdateAccessEntryCommand({ clusterName: 'demo', principalArn: ROLE, ...input }))
const list = async (by = client) =>
  (await by.send(new ListAccessEntriesCommand({ clusterName: 'demo' }))).accessEntries
const remove = (principalArn = ROLE, by = client) =>
  by.send(new DeleteAccessEntryCommand({ clusterName: 'demo', principalArn }))

describe('an access entry', () => {
  test('of a role is made with what is left out', async () => {
    const before = Date.now()
    const { accessEntry } = await create()
    expect(accessEntry).toEqual({
      clusterName: 'demo',
      principalArn: ROLE,
      kubernetesGroups: [],
      accessEntryArn: expect.stringMatching(RegExp(`^${ENTRY}/role/${ACCOUNT}/runner/${UUID}$`)),
      createdAt: expect.any(Date),
      modifiedAt: accessEntry?.createdAt,
      tags: {},
      username: `arn:aws:sts::${ACCOUNT}:assumed-role/runner/{{SessionName}}`,
      type: 'STANDARD',
    })
    expect(Math.abs(Number(accessEntry?.createdAt) - before)).toBeLessThan(10_000)
  })

  test('of a user is named by its ARN', async () => {
    const { accessEntry } = await create({ principalArn: USER })
    expect(accessEntry).toMatchObject({
      principalArn: USER,
      username: USER,
      accessEntryArn: expect.stringMatching(RegExp(`^${ENTRY}/user/${ACCOUNT}/bob/${UUID}$`)),
    })
  })

  test('of a role in China is named in its partition', async () => {
    const partition = 'aws-cn'
    const policies = { all: { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } } as const
    const { arn } = aws.identities.createUser({ name: 'ci', partition, policies })
    const { arn: cluster } = aws.putCluster({ name: 'demo', region: 'cn-north-1' })
    const credentials = aws.identities.createAccessKey(arn)
    const there = new EKSClient({ region: 'cn-north-1', endpoint: aws.eksEndpoint, credentials })
    clients.push(there)
    const role = aws.identities.createRole({ name: 'r', partition, trust: { Statement: [] } })
    expect(await create({ principalArn: role.arn }, there)).toMatchObject({
      accessEntry: { username: `arn:aws-cn:sts::${ACCOUNT}:assumed-role/r/{{SessionName}}` },
    })
    expect(aws.accessEntries.list(cluster)).toEqual([role.arn])
  })

  test('is made, described, listed, changed and taken away as asked', async () => {
    const given = { username: 'ops:{{SessionNameRaw}}', kubernetesGroups: ['b', 'a'], tags: { team: 'x' } }
    const { accessEntry } = await create(given)
    expect(accessEntry).toMatchObject(given)
    expect(await describeEntry()).toMatchObject({ accessEntry })
    await create({ principalArn: USER })
    expect(await list()).toEqual([ROLE, USER])

    const changed = await update({ kubernetesGroups: ['c'] })
    expect(changed.accessEntry).toMatchObject({
      ...accessEntry,
      kubernetesGroups: ['c'],
      modifiedAt: expect.any(Date),
    })
    expect(Number(changed.accessEntry?.modifiedAt)).toBeGreaterThanOrEqual(Number(accessEntry?.modifiedAt))
    expect((await update({ username: 'demo' })).accessEntry).toMatchObject({
      username: 'demo',
      kubernetesGroups: ['c'],
    })
    expect((await update({ kubernetesGroups: [] })).accessEntry).toMatchObject({ kubernetesGroups: [] })

    await remove()
    expect(await list()).toEqual([USER])
    await expect(describeEntry()).rejects.toThrow(/could not be found/)
  })

  test('is the same for the API and for who holds the lab', async () => {
    const made = aws.accessEntries.create(CLUSTER, { principalArn: ROLE, kubernetesGroups: ['a'] })
    expect((await describeEntry()).accessEntry).toMatchObject({
      accessEntryArn: made.accessEntryArn,
      kubernetesGroups: ['a'],
    })
    await update({ username: 'demo' })
    expect(aws.accessEntries.describe(CLUSTER, ROLE)).toMatchObject({ username: 'demo' })
    await remove()
    expect(aws.accessEntries.list(CLUSTER)).toEqual([])
  })

  test('is of one cluster', async () => {
    aws.putCluster({ name: 'other', region: 'us-east-1' })
    await create()
    expect(await client.send(new ListAccessEntriesCommand({ clusterName: 'other' }))).toMatchObject({
      accessEntries: [],
    })
    await expect(create({ clusterName: 'other' })).resolves.toMatchObject({})
  })

  test('is made once of a request that came twice', async () => {
    const { accessEntry } = await create({ clientRequestToken: 'once' })
    expect(await create({ clientRequestToken: 'once' })).toMatchObject({ accessEntry })
    await expect(create({ clientRequestToken: 'once', username: 'x' })).rejects.toMatchObject({
      name: 'ResourceInUseException',
    })
  })

  test('is listed in pages', async () => {
    const arns = Array.from({ length: 5 }, (_, index) => aws.identities.createUser({ name: `u${index}` }).arn)
    for (const principalArn of arns) aws.accessEntries.create(CLUSTER, { principalArn })
    const pages: string[][] = []
    for await (const page of paginateListAccessEntries({ client, pageSize: 2 }, { clusterName: 'demo' })) {
      pages.push(page.accessEntries ?? [])
    }
    expect(pages).toEqual([arns.slice(0, 2), arns.slice(2, 4), arns.slice(4)])
  })
})

describe('refused in the words of the service is', () => {
  test.each<[string, Partial<CreateAccessEntryCommandInput>, RegExp]>([
    [
      'someone who does not exist',
      { principalArn: `${ROLE}x` },
      /principalArn is invalid: invalid principal\.$/,
    ],
    ['a role without its path', { principalArn: ROLE.replace('/team/apps', '') }, /invalid principal\.$/],
    [
      'a session',
      { principalArn: `arn:aws:sts::${ACCOUNT}:assumed-role/runner/s` },
      /^The principalArn parameter format is not valid$/,
    ],
    ['what is no ARN', { principalArn: 'runner' }, /format is not valid$/],
    ['a group of IAM', { principalArn: `arn:aws:iam::${ACCOUNT}:group/x` }, /format is not valid$/],
    [
      'a service-linked role',
      {
        principalArn: `arn:aws:iam::${ACCOUNT}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS`,
      },
      /^The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role$/,
    ],
    ...['system:', 'eks:', 'aws:', 'amazon:', 'iam:']
      .map(
        prefix =>
          [
            `the username ${prefix}x`,
            { username: `${prefix}x` },
            RegExp(`^The username must not begin with ${prefix}$`),
          ] as const,
      )
      .map(row => [...row] as [string, object, RegExp]),
    ['a session without a colon before it', { username: 'john{{SessionName}}' }, /colon before/],
    ['a raw session with the colon behind it', { username: 'john{{SessionNameRaw}}:x' }, /colon before/],
    [
      'a group of the system',
      { kubernetesGroups: ['ok', 'system:masters'] },
      /^The kubernetes group name system:masters is invalid, it cannot start with system:$/,
    ],
    ['a type that there is not', { type: 'OTHER' }, /OTHER/],
  ])('%s', async (_, input, message) => {
    const refusal = { name: 'InvalidParameterException', message: expect.stringMatching(message) }
    await expect(create(input)).rejects.toMatchObject(refusal)
    expect(await list()).toEqual([])
  })

  test('a change to a name or a group of the system, which changes nothing', async () => {
    const { accessEntry } = await create()
    const refusal = { name: 'InvalidParameterException', $metadata: { httpStatusCode: 400 } }
    await expect(update({ username: 'system:x' })).rejects.toMatchObject(refusal)
    await expect(update({ kubernetesGroups: ['system:x'] })).rejects.toMatchObject(refusal)
    expect(await describeEntry()).toMatchObject({ accessEntry })
  })

  test('a second entry of the same principal', async () => {
    await create()
    await expect(create({ username: 'other' })).rejects.toMatchObject({
      name: 'ResourceInUseException',
      message: 'The specified access entry resource is already in use on this cluster.',
      $metadata: { httpStatusCode: 409 },
    })
  })

  test.each([
    ['to describe', () => describeEntry()],
    ['to change', () => update({ username: 'x' })],
    ['to take away', () => remove()],
  ])('an entry %s that there is not', async (_, call) => {
    await expect(call()).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message:
        "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.",
      $metadata: { httpStatusCode: 404 },
    })
  })

  const calls = [
    ['to make', () => create()],
    ['to describe', () => describeEntry()],
    ['to change', () => update({ username: 'x' })],
    ['to list', () => list()],
    ['to take away', () => remove()],
  ] as const

  test.each(calls)('a cluster that does not exist, asked for an entry %s', async (_, call) => {
    aws.removeCluster(CLUSTER)
    await expect(call()).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'No cluster found for name: demo.',
    })
  })

  test.each(calls)('a cluster without access entries, asked for one %s', async (_, call) => {
    putCluster('CONFIG_MAP')
    await expect(call()).rejects.toMatchObject({
      name: 'InvalidRequestException',
      message:
        "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
      $metadata: { httpStatusCode: 400 },
    })
  })
})

describe('what the lab does not have is 501:', () => {
  const absent = { $metadata: { httpStatusCode: 501 } }

  test.each(['EC2', 'EC2_LINUX', 'EC2_WINDOWS', 'FARGATE_LINUX', 'HYBRID_LINUX', 'HYPERPOD_LINUX'])(
    'entries of nodes of the type %s',
    async type => {
      await expect(create({ type })).rejects.toMatchObject(absent)
    },
  )

  test('entries of the root user', async () => {
    await expect(create({ principalArn: `arn:aws:iam::${ACCOUNT}:root` })).rejects.toMatchObject(absent)
  })

  test('lists of and by access policies, and all but a few of these', async () => {
    await create()
    const policyArn = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy'
    const wide: AccessScope = { type: 'namespace', namespaces: ['web-*'] }
    const askings = [
      () => associate(policyArn, { type: 'cluster' }),
      () => associate(ADMIN_VIEW, wide),
      () => client.send(new ListAccessPoliciesCommand({})),
      () =>
        client.send(new ListAccessEntriesCommand({ clusterName: 'demo', associatedPolicyArn: policyArn })),
    ]
    for (const asking of askings) await expect(asking()).rejects.toMatchObject(absent)
    expect(aws.requests.at(-2)).toMatchObject({ operation: 'ListAccessPolicies', status: 501 })
  })
})

const ADMIN_VIEW = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy'

function associate(policyArn: string, accessScope: AccessScope) {
  const asked = { clusterName: 'demo', principalArn: ROLE, policyArn, accessScope }
  return client.send(new AssociateAccessPolicyCommand(asked))
}

describe('an access policy', () => {
  const entry = { clusterName: 'demo', principalArn: ROLE }
  const listed = async () => {
    const { associatedAccessPolicies = [] } = await client.send(
      new ListAssociatedAccessPoliciesCommand(entry),
    )
    return associatedAccessPolicies
  }
  const disassociate = () =>
    client.send(new DisassociateAccessPolicyCommand({ ...entry, policyArn: ADMIN_VIEW }))

  test('is given to an entry, in a scope that can be changed, and taken from it', async () => {
    await create()
    expect(await listed()).toEqual([])
    const policy = {
      policyArn: ADMIN_VIEW,
      accessScope: { type: 'cluster', namespaces: [] },
      associatedAt: expect.any(Date),
      modifiedAt: expect.any(Date),
    }
    expect(await associate(ADMIN_VIEW, { type: 'cluster' })).toMatchObject({
      ...entry,
      associatedAccessPolicy: policy,
    })
    await associate(ADMIN_VIEW, { type: 'namespace', namespaces: ['web'] })
    expect(await listed()).toEqual([{ ...policy, accessScope: { type: 'namespace', namespaces: ['web'] } }])
    await disassociate()
    expect(await listed()).toEqual([])
    await expect(disassociate()).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })

  test('goes with its entry', async () => {
    await create()
    await associate(ADMIN_VIEW, { type: 'cluster' })
    await remove()
    await create()
    expect(await listed()).toEqual([])
  })

  test('needs an entry and a scope', async () => {
    await expect(associate(ADMIN_VIEW, { type: 'cluster' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    })
    await create()
    await expect(associate(ADMIN_VIEW, { type: 'world' as never })).rejects.toMatchObject({
      name: 'InvalidParameterException',
    })
  })
})

describe('a caller needs', () => {
  const denied = (action: string, resource: string) => ({
    name: 'AccessDeniedException',
    message: expect.stringContaining(`is not authorized to perform: ${action} on resource: ${resource} `),
  })
  const anyEntry = `${ENTRY}/role/${ACCOUNT}/runner/*`

  test('each operation’s permission, on the cluster to make and list, on the entry else', async () => {
    const nobody = administrator()
    await expect(create({}, nobody)).rejects.toMatchObject(denied('eks:CreateAccessEntry', CLUSTER))
    await expect(list(nobody)).rejects.toMatchObject(denied('eks:ListAccessEntries', CLUSTER))
    await expect(describeEntry(ROLE, nobody)).rejects.toMatchObject(
      denied('eks:DescribeAccessEntry', anyEntry),
    )
    await expect(update({ username: 'x' }, nobody)).rejects.toMatchObject(
      denied('eks:UpdateAccessEntry', anyEntry),
    )
    await expect(remove(ROLE, nobody)).rejects.toMatchObject(denied('eks:DeleteAccessEntry', anyEntry))
  })

  test('no more than these, and they count for what they name', async () => {
    const by = administrator(
      { Effect: 'Allow', Action: ['eks:CreateAccessEntry', 'eks:ListAccessEntries'], Resource: CLUSTER },
      { Effect: 'Allow', Action: 'eks:D*AccessEntry', Resource: `${ENTRY}/role/${ACCOUNT}/runner/*` },
    )
    await create({}, by)
    await create({ principalArn: USER }, by)
    expect(await list(by)).toEqual([ROLE, USER])
    await expect(describeEntry(ROLE, by)).resolves.toBeDefined()
    await expect(describeEntry(USER, by)).rejects.toMatchObject({ name: 'AccessDeniedException' })
    await expect(remove(USER, by)).rejects.toMatchObject({ name: 'AccessDeniedException' })
    await expect(remove(ROLE, by)).resolves.toBeDefined()
  })

  test('leave to tag, where the entry has tags', async () => {
    const by = administrator({ Effect: 'Allow', Action: 'eks:CreateAccessEntry', Resource: CLUSTER })
    await expect(create({ tags: { a: 'b' } }, by)).rejects.toMatchObject(denied('eks:TagResource', anyEntry))
    await expect(create({}, by)).resolves.toBeDefined()
  })

  test('a principal that the policy’s condition lets have an entry', async () => {
    const by = administrator({
      Effect: 'Allow',
      Action: 'eks:CreateAccessEntry',
      Resource: '*',
      Condition: { ArnEquals: { 'eks:principalArn': `arn:aws:iam::${ACCOUNT}:role/team/*` } },
    })
    await expect(create({ principalArn: USER }, by)).rejects.toMatchObject({ name: 'AccessDeniedException' })
    await expect(create({}, by)).resolves.toBeDefined()
  })
})

test.each(['{', '[1', '{"principalArn":1}', '{"kubernetesGroups":"a"}', '{"tags":{"a":1}}'])(
  'a body that is %s is refused as malformed',
  async body => {
    client.middlewareStack.add(
      next => args => {
        const request = args.request as { body: string; headers: Record<string, string> }
        request.body = body
        request.headers['content-length'] = String(body.length)
        return next(args)
      },
      { step: 'build', priority: 'low' },
    )
    await expect(create()).rejects.toMatchObject({ name: 'SerializationException' })
  },
)

test('an ordered fault hits one operation alone', async () => {
  aws.fail({ service: 'eks', operation: 'CreateAccessEntry' }, { kind: 'throttle' })
  await expect(create()).rejects.toMatchObject({ name: 'ThrottlingException' })
  expect(await list()).toEqual([])
})

test('a request that nobody signed is refused', async () => {
  const { status } = await ask(`${aws.eksEndpoint}/clusters/demo/access-entries`, {
    method: 'POST',
    body: '{}',
  })
  expect(status).toBe(403)
})
