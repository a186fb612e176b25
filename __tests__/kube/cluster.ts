import { readFileSync } from 'node:fs'
import type { ApiAnswer, ApiClient } from '../../src/kube/client.ts'

export interface Asked {
  method: string
  path: string
  accept?: string | undefined
  body?: unknown
}

type Answer = { status: number; body: unknown }

/** A cluster that answers from a table, and keeps what it was asked. */
export function clusterOf(
  answer: (asked: Asked) => Answer | Promise<Answer>,
): ApiClient & { asked: Asked[] } {
  const asked: Asked[] = []
  return {
    asked,
    close: () => {},
    request: async (method, path, options): Promise<ApiAnswer> => {
      const question = { method, path, accept: options?.accept, body: options?.body }
      asked.push(question)
      const { status, body } = await answer(question)
      const said = typeof body === 'string' ? body : JSON.stringify(body)
      return { status, contentType: 'application/json', body: said }
    },
  }
}

export type Documents = Record<string, Answer>

/**
 * What a kube-apiserver v1.37.2 said, fewer resources: core, a few groups, custom resources whose names,
 * short names and groups collide, and metrics.k8s.io, whose server is down. `unaggregated` is the same
 * cluster asked in the older way.
 */
export function fixture(form: 'aggregated' | 'unaggregated'): Documents {
  const file = new URL(`fixtures/discovery-${form}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8'))
}

export function serving(documents: Documents): ApiClient & { asked: Asked[] } {
  const missing = {
    status: 404,
    body: { kind: 'Status', message: 'the server could not find the requested resource' },
  }
  return clusterOf(({ path }) => documents[path] ?? missing)
}
