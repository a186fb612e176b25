import type { Failure } from '../diagnosis/failure.ts'

/**
 * The failure with the page that tells more of its code, at the version of the action that runs. Where the runner does
 * not say which that is, as for an action of the workflow's own repository, there is none
 * (https://docs.github.com/en/actions/reference/variables-reference#default-environment-variables).
 */
export function withPage(failure: Failure, env: NodeJS.ProcessEnv): Failure {
  const { GITHUB_SERVER_URL: server, GITHUB_ACTION_REPOSITORY: repository, GITHUB_ACTION_REF: ref } = env
  if (!server || !repository || !ref) return failure
  const page = `${server}/${repository}/blob/${ref}/docs/failures.md#${failure.code.toLowerCase()}`
  return { ...failure, page }
}
