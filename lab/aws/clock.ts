import type { Answer, Service } from './exchange.ts'

/** The time by AWS. It agrees with the machine's unless a test has it otherwise. */
export class Clock {
  /** Seconds that it is ahead of the machine's; negative: behind. A test may change it at any time. */
  offsetSeconds = 0

  now(): Date {
    return new Date(Date.now() + this.offsetSeconds * 1000)
  }
}

/** A service whose answers bear the time of a clock in their Date header (RFC 9110, 6.6.1). */
export function dated(service: Service, clock: Clock): Service {
  const withDate = (answer: Answer): Answer => ({
    ...answer,
    headers: { ...answer.headers, date: clock.now().toUTCString() },
  })
  return {
    name: service.name,
    read(request, region) {
      const reading = service.read(request, region)
      return {
        ...reading,
        async answer() {
          const answer = await reading.answer()
          return answer === 'silence' ? answer : withDate(answer)
        },
        answerFault: fault => withDate(reading.answerFault(fault)),
      }
    },
  }
}
