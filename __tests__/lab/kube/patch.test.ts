import { patched } from '../../../lab/kube/patch.ts'

const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'

// Cases of RFC 7386, appendix A.
test.each([
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])('%j with %j is %j', (object, patch, result) => {
  expect(patched(object, MERGE, patch)).toEqual(result)
  expect(patched(object, STRATEGIC, patch)).toEqual(result)
})

test.each([
  ['a directive', STRATEGIC, { rules: [{ $patch: 'replace' }] }, 501],
  ['the order of a list', STRATEGIC, { '$setElementOrder/subjects': [] }, 501],
  ['a JSON patch', 'application/json-patch+json', [], 501],
  ['an apply patch', 'application/apply-patch+yaml', {}, 501],
  ['a list', MERGE, [], 400],
])('%s is refused, not guessed at', (_what, type, body, status) => {
  expect(() => patched({}, type, body)).toThrow(
    expect.objectContaining({ answer: expect.objectContaining({ status }) }),
  )
})
