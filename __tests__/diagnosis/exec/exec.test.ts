import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { diagnose } from '../../../src/diagnosis/diagnose.ts'
import { addToPath, knownFolders } from '../../../src/diagnosis/exec/aws-cli.ts'
import type { About, Evidence, Failure, Paste, Step } from '../../../src/diagnosis/failure.ts'
import { lookInto } from '../../../src/diagnosis/investigate.ts'
import { failureGroup } from '../../../src/report/log.ts'
import { posixOnly, putProgram } from '../../systems.ts'

const ABOUT: About = { cluster: 'demo', region: 'eu-west-1' }
const BUILTIN = 'with:\n  token-provider: builtin'
const INSTALL = expect.stringContaining('sudo ./aws/install --update')

const told = (failure: Failure): string => {
  const { title, lines } = failureGroup(failure)
  return [title, ...lines].join('\n')
}
const pastesIn = (steps: Step[]) =>
  steps.filter((step): step is Paste => typeof step === 'object').map(({ text }) => text)
const failed = (stderr: string, more: object = {}): Evidence => ({
  kind: 'exec-failed',
  words: ['aws', 'eks', 'get-token'],
  exitCode: 255,
  signal: null,
  stderr,
  ...more,
})
const printed = (problem: string, apiVersion?: string): Evidence => ({
  kind: 'exec-not-a-credential',
  command: 'aws eks get-token',
  problem,
  ...(apiVersion ? { apiVersion } : {}),
})
const OLD = `usage: aws [options] <command> <subcommand> [<subcommand> ...] [parameters]
aws: error: argument operation: Invalid choice, valid choices are:

create-cluster                           | delete-cluster`

