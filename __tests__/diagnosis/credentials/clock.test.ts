import { clockIsOff, tokenDatedWrong } from '../../../src/diagnosis/credentials/clock.ts'

const ABOUT = { cluster: 'demo', region: 'eu-west-1' }

test.each([
  [400, '400 s ahead of', '400 s less'],
  [-3600, '3600 s behind', '3600 s more'],
])('a clock that is off by %d s is told in words', (seconds, way, difference) => {
  const { code, cause, evidence } = clockIsOff(seconds, ['told'])
  expect({ code, cause }).toEqual({
    code: 'EKS111',
    cause: `the clock of the runner is ${way} AWS\u2019s`,
  })
  expect(evidence[0]).toBe('told')
  expect(evidence[1]).toContain(difference)
})

test.each([
  [undefined, undefined],
  [0, undefined],
  [899, undefined],
  [-899, undefined],
  [900, 'EKS111'],
  [-900, 'EKS111'],
])('a token of a clock that is %d s off: %s', (clockSkewSeconds, code) => {
  expect(tokenDatedWrong({ ...ABOUT, clockSkewSeconds }, 'told')?.code).toBe(code)
})
