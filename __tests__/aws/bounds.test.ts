import { within } from '../../src/aws/bounds.ts'

const forever = new Promise<never>(() => {})

test('work that is done in time is what comes of it', async () => {
  const { signal } = new AbortController()
  expect(await within('x', { timeoutSeconds: 30, signal }, Promise.resolve(1))).toBe(1)
})

test('work that is not is evidence of what it was', async () => {
  const { signal } = new AbortController()
  // Its timer alone keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  await expect(within('x', { timeoutSeconds: 0.01, signal }, forever)).rejects.toMatchObject({
    evidence: { kind: 'timed-out', asked: 'x', seconds: 0.01 },
  })
  clearInterval(alive)
})

test('what is called off ends for that reason, even when it was so before', async () => {
  const calling = new AbortController()
  const ended = within('x', { timeoutSeconds: 30, signal: calling.signal }, forever)
  calling.abort(new Error('over'))
  await expect(ended).rejects.toThrow('over')
  await expect(within('x', { timeoutSeconds: 30, signal: calling.signal }, forever)).rejects.toThrow('over')
})
