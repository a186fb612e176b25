import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { startBlackHole } from '../../lab/black-hole.ts'
import { type EndpointGate, startEndpointGate } from '../../lab/endpoint-gate.ts'
import { type Lab, startLab } from '../../lab/lab.ts'
import { posixOnly } from '../systems.ts'

let lab: Lab
let gate: EndpointGate
beforeAll(async () => {
  lab = await startLab({ kubernetes: 'embedded' })
  gate = await startEndpointGate(lab.aws, cluster())
})
afterAll(async () => {
  await gate?.stop()
  await lab?.stop()
})

const cluster = () => {
  const [first] = lab.clusters
  if (!first) throw new Error('a lab without a cluster')
  return first
}

/** What a process on the instance makes of a name, asked for both ways. */
async function resolved(name: string): Promise<string[]> {
  const script = `
    import dns from 'node:dns'
    const tell = (error, found) => console.log(error?.code ?? found?.[0]?.address ?? found)
    dns.lookup(${JSON.stringify(name)}, (error, address) => {
      tell(error, address)
      dns.lookup(${JSON.stringify(name)}, { all: true }, tell)
    })`
  const args = ['--input-type=module', '--eval', script]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...gate.env } })
  return stdout.trim().split('\n')
}

posixOnly(
  'an endpoint\u2019s name leads where the cluster\u2019s access and the instance\u2019s place would have it',
  async () => {
    const { hostName, port } = cluster()
    gate.set({ endpointPublicAccess: false, vpcId: 'vpc-else' })
    expect(await resolved(hostName)).toEqual(['ENOTFOUND', 'ENOTFOUND'])
    gate.set({})
    expect(await resolved(hostName)).toEqual(['127.0.0.9', '127.0.0.9'])
    gate.set({ endpointPrivateAccess: false })
    expect(await resolved(hostName)).toEqual(['127.0.0.1', '127.0.0.1'])
    expect(lab.aws.findCluster(cluster().arn)?.endpoint).toBe(`https://${hostName}:${port}`)
  },
)

posixOnly('another name is the system\u2019s', async () => {
  expect((await resolved('localhost'))[0]).toMatch(/^(127\.0\.0\.1|::1)$/)
})

posixOnly('of what drops connections, the port is free again once it is stopped', async () => {
  const hole = await startBlackHole('127.0.0.8')
  await hole.stop()
  const again = await startBlackHole('127.0.0.8', hole.port)
  expect(again.port).toBe(hole.port)
  await expect(startBlackHole('127.0.0.8', hole.port)).rejects.toThrow('EADDRINUSE')
  await again.stop()
})
