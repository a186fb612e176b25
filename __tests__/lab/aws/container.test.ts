import { readFile } from 'node:fs/promises'
import { fromHttp } from '@aws-sdk/credential-provider-http'
import { type LabAws, startAws } from '../../../lab/aws/aws.ts'
import type { ContainerAgent } from '../../../lab/aws/container.ts'
import { ask } from './ask.ts'

let aws: LabAws
beforeEach(async () => {
  aws = await startAws()
})
afterEach(() => aws.stop())

function grant(trusted: string, agent: ContainerAgent = 'pods.eks.amazonaws.com') {
  const role = aws.identities.createRole({
    name: 'pod',
    trust: { Statement: [{ Effect: 'Allow', Principal: { Service: trusted }, Action: ['sts:AssumeRole'] }] },
  })
  return aws.grantContainer({ roleArn: role.arn, agent, sessionName: 'eks-demo-runner-0' })
}

test('the AWS SDK finds credentials of the role, which are good', async () => {
  const env = await grant('pods.eks.amazonaws.com')
  const found = await fromHttp({
    awsContainerCredentialsFullUri: env.AWS_CONTAINER_CREDENTIALS_FULL_URI,
    awsContainerAuthorizationTokenFile: env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE,
  })()
  expect(aws.identities.callerOf(found.accessKeyId)?.arn).toBe(
    'arn:aws:sts::111122223333:assumed-role/pod/eks-demo-runner-0',
  )
  expect(aws.identities.findKey(found.accessKeyId)?.sessionToken).toBe(found.sessionToken)
})

test('a wrong token gets nothing', async () => {
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: url } = await grant('pods.eks.amazonaws.com')
  expect((await ask(url)).status).toBe(401)
  expect((await ask(url, { headers: { authorization: 'nonsense' } })).status).toBe(401)
})

test('a role that does not trust the agent is not given', async () => {
  const env = await grant('ecs-tasks.amazonaws.com')
  const authorization = await readFile(env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, 'utf8')
  const answer = await ask(env.AWS_CONTAINER_CREDENTIALS_FULL_URI, { headers: { authorization } })
  expect(answer).toMatchObject({ status: 400, body: expect.stringContaining('AccessDeniedException') })
})
