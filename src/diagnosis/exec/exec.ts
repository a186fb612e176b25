import { stripVTControlCharacters } from 'node:util'
import type { KubeEvidence } from '../../kube/evidence.ts'
import type { About, Diagnoses, Diagnosis } from '../failure.ts'
import { assumptionDeniedToCli } from '../service/assumption.ts'
import { commandLine, shell } from '../shell.ts'
import { withPaste } from '../workflow.ts'
import { addToPath, BUILTIN, INSTALL, knowsNoCommand, saidBy } from './aws-cli.ts'

type Evidence = Extract<KubeEvidence, { kind: `exec-${string}` }>
type Failed = Extract<Evidence, { kind: 'exec-failed' }>
type NotACredential = Extract<Evidence, { kind: 'exec-not-a-credential' }>

/** The exec block: EKS4xx. */
export const execDiagnoses: Diagnoses<Evidence> = {
  'exec-not-found': ({ command, path }, { foundAt }) => ({
    code: 'EKS401',
    cause: `the exec block\u2019s command ${command} is not on PATH`,
    evidence: [`PATH is ${path}`, ...(foundAt ? [`${foundAt} is there, in no folder of it`] : [])],
    cure: foundAt
      ? [
          'Put its folder on PATH in a step before this one, which later steps and their kubectl need, too:',
          addToPath(foundAt),
          ...BUILTIN,
        ]
      : [...INSTALL, ...BUILTIN],
  }),
  'exec-failed': failed,
  'exec-timed-out': ({ words, seconds }) => ({
    code: 'EKS403',
    cause: `the exec block\u2019s command had not ended after ${seconds} s`,
    evidence: [`${commandLine(...words)}: ended by us, with all that it had started`],
    cure: [
      'On a runner that has much to do it may only be slow. Give it more time:',
      withPaste({ timeout: String(longer(seconds)) }),
    ],
    otherwise: [
      {
        cause:
          'it waits for something that does not come, such as an answer of STS or of a credential_process',
        tell: [
          'On the runner it does not end either, as the job\u2019s user and at a terminal, as it says more than a log shall hold:',
          shell(`${commandLine(...words, '--debug')} > /dev/null`),
        ],
        cure: [
          'What it says last before it waits names what it waits for. Or leave it out:',
          ...BUILTIN.slice(1),
        ],
      },
    ],
  }),
  'exec-not-a-credential': notACredential,
}

/** Seconds that are enough where it was only slow: kubectl has no bound of its own. */
function longer(seconds: number): number {
  return Math.max(60, seconds * 2)
}

function failed(evidence: Failed, about: About): Diagnosis {
  const { words, exitCode, signal, stderr } = evidence
  const command = commandLine(...words)
  const { cliVersion } = about
  const ended = signal
    ? `ended by ${signal}`
    : exitCode === null
      ? 'it could not be started'
      : `exit code ${exitCode}`
  const told = [`${command}: ${ended}`, ...lastLines(stderr)]
  if (knowsNoCommand(stderr)) return tooOld('does not know the exec block\u2019s command', told, cliVersion)
  const denied = assumptionDeniedToCli(stderr, about)
  if (denied) return { ...denied, evidence: told }
  const said = saidBy(stderr)
  if (said) return { code: 'EKS402', cause: said.cause, evidence: told, cure: said.cure }
  return {
    code: 'EKS402',
    cause: `the exec block\u2019s command failed: ${ended}`,
    evidence: told,
    cure: [
      'Run it on the runner, as the job\u2019s user and with its environment; what it says names the cause:',
      shell(`${command} > /dev/null`),
      ...BUILTIN,
    ],
  }
}

/** What the AWS CLI printed before 1.24.0 and 2.7.0 (https://github.com/aws/aws-cli/issues/6920). */
const OLD_API_VERSION = /\/v1alpha1$/

function notACredential({ command, problem, apiVersion }: NotACredential, { cliVersion }: About): Diagnosis {
  const told = [`${command}: ${problem}`]
  if (apiVersion && OLD_API_VERSION.test(apiVersion))
    return tooOld(`speaks ${apiVersion} alone`, told, cliVersion)
  return {
    code: 'EKS404',
    cause: 'the exec block\u2019s command printed no ExecCredential',
    evidence: [...told, ...versionLine(cliVersion)],
    cure: [
      'See which program it is, and whether it is the AWS CLI: an alias or a wrapper of that name may print something else.',
      shell('type -a aws; aws --version'),
      ...BUILTIN,
    ],
  }
}

function tooOld(what: string, told: string[], cliVersion: string | undefined): Diagnosis {
  return {
    code: 'EKS406',
    cause: `the AWS CLI is too old: it ${what}`,
    evidence: [
      ...told,
      ...versionLine(cliVersion),
      'versions 1.24.0 and 2.7.0 are the first that speak client.authentication.k8s.io/v1beta1',
    ],
    cure: [...INSTALL, ...BUILTIN],
  }
}

function versionLine(cliVersion: string | undefined): string[] {
  return cliVersion ? [cliVersion] : []
}

/** The last ten, without colours and what else moves a terminal. */
function lastLines(stderr: string): string[] {
  const plain = stripVTControlCharacters(stderr).replace(/[^\P{Cc}\n\t]/gu, '')
  return plain.trim().split('\n').slice(-10).filter(Boolean)
}
