import type { KubeEvidence } from '../kube/evidence.ts'
import type { Diagnoses } from './failure.ts'

/** The kubeconfig file: EKS9xx. */
export const kubeconfigDiagnoses: Diagnoses<Extract<KubeEvidence, { kind: `kubeconfig-${string}` }>> = {
  'kubeconfig-unreadable': ({ file, code, message }) => ({
    code: 'EKS901',
    cause: `the kubeconfig ${file} cannot be read`,
    evidence: [`${code}: ${message}`],
    cure: ['Let the job\u2019s user read it, or give the input kubeconfig another path.'],
  }),
  'kubeconfig-corrupt': ({ file, line, column, message }) => ({
    code: 'EKS902',
    cause: `the kubeconfig ${file} is not YAML`,
    evidence: [`line ${line}, column ${column}: ${message}`],
    cure: ['Mend or remove the file; it was left as it is. Or give the input kubeconfig another path.'],
  }),
  'kubeconfig-unexpected': ({ file, message }) => ({
    code: 'EKS903',
    cause: `the file ${file} is not a kubeconfig`,
    evidence: [message],
    cure: ['Mend or remove the file; it was left as it is. Or give the input kubeconfig another path.'],
  }),
  'kubeconfig-symlink': ({ file, target }) => ({
    code: 'EKS904',
    cause: `the kubeconfig ${file} is a symlink out of its folder`,
    evidence: [`it points to ${target}`],
    cure: ['Give the input kubeconfig the path of the file itself, if that is where it shall be written.'],
  }),
  'kubeconfig-locked': ({ lock, holder, since }) => ({
    code: 'EKS905',
    cause: 'another program holds the lock of the kubeconfig',
    evidence: [`${lock}: held by ${holder}${since ? ` since ${since}` : ''}`],
    cure: [`When that program is gone, remove its lock: rm ${lock}`],
  }),
  'kubeconfig-unwritable': ({ file, code, message }) => ({
    code: 'EKS906',
    cause: `the kubeconfig ${file} cannot be written`,
    evidence: [`${code}: ${message}`],
    cure: [
      code === 'ENOSPC'
        ? 'Make room on the file system; nothing was written.'
        : 'Let the job\u2019s user write there, or give the input kubeconfig another path.',
    ],
  }),
  'kubeconfig-secret': ({ file, where }) => ({
    code: 'EKS907',
    cause: `the kubeconfig ${file} would hold a secret`,
    evidence: where,
    cure: ['Take the secret out of what it came from; a kubeconfig of this action needs none.'],
  }),
}
