import { load } from 'js-yaml'
import { PATIENCE, scenario } from '../scenario.ts'
import { CREATOR, deeds, expectRefusal, grants } from './grants.ts'

const at = scenario([{ name: 'demo', authenticationMode: 'CONFIG_MAP', creator: CREATOR }])
const { newRole, grant, endAt, loginAs, admin, behindGate } = grants(at)

const MAP = '/api/v1/namespaces/kube-system/configmaps/aws-auth'
const NODES = 'arn:aws:iam::111122223333:role/nodes'

type ConfigMap = { data?: Record<string, string> }

async function readMap(): Promise<ConfigMap> {
  return (await admin('GET', MAP)).body as ConfigMap
}

/** Makes aws-auth what is given, and returns when it counts. */
async function writeMap(data: Record<string, string>): Promise<void> {
  await at.cluster.writeMapRoles(data.mapRoles ?? '')
  await admin('PATCH', MAP, { data }, { 'content-type': 'application/merge-patch+json' })
}

/** That a text holds all of another one, with something put between two of its bytes. */
function expectInsertion(after: string, before: string): void {
  let from = 0
  while (from < before.length && after[from] === before[from]) from++
  expect(after.endsWith(before.slice(from))).toBe(true)
  expect(after.length).toBeGreaterThan(before.length)
}

/** Texts of mapRoles in which a role, who logs in before and after, is mapped. */
const TEXTS: Record<string, (earlier: string) => string> = {
  'of an orderly hand': arn => `- rolearn: ${arn}\n  username: demo\n`,
  'with comments and odd indentation': arn =>
    `# nodes first\n-   rolearn: ${NODES}   # do not touch\n    username: system:node:{{EC2PrivateDNSName}}\n    groups:\n          - system:bootstrappers\n          - system:nodes\n\n\n-   groups: []\n    rolearn: ${arn}\n    username: demo\n# the end`,
  'indented as a whole': arn => `   - rolearn: ${arn}\n     username: demo\n`,
  'with CRLF': arn => `- rolearn: ${NODES}\r\n  username: nodes\r\n- rolearn: ${arn}\r\n  username: demo\r\n`,
  'in flow style': arn => `[{rolearn: "${arn}", username: demo, groups: []}]\n`,
  'with anchors': arn =>
    `- &first\n  rolearn: ${NODES}\n  username: nodes\n  groups: &none []\n- rolearn: ${arn}\n  username: demo\n  groups: *none\n`,
  'without a newline at its end': arn => `- rolearn: ${arn}\n  username: demo`,
  'as JSON': arn => JSON.stringify([{ rolearn: arn, username: 'demo', groups: [] }]),
  'of two documents, of which the first counts': arn =>
    `- rolearn: ${arn}\n  username: demo\n---\n- rolearn: ${NODES}\n  username: nodes\n`,
  'with 500 entries': arn =>
    `${Array.from({ length: 500 }, (_, index) => `- rolearn: arn:aws:iam::111122223333:role/team-${index}\n  username: team-${index}\n`).join('')}- rolearn: ${arn}\n  username: demo\n`,
}

test.each(Object.entries(TEXTS))(
  'mapRoles %s keeps every byte, and everybody who was let in is',
  async (_name, textOf) => {
    const before = textOf(at.role.arn)
    await writeMap({ mapRoles: before })
    const role = newRole()
    const granted = await grant({ 'role-arn': role.arn })
    expect(granted.plan.failures).toEqual([])
    expectInsertion((await readMap()).data?.mapRoles ?? '', before)
    expect((await loginAs(role)).report.failures).toEqual([])
    expect(
      (await loginAs(at.role, { can: '', cannot: '', 'expect-username': 'demo' })).report.failures,
    ).toEqual([])
    // What was put in can be taken out again to the byte, but for a newline that the end was given.
    expect((await grant({ 'role-arn': role.arn, mode: 'revoke' })).plan.failures).toEqual([])
    expect(((await readMap()).data?.mapRoles ?? '').trimEnd()).toBe(before.trimEnd())
  },
  PATIENCE,
)

test(
  'mapUsers, mapAccounts and what else stands in aws-auth are not sent, and stay',
  async () => {
    const data = {
      mapRoles: TEXTS['of an orderly hand']?.(at.role.arn) ?? '',
      mapUsers:
        '- userarn: arn:aws:iam::111122223333:user/somebody\n  username: somebody\n  groups: [people]\n',
      mapAccounts: '- "444455556666"\n',
      note: 'a key of somebody\u2019s own',
    }
    await writeMap(data)
    const role = newRole()
    expect((await grant({ 'role-arn': role.arn })).plan.failures).toEqual([])
    const { mapRoles, ...others } = (await readMap()).data ?? {}
    const { mapRoles: before, ...given } = data
    expect(others).toEqual(given)
    expectInsertion(mapRoles ?? '', before)
    await admin(
      'PATCH',
      MAP,
      { data: { mapUsers: null, mapAccounts: null, note: null } },
      { 'content-type': 'application/merge-patch+json' },
    )
  },
  PATIENCE,
)

