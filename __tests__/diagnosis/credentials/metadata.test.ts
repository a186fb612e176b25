import type { MetadataAnswer } from '../../../src/aws/instance-metadata.ts'
import { metadataFailed } from '../../../src/diagnosis/credentials/metadata.ts'
import type { Failure } from '../../../src/diagnosis/failure.ts'
import { failureGroup } from '../../../src/report/log.ts'

const ENDPOINT = 'http://169.254.169.254'
const ROLES = '/latest/meta-data/iam/security-credentials/'
const ABOUT = { cluster: 'demo', region: 'eu-west-1', instance: { id: 'i-0123456789abcdef0', addresses: [] } }

const token = (status: number | null, problem = ''): MetadataAnswer => ({
  asked: 'PUT /latest/api/token',
  status,
  problem,
})
const roles = (status: number | null, problem = ''): MetadataAnswer => ({
  asked: `GET ${ROLES}`,
  status,
  problem,
})
const credentials = (problem: string, status = 200): MetadataAnswer => ({
  asked: `GET ${ROLES}runner`,
  status,
  problem,
})

const diagnose = (answers: MetadataAnswer[], about: object = {}): Failure =>
  metadataFailed(
    { kind: 'metadata-failed', endpoint: ENDPOINT, answers, message: 'm' },
    { ...ABOUT, ...about },
  )
const told = (failure: Failure) => Object.values(failureGroup(failure)).flat().join('\n')

test.each<[string, MetadataAnswer[], string, RegExp[]]>([
  [
    'an instance without a role',
    [token(200), roles(404)],
    'EKS101',
    [
      /no role is attached/,
      /--instance-id i-0123456789abcdef0 --iam-instance-profile/,
      /"ec2.amazonaws.com"/,
    ],
  ],
  ['a 404 of who knows whom', [token(404), roles(404)], 'EKS102', [/could not be had/]],
  [
    'no role, by version 1',
    [token(null, 'nothing came for 4 s'), roles(404)],
    'EKS101',
    [/no role is attached/],
  ],
  ['no role, where no token is given', [token(403), roles(404)], 'EKS101', [/no role is attached/]],
  ['a server error', [token(200), roles(500)], 'EKS102', [/answered 500/]],
  ['nothing that could be asked', [], 'EKS102', [/http:\/\/169\.254\.169\.254: m/]],
  [
    'a role that EC2 cannot take on',
    [token(200), roles(200), credentials('AssumeRoleUnauthorizedAccess, no')],
    'EKS102',
    [/take on the role runner/, /"Action": "sts:AssumeRole"/],
  ],
  [
    'a document of the role that is broken',
    [token(200), roles(200), credentials('no JSON')],
    'EKS102',
    [/200: no JSON/],
  ],
  ['metadata that is turned off', [token(403), roles(403)], 'EKS107', [/--http-endpoint enabled/]],
  ['the same, where version 1 is forbidden', [token(403)], 'EKS107', [/--http-endpoint enabled/]],
  ['a token that is refused', [token(403), roles(401)], 'EKS107', [/X-Forwarded-For|redirects/]],
  ['a token that is refused, and then an error', [token(403), roles(500)], 'EKS102', [/answered 500/]],
  ['a token that is refused, and then silence', [token(403), roles(null, 'y')], 'EKS102', [/: y/]],
  ['a token that is lost, and then an error', [token(null, 'x'), roles(500)], 'EKS102', [/answered 500/]],
  [
    'a token that is lost',
    [token(null, 'nothing came for 4 s'), roles(401)],
    'EKS108',
    [/--http-put-response-hop-limit 2/, /nothing came for 4 s/, /firewall/],
  ],
  ['silence', [token(null, 'x'), roles(null, 'y')], 'EKS109', [/gives no answer/, /firewall/]],
  ['silence, where version 1 is forbidden', [token(null, 'x')], 'EKS109', [/gives no answer/]],
  ['version 1', [token(405)], 'EKS110', [/AWS_EC2_METADATA_V1_DISABLED=false/]],
  ['a page for a token', [token(200, 'no session token')], 'EKS112', [/is not the instance metadata/]],
  ['a page for a role', [token(200), roles(200, 'no name of a role')], 'EKS112', [/curl -i/]],
  ['a redirect', [token(302)], 'EKS112', [/answered 302/]],
  ['another status', [token(418)], 'EKS102', [/answered 418/]],
])('%s', (_what, answers, code, said) => {
  const failure = diagnose(answers)
  expect(failure.code).toBe(code)
  expect(failure.cause).toMatch(/^[^\n]+$/)
  for (const form of said) expect(told(failure)).toMatch(form)
})

