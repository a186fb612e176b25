import { join } from 'node:path'
import { type Lab, startLab } from '../lab.ts'
import { readAction } from '../runner/action.ts'
import { createRunner, type Runner } from '../runner/runner.ts'
import type { Contestant } from './measure.ts'
import { run } from './processes.ts'
import { ACTION, loginsOf } from './stage.ts'

/** The embedded lab itself: how long it takes to start, and what a scenario on it adds to the action's own time. */
export async function onEmbedded<T>(work: (contestants: Contestant[]) => Promise<T>): Promise<T> {
  const lab = await startLab({ kubernetes: 'embedded' })
  // Each start ends the lab of the one before, outside of what is timed.
  const before: { lab?: Lab } = {}
  try {
    await lab.admitRunner()
    const runner = await createRunner({ env: lab.env })
    try {
      return await work([...starts(before), ...(await logins(lab, runner))])
    } finally {
      await runner.close()
    }
  } finally {
    await before.lab?.stop()
    await lab.stop()
  }
}

function starts(before: { lab?: Lab }): Contestant[] {
  const args = ['--no-warnings', '--input-type=module', '-e', START]
  const start = { command: process.execPath, args, env: { PATH: '/usr/bin:/bin' } }
  return [
    {
      group: 'lab',
      name: 'embedded lab, from a new process to its end',
      prepare: async () => () => run(start),
    },
    {
      group: 'lab',
      name: 'embedded lab, start to ready',
      async prepare() {
        await before.lab?.stop()
        return async () => {
          before.lab = await startLab({ kubernetes: 'embedded' })
        }
      },
    },
  ]
}

const START = `
const { startLab } = await import(${JSON.stringify(join(ACTION, 'lab', 'lab.ts'))})
const lab = await startLab({ kubernetes: 'embedded' })
await lab.stop()`

async function logins(lab: Lab, runner: Runner): Promise<Contestant[]> {
  const { region } = lab.aws.instance
  const login = loginsOf(runner, region, runner.temp, await readAction(ACTION))
  const inputs = { 'cluster-name': 'demo', region, 'token-provider': 'builtin' }
  return [
    {
      group: 'lab',
      name: 'login, builtin, embedded lab, the action alone',
      async prepare() {
        const { process } = await login(inputs)
        return () => run(process)
      },
    },
    {
      group: 'lab',
      name: 'login, builtin, embedded lab, as a scenario',
      async prepare() {
        return async () => {
          const { code, log } = await runner.run({ action: ACTION, inputs })
          if (code !== 0) throw new Error(log)
        }
      },
    },
  ]
}