test.each([
  ['is not there', async () => void (await admin('DELETE', MAP))],
  [
    'has no data',
    async () =>
      void (await admin('PATCH', MAP, { data: null }, { 'content-type': 'application/merge-patch+json' })),
  ],
  ['has an empty mapRoles', () => writeMap({ mapRoles: '' })],
  ['has an empty list', () => writeMap({ mapRoles: '[]\n' })],
])(
  'an aws-auth that %s is made one with the role in it',
  async (_name, empty) => {
    await empty()
    const role = newRole()
    const granted = await grant({ 'role-arn': role.arn })
    expect(granted.plan.failures).toEqual([])
    expect(load((await readMap()).data?.mapRoles ?? '')).toEqual([
      { rolearn: `arn:aws:iam::111122223333:role/${role.name}`, username: role.name },
    ])
    expect((await loginAs(role)).report.failures).toEqual([])
  },
  PATIENCE,
)

test.each([
  ['is not YAML', '- rolearn: [unclosed\n'],
  ['is indented by a tab', `- rolearn: ${NODES}\n\tusername: nodes\n`],
  ['is no list', `rolearn: ${NODES}\n`],
])(
  'mapRoles that %s is left as it is',
  async (_name, mapRoles) => {
    await writeMap({ mapRoles })
    const role = newRole()
    for (const mode of ['apply', 'plan', 'revoke']) {
      const refused = await grant({ 'role-arn': role.arn, mode })
      expectRefusal(refused, ['EKS520'])
    }
    expect((await readMap()).data).toEqual({ mapRoles })
    const found = await admin('GET', `/apis/rbac.authorization.k8s.io/v1/clusterroles/eks-login-${role.name}`)
    expect(found.status).toBe(404)
  },
  PATIENCE,
)

test(
  'of several entries of the role, with its path and without, the one that counts is made what it shall be',
  async () => {
    const role = newRole('/ci/')
    const pathless = `arn:aws:iam::111122223333:role/${role.name}`
    const before = `- rolearn: ${role.arn}\n  username: never\n- rolearn: ${pathless}\n  username: first\n- rolearn: ${pathless} # the last counts\n  username: second\n`
    await writeMap({ mapRoles: before })
    expect((await grant({ 'role-arn': role.arn })).plan.failures).toEqual([])
    expect((await readMap()).data?.mapRoles).toBe(before.replace('second', role.name))
    expect((await loginAs(role, { 'expect-username': role.name })).report.failures).toEqual([])
    expect((await grant({ 'role-arn': role.arn, mode: 'revoke' })).plan.failures).toEqual([])
    expect((await readMap()).data?.mapRoles).toBe(`- rolearn: ${role.arn}\n  username: never\n`)
  },
  PATIENCE,
)

test(
  'each of several entries of the role is taken out, in flow style, too',
  async () => {
    const role = newRole()
    const own = `{rolearn: "arn:aws:iam::111122223333:role/${role.name}", username: ${role.name}}`
    const earlier = `{rolearn: "${at.role.arn}", username: demo}`
    await writeMap({ mapRoles: `[${earlier}, ${own}, ${own}]\n` })
    expect((await grant({ 'role-arn': role.arn, mode: 'revoke' })).plan.failures).toEqual([])
    expect((await readMap()).data?.mapRoles).toBe(`[${earlier}]\n`)
  },
  PATIENCE,
)

test(
  'two grants at once for two roles, twenty times: both are there',
  async () => {
    const before = TEXTS['with comments and odd indentation']?.(at.role.arn) ?? ''
    await writeMap({ mapRoles: before })
    const inputs = { 'token-provider': 'builtin', timeout: '60' }
    const roles = Array.from({ length: 20 }, () => [newRole(), newRole()] as const)
    for (const pair of roles) {
      const [one, other] = await Promise.all([at.anotherRunner(), at.anotherRunner()])
      const runs = [one, other].map((on, index) =>
        grant({ ...inputs, 'role-arn': pair[index]?.arn ?? '' }, { on }),
      )
      for (const { plan } of await Promise.all(runs)) expect(plan.failures).toEqual([])
    }
    const entries = load((await readMap()).data?.mapRoles ?? '') as { username: string }[]
    const names = roles.flat().map(({ name }) => name)
    expect(entries.map(({ username }) => username).sort()).toEqual(
      ['demo', 'system:node:{{EC2PrivateDNSName}}', ...names].sort(),
    )
  },
  PATIENCE,
)

