import { createAuthority } from '../../lab/certificates.ts'
import { KubeProblem } from '../../src/kube/evidence.ts'
import { type KubeconfigEntry, merge } from '../../src/kube/kubeconfig.ts'
import { findSecrets, scanKubeconfig } from '../../src/kube/secrets.ts'
import { redact } from '../../src/redact.ts'

const ENTRY: KubeconfigEntry = {
  context: 'demo',
  cluster: { name: 'c', server: 'https://demo.example', certificateAuthorityData: 'Q0E=' },
  user: { name: 'ours', exec: { command: 'aws', args: ['eks', 'get-token'], env: [] } },
}
const KEY_ID = `ASIA${'X7'.repeat(8)}`
const TOKEN = `k8s-aws-v1.${Buffer.from('https://sts.amazonaws.com/?X-Amz-Signature=0').toString('base64url')}`
const PRIVATE_KEY = `-----BEGIN EC PRIVATE KEY-----\n${'A'.repeat(40)}\n-----END EC PRIVATE KEY-----\n`
const JWT = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"x"}').toString('base64url')}.x`
const base64 = (text: string) => Buffer.from(text).toString('base64')

const withUser = (user: unknown, name = 'theirs') =>
  JSON.stringify({ kind: 'Config', users: [{ name, user }], clusters: [], contexts: [] })

test.each([
  ['token', { token: 'x' }, 'the field token'],
  ['tokenFile', { tokenFile: '/x' }, 'the field tokenFile'],
  ['password', { username: 'me', password: 'x' }, 'the field password'],
  ['client-key', { 'client-key': '/x' }, 'the field client-key'],
  ['client-key-data', { 'client-key-data': 'eA==' }, 'the field client-key-data'],
  ['auth-provider', { 'auth-provider': { name: 'oidc' } }, 'the field auth-provider'],
  ['an EKS token', { x: TOKEN }, 'an EKS token'],
  ['an access key id', { exec: { args: ['--key', KEY_ID] } }, 'an AWS access key id'],
  ['a presigned URL', { exec: { args: ['https://x/?x-amz-signature=0'] } }, 'a presigned URL'],
  ['a JSON web token', { x: { y: [`Bearer ${JWT}`] } }, 'a JSON web token'],
  ['a private key', { x: PRIVATE_KEY }, 'a private key'],
  ['a private key in base64', { x: base64(PRIVATE_KEY) }, 'a private key'],
  ['a token in base64, over lines', { x: base64(TOKEN).replace(/.{20}/g, '$&\n') }, 'an EKS token'],
  [
    'a secret in the environment of an exec block',
    { exec: { env: [{ name: 'AWS_SECRET_ACCESS_KEY', value: 'x' }] } },
    'AWS_SECRET_ACCESS_KEY in the environment of its exec block',
  ],
  [
    'a session token in the environment of an exec block',
    { exec: { env: [{ name: 'AWS_SESSION_TOKEN', value: 'x' }] } },
    'AWS_SESSION_TOKEN in the environment of its exec block',
  ],
])('%s is found, and not repeated', async (_what, user, where) => {
  const found = await findSecrets(withUser(user))
  expect(found).toEqual([{ user: 'theirs', where }])
  for (const secret of [KEY_ID, TOKEN, JWT, PRIVATE_KEY]) expect(JSON.stringify(found)).not.toContain(secret)
})

test.each([
  [
    'a password of a proxy',
    { clusters: [{ name: 'c', cluster: { 'proxy-url': 'http://me:pass@proxy:3128' } }] },
    'a URL with a password',
  ],
  [
    'a private key where a certificate should be',
    { clusters: [{ cluster: { 'certificate-authority-data': base64(PRIVATE_KEY) } }] },
    'a private key',
  ],
  ['a token in an extension', { extensions: [{ name: 'x', extension: { y: TOKEN } }] }, 'an EKS token'],
])('%s is found outside of the users', async (_what, config, where) => {
  expect(await findSecrets(JSON.stringify({ kind: 'Config', users: [], ...config }))).toEqual([
    { user: null, where },
  ])
})

