import type { Stats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What is in the way of a file: itself, or a folder above it. */
export interface Obstacle {
  path: string
  isFolder: boolean
  /** uid of its owner; and ours. */
  owner: number
  self: number
  /** In octal, as chmod(1) takes it. */
  mode: string
}

/** Errors that come of what is there and whose it is; of others, like a full disk, it tells nothing. */
const OF_WHAT_IS_THERE = ['EACCES', 'EPERM', 'ENOTDIR', 'EEXIST']

/**
 * Looks for what kept us from reading a file, or from writing it, which is done in its folder. Where the error is
 * about none, or on Windows, which has neither owners nor modes, there is nothing to find.
 *
 * @param code of the file system's error
 */
export async function obstacleTo(
  file: string,
  code: string,
  doing: 'reading' | 'writing',
): Promise<{ obstacle?: Obstacle }> {
  const self = process.getuid?.()
  if (self === undefined || !OF_WHAT_IS_THERE.includes(code)) return {}
  const wantsFile = code === 'ENOTDIR' || code === 'EEXIST'
  let path = doing === 'reading' ? file : dirname(file)
  for (;;) {
    const found = await lstat(path).catch(() => null)
    if (found && !(wantsFile && found.isDirectory())) return { obstacle: obstacleOf(path, found, self) }
    if (path === dirname(path)) return {}
    path = dirname(path)
  }
}

function obstacleOf(path: string, found: Stats, self: number): Obstacle {
  return {
    path,
    isFolder: found.isDirectory(),
    owner: found.uid,
    self,
    mode: (found.mode & 0o7777).toString(8).padStart(4, '0'),
  }
}
