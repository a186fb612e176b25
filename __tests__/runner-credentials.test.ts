import { readInputs } from '../src/inputs.ts'
import type { Run } from '../src/run.ts'
import { runnerCredentials } from '../src/runner-credentials.ts'

const KEYS = { AWS_ACCESS_KEY_ID: 'ASIAX', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'session' }
const inputs = readInputs({ 'INPUT_CLUSTER-NAME': 'demo', INPUT_REGION: 'us-east-1', RUNNER_TEMP: '/temp' })

/** A run that notes what is masked, and how often credentials are sought. */
function start(env: Record<string, string>) {
  const masked: string[] = []
  const sought: string[] = []
  const run: Run = {
    env: { AWS_EC2_METADATA_DISABLED: 'true', HOME: '/nowhere', ...env },
    timeoutSeconds: 5,
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
