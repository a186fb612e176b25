import type { GrantEvidence, Obstacle } from '../grant/evidence.ts'
import { GrantProblem } from '../grant/evidence.ts'
import { policyFor, policyName } from '../kube/policy.ts'
import { Cancelled } from '../run.ts'
import { diagnose } from './diagnose.ts'
import type { About, Diagnoses, Diagnosis, Failure } from './failure.ts'
import { failuresOf, type Scene } from './investigate.ts'
import { subjectNotes, subjectOf } from './rules/rules.ts'
import { commandLine, shell } from './shell.ts'

// Apart from the others, as a login has none of it.

/** What a grant that went wrong amounts to. */
export async function grantFailures(error: unknown, about: About, scene: Scene): Promise<Failure[]> {
  if (error instanceof GrantProblem) return error.evidence.map(evidence => diagnoseGrant(evidence, about))
  const failures = await failuresOf(error, about, scene)
  if (!(error instanceof Cancelled)) return failures
  // Unlike a login, which writes at its very end, a grant may have begun.
  const evidence = [`the runner sent ${error.message}; what was done before is done`]
  return failures.map(failure => ({
    ...failure,
    evidence,
    cure: ['Run the job again: it finds what is done, and does the rest.'],
  }))
}

/** The cause of a piece of evidence, and its cure. */
export function diagnoseGrant(evidence: Obstacle, about: About): Failure {
  if (evidence.kind === 'rule-mistaken') return diagnose(evidence, about)
  const name = grantDiagnoses[evidence.kind] as (evidence: GrantEvidence, about: About) => Diagnosis
  const { code, ...rest } = name(evidence, about)
  return { code, ...(about.cluster ? { cluster: about.cluster } : {}), ...rest }
}

