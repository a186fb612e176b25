import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BadInput } from '../src/bad-input.ts'
import { DIAGNOSES, diagnose, stepFailures } from '../src/diagnosis/diagnose.ts'
import type { About, Evidence, Failure } from '../src/diagnosis/failure.ts'
import { diagnoseGrant, grantDiagnoses } from '../src/diagnosis/grant.ts'
import { diagnoseKubectl, kubectlDiagnoses } from '../src/diagnosis/kubectl.ts'
import type { AwsAuthReading } from '../src/diagnosis/mapping/aws-auth.ts'
import type { GrantEvidence } from '../src/grant/evidence.ts'
import { needsOf } from '../src/grant/needs.ts'
import type { Right } from '../src/kube/policy.ts'
import type { KubectlEvidence } from '../src/kubectl/evidence.ts'
import { failureMarkdown } from '../src/report/summary.ts'
import { Cancelled } from '../src/run.ts'
import { table } from './table.ts'

// What the page of failures says of each code, made by the code that a login says it with.

type Kind = Evidence['kind']

const RIGHT: Right = {
  kind: 'resource',
  attributes: { verb: 'VERB', group: '', resource: 'RESOURCE', subresource: '', namespace: '', name: '' },
  namespaced: true,
}
const GRANT = 'RBAC: allowed by ClusterRoleBinding "BINDING" of ClusterRole "ROLE" to User "USERNAME"'
const POLICY = 'arn:aws:eks::aws:cluster-access-policy/POLICY'
const ACCESS_POLICY = `EKS Access Policy: allowed by ClusterRoleBinding "arn:aws:iam::${'1'.repeat(12)}:role/ROLE+${POLICY}" of ClusterRole "${POLICY}" to User "USERNAME"`
/** Fields that are neither one word nor left out. */
const PLACE = {
  server: 'https://endpoint.eks.amazonaws.com',
  address: 'ADDRESS',
  proxy: undefined,
  certificate: undefined,
}
const PROXY = {
  url: 'http://proxy.example:3128',
  setBy: 'HTTPS_PROXY',
  credentials: false,
  used: true,
  exceptions: { name: 'NO_PROXY', value: 'EXCEPTIONS' },
}

const TOKEN = 'PUT /latest/api/token'
const ROLES = 'GET /latest/meta-data/iam/security-credentials/'

const MISMATCH = 'The request signature we calculated does not match the signature you provided.'

/** What the metadata service answers where each of the causes lies. */
const METADATA_FAILED = [
  [answer(TOKEN, 200), answer(ROLES, 404)],
  [
    answer(TOKEN, 200),
    answer(ROLES, 200),
    answer(`${ROLES}ROLE`, 200, 'AssumeRoleUnauthorizedAccess, MESSAGE'),
  ],
  [answer(TOKEN, 200), answer(ROLES, 500)],
  [answer(TOKEN, 403), answer(ROLES, 403)],
  [answer(TOKEN, 403), answer(ROLES, 401)],
  [answer(TOKEN, null, 'PROBLEM'), answer(ROLES, 401)],
  [answer(TOKEN, null, 'PROBLEM'), answer(ROLES, null, 'PROBLEM')],
  [answer(TOKEN, 405)],
  [answer(TOKEN, 200, 'no session token')],
].map(answers => ({ answers }))

