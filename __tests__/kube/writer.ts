import { KubeProblem } from '../../src/kube/evidence.ts'
import { checkKubeconfig, writeKubeconfig } from '../../src/kube/file.ts'

// Writes a kubeconfig as another user would, and prints the evidence of what is in the way.
//   node writer.ts write|check FILE

const [how, file = ''] = process.argv.slice(2)
const entry = {
  context: 'demo',
  cluster: { name: 'c', server: 'https://x', certificateAuthorityData: 'Q0E=' },
  user: { name: 'u', exec: { command: 'aws', args: [], env: [] } },
}
const work = how === 'check' ? checkKubeconfig(file) : writeKubeconfig(file, [entry], 1, async () => {})
await work.then(
  () => console.log('null'),
  error => console.log(JSON.stringify(error instanceof KubeProblem ? error.evidence : String(error))),
)