/** The grant action: EKS52x, EKS62x and EKS72x. */
export const grantDiagnoses: Diagnoses<GrantEvidence> = {
  'aws-auth-untouchable': ({ list, problem }, { authenticationMode }) => ({
    code: 'EKS520',
    cause: `${list} of aws-auth is left as it is: ${problem}`,
    evidence: [`${list} of the ConfigMap kube-system/aws-auth: ${problem}; nothing was written`],
    cure: [
      'Mend it by hand: one wrong line in it can lock every node and person out. What is there is shown by:',
      shell(
        commandLine(
          ...[
            'kubectl',
            '-n',
            'kube-system',
            'get',
            'configmap',
            'aws-auth',
            '-o',
            `jsonpath={.data.${list}}`,
          ],
        ),
      ),
      ...(authenticationMode === 'API_AND_CONFIG_MAP'
        ? ['Or map the role with an access entry (method: access-entry), for which aws-auth is not touched.']
        : []),
    ],
  }),
  'entry-of-another': ({ principalArn, accessEntryArn, found, wanted }, { region, cluster }) => ({
    code: 'EKS521',
    cause: 'the role has an access entry that no grant has made, and it is not as it shall be',
    evidence: [
      `the access entry of ${principalArn} has ${found}, where ${wanted} is wanted; nothing was written`,
    ],
    cure: [
      'Hand it over to the grant, which then makes it what it shall be:',
      shell(
        commandLine(
          ...['aws', 'eks', 'tag-resource', '--region', region, '--resource-arn', accessEntryArn],
          ...['--tags', 'app.kubernetes.io/managed-by=eks-login'],
        ),
      ),
      'Or delete it, where nothing else depends on it; its access policies go with it:',
      shell(
        commandLine(
          ...['aws', 'eks', 'delete-access-entry', '--region', region, '--cluster-name', cluster],
          ...['--principal-arn', principalArn],
        ),
      ),
    ],
  }),
  'method-unavailable': ({ method, authenticationMode }, { region, cluster }) => ({
    code: 'EKS522',
    cause: `the cluster takes no mapping by ${method}: its authentication mode is ${authenticationMode}`,
    evidence: [
      `eks:DescribeCluster says authenticationMode ${authenticationMode}; the input method is ${method}`,
    ],
    cure:
      method === 'aws-auth'
        ? ['Leave method out, or set it to access-entry: a cluster does not go back to aws-auth.']
        : [
            'Leave method out, or set it to aws-auth. Or let the cluster take access entries, too, which cannot be undone:',
            shell(
              commandLine(
                ...['aws', 'eks', 'update-cluster-config', '--region', region, '--name', cluster],
                ...['--access-config', 'authenticationMode=API_AND_CONFIG_MAP'],
              ),
            ),
          ],
  }),
  'mapping-shadowed': ({ principalArn, found, wanted }) => ({
    code: 'EKS523',
    cause: 'the role has an access entry, which counts before aws-auth',
    evidence: [
      `the access entry of ${principalArn} has ${found}, where ${wanted} is wanted; nothing was written`,
    ],
    cure: ['Leave method out, or set it to access-entry.'],
  }),
  'aws-auth-contended': ({ tries }) => ({
    code: 'EKS524',
    cause: 'aws-auth was written by others all the time',
    evidence: [`${tries} times it had changed between our reading and our writing`],
    cure: [
      'Look for what writes it so often, such as two tools that undo what the other does:',
      shell('kubectl -n kube-system get configmap aws-auth -o yaml --show-managed-fields'),
      'What was done before is done; run the job again for the rest.',
    ],
  }),
  'name-unusable': ({ what, name, why }) => ({
    code: 'EKS525',
    cause: `an access entry does not take the ${what} ${name}: ${why}`,
    evidence: ['nothing was written'],
    cure: [
      `Give another ${what}: what EKS takes stands in https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html.`,
    ],
  }),
  'object-conflict': ({ object, message, manifest }) => ({
    code: 'EKS620',
    cause: `${object} is somebody else\u2019s, or a field of it is, and is left as it is`,
    evidence: [message],
    cure: [
      'Give the grant another name (input name).',
      ...(manifest
        ? [
            'Or, where its fields are to be the grant\u2019s, hand them over with kubectl apply --server-side --force-conflicts --field-manager=eks-login-grant -f -:',
            { language: 'yaml' as const, text: manifest.trimEnd() },
          ]
        : []),
    ],
  }),
  'call-refused': ({ call, status, message }) => ({
    code: 'EKS625',
    cause: `the API server refuses it for another reason than RBAC: ${call}`,
    evidence: [`it answered ${status}: ${message}`],
    cure: [
      'The answer above is the API server\u2019s own, or that of an admission policy or webhook, a quota, or a namespace that is being deleted, which it names. Do what it says, or exempt the grant from it. What was done before is done; the next run does the rest.',
    ],
  }),
  'namespace-missing': ({ namespace }) => ({
    code: 'EKS624',
    cause: `there is no namespace ${namespace}, in which a rule shall be granted`,
    evidence: ['the API server was asked whether it would take the role; nothing was written'],
    cure: [
      'Correct the -n of the rule in can, or make the namespace:',
      shell(commandLine('kubectl', 'create', 'namespace', namespace)),
    ],
  }),
  'calls-denied': deniedCalls,
  'name-of-another': ({ object, name, role }) => ({
    code: 'EKS622',
    cause: `the name ${name} is that of another role\u2019s grant`,
    evidence: [`${object} is annotated with eks-login/role-arn ${role}; nothing was written`],
    cure: [
      `Give this grant another name (input name), or revoke the other one first (mode: revoke, with role-arn ${role}).`,
    ],
  }),
  'rule-not-granted': ({ rule, reason, seconds }) => ({
    code: 'EKS623',
    cause: `the cluster does not allow what was granted: ${rule}`,
    evidence: [
      `role and binding are written, and a SubjectAccessReview still said no after ${seconds} s${reason ? `: ${reason}` : ''}`,
    ],
    cure: [
      'Look for an authorizer before RBAC that denies it, such as a webhook, and at whether the objects are still there:',
      shell(
        'kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -l app.kubernetes.io/managed-by=eks-login',
      ),
    ],
  }),
  'grant-dangerous': ({ what }) => ({
    code: 'EKS720',
    cause: `the grant is dangerous: ${what}`,
    evidence: ['nothing was written'],
    cure: ['Give less, or set allow-admin: true where it is meant.'],
  }),
}

type Denied = Extract<GrantEvidence, { kind: 'calls-denied' }>

function deniedCalls({ grant, denied, username, sessionName, groups, needs }: Denied): Diagnosis {
  const who = username || 'the administrator'
  const subject = subjectOf({ username: username || 'USERNAME', groups, sessionName })
  return {
    code: 'EKS621',
    cause: `${who} may not ${denied.map(({ call }) => call).join(', ')}`,
    evidence: denied.map(({ call, message }) => `${call}: ${message}`),
    cure: [
      `Give ${who} what the whole grant needs, with kubectl apply -f -, as somebody who has it:`,
      { language: 'yaml', text: policyFor(needs, subject, policyName(subject, `grant ${grant}`)).trimEnd() },
      'What is granted is among it: nobody may give what he has not.',
      ...subjectNotes(subject, { sessionName }),
    ],
  }
}
