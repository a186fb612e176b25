import { readMetadataValues } from './instance-metadata.ts'

/** Where an instance is in its network, by the interface that it was started with. */
export interface InstanceNetwork {
  vpcId: string
  securityGroupIds: string[]
  /** IPv4 address in its VPC. */
  privateIp: string
  /** Absent of an instance that reaches the internet through another's address, or not at all. */
  publicIp?: string
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html */
const META_DATA = '/latest/meta-data'

/**
 * Asks the instance's metadata where it is.
 *
 * @throws Error in words, when metadata is disabled, out of reach, or of an instance outside any VPC
 */
export function readInstanceNetwork(env: NodeJS.ProcessEnv): Promise<InstanceNetwork> {
  return readMetadataValues(env, async read => {
    const network = `${META_DATA}/network/interfaces/macs/${await read(`${META_DATA}/mac`)}`
    const vpcId = await read(`${network}/vpc-id`)
    const groups = await read(`${network}/security-group-ids`)
    const privateIp = await read(`${META_DATA}/local-ipv4`)
    // It answers 404 where there is none.
    const publicIp = await read(`${META_DATA}/public-ipv4`).catch(() => '')
    return {
      vpcId,
      securityGroupIds: groups.split('\n').filter(Boolean),
      privateIp,
      ...(publicIp ? { publicIp } : {}),
    }
  })
}
