/** One user who asks as another. */
import type { Attributes, UserInfo } from './objects.ts'
import { badRequest, notImplemented } from './status.ts'

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * The user that a request is to be answered for
 * (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation).
 *
 * @param may whether the one who asks may do what is given
 * @throws Refusal; with 501 where a real server would look for a narrower permission than to impersonate at all
 */
export function impersonated(
  user: UserInfo,
  headers: Headers,
  may: (attributes: Attributes) => boolean,
): UserInfo {
  const name = headers['impersonate-user']
  const groups = list(headers['impersonate-group'])
  const other = Object.keys(headers).find(
    header => /^impersonate-/.test(header) && header !== 'impersonate-user' && header !== 'impersonate-group',
  )
  if (other) throw notImplemented(`know the header ${other}`)
  if (typeof name !== 'string') {
    if (groups.length > 0) throw badRequest('requested groups to impersonate without impersonating a user')
    return user
  }
  if (/^system:(?:serviceaccount:|anonymous$)/.test(name)) throw notImplemented(`impersonate ${name}`)
  const asked = [impersonate('users', name), ...groups.map(group => impersonate('groups', group))]
  if (!asked.every(may)) throw notImplemented('judge who may impersonate whom for what')
  const authenticated = groups.includes('system:authenticated') ? [] : ['system:authenticated']
  return { username: name, groups: [...groups, ...authenticated] }
}

function impersonate(resource: string, name: string): Attributes {
  const none = { apiGroup: '', subresource: '', namespace: '' }
  return { kind: 'resource', verb: 'impersonate', resource, name, ...none }
}

function list(header: string | readonly string[] | undefined): readonly string[] {
  if (header === undefined) return []
  // HTTP joins what is given several times with commas, which are no part of a group's name in the lab.
  return typeof header === 'string' ? header.split(',').map(text => text.trim()) : header
}
