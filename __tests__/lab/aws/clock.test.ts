import { type LabAws, startAws } from '../../../lab/aws/aws.ts'
import { ask } from './ask.ts'

let aws: LabAws
beforeEach(async () => {
  aws = await startAws()
})
afterEach(() => aws.stop())

const secondsAhead = (date: string | undefined) => (Date.parse(date ?? '') - Date.now()) / 1000

test.each([0, 3600, -3600])('a clock that is %d s ahead dates all answers', async offset => {
  aws.clock.offsetSeconds = offset
  aws.fail({ service: 'sts' }, { kind: 'throttle' })
  for (const endpoint of [aws.eksEndpoint, aws.stsEndpoint, aws.metadataEndpoint]) {
    const { headers } = await ask(`${endpoint}/`)
    expect(Math.abs(secondsAhead(headers.date) - offset)).toBeLessThan(30)
  }
})

test('a session that is ended is over by that clock', () => {
  aws.clock.offsetSeconds = -3600
  const trust = {
    Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' }],
  } as const
  const role = aws.identities.createRole({ name: 'runner', trust })
  const expires = new Date(Date.now() + 3_600_000)
  const { accessKeyId } = aws.identities.issueSession(role, { name: 's', expires })
  aws.identities.expireSession(accessKeyId)
  const over = aws.identities.findKey(accessKeyId)?.expires?.toUTCString()
  expect(Math.abs(secondsAhead(over) + 3600)).toBeLessThan(30)
})

test('an answer that never comes has no date', async () => {
  aws.instance.hops = 1
  const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' }
  const asking = ask(`${aws.metadataEndpoint}/latest/api/token`, { method: 'PUT', headers })
  const nothing = new Promise(resolve => setTimeout(resolve, 300, 'nothing yet'))
  expect(await Promise.race([asking.catch(() => 'failed'), nothing])).toBe('nothing yet')
  await aws.stop()
  await expect(asking).rejects.toThrow()
})
