import { readFile } from 'node:fs/promises'
import { serverOf } from '../../lab/admin.ts'
import { type Lab, startLab } from '../../lab/lab.ts'
import type { AccessEntries, TaggedEntry } from '../../src/aws/access-entry-changes.ts'
import type { Cluster } from '../../src/aws/cluster.ts'
import { AwsProblem } from '../../src/aws/evidence.ts'
import { changesIn } from '../../src/grant/change.ts'
import { checkRules } from '../../src/grant/check.ts'
import { GrantProblem } from '../../src/grant/evidence.ts'
import { type GrantInputs, readGrantInputs } from '../../src/grant/inputs.ts'
import { applyPlan, type Plan, planGrant } from '../../src/grant/plan.ts'
import { type MappingMethod, methodOf } from '../../src/grant/plan-mapping.ts'
import { type ApiClient, openConnection } from '../../src/kube/client.ts'

// Plans are made on the lab's embedded API server, as its administrator, and on access entries in memory.

const ACCOUNT = '111122223333'
let lab: Lab
let api: ApiClient
let count = 0
beforeAll(async () => {
  lab = await startLab({ kubernetes: 'embedded' })
  const [cluster] = lab.clusters
  const { token = '' } = serverOf(await readFile(cluster?.adminKubeconfig ?? '', 'utf8'))
  const server = { server: cluster?.endpoint ?? '', certificateAuthority: cluster?.caPem ?? '' }
  api = openConnection(server, { timeoutSeconds: 10, signal: new AbortController().signal }).as(token)
})
afterAll(async () => {
  api.close()
  await lab.stop()
})

const newRole = () => `arn:aws:iam::${ACCOUNT}:role/ci/role-${++count}`

