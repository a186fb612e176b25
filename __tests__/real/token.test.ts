import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { buildRealCluster } from '../../lab/real/build.ts'
import { stsHost } from '../../src/aws/hosts.ts'
import { signToken } from '../../src/aws/sign-token.ts'
import { PATIENCE } from './scenario.ts'

/** What a token is made from; get-tokens.py reads the same. */
interface Case {
  region: string
  cluster: string
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string | null
  epochSeconds: number
  fips: boolean
  dualStack: boolean
}

/** Regions of all partitions, some of which AWS has yet to build. */
const region = fc
  .tuple(
    fc.constantFrom(
      ...['us', 'eu', 'ap', 'sa', 'ca', 'me', 'af', 'il', 'mx', 'cn', 'us-gov', 'eusc-de'],
      ...['us-iso', 'us-isob', 'eu-isoe', 'us-isof'],
    ),
    fc.constantFrom('east', 'west', 'north', 'south', 'central', 'northeast', 'southeast', 'northwest'),
    fc.integer({ min: 1, max: 9 }),
  )
  .map(parts => parts.join('-'))

const printable = fc.stringMatching(/^[ -~]{1,60}$/)

/** Where the AWS CLI knows no dual-stack host of any service, and makes no token at all. */
const NO_DUAL_STACK = /^(eu-isoe|us-isof)-/

const anyCase: fc.Arbitrary<Case> = fc.record({
  region,
  cluster: fc.stringMatching(/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/),
  accessKeyId: fc.stringMatching(/^A[KS]IA[A-Z2-7]{16}$/),
  secretAccessKey: printable,
  sessionToken: fc.option(printable),
  epochSeconds: fc.integer({ min: Date.UTC(2020, 0) / 1000, max: Date.UTC(2099, 11) / 1000 }),
  fips: fc.boolean(),
  dualStack: fc.boolean(),
})
const cases = anyCase.filter(({ region, dualStack }) => !(dualStack && NO_DUAL_STACK.test(region)))

async function tokensOfAwsCli(given: Case[]): Promise<string[]> {
  const { aws } = await buildRealCluster()
  const stdout = execFileSync(join(dirname(aws), 'python'), [join(import.meta.dirname, 'get-tokens.py')], {
    input: given.map(one => JSON.stringify(one)).join('\n'),
    encoding: 'utf8',
    env: {
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    },
  })
  return stdout.trim().split('\n')
}

function tokenOfOurs({
  region,
  cluster,
  sessionToken,
  epochSeconds,
  fips,
  dualStack,
  ...keys
}: Case): string {
  const env = { AWS_USE_FIPS_ENDPOINT: String(fips), AWS_USE_DUALSTACK_ENDPOINT: String(dualStack) }
  const identity = { ...keys, ...(sessionToken === null ? {} : { sessionToken }) }
  return signToken({ identity, region, host: stsHost(region, env), cluster }, epochSeconds * 1000).token
}

const urlOf = (token = '') => Buffer.from(token.replace('k8s-aws-v1.', ''), 'base64url').toString()

test(
  'a token is byte for byte the AWS CLI\u2019s for the same cluster, keys and time',
  async () => {
    const seed = randomInt(2 ** 31)
    const given = fc.sample(cases, { seed, numRuns: 300 })
    const theirs = await tokensOfAwsCli(given)
    const differing = given
      .map((one, index) => ({ ...one, ours: tokenOfOurs(one), theirs: theirs[index] }))
      .filter(({ ours, theirs }) => ours !== theirs)
      .map(one => ({ ...one, ours: urlOf(one.ours), theirs: urlOf(one.theirs) }))
    expect({ seed, count: theirs.length, differing }).toEqual({ seed, count: given.length, differing: [] })
  },
  PATIENCE,
)
