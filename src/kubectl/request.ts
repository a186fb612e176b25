import { concealed } from '../concealed.ts'

/** Which kubectl the workflow asks for, and from where. */
export interface KubectlRequest {
  version: KubectlVersion
  /** URL of the release host, without a slash at its end. */
  host: string
}

export type KubectlVersion = ExactVersion | MinorVersion | { kind: 'cluster' }

/** One version, like `1.37.2`; `checksum` is what its file must hash to, where the workflow says so. */
export type ExactVersion = { kind: 'exact'; version: string; checksum?: string }

/** The newest patch of a minor version, like `1.37`. */
export type MinorVersion = { kind: 'minor'; minor: string }

/** Where the Kubernetes project publishes its releases (https://kubernetes.io/releases/download/#binaries). */
export const OFFICIAL_HOST = 'https://dl.k8s.io'

const NUMBER = '(?:0|[1-9]\\d{0,3})'
const EXACT = new RegExp(`^v?(1\\.${NUMBER}\\.${NUMBER})$`)
const MINOR = new RegExp(`^v?(1\\.${NUMBER})$`)

/**
 * The oldest minor that reads a kubeconfig of this action: its exec block is client.authentication.k8s.io/v1beta1
 * (CHANGELOG-1.11.md of kubernetes/kubernetes).
 */
const OLDEST_MINOR = 11

/** @returns the version that a text names, or what is wrong with it */
export function parseKubectlVersion(text: string): KubectlVersion | { kind: 'mistake'; problem: string } {
  if (text === 'cluster') return { kind: 'cluster' }
  const [, version] = EXACT.exec(text) ?? []
  const [, minor] = MINOR.exec(text) ?? []
  const named = version ?? minor
  if (named === undefined) return { kind: 'mistake', problem: `"${text}" is no version of kubectl` }
  if (minorNumber(named) < OLDEST_MINOR) return { kind: 'mistake', problem: tooOld(text) }
  return version !== undefined ? { kind: 'exact', version } : { kind: 'minor', minor: named }
}

/** YAML reads 1.30 without quotes as the number 1.3, and we never see what was written. */
function tooOld(text: string): string {
  const quotes = /^1\.[1-9]$/.test(text) ? `; if it stands there as ${text}0, put it in quotes` : ''
  return `"${text}" is older than any kubectl that can read the kubeconfig${quotes}`
}

/** The second number of a version like `1.37` or `1.37.2`; NaN where there is none. */
export function minorNumber(version: string): number {
  return Number(/^1\.(\d+)/.exec(version)?.[1] ?? Number.NaN)
}

/** @returns the hash in lower case, or null for what is no SHA-256 in hexadecimal */
export function parseChecksum(text: string): string | null {
  return /^[0-9a-f]{64}$/i.test(text) ? text.toLowerCase() : null
}

/**
 * A release host's URL. The hash that is published there comes the same way as the file, so only HTTPS makes it worth
 * anything; plain HTTP will do where the hash comes from the workflow, or where nobody is in between.
 *
 * @returns the URL without a slash at its end, or what is wrong with it, without any password that it holds
 */
export function parseHost(text: string, checksum: boolean): { host: string } | { problem: string } {
  const url = URL.parse(text)
  const told = concealed(text)
  if (!url?.hostname || !['http:', 'https:'].includes(url.protocol))
    return { problem: `"${told}" is no URL of a web server` }
  if (url.username || url.password)
    return { problem: 'it holds a user or password, which would be in the log' }
  if (url.search || url.hash) return { problem: `"${told}" holds a query, behind which no path can follow` }
  if (url.protocol === 'http:' && !checksum && !isLoopback(url.hostname)) {
    return {
      problem: `"${told}" is plain HTTP, over which anybody could replace the file and its published sha256 alike`,
    }
  }
  return { host: `${url.origin}${url.pathname.replace(/\/+$/, '')}` }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
