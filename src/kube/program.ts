import { existsSync } from 'node:fs'
import { posix, win32 } from 'node:path'

type Env = NodeJS.ProcessEnv

/** The file that an exec block's command means; undefined when there is none. */
export function findProgram(command: string, env: Env): string | undefined {
  return candidates(command, env).find(file => existsSync(file))
}

/**
 * The files that a command may mean, in the order in which they are looked for: the one that it is the path of, else
 * one of its name in each folder of PATH.
 *
 * On Windows as kubectl looks for it (Go, os/exec, LookPath): with one of the endings that PATHEXT lists, and nowhere
 * but on PATH. Windows' own search begins in the working directory, which holds whatever a job checked out.
 */
export function candidates(command: string, env: Env, platform = process.platform): string[] {
  return platform === 'win32' ? onWindows(command, env) : onPosix(command, env)
}

function onPosix(command: string, { PATH = '' }: Env): string[] {
  if (command.includes('/')) return [command]
  return PATH.split(posix.delimiter).map(folder => posix.join(folder, command))
}

function onWindows(command: string, { PATH = '', PATHEXT = '' }: Env): string[] {
  // A folder whose name holds a blank may stand in quotes there.
  const folders = PATH.replaceAll('"', '').split(win32.delimiter).filter(win32.isAbsolute)
  const files = /[:\\/]/.test(command) ? [command] : folders.map(folder => win32.join(folder, command))
  const endings = (PATHEXT || DEFAULT_PATHEXT).split(';').filter(Boolean)
  const asIs = win32.extname(command) ? [''] : []
  return files.flatMap(file => [...asIs, ...endings].map(ending => file + ending))
}

const DEFAULT_PATHEXT = '.com;.exe;.bat;.cmd'
