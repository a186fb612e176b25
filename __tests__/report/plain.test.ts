import { oneLine, plain, plainFailure } from '../../src/report/plain.ts'

test('nothing is hidden in a text: what steers a terminal or turns its direction is seen as such', () => {
  expect(plain('\x1b[31mred\x07 \x00\x7f\x9b')).toBe('\ufffd[31mred\ufffd \ufffd\ufffd\ufffd')
  expect(plain('\u202eexe.\u2066\u2028')).toBe('\ufffdexe.\ufffd\ufffd')
  expect(plain('half \ud800')).toBe('half \ufffd')
})

test('lines stay lines, whatever ended them, and tabs stay tabs', () => {
  expect(plain('a\r\nb\rc\nd\te \u00e4 \u{1f600}')).toBe('a\nb\nc\nd\te \u00e4 \u{1f600}')
  expect(oneLine(' a\r\n b\t c ')).toBe('a b c')
})

test('a failure\u2019s causes are one line each, and no text but what is pasted is longer than anybody reads', () => {
  const long = 'x'.repeat(10_000)
  const shown = plainFailure({
    code: 'EKS207',
    cause: `a\nb ${long}`,
    evidence: [long, 'a\x1b\nb'],
    cure: [long, { language: 'sh', text: `${long}\r\n\x07` }],
    otherwise: [{ cause: 'c\nd', tell: [long], cure: [{ language: 'yaml', text: long }] }],
  })
  const short = `${'x'.repeat(4000)}\u2026`
  expect(shown).toEqual({
    code: 'EKS207',
    cause: `a b ${'x'.repeat(3996)}\u2026`,
    evidence: [short, 'a\ufffd\nb'],
    cure: [short, { language: 'sh', text: `${long}\n\ufffd` }],
    otherwise: [{ cause: 'c d', tell: [short], cure: [{ language: 'yaml', text: long }] }],
  })
})
