import type { About, Step } from '../failure.ts'
import {
  changeBlock,
  createEntry,
  type Mapping,
  mappedPrincipal,
  pathHint,
  updateEntry,
  withoutEveryone,
} from './mapping.ts'
import { mappedUsername } from './username.ts'

/** Whom the cluster maps the role to now, as a mapping has it. */
export function mappingNow({ username = 'unknown', groups = [], sessionName }: About): Mapping {
  return { username: mappedUsername({ username, sessionName }), groups: withoutEveryone(groups) }
}

/**
 * Maps a role that is mapped to somebody else than it shall be, where it is mapped as far as that is known. An access
 * entry counts before aws-auth (https://docs.aws.amazon.com/eks/latest/userguide/migrating-access-entries.html).
 */
export function changeMapping(about: About, wanted: Mapping): Step[] {
  const { accessEntry, authenticationMode } = about
  const mapped = mappedPrincipal(about)
  const inEntry = 'Change the access entry of the role:'
  if (accessEntry?.kind === 'found')
    return [inEntry, ...updateEntry(about, accessEntry.entry.principalArn, wanted)]
  if (accessEntry?.kind === 'listed')
    return [inEntry, ...updateEntry(about, accessEntry.principalArn, wanted)]
  const byName = [...updateEntry(about, mapped.arn, wanted), ...pathHint(mapped)]
  if (authenticationMode === 'API') return [inEntry, ...byName]
  const byBlock = changeBlock(mapped, wanted)
  if (authenticationMode !== 'API_AND_CONFIG_MAP') return byBlock
  if (accessEntry?.kind === 'none' && accessEntry.sure)
    return [
      ...byBlock,
      'Or make an access entry, which counts before aws-auth:',
      ...createEntry(about, mapped, wanted),
    ]
  return [
    'Change its access entry, which counts before aws-auth:',
    ...byName,
    'Where it has none (ResourceNotFoundException), it is mapped in aws-auth:',
    ...byBlock,
  ]
}
