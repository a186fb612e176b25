import type { AwsEvidence } from '../../../src/aws/evidence.ts'
import { diagnose } from '../../../src/diagnosis/diagnose.ts'
import type { About, Failure, Paste, Step } from '../../../src/diagnosis/failure.ts'
import { failureGroup } from '../../../src/report/log.ts'

// What is said of each refusal of the EKS API and STS. That its cures work is shown by scenarios/cures/service.test.ts.

const ACCOUNT = '111122223333'
const OTHER = '444455556666'
const ABOUT: About = { cluster: 'demo', region: 'eu-west-1' }
const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/demo`
const ROLE = `arn:aws:iam::${ACCOUNT}:role/runner`
const READER = `arn:aws:iam::${OTHER}:role/team/reader`
const WHO = `User: arn:aws:sts::${ACCOUNT}:assumed-role/runner/i-1 is not authorized to perform:`

type Refused = Extract<AwsEvidence, { kind: 'refused' }>

const refused = (given: Partial<Refused>): Refused => ({
  kind: 'refused',
  asked: 'eks:DescribeCluster',
  resource: 'demo',
  code: 'AccessDeniedException',
  status: 403,
  message: 'no',
  ...given,
})
const denied = (why: string, given: Partial<Refused> = {}) =>
  refused({ message: `${WHO} eks:DescribeCluster on resource: ${ARN} ${why}`, ...given })
const about = (known: Partial<About> = {}): About => ({ ...ABOUT, ...known })

function told(failure: Failure): string {
  const { title, lines } = failureGroup(failure)
  return [title, ...lines].join('\n')
}

const pastes = (steps: Step[], language: Paste['language']) =>
  steps.flatMap(step => (typeof step === 'object' && step.language === language ? [step.text] : []))
const causes = ({ otherwise = [] }: Failure) => otherwise.map(({ cause }) => cause)

describe('a denied DescribeCluster', () => {
  test('names role, cluster and the command that allows it', () => {
    const failure = diagnose(denied('because no identity-based policy allows the x action'), about())
    expect(failure.code).toBe('EKS201')
    expect(failure.cause).toBe(
      'the role runner may not call eks:DescribeCluster: no identity-based policy allows it',
    )
    expect(failure).not.toHaveProperty('otherwise')
    const [command = ''] = pastes(failure.cure, 'sh')
    expect(command).toMatch(
      /^aws iam put-role-policy --role-name runner --policy-name eks-login-eu-west-1-demo /,
    )
    expect(command).toContain(ARN)
  })

  test.each([
    [
      `in a service control policy: arn:aws:organizations::${OTHER}:policy/o-abc/service_control_policy/p-abc`,
      'aws organizations describe-policy --policy-id p-abc',
    ],
    [
      `in an identity-based policy: arn:aws:iam::${ACCOUNT}:policy/no-eks`,
      `aws iam get-policy-version --policy-arn arn:aws:iam::${ACCOUNT}:policy/no-eks`,
    ],
    ['in an identity-based policy', 'aws iam list-attached-role-policies --role-name runner'],
    ['in a permissions boundary', 'aws iam get-role --role-name runner --query Role.PermissionsBoundary'],
    [
      'in a service control policy',
      `list-policies-for-target --target-id ${ACCOUNT} --filter SERVICE_CONTROL_POLICY`,
    ],
    ['in a resource control policy', '--filter RESOURCE_CONTROL_POLICY'],
    ['in a VPC endpoint policy', 'Name=service-name,Values=*com.amazonaws.eu-west-1.eks'],
  ])('with an explicit deny %s shows it by the command of that kind', (where, command) => {
    const failure = diagnose(denied(`with an explicit deny ${where}`), about())
    expect(failure.cause).toContain('an explicit deny in a')
    expect(pastes(failure.cure, 'sh').join()).toContain(command)
    expect(pastes(failure.cure, 'json').join()).toContain('"ArnNotLike"')
  })

  test.each([
    ['in a session policy', /session policy that the credentials were made with/],
    ['in a resource-based policy', /the resource-based policy of what was asked for/],
    [`in a VPC endpoint policy: arn:aws:ec2:eu-west-1:${ACCOUNT}:x/vpce-1`, /The Deny stands in arn:aws:ec2/],
  ])('with an explicit deny %s has no command that would show it', (where, said) => {
    const failure = diagnose(denied(`with an explicit deny ${where}`), about())
    expect(told(failure)).toMatch(said)
    expect(pastes(failure.cure, 'sh')).toEqual([])
  })

  test('with a deny of no kind leaves open of which, and says how to tell', () => {
    const failure = diagnose(denied('with an explicit deny'), about())
    expect(failure.cause).toContain('in a policy that AWS does not name')
    expect(causes(failure)).toEqual([
      'an explicit deny in a permissions boundary forbids it',
      'an explicit deny in a service control policy forbids it',
      'an explicit deny in a VPC endpoint policy forbids it',
      'an explicit deny in a session policy forbids it',
    ])
    expect(told(failure)).toContain('AllowedByOrganizations: false')
  })

  test('without a reason leaves the policy open, the likeliest first', () => {
    const failure = diagnose(denied(''), about())
    expect(failure.cause).toContain('AWS does not say which policy denies it')
    expect(causes(failure)[0]).toBe('an explicit deny in an identity-based policy forbids it')
    expect(causes(failure)).toContain('a permissions boundary does not allow it')
    const simulations = failure.otherwise?.flatMap(({ tell }) => pastes(tell, 'sh')) ?? []
    expect(simulations[0]).toContain(`--policy-source-arn ${ROLE} --action-names eks:DescribeCluster`)
    expect(simulations[0]).toContain(`--resource-arns ${ARN}`)
  })

  test('of somebody whom nobody names is told by what AWS was asked, or by nothing', () => {
    const asked = diagnose(refused({}), about({ caller: `arn:aws-cn:iam::${ACCOUNT}:user/ci/ada` }))
    expect(asked.cause).toContain('the user ada may not call')
    expect(told(asked)).toContain(`"arn:aws-cn:eks:eu-west-1:${ACCOUNT}:cluster/demo"`)
    expect(told(asked)).toContain('aws iam put-user-policy --user-name ada')
    expect(told(asked)).toContain('a policy that is attached to the user ada or its groups')
    const nobody = diagnose(refused({ message: 'with an explicit deny' }), about())
    expect(nobody.cause).toContain('the role of the runner may not call')
    expect(told(nobody)).not.toContain('ArnNotLike')
  })

  test('of a user asks for the boundary of that user', () => {
    const message = `User: arn:aws:iam::${ACCOUNT}:user/ada is not authorized to perform: eks:DescribeCluster with an explicit deny in a permissions boundary`
    const failure = diagnose(refused({ message }), about())
    expect(told(failure)).toContain('aws iam get-user --user-name ada --query User.PermissionsBoundary')
  })

  test('of the same name in the own account, where another was asked for, is the wrong account', () => {
    const theirs = ARN.replace(ACCOUNT, OTHER)
    const failure = diagnose(denied('', { resource: theirs }), about({ arn: theirs }))
    expect(failure.code).toBe('EKS203')
    expect(failure.cause).toBe(
      `the credentials are of the account ${ACCOUNT}, and the cluster is in the account ${OTHER}`,
    )
    expect(pastes(failure.cure, 'sh').join()).toContain('aws iam create-role --role-name eks-login-runner')
    const user = { caller: `arn:aws:iam::${ACCOUNT}:user/ada` }
    const ofUser = diagnose(
      denied('', { resource: theirs, message: `no, on resource: ${ARN}` }),
      about({ arn: theirs, ...user }),
    )
    expect(told(ofUser)).not.toContain('does not tell the path')
    const nobody = `User: someone is not authorized to perform: x on resource: ${ARN}`
    const unnamed = diagnose(denied('', { resource: theirs, message: nobody }), about({ arn: theirs }))
    expect(unnamed).toMatchObject({ code: 'EKS203', cause: expect.stringContaining('of another account') })
  })
})

describe('a cluster of another account than the credentials', () => {
  const theirs = ARN.replace(ACCOUNT, OTHER)
  const wrong = { kind: 'wrong-account', asked: theirs, found: ARN } as const

  test('is described by a role there, which the step is told', () => {
    const failure = diagnose(wrong, about({ arn: theirs, caller: ROLE }))
    expect(failure.evidence).toEqual([
      `asked for ${theirs}`,
      `asked by ${ROLE}`,
      `eks:DescribeCluster found ${ARN}`,
    ])
    expect(pastes(failure.cure, 'yaml')).toEqual([
      `with:\n  cluster-name: ${theirs}\n  assume-role-arn: arn:aws:iam::${OTHER}:role/eks-login-runner`,
    ])
  })

  test('is known by the account of the one that was found', () => {
    const failure = diagnose(wrong, about({ arn: theirs }))
    expect(failure.cause).toContain(`the credentials are of the account ${ACCOUNT}`)
    expect(pastes(failure.cure, 'yaml')).toEqual([])
  })

  test('that assume-role-arn is not of, either, wants another role there', () => {
    const failure = diagnose(wrong, about({ arn: theirs, caller: ROLE, assumeRoleArn: ROLE }))
    expect(failure.cause).toContain(`assume-role-arn is a role of the account ${ACCOUNT}`)
    expect(pastes(failure.cure, 'sh')).toEqual([])
  })
})

describe('a cluster that is not there', () => {
  const absent = refused({ code: 'ResourceNotFoundException', status: 404 })

  test('is compared with those that are', () => {
    const failure = diagnose(absent, about({ cluster: 'dmo', caller: ROLE, clusterNames: ['prod', 'demo'] }))
    expect(failure).toMatchObject({
      code: 'EKS202',
      cause: `there is no cluster dmo in eu-west-1 in the account ${ACCOUNT}; the nearest name there is demo`,
    })
    expect(failure.evidence.at(-1)).toBe('eks:ListClusters in eu-west-1: prod, demo')
    expect(pastes(failure.cure, 'yaml')).toEqual(['with:\n  cluster-name: demo'])
    expect(causes(failure)).toEqual(['the cluster is in another region', 'the cluster is in another account'])
  })

  test('by its ARN is corrected in its ARN', () => {
    const arn = ARN.replace('/demo', '/Dmo')
    const failure = diagnose(absent, about({ cluster: 'Dmo', arn, caller: ROLE, clusterNames: ['demo'] }))
    expect(pastes(failure.cure, 'yaml')).toEqual([`with:\n  cluster-name: ${ARN}`])
  })

  test.each<[string, string[] | undefined, RegExp]>([
    [
      'among names that are all unlike it',
      ['production', 'staging-2'],
      /the clusters that there are stand above/,
    ],
    ['where there is none', [], /There is no cluster at all in eu-west-1/],
    ['where nobody may list', undefined, /aws eks list-clusters --region eu-west-1/],
  ])('%s is not guessed at', (_what, clusterNames, said) => {
    const failure = diagnose(absent, about(clusterNames ? { clusterNames } : {}))
    expect(failure.code).toBe('EKS202')
    expect(told(failure)).toMatch(said)
    expect(pastes(failure.cure, 'yaml')).toEqual([])
  })

  test('among many is told a few of them', () => {
    const clusterNames = Array.from({ length: 50 }, (_, index) => `cluster-${index}`)
    const failure = diagnose(absent, about({ clusterNames }))
    expect(failure.evidence.at(-1)).toMatch(/cluster-19, and 30 more$/)
  })

  test('in the account of its ARN is in the wrong account, if the credentials are of another', () => {
    const arn = ARN.replace(ACCOUNT, OTHER)
    expect(diagnose(absent, about({ arn, caller: ROLE }))).toMatchObject({ code: 'EKS203' })
    expect(diagnose(absent, about({ arn }))).toMatchObject({ code: 'EKS202' })
  })

  test('but in other regions is told by all of them, and a name like it is left open', () => {
    const elsewhere = [
      { region: 'eu-north-1', arn: ARN.replace('eu-west-1', 'eu-north-1') },
      { region: 'us-east-1' },
    ]
    const failure = diagnose(absent, about({ elsewhere, clusterNames: ['demo2'] }))
    expect(failure).toMatchObject({
      code: 'EKS212',
      cause: 'there is no cluster demo in eu-west-1; there is one in eu-north-1 and in us-east-1',
    })
    expect(pastes(failure.cure, 'yaml')).toEqual(['with:\n  cluster-name: demo\n  region: eu-north-1'])
    expect(causes(failure)).toEqual([
      'the cluster in us-east-1 is meant',
      'the cluster demo2 in eu-west-1 is meant',
    ])
  })

  test('by its ARN, but in another region, gets the ARN there', () => {
    const failure = diagnose(absent, about({ arn: ARN, elsewhere: [{ region: 'us-east-1' }] }))
    const there = ARN.replace('eu-west-1', 'us-east-1')
    expect(pastes(failure.cure, 'yaml')).toEqual([`with:\n  cluster-name: ${there}`])
    expect(failure).not.toHaveProperty('otherwise')
  })
})

test.each([
  ['CREATING', 'aws eks wait cluster-active --region eu-west-1 --name demo'],
  ['PENDING', 'aws eks wait cluster-active --region eu-west-1 --name demo'],
  ['DELETING', 'aws eks wait cluster-deleted --region eu-west-1 --name demo'],
  ['FAILED', 'cluster.health.issues'],
  ['ASLEEP', '--query cluster.status'],
])('a cluster that is %s has a cure of its own', (status, command) => {
  const failure = diagnose({ kind: 'cluster-not-ready', cluster: ARN, status }, about())
  expect(failure).toMatchObject({ code: 'EKS204', cause: `the cluster is ${status}, not ACTIVE or UPDATING` })
  expect(pastes(failure.cure, 'sh').join()).toContain(command)
})

describe('what did not pass by itself', () => {
  test.each<[Partial<Refused>, string, RegExp]>([
    [{ code: 'ThrottlingException', status: 429 }, 'EKS206', /eks:DescribeCluster was throttled/],
    [{ code: '', status: 429 }, 'EKS206', /throttled/],
    [{ asked: 'sts:AssumeRole', code: 'Throttling', status: 400 }, 'EKS206', /sts:AssumeRole was throttled/],
    [{ code: 'ServerException', status: 500 }, 'EKS213', /answered 500 until/],
    [{ code: '', status: 503, message: '503, text/html: x' }, 'EKS213', /answered 503 until/],
    [{ code: 'ValidationException', status: 400 }, 'EKS207', /was refused: ValidationException/],
  ])('%j is %s', (given, code, cause) => {
    const failure = diagnose(refused(given), about())
    expect(failure).toMatchObject({ code, cause: expect.stringMatching(cause) })
    expect(failure.evidence[0]).toMatch(/ answered \d{3}( \w+)?: /)
  })
})

describe('a role that may not be assumed', () => {
  const assumption = (why: string, given: Partial<Refused> = {}) =>
    refused({
      asked: 'sts:AssumeRole',
      resource: READER,
      code: 'AccessDenied',
      message: `${WHO} sts:AssumeRole on resource: ${READER}${why}`,
      ...given,
    })

  test('for want of a permission is told as that alone', () => {
    const failure = diagnose(assumption(' because no identity-based policy allows the x action'), about())
    expect(failure).toMatchObject({
      code: 'EKS210',
      cause: `the role runner may not assume the role ${READER}: no identity-based policy allows it`,
    })
    expect(failure).not.toHaveProperty('otherwise')
    expect(pastes(failure.cure, 'sh').join()).toContain('--policy-name eks-login-assume-reader')
  })

  test.each(['role trust policy', 'resource-based policy'])(
    'for want of a %s is told as that alone',
    kind => {
      const failure = diagnose(assumption(` because no ${kind} allows the sts:AssumeRole action`), about())
      expect(failure.cause).toMatch(/its trust policy does not allow it$/)
      expect(JSON.parse(pastes(failure.cure, 'json')[0] ?? '')).toEqual({
        Effect: 'Allow',
        Principal: { AWS: ROLE },
        Action: 'sts:AssumeRole',
      })
      expect(causes(failure)).toEqual([])
    },
  )

  test('by a Deny in the trust policy is told as that', () => {
    const failure = diagnose(assumption(' with an explicit deny in the role trust policy'), about())
    expect(failure.cause).toMatch(/an explicit deny in its trust policy forbids it$/)
    expect(told(failure)).toContain(
      'aws iam get-role --role-name reader --query Role.AssumeRolePolicyDocument',
    )
    const nobody = { message: 'with an explicit deny in the role trust policy' }
    expect(told(diagnose(assumption('', nobody), about()))).not.toContain('ArnNotLike')
  })

  test('without a reason leaves open on which side it is, and has the cure of both', () => {
    const failure = diagnose(assumption(''), about())
    expect(failure.cause).toContain('AWS does not say which')
    expect(pastes(failure.cure, 'json').join()).toContain(`"AWS": "${ROLE}"`)
    const [permission, absent, condition] = failure.otherwise ?? []
    expect(pastes(permission?.cure ?? [], 'json').join()).toContain(`"Resource": "${READER}"`)
    expect(pastes(permission?.tell ?? [], 'sh').join()).toContain('simulate-principal-policy')
    expect(absent?.cause).toContain(`there is no role reader in the account ${OTHER}`)
    expect(condition?.cause).toContain('external id')
  })

  test.each<[string, Partial<About>]>([
    ['', {}],
    [' (reached max retries: 2)', { tokenRole: READER }],
  ])('is told from the words of the AWS CLI%s', (retries, known) => {
    const stderr = `\nAn error occurred (AccessDenied) when calling the AssumeRole operation${retries}: ${WHO} sts:AssumeRole${known.tokenRole ? '' : ` on resource: ${READER}`}\n`
    const evidence = {
      kind: 'exec-failed',
      words: ['aws', 'x'],
      exitCode: 254,
      signal: null,
      stderr,
    } as const
    const failure = diagnose(evidence, about(known))
    expect(failure).toMatchObject({ code: 'EKS210', cause: expect.stringContaining(READER) })
    expect(failure.evidence[0]).toBe('aws x: exit code 254')
  })

  test('by somebody whom nobody names is told by what AWS was asked, or by nothing', () => {
    const user = `arn:aws:iam::${ACCOUNT}:user/ada`
    const asked = diagnose(assumption('', { message: 'no' }), about({ caller: user }))
    expect(pastes(asked.cure, 'json').join()).toContain(`"AWS": "${user}"`)
    // The ARN of a user is whole.
    expect(told(asked)).not.toContain('does not tell the path')
    const nobody = diagnose(assumption('', { message: 'no', resource: 'x' }), about())
    expect(nobody.cause).toContain('the role of the runner may not assume the role x')
    expect(pastes(nobody.cure, 'json')).toEqual([])
  })
})

describe('a web identity that may not assume its role', () => {
  const webIdentity = {
    issuer: 'https://oidc.eks.eu-west-1.amazonaws.com/id/1',
    subject: 'system:serviceaccount:ci:runner',
    audience: 'sts.amazonaws.com',
  }
  const web = (code: string, message: string) =>
    refused({ asked: 'sts:AssumeRoleWithWebIdentity', resource: ROLE, code, message })
  const provider = `arn:aws:iam::${ACCOUNT}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1`

  test('is trusted by a statement with its subject and audience, if that is what lacks', () => {
    const failure = diagnose(web('AccessDenied', 'no'), about({ webIdentity }))
    expect(failure).toMatchObject({
      code: 'EKS210',
      cause: expect.stringContaining('AWS does not say which'),
    })
    expect(JSON.parse(pastes(failure.cure, 'json')[0] ?? '')).toEqual({
      Effect: 'Allow',
      Principal: { Federated: provider },
      Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: {
        StringEquals: {
          'oidc.eks.eu-west-1.amazonaws.com/id/1:sub': webIdentity.subject,
          'oidc.eks.eu-west-1.amazonaws.com/id/1:aud': webIdentity.audience,
        },
      },
    })
    expect(failure.evidence.at(-1)).toContain(`subject ${webIdentity.subject}`)
    expect(causes(failure)).toEqual([expect.stringContaining('there is no role runner')])
  })

  test.each([
    [
      'No OpenIDConnect provider found in your account for https://x',
      /has no OIDC provider for its issuer/,
      'aws iam create-open-id-connect-provider --url https://oidc.eks.eu-west-1.amazonaws.com/id/1 --client-id-list sts.amazonaws.com',
    ],
    [
      'Incorrect token audience',
      /does not take its audience sts\.amazonaws\.com/,
      `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${provider} --client-id sts.amazonaws.com`,
    ],
  ])('"%s" is a matter of the provider', (message, cause, command) => {
    const failure = diagnose(web('InvalidIdentityToken', message), about({ webIdentity }))
    expect(failure.cause).toMatch(cause)
    expect(pastes(failure.cure, 'sh')).toEqual([command])
  })

  test('whose token STS cannot verify is told so', () => {
    const failure = diagnose(web('InvalidIdentityToken', 'no key'), about({ webIdentity }))
    expect(failure.cause).toMatch(/STS does not take the token$/)
  })

  test('that is refused for something else is told in AWS\u2019s words', () => {
    expect(diagnose(web('ValidationError', 'no'), about({ webIdentity }))).toMatchObject({ code: 'EKS207' })
  })

  test('whose token cannot be read here is told without what it says', () => {
    const failure = diagnose(web('AccessDenied', 'no'), about())
    expect(failure.code).toBe('EKS210')
    expect(pastes(failure.cure, 'json')).toEqual([])
  })
})

describe('a service that cannot be reached', () => {
  const HOST = 'eks.eu-west-1.amazonaws.com'
  const unreachable = (given: object) =>
    ({
      kind: 'unreachable',
      asked: 'eks:DescribeCluster',
      endpoint: HOST,
      code: 'ETIMEDOUT',
      message: 'm',
      ...given,
    }) as AwsEvidence
  const proxy = 'http://proxy:3128'

  test.each<[string, object, Partial<About>, string, RegExp[]]>([
    ['from a private subnet', {}, {}, 'EKS208', [/com\.amazonaws\.eu-west-1\.eks with private DNS/]],
    [
      'though its name leads into the VPC',
      {},
      { route: { addresses: ['10.0.3.4', 'fd00::1'] } },
      'EKS208',
      [/resolves to 10\.0\.3\.4, fd00::1/, /leads to a VPC endpoint/],
    ],
    [
      'by name',
      { code: 'ENOTFOUND' },
      { route: { addresses: [] } },
      'EKS208',
      [/does not resolve here/, /resolves to no address/],
    ],
    ['whose connection breaks off', { code: 'ECONNRESET' }, {}, 'EKS208', [/broke off each time/]],
    ['where nobody listens', { code: 'ECONNREFUSED' }, {}, 'EKS208', [/AWS listens on 443/]],
    [
      'where nobody listens, at an endpoint of the environment',
      { code: 'ECONNREFUSED', endpoint: 'http://127.0.0.1:1' },
      {},
      'EKS208',
      [/AWS_ENDPOINT_URL_EKS/],
    ],
    [
      'for a proxy that is gone',
      { proxy },
      {},
      'EKS208',
      [/the proxy http:\/\/proxy:3128 cannot be reached/, /NO_PROXY: "eks\.eu-west-1/],
    ],
    [
      'for a proxy that refuses',
      { proxy, proxyStatus: 403 },
      {},
      'EKS208',
      [/Allow eks\.\S+:443 in the proxy/],
    ],
    [
      'for a proxy that is no URL',
      {
        proxy: 'http://***@x',
        code: 'ERR_PROXY_URL',
        message: 'HTTPS_PROXY is not the URL of a proxy: http://***@x',
      },
      {},
      'EKS208',
      [/had no answer: HTTPS_PROXY is not the URL/, /%40/],
    ],
    [
      'for a proxy that wants a password',
      { proxy, proxyStatus: 407 },
      {},
      'EKS208',
      [/http:\/\/USER:PASSWORD@/],
    ],
    [
      'for a certificate',
      { code: 'SELF_SIGNED_CERT_IN_CHAIN', issuer: 'Corp Root' },
      { route: { proxy, noProxy: 'x' } },
      'EKS211',
      [/which Corp Root signed/, /AWS_CA_BUNDLE/, /HTTPS_PROXY names, http:\/\/proxy:3128; NO_PROXY is x/],
    ],
    [
      'for a certificate of nobody',
      { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
      {},
      'EKS211',
      [/AWS_CA_BUNDLE/],
    ],
  ])('%s', (_what, given, known, code, said) => {
    const failure = diagnose(unreachable(given), about(known))
    expect(failure.code).toBe(code)
    for (const form of said) expect(told(failure)).toMatch(form)
  })

  const slow = (seconds: number, endpoint = HOST) =>
    ({ kind: 'timed-out', asked: 'eks:DescribeCluster', endpoint, seconds }) as const

  test('within less than the default most likely had too little time', () => {
    const failure = diagnose(slow(5), about())
    expect(failure).toMatchObject({ code: 'EKS209', cause: 'eks:DescribeCluster had no answer within 5 s' })
    expect(pastes(failure.cure, 'yaml')).toEqual(['with:\n  timeout: "30"'])
    expect(causes(failure)).toEqual(['the runner has no way there'])
  })

  test('within the default most likely has no way there', () => {
    const failure = diagnose(slow(30), about({ route: { addresses: ['3.3.3.3'] } }))
    expect(failure.evidence).toEqual([
      `${HOST}: no whole answer came within 30 s, retries included`,
      'asked through no proxy',
      `${HOST} resolves to 3.3.3.3`,
    ])
    expect(told(failure)).toContain('NAT gateway')
    expect(causes(failure)).toEqual(['it would have answered later'])
  })

  const runner = { vpcId: 'vpc-1', securityGroupIds: ['sg-1', 'sg-2'], privateIp: '10.0.3.17' }

  test.each([
    ['timed out', slow(30)],
    ['could not be reached', unreachable({})],
  ])('from a VPC that is known, and %s, has the lines that make an endpoint there', (_what, evidence) => {
    const failure = diagnose(evidence, about({ route: {}, runner }))
    expect(failure.evidence.at(-1)).toContain('vpc-1')
    const [shown, made = ''] = pastes(failure.cure, 'sh')
    expect(shown).toContain('describe-vpc-endpoints')
    expect(made).toContain('--filters Name=vpc-id,Values=vpc-1 Name=private-ip-address,Values=10.0.3.17 ')
    expect(made).toContain(
      'aws ec2 create-vpc-endpoint --region eu-west-1 --vpc-id vpc-1 --vpc-endpoint-type Interface --service-name com.amazonaws.eu-west-1.eks --private-dns-enabled --security-group-ids "$group" --subnet-ids "$(',
    )
    expect(made).toContain('--port 443 --group-id "$group" --cidr "$cidr"')
    expect(told(failure)).toContain('It is for all of vpc-1')
  })

  test.each<[string, AwsEvidence, Partial<About>]>([
    ['for something else than a way', unreachable({ code: 'EPROTO' }), { route: {}, runner }],
    ['with an endpoint in the VPC', unreachable({}), { route: { addresses: ['10.0.3.4'] }, runner }],
    ['from nobody knows where', unreachable({}), { route: {} }],
  ])('%s has no lines that make one', (_what, evidence, known) => {
    expect(told(diagnose(evidence, about(known)))).not.toContain('create-vpc-endpoint')
  })

  test('through a proxy most likely waits for the proxy', () => {
    const failure = diagnose(slow(30), about({ route: { proxy } }))
    expect(told(failure)).toContain(`Likeliest is that the proxy ${proxy} does not answer.`)
    expect(told(diagnose(slow(30, 'http://127.0.0.1:1'), about()))).not.toContain('https://127')
  })

  test.each<[string, string, Partial<About>, RegExp]>([
    ['at its own host', HOST, {}, /captive portal/],
    ['at an endpoint of the environment', 'http://127.0.0.1:1', {}, /AWS_ENDPOINT_URL_EKS leads there/],
    ['through a proxy', HOST, { route: { proxy } }, /Allow eks\.\S+:443 in the proxy/],
  ])('but is answered for by somebody else, %s', (_what, endpoint, known, said) => {
    const evidence = { kind: 'answer-unreadable', asked: 'eks:DescribeCluster', endpoint } as const
    const failure = diagnose({ ...evidence, status: 200, problem: 'it is a page' }, about(known))
    expect(failure).toMatchObject({
      code: 'EKS214',
      cause: 'eks:DescribeCluster had an answer that is none of AWS',
    })
    expect(failure.evidence[0]).toBe(`${endpoint} answered 200: it is a page`)
    expect(told(failure)).toMatch(said)
  })
})

test('of a region in China the ARNs are China\u2019s, where nobody names the account', () => {
  const refusal = { kind: 'refused', asked: 'eks:DescribeCluster', resource: 'demo', status: 403 } as const
  const china = { cluster: 'demo', region: 'cn-north-1' }
  const denied = diagnose({ ...refusal, code: 'AccessDeniedException', message: 'no' }, china)
  expect(told(denied)).toContain('arn:aws-cn:eks:cn-north-1:*:cluster/demo')
  const absent = diagnose({ ...refusal, code: 'ResourceNotFoundException', message: 'no' }, china)
  expect(told(absent)).toContain('arn:aws-cn:eks:cn-north-1:ACCOUNT:cluster/demo')
})

test.each<[string, RegExp, boolean]>([
  ['eks:DescribeCluster', /eks\/latest\/APIReference\/CommonErrors/, true],
  ['sts:GetCallerIdentity', /STS\/latest\/APIReference\/CommonErrors/, false],
  ['other:Thing', /eks\/latest\/APIReference\/CommonErrors/, false],
])('another refusal of %s has where its code is explained', (asked, page, command) => {
  const refusal = { kind: 'refused', asked, resource: 'demo', status: 400, message: 'no' } as const
  for (const code of ['ClientException', '']) {
    const failure = diagnose({ ...refusal, code }, about())
    expect(failure).toMatchObject({ code: 'EKS207' })
    expect(told(failure)).toMatch(page)
    expect(told(failure).includes('aws eks describe-cluster --region')).toBe(command)
  }
})
