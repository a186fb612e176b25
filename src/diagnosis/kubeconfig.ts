import type { KubeEvidence } from '../kube/evidence.ts'
import type { Obstacle } from '../kube/obstacle.ts'
import type { Diagnoses, Step } from './failure.ts'
import { shell, shellWord } from './shell.ts'
import { withPaste } from './workflow.ts'

type Evidence = Extract<KubeEvidence, { kind: `kubeconfig-${string}` }>
type Unwritable = Extract<Evidence, { kind: 'kubeconfig-unwritable' }>
type Locked = Extract<Evidence, { kind: 'kubeconfig-locked' }>

/** The kubeconfig file: EKS9xx. */
export const kubeconfigDiagnoses: Diagnoses<Evidence> = {
  'kubeconfig-unreadable': ({ file, code, message, obstacle }) => ({
    code: 'EKS901',
    cause: `the kubeconfig ${file} cannot be read`,
    evidence: [`${code}: ${message}`, ...whose(obstacle)],
    cure:
      code === 'ELOOP'
        ? unlooped(file)
        : (outOfTheWay(code, obstacle) ?? [
            'Let the job\u2019s user read it. Or give the input kubeconfig another path:',
            ANOTHER_PATH,
          ]),
  }),
  'kubeconfig-corrupt': ({ file, line, column, message }) => ({
    code: 'EKS902',
    cause: `the kubeconfig ${file} is not YAML`,
    evidence: [`line ${line}, column ${column}: ${message}`],
    cure: [
      `It was left as it is. Mend line ${line}, which sed -n ${line}p shows. Or move the file out of the way, for a new one to be made:`,
      moved(file, 'broken'),
    ],
  }),
  'kubeconfig-unexpected': ({ file, message }) => ({
    code: 'EKS903',
    cause: `the file ${file} is not a kubeconfig`,
    evidence: [message],
    cure: [
      'It was left as it is. If it shall be something else, give the input kubeconfig another path. If nobody needs it, move it out of the way, for a kubeconfig to be made:',
      moved(file, 'old'),
    ],
  }),
  'kubeconfig-symlink': ({ file, target }) => ({
    code: 'EKS904',
    cause: `the kubeconfig ${file} is a symlink ${target === null ? 'to nothing' : 'out of its folder'}`,
    evidence: [`it points to ${target ?? 'a file that does not exist'}; nothing was written there`],
    cure:
      target === null
        ? ['Remove the link:', shell(`rm -- ${shellWord(file)}`)]
        : [
            'If that is where it shall be written, name the file itself:',
            withPaste({ kubeconfig: target }),
            'Or remove the link, for a kubeconfig to be made in its place:',
            shell(`rm -- ${shellWord(file)}`),
          ],
  }),
  'kubeconfig-locked': locked,
  'kubeconfig-unwritable': evidence => ({
    code: 'EKS906',
    cause: `the kubeconfig ${evidence.file} cannot be written${WHY[evidence.code] ?? ''}`,
    evidence: [`${evidence.code}: ${evidence.message}`, ...whose(evidence.obstacle)],
    cure: writable(evidence),
  }),
  'kubeconfig-secret': ({ file, where }) => ({
    code: 'EKS907',
    cause: `the kubeconfig ${file} would hold a secret`,
    evidence: where,
    cure: ['Take the secret out of what it came from; a kubeconfig of this action needs none.'],
  }),
}

function unlooped(file: string): Step[] {
  return [
    'Its symlink leads back to itself. Remove it, for a kubeconfig to be made in its place:',
    shell(`rm -- ${shellWord(file)}`),
  ]
}

const WHY: Record<string, string> = {
  ENOSPC: ': the file system is full',
  EDQUOT: ': the user\u2019s quota is used up',
  EROFS: ': the file system is read-only',
}

/** A file of the job's own; the folder is the runner's, which removes it with the job. */
const ANOTHER_PATH = withPaste({ kubeconfig: `\${{ runner.temp }}/kubeconfig` })

/** With the time in its name, in seconds: what was moved away before stays. */
function moved(path: string, ending: string): Step {
  return shell(`mv -- ${shellWord(path)} ${shellWord(`${path}.${ending}`)}."$(date +%s)"`)
}

function whose(obstacle: Obstacle | undefined): string[] {
  if (!obstacle) return []
  const { path, isFolder, owner, self, mode } = obstacle
  return [
    `the ${isFolder ? 'folder' : 'file'} ${path} belongs to uid ${owner}, mode ${mode}; the job runs as uid ${self}`,
  ]
}

/** What lets us past it; null where nothing is known to be in the way, or it is not to be changed for one job. */
function outOfTheWay(code: string, obstacle: Obstacle | undefined): Step[] | null {
  if (!obstacle) return null
  const { path, isFolder, owner, self } = obstacle
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return [
      'A file is where a folder has to be. Give the input kubeconfig another path, or move the file out of the way:',
      moved(path, 'old'),
    ]
  if (owner === self) {
    const bits = isFolder ? 'u+rwx' : 'u+rw'
    return ['It is the job\u2019s user\u2019s own:', shell(`chmod ${bits} -- ${shellWord(path)}`)]
  }
  if (isFolder) return null
  return [
    'If the file is meant for this job, make it its user\u2019s; if not, leave the input kubeconfig out, for one of the job\u2019s own:',
    shell(`sudo chown ${self} -- ${shellWord(path)}`),
  ]
}

function writable({ file, code, obstacle }: Unwritable): Step[] {
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const text = `df -h -- ${shellWord(folderOf(file))}`
    return ['Make room there; nothing was written, and what was there stands as it was:', shell(text)]
  }
  const allow = code === 'EROFS' ? 'Mount it to be written to' : 'Let the job\u2019s user write there'
  return outOfTheWay(code, obstacle) ?? [`${allow}. Or give the input kubeconfig another path:`, ANOTHER_PATH]
}

function folderOf(file: string): string {
  return file.replace(/[\\/][^\\/]*$/, '') || '/'
}

function locked({ lock, holder, since, pid, host }: Locked) {
  const remove: Step = shell(`rm -- ${shellWord(lock)}`)
  const look = `ps -o pid,etime,args -p ${pid}`
  const cure: Step[] =
    pid === undefined
      ? [
          'kubectl and others that respect it hold it for a moment. One that is old was left by a program that was killed: when none runs that uses the file, remove it:',
          remove,
        ]
      : host === undefined
        ? ['That process runs. Wait for it, or see what it is, and end it:', shell(look)]
        : [`See on ${host} whether that process runs (${look}). When it does not, remove its lock:`, remove]
  return {
    code: 'EKS905' as const,
    cause: 'another program holds the lock of the kubeconfig',
    evidence: [`${lock}: held by ${holder}${since ? ` since ${since}` : ''}`],
    cure,
  }
}