const CASES: [string, Evidence, Partial<About>, string, unknown[], RegExp[]][] = [
  [
    'a command that is nowhere',
    { kind: 'exec-not-found', command: 'aws', path: '/bin' },
    {},
    'EKS401',
    [INSTALL, BUILTIN],
    [/aws is not on PATH/, /PATH is \/bin$/m],
  ],
  [
    'a command that is elsewhere',
    { kind: 'exec-not-found', command: 'aws', path: '/bin' },
    { foundAt: '/home/run er/.local/bin/aws' },
    'EKS401',
    [`echo '/home/run er/.local/bin' >> "$GITHUB_PATH"`, BUILTIN],
    [/\.local\/bin\/aws is there/],
  ],
  [
    'a profile',
    failed('\nThe config profile (ci) could not be found\n'),
    {},
    'EKS402',
    ['aws configure list-profiles'],
    [/does not find the profile ci$/m, /exit code 255/],
  ],
  [
    'no credentials',
    failed('Unable to locate credentials. You can configure credentials by running "aws configure".'),
    {},
    'EKS402',
    ['aws --version; aws configure list'],
    [/finds no credentials/],
  ],
  [
    'half a key',
    failed('Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY'),
    {},
    'EKS402',
    [],
    [/AWS_SECRET_ACCESS_KEY is missing/],
  ],
  [
    'a config file',
    failed('Unable to parse config file: /home/a b/config'),
    {},
    'EKS402',
    ["cat -A '/home/a b/config'"],
    [/cannot parse \/home\/a b\/config$/m],
  ],
  [
    'no way',
    failed('Could not connect to the endpoint URL: "https://sts.eu-west-1.amazonaws.com/"'),
    {},
    'EKS402',
    [],
    [/cannot reach https:\/\/sts\.eu-west-1\.amazonaws\.com\/$/m],
  ],
  [
    'a slow way',
    failed('Connect timeout on endpoint URL: "https://sts"'),
    {},
    'EKS402',
    [],
    [/cannot reach https:\/\/sts$/m],
  ],
  [
    'a proxy',
    failed('Failed to connect to proxy URL: "http://p:1"'),
    {},
    'EKS402',
    [],
    [/cannot reach the proxy http:\/\/p:1$/m],
  ],
  [
    'a certificate',
    failed('SSL validation failed for https://sts/ [SSL: CERTIFICATE_VERIFY_FAILED]'),
    {},
    'EKS402',
    [],
    [/does not trust the certificate of https:\/\/sts\/$/m, /AWS_CA_BUNDLE/],
  ],
  [
    'a refusal',
    failed(
      'An error occurred (AccessDenied) when calling the AssumeRole operation: User: x is not authorized',
    ),
    {},
    'EKS402',
    [],
    [/AWS refuses the AWS CLI\u2019s AssumeRole: AccessDenied$/m, /User: x is not authorized/],
  ],
  [
    'words that nobody knows',
    failed('a\n\nlast'),
    {},
    'EKS402',
    ['aws eks get-token > /dev/null', BUILTIN],
    [/failed: exit code 255/, /^ +last$/m],
  ],
  [
    'words that nobody knows, of a command line that a shell would take for more',
    failed('last', { words: ['/no de', "it's", '$(id)'] }),
    {},
    'EKS402',
    ["'/no de' 'it'\\''s' '$(id)' > /dev/null", BUILTIN],
    [],
  ],
  [
    'a signal',
    failed('', { exitCode: null, signal: 'SIGKILL' }),
    {},
    'EKS402',
    ['aws eks get-token > /dev/null', BUILTIN],
    [/ended by SIGKILL/],
  ],
  [
    'no start',
    failed('', { exitCode: null }),
    {},
    'EKS402',
    ['aws eks get-token > /dev/null', BUILTIN],
    [/it could not be started/],
  ],
  [
    'one without the command',
    failed(OLD, { exitCode: 2 }),
    { cliVersion: '/usr/bin/aws: aws-cli/1.16.0' },
    'EKS406',
    [INSTALL, BUILTIN],
    [/too old/, /aws-cli\/1\.16\.0/],
  ],
  [
    'one without an option',
    failed('\nUnknown options: --cluster-id, demo'),
    {},
    'EKS406',
    [INSTALL, BUILTIN],
    [/too old/],
  ],
  [
    'a slow one',
    { kind: 'exec-timed-out', words: ['aws', 'x'], seconds: 45 },
    {},
    'EKS403',
    ['with:\n  timeout: "90"'],
    [/45 s/, /aws x --debug > \/dev\/null/],
  ],
  [
    'a slow one that had little time',
    { kind: 'exec-timed-out', words: ['/no de', '$(id)'], seconds: 5 },
    {},
    'EKS403',
    ['with:\n  timeout: "60"'],
    [/'\/no de' '\$\(id\)' --debug > \/dev\/null/],
  ],
  [
    'nothing',
    printed('it printed nothing'),
    {},
    'EKS404',
    ['type -a aws; aws --version', BUILTIN],
    [/it printed nothing/],
  ],
  [
    'another version',
    printed('p', 'client.authentication.k8s.io/v1'),
    { cliVersion: 'V' },
    'EKS404',
    ['type -a aws; aws --version', BUILTIN],
    [/^ +V$/m],
  ],
  [
    'an old version',
    printed('p', 'client.authentication.k8s.io/v1alpha1'),
    { cliVersion: 'V' },
    'EKS406',
    [INSTALL, BUILTIN],
    [/speaks client\.authentication\.k8s\.io\/v1alpha1 alone/, /^ +V$/m],
  ],
]

