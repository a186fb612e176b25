import type { Role } from '../../../lab/aws/identities.ts'
import type { PolicyStatement } from '../../../lab/aws/policy.ts'
import type { Scenario } from '../../scenarios/scenario.ts'

let count = 0

/** A role that the instance has from now on, and that may describe the cluster and what else is given. */
export function runnerRole(at: Scenario, { path = '/', may = [] as string[] } = {}): Role {
  const { identities, instance } = at.lab.aws
  const role = identities.createRole({
    name: `ci.runner-${++count}`,
    path,
    trust: {
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
    policies: { describe: { Statement: [allow('eks:DescribeCluster', ...may)] } },
  })
  instance.roleArn = role.arn
  return role
}

/** A role that the scenario's own may assume, to make tokens with. */
export function tokenRole(at: Scenario, path = '/'): Role {
  const { identities } = at.lab.aws
  const role = identities.createRole({
    name: `deployer-${++count}`,
    path,
    trust: { Statement: [{ Effect: 'Allow', Principal: { AWS: at.role.arn }, Action: 'sts:AssumeRole' }] },
  })
  identities.putPolicy(at.role.arn, 'assume', { Statement: [allow('sts:AssumeRole')] })
  return role
}

function allow(...actions: string[]): PolicyStatement {
  return { Effect: 'Allow', Action: actions, Resource: '*' }
}
