import { type MinorVersion, minorNumber } from './request.ts'

/** What of a cluster decides on the kubectl for it. */
export interface ClusterVersion {
  name: string
  /** Like `1.37` */
  version: string
}

/**
 * The minor that serves all clusters: the first one's own, or else the nearest to it that is within one of each other,
 * which is what kubectl supports (https://kubernetes.io/releases/version-skew-policy/#kubectl). Where there is none, the
 * first one's own.
 */
export function minorFor([first, ...others]: [ClusterVersion, ...ClusterVersion[]]): MinorVersion {
  const own = minorNumber(first.version)
  const minors = [own, ...others.map(({ version }) => minorNumber(version))]
  const [lowest, highest] = [Math.max(...minors) - 1, Math.min(...minors) + 1]
  const minor = lowest <= highest ? Math.min(Math.max(own, lowest), highest) : own
  return { kind: 'minor', minor: `1.${minor}` }
}

/** The clusters that a kubectl is too far from, each as a line for the job. */
export function skewWarnings(kubectl: string, clusters: ClusterVersion[]): string[] {
  const far = clusters.filter(({ version }) => Math.abs(minorNumber(version) - minorNumber(kubectl)) > 1)
  return far.map(
    ({ name, version }) =>
      `kubectl ${kubectl} is more than one minor version from ${name}, which is Kubernetes ${version}: it is not supported there (https://kubernetes.io/releases/version-skew-policy/#kubectl)`,
  )
}
