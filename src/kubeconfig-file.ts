import type { Inputs } from './inputs.ts'
import { writeKubeconfig } from './kube/file.ts'
import { merge, type Undo } from './kube/kubeconfig.ts'
import { scanKubeconfig } from './kube/secrets.ts'
import type { Proven } from './proof.ts'
import { keepUndo } from './report/job.ts'
import { installSigner, sweepSigners } from './signer.ts'
import type { TokenProvider } from './token-provider.ts'

/** What was written: our entries as a kubeconfig of their own, and what is worth a warning. */
export interface Written {
  text: string
  warnings: string[]
}

/**
 * Puts the proven entries into the kubeconfig, with the signer that they name beside it, and keeps for the post step
 * what takes them back.
 *
 * @throws KubeProblem any of its kubeconfig kinds; nothing is written then
 */
export async function writeLogin(
  { kubeconfig, timeoutSeconds, cleanup }: Inputs,
  { entries, found }: Pick<Proven, 'entries' | 'found'>,
  { signer }: TokenProvider,
): Promise<Written> {
  let warnings: string[] = []
  let ours: string | null = null
  let merged: string | null = null
  const beforeCommit = async (text: string, undo: Undo) => {
    merged = text
    if (undo.created) ours = text
    warnings = await scanKubeconfig(kubeconfig, text, entries)
    // Of several logins at once that found none, one has made file and folder, and any may be the last whose entries are
    // taken out: for each of them it is a file that a login made.
    const created = undo.created || !found.file
    const createdFolder = undo.createdFolder || !found.folder
    if (cleanup) await keepUndo({ ...undo, created, createdFolder })
    if (signer) await installSigner(signer)
  }
  const settled = (text: string | null) =>
    sweepSigners(kubeconfig, text, text === merged ? signer?.folder : undefined)
  await writeKubeconfig(kubeconfig, entries, timeoutSeconds, beforeCommit, settled)
  // What others keep in the file may be a secret of theirs: the log shows what is ours.
  return { text: ours ?? (await merge(kubeconfig, null, entries)), warnings }
}
