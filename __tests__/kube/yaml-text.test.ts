import { parse } from 'yaml'
import { yamlItems, yamlText } from '../../src/kube/yaml-text.ts'

test.each([
  'demo',
  'arn:aws:iam::111122223333:role/runner',
  'ci:{{SessionName}}',
  '{{SessionName}}',
  'yes',
  'Null',
  '',
  '42',
  'a: b',
  'a #b',
  'a:',
  '-',
  '*',
  '/healthz/*',
  "it's",
  'say "so"',
  'line\nbreak\ttab',
  'é\u0085\u2028😀',
  '\ud800',
])('%j is the same text to whoever reads the YAML, old and new', text => {
  for (const version of ['1.1', '1.2'] as const) {
    expect(parse(`value: ${yamlText(text)}\nother: x`, { version })).toEqual({ value: text, other: 'x' })
    expect(parse(yamlItems([text, 'x'], '  ').join('\n'), { version })).toEqual([text, 'x'])
  }
  expect(yamlText(text)).toMatch(/^[ -~]+$/)
})

test('what needs no quotes has none', () => {
  expect(yamlText('arn:aws:iam::111122223333:role/runner')).toBe('arn:aws:iam::111122223333:role/runner')
  expect(yamlText('deployments.apps')).toBe('deployments.apps')
})
