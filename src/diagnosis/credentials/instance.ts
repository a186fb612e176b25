import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import type { AwsEvidence } from '../../aws/evidence.ts'
import { readInstanceMetadata } from '../../aws/instance-metadata.ts'
import type { Step } from '../failure.ts'
import { commandLine, shell, shellWord } from '../shell.ts'

/** What a runner can tell of the EC2 instance that it is on. What is absent could not be learned. */
export interface RunnerInstance {
  id?: string
  region?: string
  /** IPv4 addresses of the runner in its network. */
  addresses: string[]
  /** The file that shows that the runner is in a container. */
  container?: string
}

/** Instances of the Nitro System have their id here, whatever becomes of metadata (AWS, identify_ec2_instances). */
const ASSET_TAG = '/sys/devices/virtual/dmi/id/board_asset_tag'
const CONTAINER_MARKS = [
  '/.dockerenv',
  '/run/.containerenv',
  '/var/run/secrets/kubernetes.io/serviceaccount/namespace',
]
/** The interfaces of an instance and of a pod, and none of a bridge. */
const INTERFACE = /^(eth|en)/

/** What there is to learn of the instance once its metadata has failed. Never rejects. */
export async function findInstance(
  { answers }: Extract<AwsEvidence, { kind: 'metadata-failed' }>,
  env: NodeJS.ProcessEnv,
): Promise<RunnerInstance> {
  const answering = answers.every(({ status }) => status !== null && status !== 403)
  const [told, tag, ...marks] = await Promise.all([
    answering ? fromMetadata(env) : {},
    readFile(ASSET_TAG, 'utf8').catch(() => ''),
    ...CONTAINER_MARKS.map(file =>
      readFile(file).then(
        () => file,
        () => undefined,
      ),
    ),
  ])
  const id = tag.trim()
  const container = marks.find(mark => mark !== undefined)
  return {
    ...(isInstanceId(id) ? { id } : {}),
    ...told,
    ...(container ? { container } : {}),
    addresses: Object.entries(networkInterfaces())
      .filter(([name]) => INTERFACE.test(name))
      .flatMap(([, addresses = []]) => addresses)
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => address),
  }
}

async function fromMetadata(env: NodeJS.ProcessEnv): Promise<Pick<RunnerInstance, 'id' | 'region'>> {
  const read = (path: string) => readInstanceMetadata(`/latest/meta-data/${path}`, env).catch(() => '')
  const [id, region] = [await read('instance-id'), await read('placement/region')]
  return { ...(isInstanceId(id) ? { id } : {}), ...(/^[a-z\d-]+$/.test(region) ? { region } : {}) }
}

function isInstanceId(text: string): boolean {
  return /^i-[\da-f]{8,17}$/.test(text)
}

/**
 * Tells the AWS CLI which instance: its id, or, where the runner does not know it, whatever a person finds it to be.
 *
 * @param region of the cluster, where nobody knows the instance's; empty where there is no cluster
 */
export function instanceOptions(instance: RunnerInstance, region: string): string {
  return `${regionOption(instance, region)} --instance-id ${instance.id ?? `"\${INSTANCE:?id of the instance}"`}`
}

/**
 * How to learn the id of the instance where it is not known here. No line that changes an instance goes by an address:
 * every VPC may have it once, and a runner outside of EC2 may have the one of a stranger's instance.
 *
 * @param region as for `instanceOptions`
 */
export function findingInstance(instance: RunnerInstance, region: string): Step[] {
  const { id, addresses } = instance
  if (id) return []
  if (addresses.length === 0) return ['Put the id of the runner\u2019s instance in the place of INSTANCE.']
  const filter = `Name=network-interface.addresses.private-ip-address,Values=${addresses.join(',')}`
  const query = commandLine(
    '--query',
    'Reservations[].Instances[].[InstanceId,VpcId,Tags]',
    '--output',
    'json',
  )
  return [
    'INSTANCE is the id of the runner\u2019s instance. This lists the instances that have an address of the runner; make sure that it is the runner\u2019s, as another network may have the same address:',
    shell(`aws ec2 describe-instances ${regionOption(instance, region)} --filters ${filter} ${query}`),
  ]
}

function regionOption(instance: RunnerInstance, region: string): string {
  const known = instance.region ?? region
  return `--region ${known ? shellWord(known) : `"\${AWS_REGION:?region of the instance}"`}`
}
