import { jest } from '@jest/globals'
import fc from 'fast-check'
import { readAwsAuth as readAsAuthenticator } from '../../../lab/kube/authenticator/aws-auth.ts'
import { readAwsAuth } from '../../../src/diagnosis/mapping/aws-auth.ts'

// Milliseconds: a machine that is busy takes its time over so many texts.
jest.setTimeout(120_000)

const RUNNER = 'arn:aws:iam::111122223333:role/runner'
const IDENTITY = {
  arn: 'arn:aws:sts::111122223333:assumed-role/runner/i-1',
  canonicalArn: RUNNER,
  accountId: '111122223333',
  userId: 'AROAX',
  sessionName: 'i-1',
  accessKeyId: 'ASIAX',
}

const arn = fc.constantFrom(
  RUNNER,
  'arn:aws:iam::111122223333:role/team/runner',
  'arn:aws:sts::111122223333:assumed-role/runner/i-1',
  'arn:aws:iam::111122223333:role/nodes',
)
const entry = fc
  .tuple(
    fc.constantFrom('rolearn', 'roleArn', 'userarn', 'arn'),
    arn,
    fc.constantFrom('demo', '{{SessionName}}', 'a: b', '@x'),
  )
  .map(([key, value, username]) => [`- ${key}: ${value}`, `  username: ${username}`, '  groups:', '  - dev'])
/** What a hand does to a line. */
const slip = fc.constantFrom<(line: string) => string>(
  line => line,
  line => line,
  line => ` ${line}`,
  line => line.replace(/^ /, ''),
  line => line.replace(/^ {2}/, '\t'),
  line => line.replace(': ', ':'),
  line => line.replace('- ', '-'),
  line => `${line} `,
  line => `# ${line}`,
  line => line.replace(/: (.*)$/, ': "$1"'),
  () => '',
)
const text = fc.array(entry, { minLength: 1, maxLength: 3 }).chain(entries => {
  const lines = entries.flat()
  return fc
    .array(slip, { minLength: lines.length, maxLength: lines.length })
    .map(slips => lines.map((line, index) => slips[index]?.(line) ?? line).join('\n'))
})

test('whom a text of aws-auth maps is what the authenticator makes of it, whatever a hand has slipped on', async () => {
  await fc.assert(
    fc.asyncProperty(text, async mapRoles => {
      const theirs = readAsAuthenticator({ data: { mapRoles } } as never)(IDENTITY)
      const ours = await readAwsAuth({ mapRoles }, RUNNER)
      expect(ours.kind === 'mapped' ? { username: ours.username, groups: ours.groups } : undefined).toEqual(
        theirs,
      )
    }),
    { numRuns: 200 },
  )
})

test('a line that mends a text makes it one that can be read, and a line that mends a slip maps the role', async () => {
  await fc.assert(
    fc.asyncProperty(text, async mapRoles => {
      const read = await readAwsAuth({ mapRoles }, RUNNER)
      const mended = 'mended' in read ? read.mended : undefined
      fc.pre(mended !== undefined && 'line' in read)
      const lines = mapRoles.split('\n')
      expect(lines[(read as { line: number }).line - 1]).toBe((read as { text: string }).text)
      lines[(read as { line: number }).line - 1] = mended as string
      const { kind } = await readAwsAuth({ mapRoles: lines.join('\n') }, RUNNER)
      expect(kind).not.toBe(read.kind === 'slip' ? 'slip' : 'unparsable')
    }),
    { numRuns: 40 },
  )
})

test('no text is too odd to be read', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string(), async (mapRoles, mapAccounts) => {
      expect(await readAwsAuth({ mapRoles, mapAccounts }, RUNNER)).toHaveProperty('kind')
    }),
    { numRuns: 50 },
  )
})