test('of the file it was in, and of a user only where it is one\u2019s, it is told', async () => {
  const config = {
    kind: 'Config',
    users: [{ name: 'theirs', user: { token: 'x' } }],
    extensions: [{ y: TOKEN }],
  }
  expect(await scanKubeconfig('/k', JSON.stringify(config), [ENTRY])).toEqual([
    '/k held a secret before this login: an EKS token',
    '/k held a secret before this login: the field token, of user theirs',
  ])
})

test.each([
  ['the path of a token file', { exec: { env: [{ name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: '/x' }] } }],
  ['a profile', { exec: { env: [{ name: 'AWS_PROFILE', value: 'ci' }] } }],
  ['a certificate', { 'client-certificate-data': base64('-----BEGIN CERTIFICATE-----') }],
  ['an empty token', { token: '' }],
  ['a user that is nothing', null],
  ['an environment that is none', { exec: { env: { A: 'x' } } }],
  ['an environment with nothing in it', { exec: { env: [null] } }],
  ['a URL with a port and an at sign behind it', { x: 'https://host:443/a@b' }],
])('%s is no secret', async (_what, user) => {
  expect(await findSecrets(withUser(user))).toEqual([])
})

test('there is none in what this action writes, whatever is in it', async () => {
  const { certificatePem } = await createAuthority('Cluster CA')
  const text = await merge('/k', null, [
    {
      ...ENTRY,
      cluster: {
        ...ENTRY.cluster,
        certificateAuthorityData: base64(certificatePem),
        proxyUrl: 'http://proxy:3128',
      },
      user: {
        name: 'arn:aws:eks:eu-central-1:111122223333:cluster/demo',
        exec: {
          command: 'aws',
          args: ['eks', 'get-token', '--role-arn', 'arn:aws:iam::111122223333:role/secret/token'],
          env: [{ name: 'AWS_PROFILE', value: 'ci' }],
        },
      },
    },
  ])
  expect(await findSecrets(text)).toEqual([])
  expect(await findSecrets('')).toEqual([])
})

test('a secret in an entry of ours is refused', async () => {
  const text = withUser({ token: 'abc', exec: { env: [{ name: 'MY_SECRET', value: 'def' }] } }, 'ours')
  const error = await scanKubeconfig('/k', text, [ENTRY]).catch(error => error)
  expect(error).toBeInstanceOf(KubeProblem)
  expect(error.evidence).toEqual({
    kind: 'kubeconfig-secret',
    file: '/k',
    where: ['the field token, of user ours', 'MY_SECRET in the environment of its exec block, of user ours'],
  })
})

test('a secret that others have in the file is told, and no refusal', async () => {
  const text = await merge('/k', withUser({ token: 'hunter2' }), [ENTRY])
  expect(await scanKubeconfig('/k', text, [ENTRY])).toEqual([
    '/k held a secret before this login: the field token, of user theirs',
  ])
})

test.each([
  ['token k8s-aws-v1.aHR0cHM6Ly9zdHMu and more', 'token k8s-aws-v1.*** and more'],
  [
    'GET https://sts/?X-Amz-Security-Token=abc%2F&X-Amz-Signature=0a1b HTTP',
    'GET https://sts/?X-Amz-Security-Token=***&X-Amz-Signature=*** HTTP',
  ],
  ['+ AWS_SECRET_ACCESS_KEY=abc/def aws', '+ AWS_SECRET_ACCESS_KEY=*** aws'],
  ['{"SecretAccessKey": "abc def", "a": 1}', '{"SecretAccessKey": ***, "a": 1}'],
  ['proxy http://user:hunter2@proxy:3128 refused', 'proxy http://user:***@proxy:3128 refused'],
  ['Unable to locate credentials', 'Unable to locate credentials'],
])('what a program says is told without its secrets: %s', (text, safe) => {
  expect(redact(text)).toBe(safe)
})

test.each([
  ['letters', 'a'],
  ['names of secrets', 'token'],
  ['beginnings of web tokens', 'eyJ-'],
  ['slashes', '//'],
  ['beginnings of keys', '-----BEGIN '],
])('a megabyte of %s without a blank is looked through in no time', (_what, part) => {
  const text = part.repeat(2 ** 20 / part.length)
  // A pattern that starts anew at each letter needs minutes: the test runs out of time.
  expect(redact(`${text} k8s-aws-v1.abc`)).toContain('k8s-aws-v1.***')
})
