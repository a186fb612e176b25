import { ApiProblem } from '../kube/answers.ts'
import type { ApiClient } from '../kube/client.ts'
import type { Right } from '../kube/policy.ts'
import { whoAmI } from '../kube/reviews.ts'
import { type DeniedCall, GrantProblem } from './evidence.ts'
import type { Method } from './mapping.ts'

// What an administrator needs for a grant, told whole when any of it is missing.

/** Collects what the administrator is denied, so that one run tells all of it. */
export class Denials {
  readonly #denied: DeniedCall[] = []
  readonly #api: ApiClient
  readonly #needs: () => Promise<Right[]>

  /** @param needs gives all that the grant needs */
  constructor(api: ApiClient, needs: () => Promise<Right[]>) {
    this.#api = api
    this.#needs = needs
  }

  /**
   * @param call in words, as `list ClusterRoles`
   * @returns what the work gives; undefined where it is denied
   */
  async of<T>(call: string, work: Promise<T>): Promise<T | undefined> {
    try {
      return await work
    } catch (error) {
      if (!(error instanceof ApiProblem && error.evidence.kind === 'forbidden')) throw error
      this.#denied.push({ call, message: error.evidence.message })
      return undefined
    }
  }

  /** Whether something was denied. */
  get isAny(): boolean {
    return this.#denied.length > 0
  }

  /** @throws GrantProblem calls-denied, when something was */
  async check(): Promise<void> {
    if (!this.isAny) return
    const [who, needs] = await Promise.all([whoAmI(this.#api).catch(() => null), this.#needs()])
    throw new GrantProblem({
      kind: 'calls-denied',
      denied: this.#denied,
      username: who?.username ?? '',
      needs,
    })
  }
}

/**
 * All that a grant asks of the API server. Whoever gives a right has to have it, or the verbs escalate and bind, which
 * would be all of them
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping).
 *
 * @param granted what it gives
 */
export function needsOf(method: Method, granted: readonly Right[]): Right[] {
  return [
    ...['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'].flatMap(resource =>
      ['list', 'create', 'patch', 'delete'].map(verb =>
        right({ verb, group: 'rbac.authorization.k8s.io', resource, namespace: '' }),
      ),
    ),
    right({ verb: 'create', group: 'authorization.k8s.io', resource: 'subjectaccessreviews', namespace: '' }),
    ...(method === 'aws-auth'
      ? ['get', 'patch', 'create'].map(verb =>
          right({
            ...{ verb, group: '', resource: 'configmaps', namespace: 'kube-system' },
            name: verb === 'create' ? '' : 'aws-auth',
          }),
        )
      : []),
    ...granted,
  ]
}

function right({
  name = '',
  ...attributes
}: {
  verb: string
  group: string
  resource: string
  namespace: string
  name?: string
}): Right {
  const namespaced = attributes.namespace !== ''
  return { kind: 'resource', namespaced, attributes: { ...attributes, name, subresource: '' } }
}
