import fc from 'fast-check'
import { readAwsAuth } from '../../lab/kube/authenticator/aws-auth.ts'
import type { Identity } from '../../lab/kube/authenticator/identity.ts'
import { mappingsOf, type RoleMapping, Untouchable, withoutRole, withRole } from '../../src/grant/aws-auth.ts'

const ACCOUNT = 'arn:aws:iam::111122223333:role'
const RUNNER: RoleMapping = { rolearn: `${ACCOUNT}/runner`, username: 'demo', groups: ['deployers'] }
const NODES = `- rolearn: ${ACCOUNT}/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups:
    - system:bootstrappers
    - system:nodes
`

/** What the authenticator makes of a role. */
function mapped(mapRoles: string, role: string) {
  const source = readAwsAuth({ data: { mapRoles } } as never)
  return source({ canonicalArn: role, accountId: '111122223333' } as Identity)
}

/** Whether the one text is the other with something put in at one place. */
function isInserted(before: string, after: string): boolean {
  let start = 0
  while (start < before.length && before[start] === after[start]) start++
  return after.endsWith(before.slice(start))
}

const TEXTS: Record<string, string> = {
  'an entry as EKS writes it': NODES,
  'no newline at its end': NODES.trimEnd(),
  'odd indentation': `  -   rolearn:   ${ACCOUNT}/nodes\n      username: who\n      groups:\n      -   a\n      -  b\n`,
  comments: `# who may\n${NODES}# between\n- username: x # its name\n  # of it\n  rolearn: ${ACCOUNT}/other # and ARN\n\n# the end\n`,
  CRLF: NODES.replaceAll('\n', '\r\n'),
  'flow style': `[{rolearn: ${ACCOUNT}/nodes, username: who, groups: [a, b]}]`,
  'flow style over lines': `[\n  {rolearn: "${ACCOUNT}/nodes", username: who}, # nodes, all\n]\n`,
  'a flow entry in a list of lines': `- {rolearn: "${ACCOUNT}/nodes", username: who}\n`,
  'anchors and aliases': `- rolearn: ${ACCOUNT}/nodes\n  username: who\n  groups: &g [a]\n- rolearn: ${ACCOUNT}/other\n  username: x\n  groups: *g\n`,
  'quoted texts': `- "rolearn": '${ACCOUNT}/nodes'\n  "username": "who"\n`,
  'a text of its own lines': `- rolearn: |-\n    ${ACCOUNT}/nodes\n  username: >-\n    who\n`,
  JSON: JSON.stringify([{ rolearn: `${ACCOUNT}/nodes`, username: 'who', groups: ['a'] }]),
  'a document marker': `---\n${NODES}`,
  'an end marker': `---\n${NODES}...\n`,
  'empty lines': `\n\n${NODES}\n\n\n${NODES.replace('nodes', 'more')}\n\n`,
  'a tab before a comment': `- rolearn: ${ACCOUNT}/nodes\t# nodes\n  username: who\n`,
}

describe.each(Object.entries(TEXTS))('with %s', (_, text) => {
  const nodes = mapped(text, `${ACCOUNT}/nodes`)

  test('an entry is added, and every byte stays', async () => {
    const after = await withRole(text, RUNNER)
    expect(isInserted(text, after)).toBe(true)
    expect(mapped(after, RUNNER.rolearn)).toEqual({ username: 'demo', groups: ['deployers'] })
    expect(nodes?.username).toBeTruthy()
    expect(mapped(after, `${ACCOUNT}/nodes`)).toEqual(nodes)
  })

  test('a second time changes nothing, and taking it out gives what was there', async () => {
    const after = await withRole(text, RUNNER)
    expect(await withRole(after, RUNNER)).toBe(after)
    const back = await withoutRole(after, RUNNER.rolearn)
    expect(mapped(back, RUNNER.rolearn)).toBeUndefined()
    expect(await mappingsOf(back)).toEqual(await mappingsOf(text))
    // A newline at the end is all that may be more.
    expect([text, `${text}\n`]).toContain(back)
  })

  test('an entry is changed, and the others stay', async () => {
    const added = await withRole(text, RUNNER)
    for (const changed of [
      { ...RUNNER, username: 'other' },
      { ...RUNNER, groups: [] },
      { ...RUNNER, groups: ['a', 'b: c', 'system:x'] },
      { ...RUNNER, username: '{{SessionName}}', groups: ['on'] },
    ]) {
      const after = await withRole(added, changed)
      expect(mapped(after, RUNNER.rolearn)).toEqual({ username: changed.username, groups: changed.groups })
      expect(mapped(after, `${ACCOUNT}/nodes`)).toEqual(nodes)
      expect(await withRole(after, changed)).toBe(after)
    }
  })
})

