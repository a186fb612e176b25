/**
 * Windows: it has neither groups nor signals, and ends no children with their parent. While a process runs, taskkill
 * knows the tree below it, and ends that at once whatever the signal would have been. When we die, the system itself
 * ends what we had started, which Node puts into a job of ours (libuv, src/win/process.c). What a process leaves behind
 * that ended by itself, nobody finds again.
 */
import { spawn, spawnSync } from 'node:child_process'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import type { System } from './system.ts'

const WATCHDOG = join(import.meta.dirname, 'watchdog.ts')

export const windows: System = {
  startWatchdog(folder) {
    return spawn(process.execPath, ['--no-warnings', WATCHDOG, folder], {
      // Not in our job, which ends with us.
      detached: true,
      windowsHide: true,
      cwd: dirname(folder),
      stdio: ['pipe', 'ignore', 'ignore'],
    })
  },
  spawn(command, args, options) {
    return spawn(command, args, { ...options, windowsHide: true })
  },
  go: '',
  signal(child) {
    const { status } = spawnSync('taskkill', ['/PID', String(child.pid), '/T', '/F'], { windowsHide: true })
    if (status !== 0) child.kill()
  },
  sweep() {},
  // To Windows it is an exit with code 1.
  exitCode({ code }, sent) {
    return sent === undefined ? (code ?? 1) : 128 + constants.signals[sent]
  },
}
