import { dump } from 'js-yaml'
import { demoGrant } from '../cluster.ts'
import type { Screen } from './screen.ts'
import type { Stage } from './stage.ts'

/** The administrator's half: what the role of the runner may do in AWS, who it is in the cluster, and what that user may do. */
export async function administer({ lab, cluster }: Stage, screen: Screen): Promise<void> {
  screen.heading('What an administrator does, once')
  const role = await lab.admitRunner()
  screen.say(
    `In AWS: the instance has the role ${role.arn}, which may call eks:DescribeCluster on ${cluster.arn}.`,
  )
  screen.say('In the cluster: what a user demo may do …')
  screen.show(manifests(Object.values(demoGrant)))
  screen.say(
    '… and that the role is that user, by an entry of mapRoles in the ConfigMap kube-system/aws-auth:',
  )
  screen.show(dump([{ rolearn: role.arn, username: 'demo' }]))
}

function manifests(objects: readonly object[]): string {
  return objects.map(object => dump(object, { flowLevel: 3 })).join('---\n')
}