describe.each([
  ['nothing', ''],
  ['a newline', '\n'],
  ['a comment alone', '# nobody yet'],
  ['an empty list', '[]'],
  ['an empty list and a comment', '[] # nobody yet\n'],
  ['nothing in words', 'null\n'],
])('with %s', (_, text) => {
  test('the first entry is written', async () => {
    const after = await withRole(text, RUNNER)
    expect(mapped(after, RUNNER.rolearn)).toEqual({ username: 'demo', groups: ['deployers'] })
    if (text.includes('#')) expect(after).toContain('# nobody yet')
    expect(await mappingsOf(await withoutRole(after, RUNNER.rolearn))).toEqual([])
  })
})

test('an entry is written as EKS\u2019s own documentation writes one', async () => {
  expect(await withRole(NODES, RUNNER)).toBe(
    `${NODES}- rolearn: ${ACCOUNT}/runner\n  username: demo\n  groups:\n    - deployers\n`,
  )
  expect(await withRole('', { ...RUNNER, groups: [] })).toBe(
    `- rolearn: ${ACCOUNT}/runner\n  username: demo\n`,
  )
})

test('of an entry that is there, only what differs is written anew', async () => {
  const text = `- groups: # who\n    - a # one\n    - b\n  rolearn: ${ACCOUNT}/Runner # ours\n  username: 'demo' # name\n  note: 7\n${NODES}`
  expect(await withRole(text, { ...RUNNER, groups: ['a', 'b'] })).toBe(text)
  expect(await withRole(text, { ...RUNNER, groups: ['a', 'b'], username: 'new' })).toBe(
    text.replace("'demo'", 'new'),
  )
  expect(await withRole(text, { ...RUNNER, groups: ['c'] })).toBe(text.replace('- a # one\n    - b', '- c'))
})

test('what an entry leaves out is written where it belongs', async () => {
  const text = `- rolearn: ${RUNNER.rolearn} # ours\n${NODES}`
  expect(await withRole(text, RUNNER)).toBe(
    `- rolearn: ${RUNNER.rolearn} # ours\n  username: demo\n  groups: ["deployers"]\n${NODES}`,
  )
  const flow = `[{rolearn: "${RUNNER.rolearn}"}]`
  expect(await withRole(flow, RUNNER)).toBe(
    `[{rolearn: "${RUNNER.rolearn}", username: "demo", groups: ["deployers"]}]`,
  )
  const empty = `- rolearn: ${RUNNER.rolearn}\n  username:\n  groups:\n`
  expect(await withRole(empty, RUNNER)).toBe(
    `- rolearn: ${RUNNER.rolearn}\n  username: demo\n  groups: ["deployers"]\n`,
  )
})

test('of several entries of a role the last one counts, and is changed; all are taken out', async () => {
  const first = `- rolearn: ${RUNNER.rolearn}\n  username: first\n`
  const second = `- rolearn: ${RUNNER.rolearn.toUpperCase()}\n  username: second\n`
  const after = await withRole(first + NODES + second, { ...RUNNER, groups: [] })
  expect(after).toBe(first + NODES + second.replace('second', 'demo'))
  expect(mapped(after, RUNNER.rolearn)).toEqual({ username: 'demo', groups: [] })
  expect(await withoutRole(after, RUNNER.rolearn)).toBe(NODES)
})

