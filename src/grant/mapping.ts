/** Whom a role is mapped to. */
export interface Mapping {
  username: string
  groups: string[]
}

/** Whether two map to the same user, in whatever order its groups stand. */
export function says(one: Mapping, other: Mapping): boolean {
  const of = ({ username, groups }: Mapping) => JSON.stringify([username, groups.toSorted()])
  return of(one) === of(other)
}

/** Whom a mapping maps to, in words. */
export function mappingWords({ username, groups }: Mapping): string {
  return `username ${username || 'none'}, groups ${groups.join(', ') || 'none'}`
}
