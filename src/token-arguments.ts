import { parseArgs } from 'node:util'
import { CREDENTIAL_SOURCES, type CredentialSource } from './aws/credential-source.ts'
import type { TokenRequest } from './aws/get-token.ts'
import { BadInput } from './bad-input.ts'

const OPTIONS = {
  region: { type: 'string' },
  'cluster-name': { type: 'string' },
  'cluster-id': { type: 'string' },
  'role-arn': { type: 'string' },
  'credential-source': { type: 'string' },
  timeout: { type: 'string' },
} as const

const USAGE = [
  '--region REGION',
  '--cluster-name NAME | --cluster-id ID',
  '[--role-arn ARN]',
  `[--credential-source ${CREDENTIAL_SOURCES.join(' | ')}]`,
  '[--timeout SECONDS]',
].join(' ')

export interface Arguments {
  request: TokenRequest
  credentialSource: CredentialSource
  timeoutSeconds: number
}

/**
 * Reads the signer's command line, which `signerCommand` writes.
 *
 * @throws BadInput
 */
export function readArguments(args: string[]): Arguments {
  const { region, 'cluster-name': name, 'cluster-id': id, 'role-arn': roleArn, ...rest } = parse(args)
  const source = rest['credential-source'] ?? 'any'
  const credentialSource = CREDENTIAL_SOURCES.find(known => known === source)
  if (!credentialSource) throw wrong('--credential-source', `"${source}" is none of its words`)
  const seconds = rest.timeout ?? '30'
  if (!/^[1-9]\d{0,4}$/.test(seconds)) throw wrong('--timeout', `"${seconds}" is no time to wait`)
  if (!region) throw wrong('--region', 'it is missing')
  if (Boolean(name) === Boolean(id)) throw wrong('--cluster-name', 'either it or --cluster-id is needed')
  const cluster = id ? { id } : { name: name ?? '' }
  return {
    request: { region, cluster, roleArn },
    credentialSource,
    timeoutSeconds: Number(seconds),
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS }).values
  } catch (cause) {
    throw wrong(args.join(' '), (cause as Error).message)
  }
}

function wrong(input: string, problem: string): BadInput {
  return new BadInput([{ input, problem, accepted: USAGE }])
}
