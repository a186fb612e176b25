/**
 * Builds what a real cluster on one machine needs and no package of ours brings: the Kubernetes API server, etcd
 * and kubectl, the authenticator that EKS runs, act, and the AWS CLI. All of it lands in `.cache/real/` of the project.
 */
import { dirname, join } from 'node:path'
import { goPart } from '../programs/go.ts'
import { BuildError, folderOf, provide } from '../programs/part.ts'
import { pythonPart } from '../programs/python.ts'

const room = import.meta.dirname
const cache = join(dirname(dirname(room)), '.cache', 'real')

/** Where the programs of a real cluster lie: absolute paths. */
export type RealPrograms = {
  readonly etcd: string
  readonly kubeApiserver: string
  readonly kubectl: string
  readonly authenticator: string
  readonly act: string
  readonly aws: string
}

/**
 * Builds what is missing and tells where everything is.
 *
 * @param say takes a line of progress; by default nothing is said
 * @returns the programs' paths, at once and without any process when all are there
 * @throws BuildError when Go, Python or one of the builds fails
 */
export async function buildRealCluster(say: (line: string) => void = () => {}): Promise<RealPrograms> {
  const kubernetes = await goPart(
    join(room, 'kubernetes'),
    'Kubernetes, etcd and kubectl (about 6 minutes the first time)',
    {
      'k8s.io/kubernetes/cmd/kube-apiserver': 'kube-apiserver',
      'k8s.io/kubernetes/cmd/kubectl': 'kubectl',
      // go names a program after its folder, and etcd's is called "server".
      'go.etcd.io/etcd/server/v3': 'etcd',
    },
  )
  const authenticator = await goPart(join(room, 'authenticator'), 'aws-iam-authenticator (about a minute)', {
    'sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator': 'aws-iam-authenticator',
  })
  const act = await goPart(join(room, 'act'), 'act (under a minute)', { 'github.com/nektos/act': 'act' })
  const awsCli = await pythonPart(join(room, 'aws-cli'), 'the AWS CLI (under a minute)', ['aws'])

  await provide(cache, [awsCli, act, authenticator, kubernetes], say)
  return {
    etcd: join(folderOf(cache, kubernetes), 'etcd'),
    kubeApiserver: join(folderOf(cache, kubernetes), 'kube-apiserver'),
    kubectl: join(folderOf(cache, kubernetes), 'kubectl'),
    authenticator: join(folderOf(cache, authenticator), 'aws-iam-authenticator'),
    act: join(folderOf(cache, act), 'act'),
    aws: join(folderOf(cache, awsCli), 'bin', 'aws'),
  }
}

if (import.meta.main) {
  try {
    await buildRealCluster(line => console.log(line))
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
