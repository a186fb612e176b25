import { certificateOf, problemOf } from '../../src/kube/connection-problem.ts'
import { isLoopback } from '../../src/network.ts'

const showing = (certificate: object) => certificate as Parameters<typeof certificateOf>[0]

test.each([
  [{ CN: 'Corp CA', O: 'Corp' }, 'Corp CA, Corp'],
  [{ OU: 'Security' }, 'Security'],
  [{ O: 'Corp' }, 'Corp'],
  [{ CN: 'a\nb\u001b[0m' }, 'a b [0m'],
  [{}, ''],
])('who signed a certificate is told in one line: %j', (issuer, told) => {
  const certificate = certificateOf(showing({ issuer, valid_from: 'then', valid_to: 'soon' }))
  expect(certificate).toEqual({ issuer: told, names: [], validFrom: 'then', validTo: 'soon' })
})

test('what a certificate is for is told without its kind', () => {
  const subjectaltname = 'DNS:*.eks.amazonaws.com, IP Address:10.0.0.1'
  expect(certificateOf(showing({ issuer: {}, subjectaltname }))?.names).toEqual([
    '*.eks.amazonaws.com',
    '10.0.0.1',
  ])
})

test.each([{}, undefined, null])('where no certificate came, none is told: %j', certificate => {
  expect(certificateOf(certificate)).toBeNull()
})

test.each([
  ['https://localhost:6443', true],
  ['https://127.1.2.3', true],
  ['https://[::1]', true],
  ['https://abc.gr7.eu-west-1.eks.amazonaws.com', false],
  ['https://localhost.example', false],
])('%s is this machine: %s', (url, own) => {
  expect(isLoopback(url)).toBe(own)
})

test('an error without words is told by its name', () => {
  // As of several addresses of which none could be connected to.
  const error = Object.assign(new AggregateError([]), { code: 'ETIMEDOUT' })
  const server = { server: 'https://127.0.0.1', certificateAuthority: '' }
  expect(problemOf(error, server, { seconds: 1, isOver: false, isOpen: false }).evidence).toEqual({
    kind: 'server-unreachable',
    server: 'https://127.0.0.1',
    code: 'ETIMEDOUT',
    message: 'ETIMEDOUT',
    stage: 'handshake',
  })
})
