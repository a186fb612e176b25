import { FileCommandError, parsePairs } from '../../../lab/runner/environment-files.ts'

test('reads lines and blocks, and lets the last value of a name win', () => {
  const text = 'a=1\nb<<END\nfirst\n\nx=y\nEND\n\na=2=3\n'
  expect(parsePairs(text)).toEqual({ a: '2=3', b: 'first\n\nx=y' })
})

test('takes the operator that comes first', () => {
  expect(parsePairs('url=https://host/?a<<b\n')).toEqual({ url: 'https://host/?a<<b' })
  expect(parsePairs('a<<E=F\nvalue\nE=F\n')).toEqual({ a: 'value' })
})

test.each([
  ['a line without an operator', 'nothing\n', "Invalid format 'nothing'"],
  ['a value without a name', '=value\n', "Invalid format '=value'"],
  ['a block without an end', 'a<<END\nvalue\n', "Matching delimiter not found 'END'"],
])('refuses %s', (_, text, message) => {
  expect(() => parsePairs(text)).toThrow(FileCommandError)
  expect(() => parsePairs(text)).toThrow(message)
})
