import { createServer, type ServerResponse } from 'node:http'
import { listen } from '../lab/aws/server.ts'
import { readInputs } from '../src/inputs.ts'
import type { Run } from '../src/run.ts'
import { runnerCredentials } from '../src/runner-credentials.ts'

const KEYS = { AWS_ACCESS_KEY_ID: 'ASIAX', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'session' }
const inputs = readInputs({ 'INPUT_CLUSTER-NAME': 'demo', INPUT_REGION: 'us-east-1', RUNNER_TEMP: '/temp' })

/** A run that notes what is masked, and how often credentials are sought. */
function start(env: Record<string, string>, timeoutSeconds = 5) {
  const masked: string[] = []
  const sought: string[] = []
  const run: Run = {
    env: { AWS_EC2_METADATA_DISABLED: 'true', HOME: '/nowhere', ...env },
    timeoutSeconds,
    signal: new AbortController().signal,
    time: (name, work) => {
      sought.push(name)
      return work
    },
    mask: async secrets => {
      masked.push(...secrets.filter(secret => secret !== undefined))
    },
  }
  return { credentials: runnerCredentials(inputs, run), masked, sought }
}

test('credentials are sought when they are asked for, once for a region, and again only when told', async () => {
  const { credentials, sought } = start(KEYS)
  expect(sought).toEqual([])
  const all = await Promise.all([credentials.in('us-east-1'), credentials.in('us-east-1')])
  expect(all[0]).toBe(all[1])
  expect(sought).toEqual(['credentials'])
  await credentials.in('eu-west-1')
  await credentials.again('us-east-1')
  expect(sought).toHaveLength(3)
})

test('their secrets are masked before anybody has them', async () => {
  const { credentials, masked } = start(KEYS)
  await credentials.in('us-east-1').then(() => expect(masked).toEqual(['secret', 'session']))
})

test('a failure meets everybody who waits, and nothing is masked', async () => {
  const { credentials, masked } = start({})
  const waiting = [credentials.in('us-east-1'), credentials.in('us-east-1')]
  for (const one of waiting) await expect(one).rejects.toThrow('no-credentials')
  expect(masked).toEqual([])
})

test('a search that does not end is told by what it waits for', async () => {
  const asked: ServerResponse[] = []
  const silent = createServer((_request, response) => void asked.push(response))
  const { port, stop } = await listen(silent)
  const url = `http://me:hunter2@127.0.0.1:${port}/`
  const { credentials } = start({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url }, 0.5)
  await expect(credentials.in('us-east-1')).rejects.toMatchObject({
    evidence: {
      kind: 'credentials-timed-out',
      source: `container credentials (http://127.0.0.1:${port}/)`,
      seconds: 0.5,
    },
  })
  // The search goes on, and nobody waits for it: it is let end.
  for (const one of asked)
    one.end('{"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2030-01-02T03:04:05Z"}')
  await stop()
})
