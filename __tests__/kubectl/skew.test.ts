import fc from 'fast-check'
import { minorFor, skewWarnings } from '../../src/kubectl/skew.ts'

describe('for several clusters', () => {
  const clusters = (...minors: number[]) =>
    minors.map((minor, index) => ({ name: `c${index}`, version: `1.${minor}` })) as Parameters<
      typeof minorFor
    >[0]

  test.each([
    [[37], 37],
    [[36, 37], 36],
    [[37, 36], 37],
    [[35, 37], 36],
    [[37, 35, 36], 36],
    [[33, 37], 33],
    [[37, 33], 37],
  ])('of the minors %j it is %i', (minors, minor) => {
    expect(minorFor(clusters(...minors))).toEqual({ kind: 'minor', minor: `1.${minor}` })
  })

  test('where one minor supports all of them, it is one that does', () => {
    const minors = fc.array(fc.integer({ min: 20, max: 26 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(minors, given => {
        const all = clusters(...given)
        const chosen = Number(minorFor(all).minor.slice(2))
        const supports = (minor: number) => given.every(own => Math.abs(own - minor) <= 1)
        const possible = [19, 20, 21, 22, 23, 24, 25, 26, 27].some(supports)
        expect(supports(chosen)).toBe(possible)
        if (!possible) expect(chosen).toBe(given[0])
      }),
    )
  })

  test('a kubectl that is too far from one is a warning that names it', () => {
    expect(skewWarnings('1.36.4', clusters(35, 36, 37))).toEqual([])
    expect(skewWarnings('1.36.4', clusters(34, 36, 38))).toEqual([
      expect.stringContaining('from c0, which is Kubernetes 1.34'),
      expect.stringContaining('from c2, which is Kubernetes 1.38'),
    ])
  })
})
