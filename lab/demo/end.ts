import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { check, checkStep } from './check.ts'
import type { Screen } from './screen.ts'
import type { Stage } from './stage.ts'

/** The post steps, of which that of the login takes back what it wrote. */
export async function endJob({ runner }: Stage, screen: Screen): Promise<void> {
  screen.heading('The end of the job')
  const posts = await screen.during('The post steps run', runner.finish())
  const [login] = posts.slice(-1)
  for (const post of posts) checkStep(post, 'A post step', 0, post === login ? ['Removed '] : [])
  const left = await readdir(runner.temp)
  check(!left.includes('eks-login'), `The post step should leave nothing, and left ${left}.`)
  screen.say('The post step of the login says:')
  screen.show(login?.log ?? '')
}

/** That a stage which was closed has left neither folders nor servers. @throws Difference */
export async function expectNothingLeft({ lab, cluster, runner }: Stage, screen: Screen): Promise<void> {
  const files = [runner.home, lab.env.HOME ?? '', lab.aws.caFile, cluster.adminKubeconfig]
  const folders = files.map(dirname).filter(existsSync)
  check(folders.length === 0, `These folders should be gone: ${folders.join(', ')}`)
  const endpoints = [lab.aws.metadataEndpoint, lab.aws.eksEndpoint, lab.aws.stsEndpoint, cluster.endpoint]
  for (const endpoint of endpoints)
    check(await isRefused(new URL(endpoint)), `Nobody should listen at ${endpoint}.`)
  screen.passed(`Nothing is left: ${files.length} folders are gone, and nobody listens at any address above.`)
}

function isRefused({ hostname, port }: URL): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: hostname, port: Number(port) })
    socket.once('error', () => resolve(true))
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
  })
}