test.each(CASES)('%s', (_what, evidence, known, code, pastes, said) => {
  const failure = diagnose(evidence, { ...ABOUT, ...known })
  expect(failure).toMatchObject({ code, cluster: 'demo' })
  expect(failure.cause).toMatch(/^[^\n]+$/)
  expect(pastesIn(failure.cure)).toEqual(pastes)
  const text = told(failure)
  for (const form of said) expect(text).toMatch(form)
  expect(text).not.toMatch(/undefined|(?<!dev.)null|NaN|\[object/)
})

test('only the last lines of what a command said are shown', () => {
  const stderr = Array.from({ length: 50 }, (_, index) => `line ${index}`).join('\n')
  const { evidence } = diagnose(failed(stderr), ABOUT)
  expect(evidence).toHaveLength(11)
  expect(evidence.at(-1)).toBe('line 49')
})

test('of what a command said, no colour nor what else moves a terminal is shown', () => {
  const { evidence } = diagnose(
    failed('\u001b[31mred\u001b[0m\u0007 \u001b]0;title\u0007text\tend\r\n'),
    ABOUT,
  )
  expect(evidence.at(-1)).toBe('red text\tend')
})

test('the folders of installers are those of the system and of the user', () => {
  expect(knownFolders({ HOME: '/home/ci' }, 'linux')).toMatch(
    /^\/home\/ci\/\.local\/bin:.*:\/usr\/local\/bin:/,
  )
  expect(knownFolders({}, 'linux')).toMatch(/^\/usr\/local\/bin:/)
  expect(knownFolders({}, 'win32')).toContain('AWSCLIV2')
  expect(addToPath('C:\\Program Files\\Amazon\\aws.exe')).toMatchObject({
    text: `echo 'C:\\Program Files\\Amazon' >> "$GITHUB_PATH"`,
  })
})

describe('after a failure', () => {
  let folder: string
  let env: NodeJS.ProcessEnv
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'exec-'))
    const { PATH: _, ...rest } = process.env
    env = { ...rest, HOME: folder, PATH: folder }
  })
  afterEach(() => rm(folder, { recursive: true }))

  const look = async (evidence: Evidence): Promise<Failure | undefined> => {
    const run = {
      env,
      timeoutSeconds: 60,
      signal: new AbortController().signal,
      time: <T>(_name: string, work: Promise<T>) => work,
      mask: () => Promise.resolve(),
    }
    const credentials = () => Promise.reject(new Error('none'))
    return (await lookInto([evidence], ABOUT, { run, credentials, describer: credentials }))[0]
  }
  const path = () => ({ PATH: folder + delimiter + process.env.PATH })

  test('the AWS CLI is asked for its version, where that may be the cause', async () => {
    Object.assign(env, path())
    await putProgram(folder, 'aws', `console.log('aws-cli/1.18.69 Python/3.8.10\\nmore')`)
    const line = expect.stringMatching(/aws(?:\.cmd)?: aws-cli\/1\.18\.69 Python\/3\.8\.10$/i)
    expect((await look(printed('p')))?.evidence).toContainEqual(line)
    expect((await look(failed(OLD)))?.evidence).toContainEqual(line)
    expect((await look(failed('words')))?.evidence).not.toContainEqual(line)
  })

  test('what it says on the other stream is its version, too, and nothing is none', async () => {
    Object.assign(env, path())
    await putProgram(folder, 'aws', `console.error('aws-cli/1.10.0')`)
    expect((await look(printed('p')))?.evidence).toContainEqual(expect.stringMatching(/aws-cli\/1\.10\.0$/))
    await putProgram(folder, 'aws', '')
    expect((await look(printed('p')))?.evidence).toContainEqual(expect.stringMatching(/tells no version$/))
  })

  test('where there is none to ask, none is told', async () => {
    expect((await look(printed('p')))?.evidence).toEqual(['aws eks get-token: p'])
  })

  posixOnly('it is looked for where installers put it', async () => {
    const missing: Evidence = { kind: 'exec-not-found', command: 'no-such-aws', path: folder }
    expect(pastesIn((await look(missing))?.cure ?? [])).toEqual([INSTALL, BUILTIN])
    const bin = join(folder, '.local', 'bin')
    await mkdir(bin, { recursive: true })
    await writeFile(join(bin, 'no-such-aws'), '')
    await chmod(join(bin, 'no-such-aws'), 0o755)
    expect(pastesIn((await look(missing))?.cure ?? [])).toEqual([`echo ${bin} >> "$GITHUB_PATH"`, BUILTIN])
  })
})
