import type { ClusterStatus } from '../../../lab/aws/clusters.ts'
import { administrator, onlyPaste } from '../../scenarios/cures/cure.ts'
import { expectFailure, PATIENCE, realScenario } from '../../scenarios/scenario.ts'

// Cures of the EKS API whose lines the real AWS CLI runs.

const at = realScenario()

/** Makes the cluster what DescribeCluster is to say of it. */
function put(status: ClusterStatus): void {
  const { name, region, endpoint, caPem } = at.cluster
  const there = status === 'CREATING' ? {} : { endpoint, certificateAuthorityPem: caPem }
  at.lab.aws.putCluster({ name, region, status, ...there })
}

/** Has the login fail, and does what its cure says while the cluster changes. */
async function cure(code: string, change: () => void): Promise<void> {
  const login = await at.login()
  await expectFailure(login, at.runner, [code])
  const [failure] = login.report.failures
  if (!failure) throw new Error('there is no failure')
  const { run } = await administrator(at)
  const waiting = run(onlyPaste(failure, 'sh'))
  change()
  await waiting
}

test(
  'EKS204: a cluster that is being created is waited for',
  async () => {
    put('CREATING')
    await cure('EKS204', () => put('ACTIVE'))
    expect(await at.login()).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

test(
  'EKS204: a cluster that is being deleted is waited for until it is gone, and made anew',
  async () => {
    put('DELETING')
    await cure('EKS204', () => at.lab.aws.removeCluster(at.cluster.arn))
    put('ACTIVE')
    expect(await at.login()).toMatchObject({ code: 0 })
  },
  PATIENCE,
)
