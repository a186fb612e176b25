import { ApiProblem } from '../kube/answers.ts'
import type { ApiClient } from '../kube/client.ts'
import type { Right } from '../kube/policy.ts'
import { whoAmI } from '../kube/reviews.ts'
import { type DeniedCall, GrantProblem } from './evidence.ts'

// What an administrator needs for a grant, told whole when any of it is missing.

/** Collects what the administrator is denied, so that one run tells all of it. */
export class Denials {
  readonly #denied: DeniedCall[] = []
  readonly #api: ApiClient
  readonly #name: string
  readonly #needs: () => Promise<Right[]>

  /**
   * @param name of the grant
   * @param needs gives all that it needs
   */
  constructor(api: ApiClient, name: string, needs: () => Promise<Right[]>) {
    this.#api = api
    this.#name = name
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
      if (!(error instanceof ApiProblem)) throw error
      const { status, message } = error.evidence
      if (!REFUSALS.includes(status)) throw error
      if (!isOfRbac(message)) throw new GrantProblem({ kind: 'call-refused', call, status, message })
      this.#denied.push({ call, message })
      return undefined
    }
  }

  /** @throws GrantProblem calls-denied, when something was */
  async check(): Promise<void> {
    if (this.#denied.length === 0) return
    const [who, needs] = await Promise.all([whoAmI(this.#api).catch(() => null), this.#needs()])
    throw new GrantProblem({
      kind: 'calls-denied',
      denied: this.#denied,
      grant: this.#name,
      username: who?.username ?? '',
      sessionName: who?.extra.sessionName?.[0],
      groups: who?.groups ?? [],
      needs,
    })
  }
}

/** What says no to what was asked, and not to who asked (401), and will say it again (unlike 429). */
const REFUSALS = [400, 403, 405, 413, 415, 422]

/** The words of RBAC; admission, quotas and namespaces that are being deleted have others, with the same status. */
function isOfRbac(message: string): boolean {
  return / cannot [\w-]+ (?:resource|path) |attempting to grant RBAC permissions/.test(message)
}

/**
 * All that a grant asks of the API server. Whoever gives a right has to have it, or the verbs escalate and bind, which
 * would be all of them
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping).
 *
 * @param awsAuth what is done with it
 * @param granted what it gives
 */
export function needsOf(
  awsAuth: { isRead: boolean; isWritten: boolean },
  granted: readonly Right[],
): Right[] {
  return [
    ...['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'].flatMap(resource =>
      ['list', 'create', 'patch', 'delete'].map(verb =>
        right({ verb, group: 'rbac.authorization.k8s.io', resource, namespace: '' }),
      ),
    ),
    right({ verb: 'create', group: 'authorization.k8s.io', resource: 'subjectaccessreviews', namespace: '' }),
    ...(awsAuth.isRead ? [onAwsAuth('get')] : []),
    ...(awsAuth.isRead && awsAuth.isWritten ? [onAwsAuth('patch'), onAwsAuth('create', '')] : []),
    ...granted,
  ]
}

function onAwsAuth(verb: string, name = 'aws-auth'): Right {
  return right({ verb, group: '', resource: 'configmaps', namespace: 'kube-system', name })
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