function answer(asked: string, status: number | null, problem = '') {
  return { asked, status, problem }
}
const OBSTACLE = { path: 'FILE', isFolder: false, owner: 0, self: 1001, mode: '0600' }
/** The form of https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html */
const DENIED = (why: string) => `${USER} is not authorized to perform: eks:DescribeCluster ${why}`
const ACCOUNT = '1'.repeat(12)
const USER = `User: arn:aws:sts::${ACCOUNT}:assumed-role/ROLE/SESSION`
const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/ROLE`

const DESCRIBE = { asked: 'eks:DescribeCluster', endpoint: 'eks.REGION.amazonaws.com' }

/** Kinds of evidence whose fields decide on the cause, and those that have a list among them. */
const VARIANTS: Partial<Record<Kind, object[]>> = {
  'no-credentials': [{ tried: ['PLACE', 'PLACE'] }],
  'metadata-failed': METADATA_FAILED,
  'profile-missing': [
    { of: '', profile: 'PROFILE', files: ['CONFIG_FILE', 'CREDENTIALS_FILE'], profiles: ['PROFILE-2'] },
    {
      ...{ of: 'PROFILE', variable: 'source_profile', profile: 'SOURCE_PROFILE' },
      ...{ files: ['CONFIG_FILE', 'CREDENTIALS_FILE'], profiles: ['PROFILE'] },
    },
  ],
  'credentials-failed': [{ source: 'profile PROFILE', message: 'Token is expired.' }, {}],
  'container-failed': [
    { url: 'http://169.254.170.23/v1/credentials', status: 400, file: '' },
    { url: 'http://169.254.170.23/v1/credentials', status: undefined, file: '' },
  ],
  'credentials-timed-out': [{ source: 'profile PROFILE', seconds: 30 }],
  'credentials-expired': [{ source: 'environment' }],
  'credentials-refused': [{ accessKeyId: 'AKIA', source: 'environment' }, { wanted: 'role' }, {}],
  unreachable: [
    { code: 'SELF_SIGNED_CERT_IN_CHAIN' },
    { code: 'ENOTFOUND', proxy: '' },
    { code: 'ECONNREFUSED', proxy: '' },
    { code: 'ECONNRESET', proxy: '' },
    { proxy: '' },
    { code: 'ProxyRefusal' },
  ].map(given => ({ ...DESCRIBE, ...given })),
  'timed-out': [{ ...DESCRIBE, seconds: 30 }],
  'wrong-account': [{ asked: `arn:aws:eks:REGION:${'4'.repeat(12)}:cluster/CLUSTER` }],
  'cluster-not-ready': ['CREATING', 'PENDING', 'DELETING', 'FAILED'].map(status => ({ status })),
  'unexpected-answer': [{ status: 200 }, { status: 503 }],
  refused: [
    { code: 'AccessDeniedException', message: DENIED('because no identity-based policy allows it') },
    {
      code: 'AccessDeniedException',
      message: DENIED('with an explicit deny in a service control policy'),
    },
    { code: 'AccessDeniedException', message: DENIED('') },
    { code: 'ResourceNotFoundException' },
    { code: 'ThrottlingException' },
    { status: 503, code: 'ServiceUnavailableException' },
    {
      ...{ asked: 'eks:CreateAccessEntry', code: 'AccessDeniedException' },
      message: `${USER} is not authorized to perform: eks:CreateAccessEntry because no identity-based policy allows it`,
    },
    { asked: 'sts:AssumeRole', resource: 'ROLE', code: 'AccessDenied' },
    { asked: 'sts:AssumeRoleWithWebIdentity', resource: 'ROLE', code: 'AccessDenied' },
    { code: 'InvalidSignatureException', message: 'Signature expired', clockSkewSeconds: -3600 },
    { code: 'ExpiredTokenException' },
    { asked: 'sts:AssumeRoleWithWebIdentity', resource: 'ROLE', code: 'ExpiredTokenException' },
    { code: 'UnrecognizedClientException' },
    { code: 'InvalidSignatureException', message: MISMATCH, clockSkewSeconds: 0 },
    {},
  ].map(given => ({ ...DESCRIBE, resource: 'cluster/CLUSTER', status: 400, ...given })),
  'server-unreachable': [
    { ...PLACE, code: 'ENOTFOUND', stage: 'connecting' },
    { ...PLACE, code: 'ECONNREFUSED', stage: 'connecting' },
    { ...PLACE, code: 'SELF_SIGNED_CERT_IN_CHAIN', stage: 'handshake' },
    { ...PLACE, code: 'ERR_TLS_CERT_ALTNAME_INVALID', stage: 'handshake' },
    { ...PLACE, code: 'CERT_HAS_EXPIRED', stage: 'handshake' },
    { ...PLACE, code: 'CERT_NOT_YET_VALID', stage: 'handshake' },
    { ...PLACE, code: 'ECONNRESET', stage: 'handshake' },
    { ...PLACE, code: 'EHOSTUNREACH', stage: 'connecting' },
  ],
  'rule-denied': [{ denied: false, right: RIGHT }, { denied: true }],
  'rule-allowed': [
    { reason: GRANT, needed: [] },
    { reason: GRANT, needed: [{ rule: 'VERB RESOURCE', right: RIGHT }] },
    { reason: GRANT.replace('User "USERNAME"', 'Group "GROUP"'), needed: [] },
    { reason: ACCESS_POLICY, needed: [] },
  ],
  'server-timed-out': [
    { ...PLACE, stage: 'connecting' },
    { ...PLACE, stage: 'request' },
  ],
  'proxy-refused': [
    { ...PLACE, proxy: PROXY, status: 403 },
    { ...PLACE, proxy: PROXY, status: 407 },
  ],
  'exec-not-found': [{ command: 'aws' }],
  'exec-failed': [{ words: ['aws', 'eks', 'get-token'], exitCode: 255, signal: null, stderr: 'STDERR' }],
  'exec-timed-out': [{ words: ['aws', 'eks', 'get-token'], seconds: 30 }],
  'exec-not-a-credential': [
    { apiVersion: undefined },
    { apiVersion: 'client.authentication.k8s.io/v1alpha1' },
  ],
  'proxy-unreachable': [
    { ...PLACE, proxy: PROXY, connected: false },
    { ...PLACE, proxy: PROXY, connected: true },
    { ...PLACE, proxy: { ...PROXY, url: 'HTTPS_PROXY', malformed: true } },
  ],
  'groups-differ': [{ expected: ['GROUP'], found: ['GROUP'] }],
  'kubeconfig-unreadable': [{ obstacle: undefined }, { code: 'EACCES', obstacle: OBSTACLE }],
  'kubeconfig-symlink': [{}, { target: null }],
  'kubeconfig-locked': [
    { pid: undefined, host: undefined },
    { pid: 4711, host: undefined },
    { pid: 4711, host: 'HOST' },
  ],
  'kubeconfig-unwritable': [
    { file: '/FOLDER/FILE', code: 'ENOSPC', obstacle: undefined },
    { code: 'EROFS', obstacle: undefined },
    { code: 'EACCES', obstacle: { ...OBSTACLE, owner: 1001, isFolder: true, path: 'FOLDER' } },
    { code: 'EEXIST', obstacle: OBSTACLE },
  ],
  'kubeconfig-secret': [{ where: ['WHERE'] }],
}

/** The same of a grant. */
const GRANT_VARIANTS: Partial<Record<GrantEvidence['kind'], object[]>> = {
  'method-unavailable': [
    { method: 'access-entry', authenticationMode: 'CONFIG_MAP' },
    { method: 'aws-auth', authenticationMode: 'API' },
  ],
  'name-unusable': [{ what: 'username', name: 'system:USERNAME', why: 'WHY' }],
  'object-conflict': [{ object: 'ClusterRole NAME', manifest: 'MANIFEST\n' }, { manifest: null }],
  'calls-denied': [
    {
      ...{ denied: [{ call: 'list ClusterRoles', message: 'MESSAGE' }], groups: [], sessionName: undefined },
      needs: needsOf({ isRead: true, isWritten: true }, [RIGHT]),
    },
  ],
}

const LINE = { list: 'mapRoles', line: 1, text: 'LINE', mended: 'MENDED', isOnly: true } as const
const AWS_AUTHS: AwsAuthReading[] = [
  { kind: 'missing' },
  { kind: 'unmapped', indent: '' },
  { kind: 'mapped', username: 'USERNAME', groups: [] },
  { kind: 'unparsable', message: 'MESSAGE', ...LINE },
  ...(['path', 'session', 'key', 'near'] as const).map(
    slip => ({ kind: 'slip', slip, found: 'FOUND', ...LINE }) as const,
  ),
]

/** What the cluster says of us. */
const KNOWN = { username: 'USERNAME', groups: ['GROUP'], roleArn: ROLE_ARN, authenticationMode: 'CONFIG_MAP' }

const CLOSED = {
  vpcId: 'VPC',
  securityGroupId: 'GROUP',
  publicAccess: false,
  privateAccess: true,
  publicAccessCidrs: [],
}
const GUARDED = { ...CLOSED, publicAccess: true, privateAccess: false, publicAccessCidrs: ['192.0.2.0/24'] }
const RUNNER = {
  vpcId: 'RUNNER_VPC',
  securityGroupIds: ['RUNNER_GROUP'],
  privateIp: '10.0.0.1',
  publicIp: '203.0.113.1',
}

const UNAUTHORIZED: Partial<About>[] = [
  { authenticationMode: 'API' },
  { authenticationMode: 'CONFIG_MAP' },
  { authenticationMode: 'API', accessEntry: { kind: 'none', sure: true, asked: [] } },
  { authenticationMode: 'API', accessEntry: { kind: 'listed', principalArn: 'ARN', asked: [] } },
  ...AWS_AUTHS.map(awsAuth => ({ authenticationMode: 'CONFIG_MAP', awsAuth })),
]

/** What a login may have learned before or after it failed, where that decides on the cause. */
const ABOUTS: Partial<Record<Kind, Partial<About>[]>> = {
  refused: [{}, { elsewhere: [{ region: 'OTHER-REGION' }] }],
  unauthorized: UNAUTHORIZED.map(about => ({ caller: ROLE_ARN, ...about })),
  'username-differs': [{ ...KNOWN, authenticationMode: 'API' }, KNOWN],
  'groups-differ': [{ ...KNOWN, authenticationMode: 'API' }, KNOWN],
  'rule-denied': [KNOWN],
  'rule-allowed': [KNOWN],
  'rule-unproven': [KNOWN],
  'server-unreachable': [{}, { access: CLOSED, runner: RUNNER }],
  'server-timed-out': [
    { access: CLOSED, runner: { ...RUNNER, vpcId: 'VPC' } },
    { access: CLOSED, runner: RUNNER },
    { access: GUARDED, runner: RUNNER },
  ],
  'profile-missing': [{}, { bareSection: true }],
  'metadata-failed': [{ instance: { id: 'i-INSTANCE', addresses: [] } }],
}

/** The parts of the page, by name: an index of the codes, and a section for each. */
export async function failurePages(root: string): Promise<{ codes: string; failures: string }> {
  const failures = await allFailures(root)
  const byCode = [...Map.groupBy(failures, ({ code }) => code)].sort(([one], [other]) =>
    one.localeCompare(other),
  )
  return { codes: index(byCode), failures: byCode.map(section).join('\n\n') }
}

type OfCode = [code: string, failures: Failure[]]

function index(failures: OfCode[]): string {
  const rows = failures.map(([code, group]) => [
    `[${code}](#${code.toLowerCase()})`,
    [...new Set(group.map(({ cause }) => cause))].join('; or '),
  ])
  return table(['Code', 'Cause'], rows)
}

