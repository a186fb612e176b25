import type { BenchResult } from './result.ts'

/** Prints a result for a person. */
export function print({ measures, ratios, sizes, usage, login }: BenchResult): void {
  const rows = [
    ...measures.map(({ name, median, from, to, runs }) => [
      name,
      `${median} ms`,
      `${from} to ${to}, ${runs} runs`,
    ]),
    ...ratios.map(({ what, value, atMost }) => [what, String(value), atMost ? verdict(value, atMost) : '']),
    ...usage.map(({ name, megabytes, cpuMilliseconds }) => [
      `usage of ${name}`,
      `${megabytes} MB`,
      `${cpuMilliseconds} ms of CPU`,
    ]),
    ...sizes.map(({ file, bytes }) => [file, `${(bytes / 1e3).toFixed(0)} kB`, '']),
    ...Object.entries(login).flatMap(([provider, spans]) =>
      spans.map(({ name, start, milliseconds }) => [
        `login, ${provider}: ${name}`,
        `${milliseconds} ms`,
        `from ${start}`,
      ]),
    ),
  ]
  for (const [name = '', value = '', note = ''] of rows)
    console.log(`${name.padEnd(66)} ${value.padStart(10)}  ${note}`)
}

function verdict(value: number, atMost: number): string {
  return `${value <= atMost ? 'within' : 'MISSES'} ${Math.round(atMost * 1000) / 1000}`
}
