/**
 * The story of this action, played for real on a lab: what an administrator does, the login, the steps after it, the
 * failures that people meet most, and the end of the job. Every outcome is compared with what the story says.
 *
 * Ends with 0 if all went as the story says, with 1 if something did not, and as a shell says it after a signal.
 * start.js starts it.
 */
import { administer } from './administrator.ts'
import { Difference } from './check.ts'
import { endJob, expectNothingLeft } from './end.ts'
import { failInManyWays } from './failures.ts'
import { hearSignals, Interrupted } from './interruption.ts'
import { leaveUp } from './keep.ts'
import { listThings } from './later-steps.ts'
import { logIn } from './login.ts'
import { createScreen } from './screen.ts'
import { introduce } from './setting.ts'
import { openStage } from './stage.ts'

const screen = createScreen(process.stdout)
const interruption = hearSignals()
try {
  await tell({ keep: process.argv.includes('--keep') })
} catch (error) {
  process.exitCode = report(interruption.signal.reason ?? error)
}

async function tell({ keep }: { keep: boolean }): Promise<void> {
  const stage = await screen.during(
    'Starting the lab, trying aws and kubectl',
    openStage(interruption.signal),
  )
  try {
    introduce(stage, screen)
    await administer(stage, screen)
    await logIn(stage, screen)
    await listThings(stage, screen)
    await failInManyWays(stage, screen)
    if (keep) await leaveUp(stage, screen, interruption)
    await endJob(stage, screen)
  } finally {
    await screen.during('Cleaning up', stage.close())
  }
  await expectNothingLeft(stage, screen)
  screen.say('All went as the story says.')
}

function report(error: unknown): number {
  if (error instanceof Interrupted) {
    console.error(`\n${error.message} The lab is down again.`)
    return error.exitCode
  }
  if (error instanceof Difference) console.error(`\nThis is not how the story goes.\n${error.message}`)
  else console.error(error)
  return 1
}
