import { type KubectlEvidence, KubectlProblem } from '../kubectl/evidence.ts'
import { stepFailures } from './diagnose.ts'
import type { About, Diagnoses, Failure } from './failure.ts'
import { isOfCertificate } from './network/certificate.ts'
import { commandLine, shell } from './shell.ts'

// Apart from the others, as most logins install no kubectl and need not load this.

/** What an installation that went wrong amounts to, for the whole step. */
export function kubectlFailures(error: unknown): Failure[] {
  return error instanceof KubectlProblem ? [diagnoseKubectl(error.evidence)] : stepFailures(error)
}

/** The one cause of a piece of evidence, and its cure. */
export function diagnoseKubectl(evidence: KubectlEvidence): Failure {
  const name = kubectlDiagnoses[evidence.kind] as (evidence: KubectlEvidence, about: About) => Failure
  return name(evidence, { cluster: '', region: '' })
}

/** The installation of kubectl: EKS91x. */
export const kubectlDiagnoses: Diagnoses<KubectlEvidence> = {
  'kubectl-unsupported': ({ platform, arch }) => ({
    code: 'EKS911',
    cause: `there is no kubectl for this runner, which is ${platform} on ${arch}`,
    evidence: [`process.platform is ${platform}, process.arch is ${arch}`],
    cure: ['Use a runner with Linux, macOS or Windows on x64 or arm64, or install kubectl in another way.'],
  }),
  'kubectl-unknown': ({ wanted, url, status }) => ({
    code: 'EKS912',
    cause: `the release host does not have ${wanted}`,
    evidence: [`${url} answered ${status}`],
    cure: [
      'Check kubectl-version against https://kubernetes.io/releases/. A mirror needs the file, its .sha256 unless kubectl-checksum is given, and stable-MINOR.txt unless the version is exact.',
    ],
  }),
  'kubectl-unreachable': unreachable,
  'kubectl-timed-out': ({ url, seconds, came }) => ({
    code: 'EKS914',
    cause: `kubectl had not come within ${seconds} s`,
    evidence: [`${url}: ${came} in ${seconds} s, retries included`],
    cure: ['Raise timeout, or give kubectl-mirror a host that is nearer.'],
  }),
  'kubectl-host-failing': ({ url, status }) => ({
    code: 'EKS915',
    cause: `the release host of kubectl answered ${status} until its retries or timeout ran out`,
    evidence: [`${url} answered ${status}`],
    cure: ['Run the job again, raise timeout, or give kubectl-mirror another host.'],
  }),
  'kubectl-unexpected': ({ url, wanted, found }) => ({
    code: 'EKS916',
    cause: 'the release host of kubectl answered with something else than what was asked for',
    evidence: [`${url}: ${wanted} was asked for, and ${found} came`],
    cure: [
      'Check that kubectl-mirror is laid out as https://dl.k8s.io is and lets everybody read, and that no proxy answers in its place. S3 answers 403 for what it does not have.',
    ],
  }),
  'kubectl-mismatch': ({ url, from, expected, found, came }) => ({
    code: 'EKS917',
    cause: 'the kubectl that came is not the one that was published: its sha256 is another',
    evidence: [
      `${url}: ${came}`,
      `its sha256 is   ${found}`,
      `it should be    ${expected}`,
      `as told by ${from}`,
    ],
    cure: [
      'Nothing of it was kept. Find out who changed the file: a proxy that answers with a page of its own, a mirror that is broken, or somebody who should not. If kubectl-checksum is wrong, correct it.',
    ],
  }),
  'kubectl-unwritable': ({ folder, code, message }) => ({
    code: 'EKS918',
    cause: `kubectl cannot be written to ${folder}`,
    // What the file system says begins with its code.
    evidence: [message],
    cure: [
      code === 'ENOSPC'
        ? 'Make room on the file system; nothing was kept.'
        : 'Let the job\u2019s user write to the tool cache of the runner (RUNNER_TOOL_CACHE) and to RUNNER_TEMP.',
    ],
  }),
  'kubectl-locked': ({ lock, holder, since }) => ({
    code: 'EKS919',
    cause: 'another program holds the lock of the tool cache\u2019s kubectl',
    evidence: [`${lock}: held by ${holder}${since ? ` since ${since}` : ''}`],
    cure: ['When that program is gone, remove its lock:', shell(commandLine('rm', '--', lock))],
  }),
}

type Unreachable = Extract<KubectlEvidence, { kind: 'kubectl-unreachable' }>

function unreachable({ url, code, message }: Unreachable): Omit<Failure, 'cluster'> {
  const evidence = [`${url}: ${code ? `${code}, ` : ''}${message}`]
  const untrusted = isOfCertificate(code)
  return {
    code: 'EKS913',
    cause: untrusted
      ? 'the certificate of the release host of kubectl was refused'
      : 'the release host of kubectl cannot be reached, or cut its answer off',
    evidence,
    cure: [
      untrusted
        ? 'Where a proxy opens TLS, or for a mirror with a CA of its own, set NODE_EXTRA_CA_CERTS of the runner to a PEM file with that CA.'
        : 'Give the runner a way there: a NAT gateway or HTTPS_PROXY; or give kubectl-mirror a host that it can reach.',
    ],
  }
}
