/**
 * The watchdog on Windows, which has no shell that can read a pipe for long.
 *
 *   node watchdog.ts FOLDER
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

const folder = process.argv[2] ?? ''
const kept = new Set<string>()
const pipe = createInterface({ input: process.stdin })
pipe.on('line', line => {
  const [verb, pid = ''] = line.split(' ')
  if (verb === 'keep') kept.add(pid)
  else kept.delete(pid)
})
pipe.on('close', () => {
  for (const pid of kept) spawnSync('taskkill', ['/PID', pid, '/T', '/F'], { windowsHide: true })
  // What still ends has its files open for a moment, and Windows removes no file that is open.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
})