function inputs(given: Record<string, string>): GrantInputs {
  const all = Object.entries({ 'cluster-name': 'demo', ...given })
  return readGrantInputs(
    Object.fromEntries(all.map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
  )
}

interface Place {
  mode?: Cluster['authenticationMode']
  method?: MappingMethod
  /** undefined: it may not be read. */
  entry?: TaggedEntry | null | undefined
  entries?: AccessEntries
  through?: ApiClient
}

async function plan(given: Record<string, string>, place: Place = {}): Promise<Plan> {
  const { mode = 'CONFIG_MAP', method = 'aws-auth', entries, through = api } = place
  const access = entries ? { access: { entries, entry: place.entry } } : {}
  return planGrant(inputs(given), { authenticationMode: mode } as Cluster, { method, ...access }, through)
}

const deeds = ({ works }: Plan) => changesIn(works).map(({ action, what }) => `${action} ${what}`)

/** The kinds of all that stands against some work. */
async function against(work: Promise<unknown>): Promise<string[]> {
  const error = await work.catch(reason => reason)
  if (!(error instanceof GrantProblem)) throw error ?? new Error('nothing stands against it')
  return error.evidence.map(({ kind }) => kind)
}

/** An API server that answers some requests otherwise. */
function but(answer: (method: string, path: string) => { status: number; body: object } | null): ApiClient {
  return {
    async request(method, path, options) {
      const other = answer(method, path)
      if (!other) return api.request(method, path, options)
      return { status: other.status, contentType: 'application/json', body: JSON.stringify(other.body) }
    },
    close() {},
  }
}

const status = (code: number, message: string) => ({ status: code, body: { kind: 'Status', message } })

/** Access entries in memory, of one role. */
function entriesOf(entry: TaggedEntry | null, log: string[] = []): AccessEntries {
  return {
    read: async () => entry,
    create: async () => void log.push('create'),
    update: async () => void log.push('update'),
    remove: async () => void log.push('remove'),
  }
}

const OURS = { 'app.kubernetes.io/managed-by': 'eks-login' }
const entry = (given: Partial<TaggedEntry> = {}): TaggedEntry => ({
  ...{ accessEntryArn: 'ENTRY', username: 'user', groups: [], type: 'STANDARD', tags: OURS, policies: [] },
  ...given,
})

describe('in aws-auth', () => {
  test('what is planned is done, and then there is nothing to do but to take it away again', async () => {
    const given = { 'role-arn': newRole(), can: 'list namespaces\nget configmaps -n default' }
    const first = await plan(given)
    expect(deeds(first)).toHaveLength(5)
    const told: number[] = []
    await applyPlan(first, done => told.push(done))
    expect(told).toEqual([1, 2, 3, 4, 5])
    expect((await checkRules(first, inputs(given), api)).map(({ passed }) => passed)).toEqual([true, true])
    expect(deeds(await plan(given))).toEqual([])
    const less = await plan({ ...given, can: '' })
    expect(deeds(less).map(deed => deed.split(' ').slice(0, 2).join(' '))).toEqual([
      'delete RoleBinding',
      'delete ClusterRoleBinding',
      'delete Role',
      'delete ClusterRole',
    ])
    const revoke = await plan({ ...given, mode: 'revoke' })
    expect(deeds(revoke)[0]).toBe('update ConfigMap kube-system/aws-auth')
    await applyPlan(revoke, () => {})
    expect(deeds(await plan({ ...given, mode: 'revoke' }))).toEqual([])
  })

  test('what is worth knowing is told', async () => {
    const [role, other] = [newRole(), newRole()]
    const shared = { 'role-arn': role, username: 'one-user', name: `a-${count}` }
    await applyPlan(await plan(shared), () => {})
    const same = await plan({ ...shared, 'role-arn': other, name: `b-${count}` })
    expect(same.notes).toEqual([expect.stringContaining(`${role} is granted to as user one-user, too`)])
    const { notes } = await plan({
      ...shared,
      ...{ username: 'another', name: `c-${count}` },
      can: 'list pods\ncreate pods/x -n default\ndeletecollection pods/x -n default\nlist ns -n default\nget /metrics',
    })
    expect(notes).toEqual([
      expect.stringContaining('given in all namespaces'),
      expect.stringContaining('given for all names, as a request to create tells none'),
      expect.stringContaining('given for all names, as a request to deletecollection tells none'),
      expect.stringContaining('namespace'),
      expect.stringContaining('aws-auth mapped the role to username one-user'),
      expect.stringContaining('the role has another grant'),
    ])
    const revoke = await plan({ ...shared, name: `c-${count}`, mode: 'revoke' })
    expect(revoke.notes.join()).toContain('the mapping of the role stays')
  })

  test('an access entry counts first, and one that may not be read is told', async () => {
    const given = { 'role-arn': newRole(), username: 'user' }
    const place = { mode: 'API_AND_CONFIG_MAP', entries: entriesOf(null) }
    expect(await against(plan(given, { ...place, entry: entry({ username: 'x' }) }))).toEqual([
      'mapping-shadowed',
    ])
    expect(deeds(await plan(given, { ...place, entry: entry() }))).toHaveLength(3)
    const { notes } = await plan(given, { ...place, entry: undefined })
    expect(notes.join()).toContain('may not be read')
    const { works } = await plan(
      { ...given, mode: 'revoke', method: 'aws-auth' },
      { ...place, entry: entry() },
    )
    expect(works).toEqual([])
  })
})

describe('by an access entry', () => {
  const given = (more: Record<string, string> = {}) => ({
    ...{ 'role-arn': newRole(), username: 'user', can: '', ...more },
  })
  const place = (found: TaggedEntry | null, log?: string[]): Place => ({
    ...{ mode: 'API', method: 'access-entry', entry: found, entries: entriesOf(found, log) },
  })

  test.each<[string, TaggedEntry | null, string[]]>([
    ['none is made', null, ['create']],
    ['one that says so is left', entry(), []],
    ['one that says so and is of nobody known is left', entry({ tags: {} }), []],
    ['one of a grant is changed', entry({ username: 'other' }), ['update']],
    ['one in other groups is changed', entry({ groups: ['a'] }), ['update']],
  ])('%s', async (_what, found, done) => {
    const log: string[] = []
    await applyPlan(await plan(given(), place(found, log)), () => {})
    expect(log).toEqual(done)
  })

  test('one of somebody else that says something else stands against it', async () => {
    const theirs = entry({ username: 'theirs', tags: {} })
    expect(await against(plan(given(), place(theirs)))).toEqual(['entry-of-another'])
  })

  test('revoked, one of a grant is taken away, with a word on its access policies', async () => {
    const log: string[] = []
    const { works, notes } = await plan(
      given({ mode: 'revoke' }),
      place(entry({ policies: ['POLICY'] }), log),
    )
    await works[0]?.apply()
    expect(log).toEqual(['remove'])
    expect(works[0]?.before).toContain('POLICY')
    expect(notes.join()).toContain('POLICY')
    const theirs = await plan(given({ mode: 'revoke' }), place(entry({ tags: {} })))
    expect(theirs.works).toEqual([])
    expect(theirs.notes.join()).toContain('is not of a grant')
    expect((await plan(given({ mode: 'revoke' }), place(null))).works).toEqual([])
  })

  test('where somebody makes one meanwhile, that one is dealt with', async () => {
    const inUse = new AwsProblem({
      ...{ kind: 'refused', asked: 'eks:CreateAccessEntry', resource: 'demo', status: 409 },
      ...{ code: 'ResourceInUseException', message: '' },
    })
    const making = async (meanwhile: TaggedEntry | null) => {
      const log: string[] = []
      const entries = { ...entriesOf(meanwhile, log), create: () => Promise.reject(inUse) }
      const { works } = await plan(given(), { ...place(null), entries })
      await works[0]?.apply()
      return log
    }
    expect(await making(entry())).toEqual([])
    expect(await making(entry({ username: 'other' }))).toEqual(['update'])
    expect(await against(making(entry({ username: 'other', tags: {} })))).toEqual(['entry-of-another'])
    await expect(making(null)).rejects.toBe(inUse)
  })

  test('names that EKS does not take stand against it', async () => {
    const problems = { username: 'aws:x-{{SessionNameRaw}}', groups: 'system:a', 'allow-admin': 'true' }
    expect(await against(plan(given(problems), place(null)))).toEqual(['name-unusable', 'name-unusable'])
  })

  test('a mapRoles that nobody can read is no mapping', async () => {
    await lab.clusters[0]?.writeMapRoles('- rolearn: [\n')
    const both: Place = { ...place(null), mode: 'API_AND_CONFIG_MAP' }
    const { notes } = await plan(given(), both)
    expect(notes.join()).toContain('does not parse')
    expect(await against(plan(given()))).toEqual(['aws-auth-untouchable'])
    const role = newRole()
    await lab.clusters[0]?.writeMapRoles('')
    await lab.clusters[0]?.mapRole(role.replace('/ci/', '/'), 'theirs')
    const shadowed = await plan(given({ 'role-arn': role }), both)
    expect(shadowed.notes.join()).toContain('aws-auth maps the role to username theirs')
    const revoked = await plan(given({ 'role-arn': role, mode: 'revoke' }), both)
    expect(revoked.notes.join()).toContain('the entry of the role in aws-auth')
  })
})

describe('what stands against a grant', () => {
  test.each<[string, Record<string, string>, string[]]>([
    [
      'rules that mean nothing',
      { can: 'list unicorns\nget pods --subresource=* -n default' },
      ['rule-mistaken', 'rule-mistaken'],
    ],
    ['a namespace that is not there', { can: 'list pods -n nowhere' }, ['namespace-missing']],
    [
      'danger, beside what means nothing',
      { can: 'list unicorns\nlist secrets' },
      ['rule-mistaken', 'grant-dangerous'],
    ],
  ])('%s', async (_what, given, kinds) => {
    expect(await against(plan({ 'role-arn': newRole(), ...given }))).toEqual(kinds)
  })

  test('the role that grants, once its mapping would change', async () => {
    const role = newRole()
    const extra = { canonicalArn: [role.replace('/ci/', '/')] }
    const through = but((_method, path) =>
      path.endsWith('/selfsubjectreviews')
        ? { status: 201, body: { status: { userInfo: { username: 'me', extra } } } }
        : null,
    )
    expect(await against(plan({ 'role-arn': role }, { through }))).toEqual(['grant-dangerous'])
    expect(await plan({ 'role-arn': role, 'allow-admin': 'true' }, { through })).toBeDefined()
  })

  test('what RBAC denies, all of it, with all that is needed', async () => {
    const denied = 'roles is forbidden: User "x" cannot list resource "roles" in API group'
    const through = but((method, path) =>
      method === 'GET' && !/^\/api(s)?$/.test(path) ? status(403, denied) : null,
    )
    const error = (await plan({ 'role-arn': newRole() }, { through }).catch(reason => reason)) as GrantProblem
    expect(error.evidence).toEqual([expect.objectContaining({ kind: 'calls-denied', username: 'admin' })])
    const [{ denied: calls, needs }] = error.evidence as never as [{ denied: object[]; needs: object[] }]
    expect(calls).toHaveLength(5)
    expect(needs).toHaveLength(4 * 4 + 1 + 3 + 1)
    const nobody = but((method, path) =>
      path.endsWith('/selfsubjectreviews')
        ? status(403, 'no')
        : method === 'PATCH'
          ? status(403, 'x is attempting to grant RBAC permissions not currently held')
          : null,
    )
    const refused = (await plan({ 'role-arn': newRole(), 'allow-admin': 'true' }, { through: nobody }).catch(
      reason => reason,
    )) as GrantProblem
    expect(refused.evidence).toEqual([
      expect.objectContaining({ kind: 'calls-denied', username: '', groups: [] }),
    ])
  })

  test.each([
    [403, 'admission webhook "w" denied the request', ['call-refused']],
    [400, 'no', ['call-refused']],
    [409, 'Apply failed with 1 conflict', ['object-conflict']],
  ])('an API server that answers a write with %d', async (code, message, kinds) => {
    const through = but((method, path) =>
      method === 'PATCH' && path.includes('clusterroles/') ? status(code, message) : null,
    )
    expect(await against(plan({ 'role-arn': newRole() }, { through }))).toEqual(kinds)
  })

  test('a role that a binding names already cannot become another', async () => {
    const through = but((method, path) =>
      method === 'PATCH' && path.includes('bindings/') ? status(422, 'cannot change roleRef') : null,
    )
    expect(await against(plan({ 'role-arn': newRole() }, { through }))).toEqual(['object-conflict'])
  })

  test('an API server that fails is no obstacle, but an error', async () => {
    const through = but(method => (method === 'PATCH' ? status(503, 'overloaded') : null))
    await expect(plan({ 'role-arn': newRole() }, { through })).rejects.toMatchObject({
      evidence: { kind: 'unexpected-answer', status: 503 },
    })
  })

  test('what is granted and not allowed', async () => {
    const given = { 'role-arn': newRole(), timeout: '1' }
    const made = await plan(given)
    expect(await against(checkRules(made, inputs(given), api))).toEqual(['rule-not-granted'])
    const through = but((_method, path) =>
      path.endsWith('/subjectaccessreviews')
        ? status(403, 'User "x" cannot create resource "subjectaccessreviews"')
        : null,
    )
    expect(await against(checkRules(made, inputs(given), through))).toEqual(['calls-denied'])
  })

  test('an aws-auth that is another each time it is written, or is gone', async () => {
    for (const code of [409, 404]) {
      const through = but((method, path) =>
        method === 'PATCH' && path.includes('/aws-auth') ? status(code, 'somebody was first') : null,
      )
      const { works } = await plan({ 'role-arn': newRole(), can: '' }, { through })
      expect(await against(Promise.resolve(works[0]?.apply()))).toEqual(['aws-auth-contended'])
    }
  }, 30_000)

  test('an aws-auth that may not be written', async () => {
    const through = but((method, path) =>
      method === 'PATCH' && path.includes('/aws-auth')
        ? status(403, 'User "x" cannot patch resource "configmaps"')
        : null,
    )
    expect(await against(plan({ 'role-arn': newRole(), can: '' }, { through }))).toEqual(['calls-denied'])
  })
})

test.each<[string, string, string, string | null]>([
  ['auto', 'API', 'access-entry', null],
  ['auto', 'API_AND_CONFIG_MAP', 'access-entry', null],
  ['auto', 'CONFIG_MAP', 'aws-auth', null],
  ['aws-auth', 'API_AND_CONFIG_MAP', 'aws-auth', null],
  ['aws-auth', 'API', '', 'method-unavailable'],
  ['access-entry', 'CONFIG_MAP', '', 'method-unavailable'],
])('method %s in a cluster of the mode %s', async (method, authenticationMode, expected, problem) => {
  const asking = async () => methodOf({ method: method as GrantInputs['method'] }, { authenticationMode })
  if (problem) expect(await against(asking())).toEqual([problem])
  else expect(await asking()).toBe(expected)
})
