import { concealed, withoutUserinfo } from '../src/concealed.ts'

test.each([
  ['ftp://user:secret@proxy:3128', 'ftp://***@proxy:3128'],
  ['http://user:sec/ret@proxy', 'http://***@proxy'],
  ['user:secret@proxy', '***@proxy'],
  ['http://user:sec\nret@x@proxy', 'http://***@proxy'],
  ['//user:secret@proxy', '***@proxy'],
  ['http:/proxy', 'http:/proxy'],
])('of %j %j is told', (text, told) => {
  expect(concealed(text)).toBe(told)
})

test('a long text is looked through once', () => {
  const text = ':'.repeat(2 ** 20)
  expect(concealed(text)).toBe(text)
})

test.each([
  ['https://user:secret@host:8443/a@b?c@d', 'https://host:8443/a@b?c@d'],
  ['https://user@host', 'https://host'],
  ['user:secret@host', 'host'],
  ['http://us@er:secret@[::1]:80/', 'http://[::1]:80/'],
  ['http://user:sec/ret@host', 'http://***@host'],
  ['eks.eu-west-1.amazonaws.com', 'eks.eu-west-1.amazonaws.com'],
  ['http://host/a@b', 'http://host/a@b'],
])('of the endpoint %j %j is asked and told', (text, told) => {
  expect(withoutUserinfo(text)).toBe(told)
})
