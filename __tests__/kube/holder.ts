import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { withLock } from '../../src/kube/lock.ts'

// A process that takes the lock of a file again and again, or keeps it, and writes down when it is inside.
//   node holder.ts FILE LOG TIMES    each time for a moment
//   node holder.ts FILE LOG keep     until it is killed

const [file = '', log = '', times = ''] = process.argv.slice(2)
const note = (what: string) => appendFileSync(log, `${what} ${process.pid}\n`)

// All begin together, however long each took to load.
note('ready')
while (!existsSync(`${log}.go`)) await sleep(1)
for (let time = 0; times === 'keep' || time < Number(times); time++) {
  await withLock(file, 60, async () => {
    note('enter')
    await sleep(times === 'keep' ? 60_000 : Math.random() * 2)
    note('leave')
  })
}