test(
  'what somebody else writes between our reading and our writing is kept',
  async () => {
    await writeMap({ mapRoles: TEXTS['of an orderly hand']?.(at.role.arn) ?? '' })
    const gate = behindGate()
    let written = 0
    gate.between = async ({ method, path }, status) => {
      if (method !== 'PATCH' || path !== MAP || status !== null || written === 3) return
      const text = (await readMap()).data?.mapRoles
      const mapRoles = `${text}- rolearn: ${NODES}-${++written}\n  username: nodes-${written}\n`
      await admin('PATCH', MAP, { data: { mapRoles } }, { 'content-type': 'application/merge-patch+json' })
    }
    const role = newRole()
    const granted = await grant({ 'role-arn': role.arn })
    expect(granted.plan.failures).toEqual([])
    expect(written).toBe(3)
    const entries = load((await readMap()).data?.mapRoles ?? '') as { username: string }[]
    expect(entries.map(({ username }) => username)).toEqual([
      'demo',
      'nodes-1',
      'nodes-2',
      'nodes-3',
      role.name,
    ])
  },
  PATIENCE,
)

test(
  'where the answer to its write is lost, the text that was there before is the one that is kept',
  async () => {
    const before = TEXTS['of an orderly hand']?.(at.role.arn) ?? ''
    await writeMap({ mapRoles: before })
    const gate = behindGate()
    let lost = false
    gate.between = async ({ method, path }, status) => {
      if (lost || method !== 'PATCH' || path !== MAP || status !== 200) return
      // The rehearsal before it has changed nothing.
      if ((await readMap()).data?.mapRoles === before) return
      lost = true
      gate.fail({ path: MAP, times: 1 }, { kind: 'server-error', status: 500 })
      throw new Error('the answer is lost')
    }
    const role = newRole()
    const granted = await grant({ 'role-arn': role.arn })
    expect(granted.plan.failures).toEqual([])
    expect(lost).toBe(true)
    expect(granted.plan.changes.at(-1)).toMatchObject({ before, after: (await readMap()).data?.mapRoles })
  },
  PATIENCE,
)

describe('kill -9 before or after any of its requests to the API server', () => {
  const can = 'list namespaces\nget configmaps -n default'
  const given = (role: { arn: string }) => ({ 'role-arn': role.arn, can, 'token-provider': 'builtin' })

  /** Kills one run at each of its moments, and returns at how many it was killed. */
  async function killEach(
    begin: () => Promise<Record<string, string>>,
    complete: (inputs: Record<string, string>) => Promise<void>,
  ): Promise<number> {
    await writeMap({ mapRoles: TEXTS['with comments and odd indentation']?.(at.role.arn) ?? '' })
    behindGate()
    for (let killed = 0; ; killed++) {
      const inputs = await begin()
      const { by } = await endAt(killed + 1, 'SIGKILL', inputs)
      if (by === null) return killed
      await complete(inputs)
      expect(deeds(await grant(inputs))).toEqual([])
    }
  }

  const namesIn = async () =>
    (load((await readMap()).data?.mapRoles ?? '') as { username: string }[]).map(({ username }) => username)

  test(
    'of an apply: the next run completes it',
    async () => {
      let role = newRole()
      const killed = await killEach(
        async () => {
          role = newRole()
          return given(role)
        },
        async inputs => {
          expect((await grant(inputs)).plan.failures).toEqual([])
          expect(await namesIn()).toContain(role.name)
          expect((await loginAs(role, { can })).report.failures).toEqual([])
        },
      )
      // Before and after each of: three documents, four lists, aws-auth, who we are, five rehearsals, five writes, two reviews.
      expect(killed).toBeGreaterThan(30)
    },
    2 * PATIENCE,
  )

  test(
    'of a revoke: the next run completes it',
    async () => {
      let role = newRole()
      const killed = await killEach(
        async () => {
          role = newRole()
          expect((await grant(given(role))).plan.failures).toEqual([])
          return { ...given(role), mode: 'revoke' }
        },
        async inputs => {
          expect((await grant(inputs)).plan.failures).toEqual([])
          expect(await namesIn()).not.toContain(role.name)
          expect((await loginAs(role, { can })).report.failures.map(({ code }) => code)).toEqual(['EKS501'])
        },
      )
      // The same, without documents and reviews.
      expect(killed).toBeGreaterThan(25)
    },
    2 * PATIENCE,
  )
})
