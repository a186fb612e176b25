import { load } from 'js-yaml'
import { envPaste, withPaste } from '../../src/diagnosis/workflow.ts'

const TEXTS = [
  'plain/path.txt',
  '',
  'a b',
  "it's",
  "''",
  '$(id)',
  '`id`',
  ['$', '{HOME}'].join(''),
  '"quoted"',
  '\\',
  'a;b&c|d>e<f',
  '*?[a]',
  '~',
  '-rf',
  '#no',
  'ünï\ncode',
  '!x',
  'sg-0123',
  'a=b,c=d',
]

test.each([
  ...TEXTS,
  'true',
  'No',
  'y',
  'off',
  '1:30',
  'a\u0085b',
  'arn:aws:eks:eu-west-1:111122223333:cluster/demo',
  '90',
  '0x1',
  '1e3',
  'a: b',
  'a #b',
  'http://a:1',
  ' a',
  'a ',
  '- a',
  '{a}',
  '127.0.0.1,x',
])('YAML has %j as it is', text => {
  expect(load(envPaste({ NAME: text }).text)).toEqual({ env: { NAME: text } })
  expect(load(withPaste({ a: 'x', 'b-c': text }).text)).toEqual({ with: { a: 'x', 'b-c': text } })
})

test('what needs no quotes has none', () => {
  const arn = 'arn:aws:eks:eu-west-1:111122223333:cluster/demo'
  expect(withPaste({ 'cluster-name': arn }).text).toBe(`with:\n  cluster-name: ${arn}`)
  expect(withPaste({ 'token-provider': 'builtin' }).text).toBe('with:\n  token-provider: builtin')
})
