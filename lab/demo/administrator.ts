import { checkStep } from './check.ts'
import { logParts, renderParts } from './log-view.ts'
import { stepYaml } from './login.ts'
import type { Screen } from './screen.ts'
import type { Stage } from './stage.ts'

/** The administrator's half: what the role of the runner may do in AWS, who it is in the cluster, and what that user may do. */
export async function administer(stage: Stage, screen: Screen): Promise<void> {
  screen.heading('What an administrator does, once')
  const role = stage.putRole('runner', ['eks:DescribeCluster'])
  screen.say(`In AWS: the instance has the role ${role.arn}, which may call eks:DescribeCluster.`)
  screen.say(
    'In the cluster: who the role is, and what it may do. One step of a job of the administrator makes both:',
  )
  const given = { 'role-arn': role.arn, username: 'demo', name: 'demo', can: 'list namespaces' }
  screen.show(stepYaml({ ...stage.inputs, ...given }, './grant'))
  const grant = await screen.during('The grant step runs', stage.grant({ ...stage.inputs, ...given }))
  checkStep(grant, 'The grant step', 0, ['+username: demo', 'pass  can-i list namespaces'])
  screen.say(
    `Its log, after ${Math.round(grant.milliseconds)} ms: what it changes, and what the cluster says of it afterwards. A second run would change nothing:`,
  )
  screen.show(renderParts(logParts(grant.log), title => title === 'Timings'))
}
