import fc from 'fast-check'
import { BadInput } from '../../src/bad-input.ts'
import { readInputs } from '../../src/inputs.ts'
import { shelfFor } from '../../src/kubectl/cache.ts'
import { OFFICIAL_HOST, parseKubectlVersion } from '../../src/kubectl/request.ts'

const HASH = 'a'.repeat(64)
const FOLDERS = { RUNNER_TEMP: '/runner/temp', RUNNER_TOOL_CACHE: '/runner/tools' }

/** What is asked for, as a runner hands it over. */
function read(inputs: Record<string, string>, env: Record<string, string> = FOLDERS) {
  const given = Object.entries(inputs).map(([name, value]) => [`INPUT_KUBECTL-${name.toUpperCase()}`, value])
  return readInputs({
    'INPUT_CLUSTER-NAME': 'demo',
    INPUT_KUBECONFIG: '/k/config',
    ...env,
    ...Object.fromEntries(given),
  }).kubectl
}

function mistakesIn(inputs: Record<string, string>, env?: Record<string, string>) {
  try {
    read(inputs, env)
  } catch (error) {
    if (error instanceof BadInput) return error.mistakes.map(({ input, problem }) => `${input}: ${problem}`)
    throw error
  }
  throw new Error('nothing was found wrong')
}

describe('kubectl-version', () => {
  test('none asks for nothing, whatever the mirror', () => {
    expect(read({})).toBeUndefined()
    expect(read({ version: '', mirror: 'https://mirror.example', checksum: '' }, {})).toBeUndefined()
  })

  test.each([
    ['1.37.2', { kind: 'exact', version: '1.37.2' }],
    ['v1.37.2', { kind: 'exact', version: '1.37.2' }],
    ['1.37', { kind: 'minor', minor: '1.37' }],
    [' v1.30 ', { kind: 'minor', minor: '1.30' }],
    ['cluster', { kind: 'cluster' }],
  ])('%s is read', (version, expected) => {
    expect(read({ version })).toEqual({ version: expected, host: 'https://dl.k8s.io' })
  })

  test.each([
    'latest',
    '1',
    '1.037',
    '1.37.x',
    '1.37.2-rc.1',
    '2.0.0',
    '1.37.2.1',
    'v 1.37',
    '../1.37.2',
    '1.37.99999',
  ])('%s is refused', version => {
    expect(mistakesIn({ version })).toEqual([`kubectl-version: "${version}" is no version of kubectl`])
  })

  test.each([
    ['1.10.3', /older than any kubectl that can read the kubeconfig$/],
    ['1.3', /if it stands there as 1\.30, put it in quotes$/],
  ])('%s is too old', (version, problem) => {
    expect(mistakesIn({ version })).toEqual([expect.stringMatching(problem)])
  })

  test('needs the folders that a runner names', () => {
    expect(mistakesIn({ version: '1.37' }, {})).toEqual([
      'kubectl-version: RUNNER_TOOL_CACHE is not set, and a download needs it',
      'kubectl-version: RUNNER_TEMP is not set, and a download needs it',
    ])
  })

  test('holds nothing that could leave its place in a path or URL, whatever is given', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        const version = parseKubectlVersion(text)
        const named = 'version' in version ? version.version : 'minor' in version ? version.minor : '1.2'
        expect(named).toMatch(/^1(?:\.\d+){1,2}$/)
      }),
    )
  })
})

describe('kubectl-checksum', () => {
  test('goes with an exact version', () => {
    expect(read({ version: '1.37.2', checksum: HASH.toUpperCase() })).toEqual({
      version: { kind: 'exact', version: '1.37.2', checksum: HASH },
      host: OFFICIAL_HOST,
    })
  })

  test.each(['1.37', 'cluster', ''])('is refused with the version "%s"', version => {
    expect(mistakesIn({ version, checksum: HASH })).toEqual([
      'kubectl-checksum: kubectl-version names no one file that it could be of',
    ])
  })

  test.each(['abc', `${HASH}a`, HASH.replace('a', 'g')])('%s is none', checksum => {
    expect(mistakesIn({ version: '1.37.2', checksum })).toEqual([
      `kubectl-checksum: "${checksum}" is no sha256`,
    ])
  })

  test('is not blamed for a version that is wrongly written', () => {
    expect(mistakesIn({ version: 'latest', checksum: HASH })).toHaveLength(1)
  })
})

describe('kubectl-mirror', () => {
  test.each([
    ['https://mirror.example', 'https://mirror.example'],
    ['https://mirror.example:8443/k8s//', 'https://mirror.example:8443/k8s'],
    ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080'],
    ['http://localhost', 'http://localhost'],
    ['http://[::1]:80', 'http://[::1]'],
  ])('%s is %s', (mirror, host) => {
    expect(read({ version: '1.37', mirror })).toMatchObject({ host })
  })

  test.each([
    ['mirror.example', /is no URL of a web server/],
    ['ftp://mirror.example', /is no URL of a web server/],
    ['https://me:hunter2@mirror.example', /user or password/],
    ['https://mirror.example/?token=x', /holds a query/],
    ['http://mirror.example', /plain HTTP/],
    ['http://127.0.0.1.example', /plain HTTP/],
  ])('%s is refused, without its password being told', (mirror, problem) => {
    const [mistake, ...others] = mistakesIn({ version: '1.37', mirror })
    expect(mistake).toMatch(problem)
    expect(mistake).not.toContain('hunter2')
    expect(others).toEqual([])
  })

  test('may be plain HTTP where the workflow says what the file must hash to', () => {
    const request = read({ version: '1.37.2', mirror: 'http://mirror.example', checksum: HASH })
    expect(request).toMatchObject({ host: 'http://mirror.example' })
  })

  test('has a place of its own in the tool cache, as has every other', () => {
    const tools = [OFFICIAL_HOST, 'https://a.example', 'https://b.example'].map(
      host => shelfFor(host, '/tools', 'x64', 'kubectl').tool,
    )
    expect(tools[0]).toBe('eks-login-kubectl')
    expect(new Set(tools).size).toBe(3)
  })
})
