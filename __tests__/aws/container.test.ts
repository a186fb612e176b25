import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { Fault } from '../../lab/aws/faults.ts'
import { listen } from '../../lab/aws/server.ts'
import { readContainerCredentials } from '../../src/aws/container.ts'
import { enter, type Stage } from './stage.ts'

let stage: Stage
let env: NodeJS.ProcessEnv
beforeEach(async () => {
  stage = await enter()
  const agent = 'ecs-tasks.amazonaws.com'
  const trust = {
    Statement: [{ Effect: 'Allow', Principal: { Service: agent }, Action: 'sts:AssumeRole' }],
  } as const
  const { arn: roleArn } = stage.aws.identities.createRole({ name: 'task', trust })
  env = { ...(await stage.aws.grantContainer({ roleArn, agent, sessionName: 'task-1' })) }
})
afterEach(() => stage.leave())

const read = (more: NodeJS.ProcessEnv = {}) => readContainerCredentials({ ...env, ...more })
const asked = () => stage.aws.requests.filter(({ service }) => service === 'container')

test('the agent is asked with the token of the file, once', async () => {
  const { accessKeyId, sessionToken, expiration } = await read()
  expect(stage.aws.identities.findKey(accessKeyId)).toBeDefined()
  expect(sessionToken).not.toBe('')
  expect(expiration?.getTime()).toBeGreaterThan(Date.now())
  expect(asked()).toMatchObject([{ status: 200 }])
})

test('a token may stand in the environment; one in a file comes first', async () => {
  const wrong = { AWS_CONTAINER_AUTHORIZATION_TOKEN: 'wrong' }
  expect(await read(wrong)).toHaveProperty('accessKeyId')
  await expect(read({ ...wrong, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '' })).rejects.toThrow('answered 401')
})

test('without a token none is sent', async () => {
  await expect(read({ AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '' })).rejects.toThrow(
    'answered 401: InvalidToken, Invalid token',
  )
})

test('a token of several lines goes nowhere, and into no message', async () => {
  const file = join(stage.folder, 'token')
  await writeFile(file, 'one\r\nx-other: two')
  await expect(read({ AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file })).rejects.toThrow(
    'the authorization token for it is more than one line of text',
  )
  expect(asked()).toEqual([])
})

test.each([
  ['http://192.0.2.1/x'],
  ['http://127.0.0.1.example.com/x'],
  ['http://169.254.170.2.example.com/x'],
  ['ftp://127.0.0.1/x'],
  ['nonsense'],
])('%s is no address that a token may be sent to', async url => {
  await expect(read({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url })).rejects.toThrow(
    'is neither https nor the address of an agent beside the container',
  )
})

test('a path is one of the agent of ECS, which is the address that it would be sent to', async () => {
  const signalled = read({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '@192.0.2.1:80/x' })
  await expect(signalled).rejects.toThrow('is neither https nor')
})

test.each<[string, Fault]>([
  ['throttling', { kind: 'throttle' }],
  ['a server error', { kind: 'server-error', status: 503 }],
  ['a reset', { kind: 'reset' }],
  ['half an answer', { kind: 'cut', framing: 'length' }],
])('%s passes by itself, twice', async (_what, fault) => {
  stage.aws.fail({ service: 'container', times: 2 }, fault)
  expect(await read()).toHaveProperty('accessKeyId')
  expect(asked()).toHaveLength(3)
})

test.each<[string, Fault, number, string]>([
  ['a refusal', { kind: 'denied' }, 1, 'answered 403: AccessDeniedException, Access denied'],
  ['server errors', { kind: 'server-error', status: 500 }, 3, 'answered 500: Internal Server Error'],
  ['resets', { kind: 'reset' }, 3, 'socket hang up'],
  ['an answer without an end', { kind: 'flood' }, 1, 'the answer is larger than 1048576 bytes'],
  ['a page', { kind: 'html' }, 1, 'answered no JSON with an access key'],
  ['half a document', { kind: 'malformed' }, 1, 'answered no JSON with an access key'],
])('%s is told after %#', async (_what, fault, times, message) => {
  stage.aws.fail({ service: 'container' }, fault)
  await expect(read()).rejects.toThrow(message)
  expect(asked()).toHaveLength(times)
})

test.each([
  ['null', 'answered no JSON with an access key'],
  ['{"AccessKeyId":1,"SecretAccessKey":2,"Token":3}', 'answered no JSON with an access key'],
  ['{"AccessKeyId":"A","SecretAccessKey":"S","Token":"T"}', 'end at no time: undefined'],
  ['{"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"soon"}', 'end at no time: "soon"'],
])('%s is no credentials', async (body, message) => {
  stage.aws.fail({ service: 'container' }, { kind: 'other', answer: { status: 200, body } })
  await expect(read()).rejects.toThrow(message)
})

test('where nobody listens it is told at once', async () => {
  const { port, stop } = await listen(createServer())
  await stop()
  await expect(read({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/` })).rejects.toThrow(
    'ECONNREFUSED',
  )
})
