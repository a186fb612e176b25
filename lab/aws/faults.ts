import type { Answer, WireFault } from './wire.ts'

/** The lab's services that a fault can be ordered of; `kubernetes` is a gate in front of an API server. */
export type ServiceName = 'ec2' | 'eks' | 'sts' | 'imds' | 'container' | 'kubernetes'

/** What is to go wrong. */
export type Fault =
  | { kind: 'throttle' }
  | { kind: 'server-error'; status: 500 | 502 | 503 | 504 }
  /** The right answer goes wrong on its way. */
  | WireFault
  /** The right answer, but late. */
  | { kind: 'slow'; milliseconds: number }
  | { kind: 'denied' }
  /** Status 200 and half a document. */
  | { kind: 'malformed' }
  /** Status 200 and a web page, as a captive portal answers. */
  | { kind: 'html' }
  /** Another answer, word for word. */
  | { kind: 'other'; answer: Answer }

/** A fault that a service answers with, in its own words. */
export type AnsweredFault = Exclude<Fault, WireFault | { kind: 'slow' | 'other' }>

/** Which requests a fault hits: of one service, all operations or one; without `times` until it is cancelled. */
export type FaultTarget = { service: ServiceName; operation?: string; times?: number }

/** An ordered fault. */
export type FaultOrder = {
  /** Ends the fault, whether or not it has hit as often as it may. */
  cancel(): void
  /** How many requests it has hit. */
  readonly hits: number
}

type Standing = { target: FaultTarget; fault: Fault; hits: number }

/** The faults that are on order, the oldest first. */
export class Faults {
  readonly #standing: Standing[] = []

  /** Orders a fault. Faults that hit the same request take turns: the oldest comes until it has hit `times`. */
  order(target: FaultTarget, fault: Fault): FaultOrder {
    const standing: Standing = { target, fault, hits: 0 }
    this.#standing.push(standing)
    return {
      cancel: () => this.#remove(standing),
      get hits() {
        return standing.hits
      },
    }
  }

  /** Takes the fault that hits a request; undefined if none does. */
  take(service: ServiceName, operation: string): Fault | undefined {
    const standing = this.#standing.find(
      ({ target }) => target.service === service && (target.operation ?? operation) === operation,
    )
    if (standing === undefined) return undefined
    standing.hits += 1
    if (standing.hits === standing.target.times) this.#remove(standing)
    return standing.fault
  }

  #remove(standing: Standing): void {
    const index = this.#standing.indexOf(standing)
    if (index >= 0) this.#standing.splice(index, 1)
  }
}
