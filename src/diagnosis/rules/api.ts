import type { ApiEvidence } from '../../kube/evidence.ts'
import { yamlItems } from '../../kube/yaml-text.ts'
import type { Diagnoses, Diagnosis } from '../failure.ts'
import { unauthorized } from '../mapping/unauthorized.ts'

/** What the API server answers instead of what was asked: EKS5xx and EKS60x. */
export const apiDiagnoses: Diagnoses<ApiEvidence> = {
  unauthorized,
  forbidden,
  'unexpected-answer': unexpectedAnswer,
}

/**
 * Two default roles let every authenticated user ask what it may do, and what there is. The API server makes what is
 * missing of them at its start, unless somebody told it not to
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings).
 */
function forbidden({ path, status, message }: ApiEvidence): Diagnosis {
  const asking = /\/selfsubject/.test(path)
  const [name, rules] = asking
    ? (['system:basic-user', MAY_ASK] as const)
    : (['system:discovery', MAY_LOOK] as const)
  return {
    code: 'EKS604',
    cause: `the cluster does not let the role ask ${asking ? 'what it may do' : 'what resources there are'}`,
    evidence: [`${path} answered ${status}: ${message}`],
    cure: [
      `Every authenticated user may, by the default ClusterRole ${name} and its binding; put them back with kubectl apply -f -:`,
      { language: 'yaml', text: defaultPolicy(name, rules) },
      'If they are there and as they should be, an authorizer beside RBAC refuses it, such as a webhook.',
    ],
  }
}

const MAY_ASK = [
  '- apiGroups:',
  '  - authorization.k8s.io',
  '  resources:',
  '  - selfsubjectaccessreviews',
  '  - selfsubjectrulesreviews',
  '  verbs:',
  '  - create',
  '- apiGroups:',
  '  - authentication.k8s.io',
  '  resources:',
  '  - selfsubjectreviews',
  '  verbs:',
  '  - create',
]
const MAY_LOOK = [
  '- nonResourceURLs:',
  ...yamlItems(['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez'], '  '),
  ...yamlItems(['/openapi', '/openapi/*', '/readyz', '/version', '/version/'], '  '),
  '  verbs:',
  '  - get',
]

function defaultPolicy(name: string, rules: readonly string[]): string {
  const head = (kind: string) => [
    'apiVersion: rbac.authorization.k8s.io/v1',
    `kind: ${kind}`,
    'metadata:',
    `  name: ${name}`,
  ]
  return [
    ...[...head('ClusterRole'), 'rules:', ...rules, '---'],
    ...[...head('ClusterRoleBinding'), 'roleRef:', '  apiGroup: rbac.authorization.k8s.io'],
    ...['  kind: ClusterRole', `  name: ${name}`, 'subjects:', '- apiGroup: rbac.authorization.k8s.io'],
    ...['  kind: Group', '  name: system:authenticated'],
  ].join('\n')
}

type Unexpected = Extract<ApiEvidence, { kind: 'unexpected-answer' }>

function unexpectedAnswer({ path, status, message }: Unexpected): Diagnosis {
  if (status === 429 || status >= 500) {
    return {
      code: 'EKS606',
      cause: `the API server answered ${status} until its retries or timeout ran out`,
      evidence: [`${path} answered ${status}: ${message}`],
      cure: [
        'Look at the health and load of the control plane, raise timeout, or let fewer jobs start at once.',
      ],
    }
  }
  return {
    code: 'EKS605',
    cause: 'the API server answered with something else than what was asked for',
    evidence: [`${path} answered ${status}: ${message}`],
    cure: [
      'Check that the endpoint is the API server\u2019s own, without a proxy or load balancer that answers in its place.',
    ],
  }
}