/** The clock stands in some, and goes on between two that are the same but for it. */
const MOMENT = /\d{4}-\d\d-\d\dT[\d:.]+Z/g

function section([code, failures]: OfCode): string {
  const timeless = failures.map(failure => failureMarkdown(failure).replace(MOMENT, 'TIME'))
  return [`### ${code}`, ...new Set(timeless)].join('\n\n')
}

/** Every failure that the diagnoses know, with what is only known in a run named in capitals. */
async function allFailures(root: string): Promise<Failure[]> {
  const kinds = Object.keys(DIAGNOSES) as Kind[]
  const kubectlKinds = Object.keys(kubectlDiagnoses) as KubectlEvidence['kind'][]
  const grantKinds = Object.keys(grantDiagnoses) as GrantEvidence['kind'][]
  const about = { cluster: 'CLUSTER', region: 'REGION' }
  const failures = [
    ...stepFailures(new BadInput([{ input: 'INPUT', problem: 'PROBLEM', accepted: 'ACCEPTED' }])),
    ...stepFailures(new Error('MESSAGE')),
    ...stepFailures(new Cancelled('SIGNAL')),
    ...kinds.flatMap(kind =>
      (VARIANTS[kind] ?? [{}]).flatMap(given =>
        (ABOUTS[kind] ?? [{}]).map(known => diagnose(sample(kind, given), { ...about, ...known })),
      ),
    ),
    ...kubectlKinds.flatMap(kind =>
      [{ code: 'SELF_SIGNED_CERT_IN_CHAIN' }, {}].map(given => diagnoseKubectl(sample(kind, given))),
    ),
    ...grantKinds.flatMap(kind =>
      (GRANT_VARIANTS[kind] ?? [{}]).map(given => diagnoseGrant(sample(kind, given), about)),
    ),
  ]
  await expectAllCodes(root, failures)
  return failures
}

/** Evidence in which every field that is not given holds its own name in capitals. */
function sample<Of extends Evidence | KubectlEvidence | GrantEvidence>(kind: Of['kind'], given: object): Of {
  const known: Record<string, unknown> = { kind, ...given }
  return new Proxy(known, {
    get: (_, name) => (name in known ? known[String(name)] : String(name).toUpperCase()),
  }) as never
}

/** A code that no sample leads to would be missing from the table. */
async function expectAllCodes(root: string, failures: Failure[]): Promise<void> {
  const folder = join(root, 'src', 'diagnosis')
  const files = (await readdir(folder, { recursive: true })).filter(file => file.endsWith('.ts'))
  const sources = await Promise.all(files.map(file => readFile(join(folder, file), 'utf8')))
  const found = new Set<string>(failures.map(({ code }) => code))
  const missing = [...sources.join().matchAll(/(?<=')EKS\d+(?=')/g)].flat().filter(code => !found.has(code))
  if (missing.length === 0) return
  console.error(`add evidence to VARIANTS in scripts/failures.ts that leads to ${missing.join(', ')}`)
  process.exit(1)
}
