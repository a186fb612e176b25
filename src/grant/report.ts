import type { Failure } from '../diagnosis/failure.ts'
import type { Probe } from '../kube/verdict.ts'
import type { Span } from '../report/report.ts'
import type { Change } from './change.ts'
import type { GrantInputs } from './inputs.ts'
import type { MappingMethod } from './plan-mapping.ts'

/** All that a grant found and did: the one value from which log, summary and outputs are made. */
export interface GrantReport {
  schema: 1
  result: 'success' | 'failure'
  mode: GrantInputs['mode']
  /** ARN of the cluster; null before it was described. */
  cluster: string | null
  role: string
  username: string
  groups: string[]
  name: string
  /** null before the cluster was asked. */
  method: MappingMethod | null
  /** With mode `plan`: whether `apply` would change something. */
  changed: boolean
  /** In the order in which they are made. */
  changes: Change[]
  /** How many of them were made. */
  done: number
  probes: Probe[]
  warnings: string[]
  failures: Failure[]
  timings: readonly Span[]
}

/** Of a grant that has not begun. */
export function newReport(): GrantReport {
  return {
    schema: 1,
    result: 'success',
    ...{ mode: 'apply', cluster: null, role: '', username: '', groups: [], name: '', method: null },
    ...{ changed: false, changes: [], done: 0, probes: [], warnings: [], failures: [], timings: [] },
  }
}
