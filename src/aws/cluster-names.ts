import type { CallOptions } from './bounds.ts'
import { endpointOf } from './calls.ts'
import type { Credentials } from './credentials.ts'
import { askEks } from './eks.ts'
import { AwsProblem } from './evidence.ts'

/**
 * Names of the clusters that an account has in a region, all of them.
 * https://docs.aws.amazon.com/eks/latest/APIReference/API_ListClusters.html
 *
 * @throws AwsProblem refused, answer-unreadable, unreachable, timed-out
 */
export async function clusterNames(
  region: string,
  credentials: Credentials,
  options: CallOptions,
): Promise<string[]> {
  const names: string[] = []
  let nextToken: string | undefined
  do {
    const page = await askPage(region, nextToken, credentials, options)
    if (!isNames(page.clusters)) throw unreadable(region, options)
    names.push(...page.clusters)
    nextToken = page.nextToken ?? undefined
  } while (nextToken)
  return names
}

function unreadable(region: string, { env }: CallOptions): AwsProblem {
  const endpoint = endpointOf('EKS', region, env)
  const problem = 'it lists no clusters'
  return new AwsProblem({
    kind: 'answer-unreadable',
    asked: 'eks:ListClusters',
    endpoint,
    status: 200,
    problem,
  })
}

function isNames(clusters: unknown): clusters is string[] {
  return Array.isArray(clusters) && clusters.every(name => typeof name === 'string')
}

interface Page {
  clusters?: string[] | undefined
  nextToken?: string | null | undefined
}

async function askPage(
  region: string,
  nextToken: string | undefined,
  credentials: Credentials,
  options: CallOptions,
): Promise<Page> {
  const { answer } = await askEks<Page>(
    {
      asked: 'eks:ListClusters',
      resource: `the clusters in ${region}`,
      region,
      // All but the first are the SDK's: a plain request has no query.
      path: nextToken ? '/clusters?nextToken' : '/clusters',
      bySdk: (sdk, client, bound) =>
        client.send(new sdk.ListClustersCommand(nextToken ? { nextToken } : {}), bound),
    },
    credentials,
    options,
  )
  return answer
}