test('a cause that the answers leave open has the others beside it, each with its cure', () => {
  const open = [
    [token(200), roles(404)],
    [token(403), roles(403)],
    [token(null, 'x'), roles(401)],
    [token(null, 'x')],
  ]
  for (const answers of open) {
    const { otherwise = [] } = diagnose(answers)
    expect(otherwise.length).toBeGreaterThan(0)
    for (const { tell, cure } of otherwise) expect([tell.length, cure.length]).not.toContain(0)
  }
})

test.each([
  [{ container: '/.dockerenv', addresses: [] }, /in a container: there is \/\.dockerenv/],
  [{ addresses: [] }, /nothing shows that the runner is in a container/],
  [undefined, /nothing shows that the runner is in a container/],
])('whether the runner is in a container is evidence: %j', (instance, form) => {
  expect(diagnose([token(null, 'x'), roles(401)], { instance }).evidence.join()).toMatch(form)
})

describe('an instance that the runner does not know the id of', () => {
  const unknown = (addresses: string[]) => diagnose([token(403), roles(403)], { instance: { addresses } })

  test('is looked for by the address of the runner, and changed by its id alone', () => {
    const steps = unknown(['10.0.0.1']).cure
    const [find, change] = steps.flatMap(step => (typeof step === 'object' ? [step.text] : []))
    expect(find).toMatch(/^aws ec2 describe-instances --region eu-west-1 .*Values=10\.0\.0\.1 /)
    expect(change).toContain(
      `modify-instance-metadata-options --region eu-west-1 --instance-id "\${INSTANCE:?`,
    )
    expect(change).not.toContain('describe-instances')
  })

  test('and that no address leads to is found by a person', () => {
    expect(unknown([]).cure[0]).toContain('in the place of INSTANCE')
  })
})

describe('what silence most likely comes from', () => {
  const likeliest = (instance: object, answers = [token(null, 'x'), roles(null, 'y')]) => {
    const { cure, otherwise = [] } = diagnose(answers, { instance: { addresses: [], ...instance } })
    expect(otherwise.map(({ cause }) => cure.join().includes(`${cause}.`))).not.toContain(true)
    return cure[0]
  }

  test.each<[string, object, RegExp]>([
    ['outside of EC2, as far as the runner can tell', {}, /is no EC2 instance/],
    ['on an instance', { id: 'i-0123456789abcdef0' }, /firewall/],
    ['in a container', { container: '/.dockerenv' }, /firewall/],
    ['in a pod', { container: '/var/run/secrets/kubernetes.io/serviceaccount/namespace' }, /is a pod/],
  ])('%s', (_what, instance, form) => {
    expect(likeliest(instance)).toMatch(form)
  })

  test.each<[string, RegExp]>([
    ['/.dockerenv', /hop limit of the instance is 1/],
    ['/var/run/secrets/kubernetes.io/serviceaccount/namespace', /is a pod/],
  ])('in a container with %s, where nothing but a token was asked for', (container, form) => {
    expect(likeliest({ container }, [token(null, 'x')])).toMatch(form)
    expect(told(diagnose([token(null, 'x')], { instance: { container, addresses: [] } }))).toMatch(
      /hop-limit 2/,
    )
  })

  test('at an endpoint of the environment, and no address of EC2 is named for it', () => {
    const evidence = { kind: 'metadata-failed', endpoint: 'http://127.0.0.1:81', message: 'm' } as const
    for (const answers of [[token(null, 'x')], [token(null, 'x'), roles(401)], [token(302)], [token(403)]]) {
      const text = told(metadataFailed({ ...evidence, answers }, ABOUT))
      expect(text).toContain('127.0.0.1')
      expect(text).not.toContain('169.254.169.254')
    }
    const { cure } = metadataFailed({ ...evidence, answers: [token(null, 'x')] }, ABOUT)
    expect(cure[0]).toContain('AWS_EC2_METADATA_SERVICE_ENDPOINT names')
  })
})
