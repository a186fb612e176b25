import { isIPv4 } from 'node:net'
import { findCredentials } from '../../../src/aws/credentials.ts'
import { AwsProblem } from '../../../src/aws/evidence.ts'
import {
  findInstance,
  findingInstance,
  instanceOptions,
} from '../../../src/diagnosis/credentials/instance.ts'
import { createRole, enter, type Stage } from '../../aws/stage.ts'

let stage: Stage
beforeEach(async () => {
  stage = await enter({ instance: { region: 'ap-south-1' } })
})
afterEach(() => stage.leave())

/** What is found of the instance after credentials could not be had. */
async function found() {
  const error = await findCredentials('any', process.env, 'us-east-1').catch(error => error)
  const evidence = error instanceof AwsProblem ? error.evidence : undefined
  if (evidence?.kind !== 'metadata-failed') throw new Error(`it is ${evidence?.kind}`)
  return findInstance(evidence, process.env)
}

test('metadata that answers tells id and region', async () => {
  const { id, region, addresses } = await found()
  expect({ id, region }).toEqual({ id: stage.aws.instance.id, region: 'ap-south-1' })
  expect(addresses.every(isIPv4)).toBe(true)
})

test('metadata that is turned off is not asked again', async () => {
  stage.aws.instance.access = 'disabled'
  expect(await found()).not.toHaveProperty('region')
  expect(stage.aws.requests).toHaveLength(2)
})

test('what another service says in the place of id and region is not taken', async () => {
  createRole(stage.aws, 'runner')
  for (const operation of ['GetMetadata', 'GetPlacement'])
    stage.aws.fail({ service: 'imds', operation }, { kind: 'html' })
  const { id, region } = await found()
  expect(id).not.toBe(stage.aws.instance.id)
  expect(region).toBeUndefined()
})

test.each([
  [{ id: 'i-1', region: 'eu-west-1', addresses: ['10.0.0.1'] }, '--region eu-west-1 --instance-id i-1'],
  [{ id: 'i-1', addresses: [] }, '--region us-east-1 --instance-id i-1'],
  [{ addresses: [] }, `--region us-east-1 --instance-id "\${INSTANCE:?id of the instance}"`],
  [{ addresses: ['10.0.0.1'] }, `--region us-east-1 --instance-id "\${INSTANCE:?id of the instance}"`],
])('%j is named as %s', (instance, options) => {
  expect(instanceOptions(instance, 'us-east-1')).toBe(options)
})

test('a region that nobody knows is asked for', () => {
  expect(instanceOptions({ id: 'i-1', addresses: [] }, '')).toBe(
    `--region "\${AWS_REGION:?region of the instance}" --instance-id i-1`,
  )
})

test('an instance whose id is known need not be looked for; another is, by its addresses', () => {
  expect(findingInstance({ id: 'i-1', addresses: ['10.0.0.1'] }, 'us-east-1')).toEqual([])
  expect(findingInstance({ addresses: ['10.0.0.1', '10.0.0.2'] }, 'us-east-1')[1]).toEqual({
    language: 'sh',
    text: "aws ec2 describe-instances --region us-east-1 --filters Name=network-interface.addresses.private-ip-address,Values=10.0.0.1,10.0.0.2 --query 'Reservations[].Instances[].[InstanceId,VpcId,Tags]' --output json",
  })
  expect(findingInstance({ addresses: [] }, 'us-east-1')).toEqual([expect.stringContaining('INSTANCE')])
})
