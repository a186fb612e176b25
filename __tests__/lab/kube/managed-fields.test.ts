import { applied, type Manager, updated } from '../../../lab/kube/managed-fields.ts'
import type { ConfigMap } from '../../../lab/kube/objects.ts'

// What the real API server makes of the same is compared in __tests__/real/embedded.test.ts.

const manager = (name: string, operation: Manager['operation'] = 'Apply'): Manager => ({
  manager: name,
  operation,
  apiVersion: 'v1',
})
const map = (data: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'web' },
  data,
})
const put = (
  before: ConfigMap | undefined,
  data: Record<string, string>,
  by: string,
  { force = false, now = 'T1' } = {},
) => applied(before, map(data), manager(by), force, now) as ConfigMap

const managersOf = ({ metadata }: ConfigMap) =>
  (metadata.managedFields ?? []).map(one => [one.manager, one.operation, one.time, one.fieldsV1])
const keys = (...names: string[]) => ({
  'f:data': Object.fromEntries(names.map(name => [`f:${name}`, {}])),
})

test('who applies a field manages it, and what he applies no more is gone', () => {
  const first = put(undefined, { a: '1', b: '2' }, 'ours')
  expect(managersOf(first)).toEqual([['ours', 'Apply', 'T1', keys('a', 'b')]])
  const second = put(first, { a: '1' }, 'ours', { now: 'T2' })
  expect(second.data).toEqual({ a: '1' })
  expect(managersOf(second)).toEqual([['ours', 'Apply', 'T2', keys('a')]])
})

test('a field that two apply alike is of both, and stays while one of them applies it', () => {
  const shared = put(put(undefined, { a: '1', b: '2' }, 'ours'), { a: '1' }, 'theirs')
  // Who comes to what is there already changes nothing at no time.
  expect(managersOf(shared)).toEqual([
    ['theirs', 'Apply', undefined, keys('a')],
    ['ours', 'Apply', 'T1', keys('a', 'b')],
  ])
  expect(put(shared, { b: '2' }, 'ours').data).toEqual({ a: '1', b: '2' })
})

test('another manager\u2019s field is changed by force alone, and is theirs no more', () => {
  const before = put(undefined, { a: '1', b: '2' }, 'ours')
  expect(() => put(before, { a: 'x' }, 'theirs')).toThrow(
    expect.objectContaining({ answer: expect.objectContaining({ status: 409 }) }),
  )
  expect(() => put(before, { a: 'x' }, 'theirs')).toThrow(
    'Apply failed with 1 conflict: conflict with "ours": .data.a',
  )
  expect(() => put(before, { a: 'x', b: 'x' }, 'theirs')).toThrow(
    'Apply failed with 2 conflicts: conflicts with "ours":\n- .data.a\n- .data.b',
  )
  const forced = put(before, { a: 'x' }, 'theirs', { force: true })
  expect(forced.data).toEqual({ a: 'x', b: '2' })
  expect(managersOf(forced).map(([name, , , fields]) => [name, fields])).toEqual([
    ['ours', keys('b')],
    ['theirs', keys('a')],
  ])
})

test('what is changed in another way is of whoever changed it', () => {
  const before = put(undefined, { a: '1', b: '2' }, 'ours')
  const now = { ...before, data: { a: 'x', c: '3' } }
  const patched = updated(before, now, manager('kubectl-patch', 'Update'), 'T2') as ConfigMap
  expect(managersOf(patched)).toEqual([['kubectl-patch', 'Update', 'T2', keys('a', 'c')]])
  expect(() => put(patched, { a: '1' }, 'ours')).toThrow('conflict with "kubectl-patch" using v1: .data.a')
})

test('an update that changes nothing is nobody\u2019s', () => {
  const before = put(undefined, { a: '1' }, 'ours')
  expect(updated(before, before, manager('other', 'Update'), 'T2')).toEqual(before)
})