test('an entry with its path left in is another one', async () => {
  const slip = `- rolearn: ${ACCOUNT}/team/runner\n  username: demo\n`
  const after = await withRole(slip, RUNNER)
  expect(after.startsWith(slip)).toBe(true)
  expect(await mappingsOf(after)).toHaveLength(2)
})

test('five hundred entries stay as they are', async () => {
  const many = Array.from({ length: 500 }, (_, index) => NODES.replace('nodes', `nodes-${index}`)).join(
    '# next\n',
  )
  const after = await withRole(many, RUNNER)
  expect(after.startsWith(many)).toBe(true)
  expect(await withoutRole(after, RUNNER.rolearn)).toBe(many)
})

test.each([
  ['a text that is no YAML', '- rolearn: [', 'line 1'],
  ['a tab for indentation', `- rolearn: ${ACCOUNT}/nodes\n\tusername: who\n`, 'line 2 is indented by a tab'],
  ['a key twice', `- rolearn: a\n  rolearn: b\n`, 'does not parse'],
  ['a mapping', 'rolearn: x\n', 'no list'],
  ['a text', 'nobody\n', 'no list'],
  ['an alias without an anchor', `- rolearn: *a\n`, 'nresolved alias'],
])('%s is left alone', async (_, text, words) => {
  await expect(withRole(text, RUNNER)).rejects.toThrow(Untouchable)
  await expect(withRole(text, RUNNER)).rejects.toThrow(words)
  await expect(withoutRole(text, RUNNER.rolearn)).rejects.toThrow(Untouchable)
})

test.each([
  [
    'others take over',
    `- &a\n  rolearn: ${RUNNER.rolearn}\n  username: x\n- <<: *a\n  rolearn: ${ACCOUNT}/other\n`,
  ],
  ['is an alias', `- &a {rolearn: "${RUNNER.rolearn}", username: x}\n- *a\n`],
  ['has a field twice', `- rolearn: ${RUNNER.rolearn}\n  username: x\n  Username: y\n`],
  [
    'shares its groups',
    `- rolearn: ${RUNNER.rolearn}\n  username: demo\n  groups: &g [a]\n- rolearn: ${ACCOUNT}/other\n  groups: *g\n`,
  ],
])('an entry that %s is not changed', async (_, text) => {
  await expect(withRole(text, RUNNER)).rejects.toThrow(Untouchable)
})

test('an entry that others take over is not taken out', async () => {
  const text = `- &a\n  rolearn: ${RUNNER.rolearn}\n  username: x\n- <<: *a\n  rolearn: ${ACCOUNT}/other\n`
  await expect(withoutRole(text, RUNNER.rolearn)).rejects.toThrow(Untouchable)
})

test('whatever the names, what is written is what is read', async () => {
  const name = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('yes', '~', '0x1', '1_0', '', 'a: b', '- x', '# c', '<<', '=', 'system:masters', 'a:'),
  )
  const mapping = fc.record({ username: name, groups: fc.array(name, { maxLength: 3 }) })
  const texts = fc.constantFrom('', ...Object.values(TEXTS))
  await fc.assert(
    fc.asyncProperty(texts, mapping, mapping, async (text, first, second) => {
      const added = await withRole(text, { ...RUNNER, ...first })
      expect(mapped(added, RUNNER.rolearn)).toEqual(first)
      const changed = await withRole(added, { ...RUNNER, ...second })
      expect(mapped(changed, RUNNER.rolearn)).toEqual(second)
      expect(mapped(changed, `${ACCOUNT}/nodes`)).toEqual(mapped(text, `${ACCOUNT}/nodes`))
    }),
    { numRuns: 150 },
  )
})
