import { posix, win32 } from 'node:path'
import type { Step } from '../failure.ts'
import { shell, shellWord } from '../shell.ts'
import { withPaste } from '../workflow.ts'

// What is known of the AWS CLI: where it is put, what it says when it fails, how it is installed and done without.

type Env = NodeJS.ProcessEnv

/**
 * Folders that installers put `aws` into, of which PATH may lack some
 * (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html; pip; snap; Homebrew).
 */
export function knownFolders({ HOME = '' }: Env, platform = process.platform): string {
  if (platform === 'win32') return 'C:\\Program Files\\Amazon\\AWSCLIV2'
  const own = HOME ? [posix.join(HOME, '.local', 'bin'), posix.join(HOME, 'bin')] : []
  const folders = [
    '/usr/local/bin',
    '/usr/local/aws-cli/v2/current/bin',
    '/usr/bin',
    '/snap/bin',
    '/opt/homebrew/bin',
    '/home/linuxbrew/.linuxbrew/bin',
  ]
  return [...own, ...folders].join(posix.delimiter)
}

/** Puts the folder of a program on the PATH of the steps that follow. */
export function addToPath(program: string): Step {
  const folder = (program.includes('\\') ? win32 : posix).dirname(program)
  return shell(`echo ${shellWord(folder)} >> "$GITHUB_PATH"`)
}

/** https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html */
export const INSTALL: Step[] = [
  'Install version 2 of the AWS CLI on the runner, which also updates one that is there. On Linux, in a folder that may be thrown away:',
  shell(
    [
      'curl -fsSLo awscliv2.zip "https://awscli.amazonaws.com/awscli-exe-linux-$(uname -m).zip"',
      'unzip -q awscliv2.zip',
      'sudo ./aws/install --update',
    ].join('\n'),
  ),
]

/** The action's own signer, for which no AWS CLI is needed. */
export const BUILTIN: Step[] = [
  'Or do without the AWS CLI, now and in later steps, as kubectl then runs a signer of this action:',
  withPaste({ 'token-provider': 'builtin' }),
]

/** One way in which the AWS CLI fails, by its own words. */
interface Saying {
  /** Its groups are names for `cause` and `cure`. */
  form: RegExp
  cause(...names: string[]): string
  cure(...names: string[]): Step[]
}

/** Its sayings (botocore, exceptions.py), the first that fits. */
const SAYINGS: Saying[] = [
  {
    form: /The config profile \((.*?)\) could not be found/,
    cause: profile => `the AWS CLI does not find the profile ${profile}`,
    cure: profile => [
      `Take AWS_PROFILE (or AWS_DEFAULT_PROFILE) out of the job\u2019s environment, or put the profile ${profile} into the config file that AWS_CONFIG_FILE names, ~/.aws/config if none. These there are:`,
      shell('aws configure list-profiles'),
    ],
  },
  {
    form: /Unable to locate credentials/,
    cause: () => 'the AWS CLI finds no credentials',
    cure: () => [
      'See where it looks, as the job\u2019s user and with its environment; credentials that this action finds and it does not are from a place that its version does not know, which an update mends:',
      shell('aws --version; aws configure list'),
    ],
  },
  {
    form: /Partial credentials found in (.*?), missing: (\S+)/,
    cause: (where, what) => `the AWS CLI finds half of a key in ${where}: ${what} is missing`,
    cure: (where, what) => [`Set ${what} in ${where}, too, or take the rest of the key away.`],
  },
  {
    form: /Unable to parse config file: (.+)/,
    cause: file => `the AWS CLI cannot parse ${file}`,
    cure: file => [
      'Mend the file, or set another by AWS_CONFIG_FILE:',
      shell(`cat -A ${shellWord(file.trim())}`),
    ],
  },
  {
    form: /(?:Could not connect to the endpoint URL|Connect timeout on endpoint URL|Read timeout on endpoint URL): "(.*?)"/,
    cause: url => `the AWS CLI cannot reach ${url}`,
    cure: () => [
      'It asks there for the credentials of another role or session. Give the runner a way there: a NAT gateway, a VPC endpoint for the service, or HTTPS_PROXY.',
    ],
  },
  {
    form: /Failed to connect to proxy URL: "(.*?)"/,
    cause: url => `the AWS CLI cannot reach the proxy ${url}`,
    cure: () => [
      'Correct HTTPS_PROXY for the job, or name the hosts of AWS in NO_PROXY if they can be reached without it.',
    ],
  },
  {
    form: /SSL validation failed for (\S+)/,
    cause: url => `the AWS CLI does not trust the certificate of ${url}`,
    cure: () => ['Where a proxy opens TLS, set AWS_CA_BUNDLE to a PEM file with its CA.'],
  },
  {
    form: /An error occurred \((\w+)\) when calling the (\w+) operation/,
    cause: (code, operation) => `AWS refuses the AWS CLI\u2019s ${operation}: ${code}`,
    cure: () => [
      'The last lines above are AWS\u2019s own, and name who may not do what. A role of role-arn or of a profile has to trust the runner\u2019s role, which has to be allowed sts:AssumeRole on it.',
    ],
  },
]

/** What the AWS CLI says of why it fails: cause and cure, or null where it says nothing that is known. */
export function saidBy(stderr: string): { cause: string; cure: Step[] } | null {
  for (const { form, cause, cure } of SAYINGS) {
    const found = form.exec(stderr)
    if (found) return { cause: cause(...found.slice(1)), cure: cure(...found.slice(1)) }
  }
  return null
}

/**
 * What only an AWS CLI says that is older than the command or an option of it: `get-token` came with 1.16.156
 * (https://github.com/aws/aws-cli/blob/develop/CHANGELOG.rst).
 */
const TOO_OLD = /argument (?:command|operation): (?:Found )?invalid choice|^Unknown options: --/im

/** Whether it knows no `eks get-token` as the exec block has it. */
export function knowsNoCommand(stderr: string): boolean {
  return TOO_OLD.test(stderr)
}
