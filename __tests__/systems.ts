import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// What tests ask of the system that they run on. On Linux none is left out.

export const isWindows = process.platform === 'win32'

/**
 * For what Windows does not have: modes and owners of files, pipes with names, groups of processes and signals, files
 * that are replaced while somebody reads them.
 */
export const posixOnly = isWindows ? test.skip : test

/** For links to files: Windows lets nobody make one but an administrator, or a user of its developer mode. */
export const withLinks = mayLink() ? test : test.skip

function mayLink(): boolean {
  if (!isWindows) return true
  const folder = mkdtempSync(join(tmpdir(), 'links-'))
  try {
    symlinkSync('nothing', join(folder, 'link'))
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The mode of a file that is for its owner alone: of one that may be written, Node on Windows knows no other. */
export const OWNERS_FILE = isWindows ? '666' : '600'
export const OWNERS_FOLDER = isWindows ? '666' : '700'

/** Whether a process runs; one that has ended and waits for its parent to notice does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  // Where nobody asks after an orphan, as in some containers, it stays a zombie. macOS and Windows leave none.
  return process.platform !== 'linux' || !/\) [ZX] /.test(statusOf(pid))
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return 'ended) X '
  }
}

/**
 * Whether the system, and not who started it, gives a process a variable: Windows those without which little runs
 * (libuv, src/win/process.c, required_vars), macOS one of its own frameworks.
 */
export function isOfSystem(variable: string): boolean {
  const ofWindows =
    /^(?:HOMEDRIVE|HOMEPATH|LOGONSERVER|SYSTEMDRIVE|SYSTEMROOT|TEMP|USERDOMAIN|USERNAME|USERPROFILE|WINDIR)$/i
  return variable === '__CF_USER_TEXT_ENCODING' || (isWindows && ofWindows.test(variable))
}

/** Puts a program into a folder that is on somebody's PATH: a module of Node's, by a script that each system can run. */
export async function putProgram(folder: string, name: string, source: string): Promise<void> {
  const module = join(folder, `${name}.mjs`)
  await writeFile(module, source)
  if (isWindows) await writeFile(join(folder, `${name}.cmd`), `@"${process.execPath}" "${module}" %*\r\n`)
  else {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${module}' "$@"\n`
    await writeFile(join(folder, name), script, { mode: 0o755 })
  }
}
