import { PATIENCE, scenario } from './scenario.ts'

const at = scenario()

test(
  'a login that the AWS CLI does beside it keeps the signer of the other in place',
  async () => {
    await at.login({ 'token-provider': 'builtin', cleanup: 'false' })
    await at.login({ alias: 'second', 'user-alias': 'cli' })
    await at.runner.finish()
    expect(await at.runner.step('kubectl', ['get', 'ns', '--context', 'demo'])).toMatchObject({ code: 0 })
  },
  PATIENCE,
)
