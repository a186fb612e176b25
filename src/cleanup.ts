import { undoKubeconfig } from './kube/file.ts'
import { keptUndo, say, warn } from './report/job.ts'
import { failureTitle } from './report/log.ts'
import { sweepSigners } from './signer.ts'

// The post step: takes out of the kubeconfig what the login put in. A failure here fails no job, for what is left
// behind holds no secret.

const undo = await keptUndo()
if (undo) {
  const words = {
    removed: `Removed ${undo.file}`,
    kept: `Took ${undo.entries.map(({ context }) => context).join(', ')} out of ${undo.file}`,
    gone: `${undo.file} is not there any more`,
  }
  await undoKubeconfig(undo, 30, left => sweepSigners(undo.file, left)).then(
    left => say(words[left]),
    async error => {
      const [{ failuresBy }, { kubeconfigDiagnoses }] = await Promise.all([
        import('./diagnosis/step.ts'),
        import('./diagnosis/kubeconfig.ts'),
      ])
      for (const failure of failuresBy(kubeconfigDiagnoses, error)) await warn(failureTitle(failure))
    },
  )
}
