/**
 * Linux and macOS: each process leads a group of its own, which is signalled as a whole. The watchdog is a shell: it
 * costs next to nothing, waits for the pipe and never polls. It knows each process before that process runs anything,
 * for a process starts as a shell, too, that waits for our word on its stdin; if we die in between, it reads an end of
 * file and ends.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { System } from './system.ts'

const watchdog = `
kept=
while read -r verb pid; do
  case $verb in
    keep) kept="$kept $pid" ;;
    drop)
      rest=
      for each in $kept; do [ "$each" = "$pid" ] || rest="$rest $each"; done
      kept=$rest ;;
  esac
done
for each in $kept; do kill -KILL "-$each"; done
tries=0
until rm -rf -- "$1" || [ $tries -ge 50 ]; do tries=$((tries + 1)); sleep 0.1; done
`

// For bash, as dash takes away variables with a hyphen in their name, which inputs have; the bash 3.2 of macOS keeps
// them, too. It is to read no file of the user's: -p does away with BASH_ENV, and --norc with the .bashrc that it reads
// when its stdin is a socket.
const whenTold = 'read -r word && exec "$@"'

export const posix: System = {
  startWatchdog(folder) {
    return spawn('/bin/sh', ['-c', watchdog, 'watchdog', folder], {
      detached: true,
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
  },
  spawn(command, args, options) {
    const shell = ['--norc', '-p', '-c', whenTold, 'bash']
    return spawn('/bin/bash', [...shell, command, ...args], { ...options, detached: true })
  },
  go: 'go\n',
  signal: signalGroup,
  sweep(child) {
    signalGroup(child, 'SIGKILL')
  },
  exitCode({ code, signal }) {
    return code ?? 128 + constants.signals[signal ?? 'SIGKILL']
  },
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
