import { KubeProblem } from './evidence.ts'
import type { KubeconfigEntry } from './kubeconfig.ts'

/** Fields of a kubeconfig's user that hold a secret (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#AuthInfo). */
const SECRET_FIELDS = ['token', 'tokenFile', 'password', 'client-key', 'client-key-data', 'auth-provider']

/** Texts that are secrets wherever they stand. */
const SECRET_TEXTS: [string, RegExp][] = [
  ['an EKS token', /k8s-aws-v1\.[\w-]{16}/],
  ['an AWS access key id', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ['a presigned URL', /X-Amz-Signature=/i],
  ['a JSON web token', /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\./],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['a URL with a password', /\/\/[^\s/:@]*:[^\s/@]+@/],
]

// A file's name is none: AWS_WEB_IDENTITY_TOKEN_FILE tells where, not what.
const SECRET_NAMES = /(?:secret|token|password|passwd|private_?key)(?!.*_FILE$)/i

/**
 * Scans a kubeconfig that is about to be written. A secret in an entry of ours is an error; one that somebody else's
 * entry brought along is told to whoever reads the log, for the file is theirs, too.
 *
 * @returns a sentence for each secret that was there before us
 * @throws KubeProblem kubeconfig-secret
 */
export async function scanKubeconfig(
  file: string,
  text: string,
  entries: KubeconfigEntry[],
): Promise<string[]> {
  const ours = new Set(entries.map(({ user }) => user.name))
  const found = await findSecrets(text)
  const mine = found.filter(({ user }) => user !== null && ours.has(user))
  if (mine.length > 0) throw new KubeProblem({ kind: 'kubeconfig-secret', file, where: mine.map(inWords) })
  return found.map(secret => `${file} held a secret before this login: ${inWords(secret)}`)
}

function inWords({ user, where }: FoundSecret): string {
  return user === null ? where : `${where}, of user ${user}`
}

/** Where a kubeconfig holds a secret: which user, and what of it. Never the secret itself. */
export interface FoundSecret {
  /** The user entry's name; null for something outside of the users. */
  user: string | null
  where: string
}

/**
 * Every secret in a kubeconfig's text: secret fields and exec environments of users, and, wherever they stand,
 * texts with the form of a secret (base64 is looked through once).
 */
export async function findSecrets(text: string): Promise<FoundSecret[]> {
  const { parseDocument } = await import('yaml')
  const config =
    parseDocument(text, { version: '1.1', merge: true, uniqueKeys: false, prettyErrors: false }).toJS() ?? {}
  const { users, ...rest } = config
  const found: FoundSecret[] = secretTexts(rest).map(where => ({ user: null, where }))
  for (const { name, user } of Array.isArray(users) ? users : []) {
    const fields = SECRET_FIELDS.filter(field => user?.[field]).map(field => `the field ${field}`)
    const env = (Array.isArray(user?.exec?.env) ? user.exec.env : [])
      .filter((variable: { name: string }) => SECRET_NAMES.test(variable?.name))
      .map((variable: { name: string }) => `${variable.name} in the environment of its exec block`)
    for (const where of new Set([...fields, ...env, ...secretTexts(user)]))
      found.push({ user: String(name), where })
  }
  return found
}

function secretTexts(value: unknown): string[] {
  if (typeof value === 'string') {
    const decoded = /^[A-Za-z0-9+/=\s]{40,}$/.test(value)
      ? Buffer.from(value, 'base64').toString('latin1')
      : ''
    return SECRET_TEXTS.filter(([, form]) => form.test(value) || form.test(decoded)).map(([what]) => what)
  }
  return value && typeof value === 'object' ? Object.values(value).flatMap(secretTexts) : []
}
