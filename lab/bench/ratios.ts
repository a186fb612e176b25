import type { Measure, Ratio } from './result.ts'

/** What we want to be, and at most: [one, other, at most]. */
const WANTED: [string, string, number?][] = [
  ['builtin token, environment', 'bare Node start', 1.6],
  ['builtin token, environment', 'aws eks get-token, environment', 1 / 9],
  ['builtin token, instance role', 'aws eks get-token, instance role'],
  ['kubectl get ns, builtin', 'kubectl get ns, aws', 1 / 4],
  ['login, aws', 'aws eks get-token, instance role', 1.2],
  ['login, aws', 'four shell lines', 1 / 3.5],
  ['login, builtin', 'four shell lines', 1 / 12],
  ['grant, aws, aws-auth', 'aws eks get-token, environment', 2],
  ['grant, aws, access entry', 'aws eks get-token, environment', 2],
  ['grant, aws, nothing to change', 'aws eks get-token, environment'],
  ['login, builtin, 50 clusters', 'login, builtin, 1 cluster', 3],
  ['login, aws, 50 clusters', 'login, aws, 1 cluster'],
  ['login, builtin, 200 rules', 'login, builtin, 2 rules', 2],
  ['login, builtin, embedded lab, as a scenario', 'login, builtin, embedded lab, the action alone'],
]

/** @throws Error when a name is of nothing that was measured */
export function ratios(measures: Measure[]): Ratio[] {
  const medianOf = (name: string) => {
    const found = measures.find(measure => measure.name === name)
    if (!found) throw new Error(`nothing named ${name} was measured`)
    return found.median
  }
  return WANTED.map(([one, other, atMost]) => ({
    what: `${one} / ${other}`,
    value: Math.round((medianOf(one) / medianOf(other)) * 1000) / 1000,
    ...(atMost ? { atMost } : {}),
  }))
}
