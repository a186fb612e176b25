import type { Measure } from './result.ts'

/** Something that is timed. */
export interface Contestant {
  group: Measure['group']
  name: string
  /** Only every n-th round, for what takes seconds. */
  every?: number
  /** Makes ready what is not to be timed, and gives what is. */
  prepare(): Promise<() => Promise<void>>
}

/**
 * Lets all run in turns, so that a machine that grows slower grows slower for all. A round before the first warms
 * the caches of the operating system and counts for nothing; those of only every n-th round are not in it.
 *
 * @returns milliseconds, in the order of the contestants
 */
export async function alternate(contestants: Contestant[], rounds: number): Promise<Measure[]> {
  const times = new Map(contestants.map(contestant => [contestant, [] as number[]]))
  for (let round = -1; round < rounds; round++) {
    for (const contestant of contestants) {
      if (round % (contestant.every ?? 1) !== 0) continue
      const run = await contestant.prepare()
      const start = performance.now()
      await run()
      if (round >= 0) times.get(contestant)?.push(performance.now() - start)
    }
  }
  return contestants.map(contestant => measure(contestant, times.get(contestant) ?? []))
}

function measure({ group, name }: Contestant, times: number[]): Measure {
  const [from, to] = [Math.min(...times), Math.max(...times)]
  return {
    group,
    name,
    median: tenths(median(times)),
    from: tenths(from),
    to: tenths(to),
    runs: times.length,
  }
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}

/** Of the two in the middle, their mean. */
export function median(list: number[]): number {
  const sorted = list.toSorted((one, other) => one - other)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
}
