import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { serverOf } from '../../lab/admin.ts'
import { type RealLab, startLab } from '../../lab/lab.ts'
import { type Recording, record } from '../../lab/real/record.ts'
import { PATIENCE } from './scenario.ts'

// A cluster of its own, in which nobody has made anything.

let lab: RealLab
let now: Recording
beforeAll(async () => {
  lab = await startLab({ kubernetes: 'real' })
  const kubeconfig = await readFile(lab.clusters[0]?.adminKubeconfig ?? '', 'utf8')
  now = await record(serverOf(kubeconfig))
}, PATIENCE)
afterAll(() => lab?.stop(), PATIENCE)

async function recorded<Name extends keyof Recording>(name: Name): Promise<Recording[Name]> {
  const file = join(import.meta.dirname, '..', '..', 'lab', 'kube', 'recorded', `${name}.json`)
  return JSON.parse(await readFile(file, 'utf8'))
}

// Where it differs, `npm run record` records it anew.
describe('what is recorded for the embedded cluster', () => {
  it('is the API that a real one serves', async () => {
    const { api, apis } = await recorded('discovery')
    expect(now.discovery.api).toEqual(api)
    expect(now.discovery.apis).toEqual(apis)
  })

  it('is the version of a real one, but for what its build was made with', async () => {
    const { version } = await recorded('discovery')
    const built = {
      goVersion: expect.stringMatching(/^go1\./),
      platform: expect.stringMatching(/^\w+\/\w+$/),
    }
    expect(now.discovery.version).toEqual({ ...version, ...built })
  })

  it('is what a real one makes by itself: namespaces, roles and bindings', async () => {
    expect(now.bootstrap).toEqual(await recorded('bootstrap'))
  })
})
