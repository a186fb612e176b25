import fc from 'fast-check'
import { isWithin, placeOf } from '../../../src/diagnosis/network/addresses.ts'

test.each<[string, string[], boolean]>([
  ['198.51.100.7', ['198.51.100.7/32'], true],
  ['198.51.100.8', ['198.51.100.7/32', '198.51.100.0/29'], false],
  ['198.51.100.8', ['192.0.2.0/24', '198.51.100.0/28'], true],
  ['203.0.113.1', ['0.0.0.0/0'], true],
  ['203.0.113.1', [], false],
  ['2001:db8::1', ['2001:db8::/32'], true],
  ['2001:db8::1', ['0.0.0.0/0'], false],
  ['203.0.113.1', ['::/0'], false],
  ['text', ['0.0.0.0/0'], false],
  ['203.0.113.1', ['text', '0.0.0.0', '0.0.0.0/', '0.0.0.0/33', '0.0.0.0/-1', '0.0.0.0/x', '/0'], false],
])('%s within %j: %s', (address, cidrs, within) => {
  expect(isWithin(address, cidrs)).toBe(within)
})

test('any texts are told something of', () => {
  fc.assert(
    fc.property(
      fc.ipV4(),
      fc.array(
        fc.oneof(
          fc.string(),
          fc.ipV4(),
          fc.ipV6().map(ip => `${ip}/200`),
        ),
      ),
      (ip, cidrs) => {
        expect(isWithin(ip, cidrs)).toBe(false)
        expect(isWithin(ip, [...cidrs, `${ip}/32`])).toBe(true)
      },
    ),
  )
})

test.each([
  ['10.0.1.2', 'private'],
  ['172.31.0.1', 'private'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['fd00::1', 'private'],
  ['52.1.2.3', 'public'],
  ['2600:1f14::1', 'public'],
  ['127.0.0.1', null],
  ['169.254.1.1', null],
  ['0.0.0.0', null],
  ['::1', null],
  ['fe80::1', null],
  [undefined, null],
])('%s is of a network that is %s', (address, place) => {
  expect(placeOf(address)).toBe(place)
})
