import type { AwsEvidence } from '../../aws/evidence.ts'
import type { About, Diagnosis, Step } from '../failure.ts'
import { commandLine, shell } from '../shell.ts'

// A cluster that is there, and cannot be logged in to as it stands.

type Unready = Extract<AwsEvidence, { kind: 'cluster-not-ready' | 'cluster-without-endpoint' }>

/** By its status (https://docs.aws.amazon.com/eks/latest/APIReference/API_Cluster.html). */
export function unreadyCluster({ cluster, status }: Unready, about: About): Diagnosis {
  return {
    code: 'EKS204',
    cause: `the cluster is ${status}, not ACTIVE or UPDATING`,
    evidence: [`eks:DescribeCluster of ${cluster}: status ${status}`],
    cure: cureOf(status, about),
  }
}

/** ACTIVE, and yet without what a client needs. */
export function clusterWithoutEndpoint({ cluster, status }: Unready, about: About): Diagnosis {
  return {
    code: 'EKS205',
    cause: 'the cluster has no endpoint yet',
    evidence: [
      `eks:DescribeCluster of ${cluster}: status ${status}, without endpoint or certificate authority`,
    ],
    cure: ['It gets them within minutes of its creation. This shows what it has:', show(about, ENDPOINT)],
  }
}

const ENDPOINT = 'cluster.[status,endpoint,certificateAuthority.data]'

function cureOf(status: string, about: About): Step[] {
  switch (status) {
    case 'CREATING':
      return [
        'It is being created. Run the job again when it is there, which this waits for:',
        wait('cluster-active', about),
      ]
    case 'PENDING':
      return [
        'It waits for what it is made of: a local cluster on an Outpost for its instances, one that is registered for its agent. Run the job again when it is active, which this waits for:',
        wait('cluster-active', about),
      ]
    case 'DELETING':
      return [
        'It is being deleted and does not come back. Give another in cluster-name, or make it anew once it is gone, which this waits for:',
        wait('cluster-deleted', about),
      ]
    case 'FAILED':
      return [
        'It could not be created and will not be active. This shows why:',
        show(about, 'cluster.health.issues'),
        'Mend that, delete it, and make it anew:',
        shell(
          commandLine('aws', 'eks', 'delete-cluster', ...named(about)),
          waiting('cluster-deleted', about),
        ),
      ]
    default:
      return ['Run the job again when it is ACTIVE. This shows its status:', show(about, 'cluster.status')]
  }
}

function named({ region, cluster }: About): string[] {
  return ['--region', region, '--name', cluster]
}

function waiting(what: 'cluster-active' | 'cluster-deleted', about: About): string {
  return commandLine('aws', 'eks', 'wait', what, ...named(about))
}

function wait(what: 'cluster-active' | 'cluster-deleted', about: About): Step {
  return shell(waiting(what, about))
}

function show(about: About, query: string): Step {
  return shell(commandLine('aws', 'eks', 'describe-cluster', ...named(about), '--query', query))
}
