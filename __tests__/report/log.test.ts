import { harmless } from '../../src/report/log.ts'

test.each([
  ['::set-output name=a::b', ': :set-output name=a::b'],
  ['first\n \t::add-mask::x', 'first\n \t: :add-mask::x'],
  ['said ##[set-output name=a]b', 'said ## [set-output name=a]b'],
  ['a::b\n:: ', 'a::b\n: : '],
])('no line of %j is a command to the runner', (text, shown) => {
  expect(harmless(text)).toBe(shown)
})
