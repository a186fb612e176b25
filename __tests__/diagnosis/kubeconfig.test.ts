import { diagnose } from '../../src/diagnosis/diagnose.ts'
import type { Evidence, Paste, Step } from '../../src/diagnosis/failure.ts'
import type { Obstacle } from '../../src/kube/obstacle.ts'
import { failureGroup } from '../../src/report/log.ts'

const pastesIn = (steps: Step[]) =>
  steps.filter((step): step is Paste => typeof step === 'object').map(({ text }) => text)

const OWN: Obstacle = { path: "/home/ci/it's", isFolder: false, owner: 1001, self: 1001, mode: '0000' }
const OWN_FOLDER: Obstacle = { ...OWN, path: '/home/ci', isFolder: true, mode: '0500' }
const ROOTS: Obstacle = { path: '/root/config', isFolder: false, owner: 0, self: 1001, mode: '0600' }
const ROOTS_FOLDER: Obstacle = { ...ROOTS, path: '/root', isFolder: true, mode: '0700' }
const ELSEWHERE = `with:\n  kubeconfig: "\${{ runner.temp }}/kubeconfig"`

const unreadable = (code: string, obstacle?: Obstacle): Evidence => ({
  kind: 'kubeconfig-unreadable',
  file: '/k',
  code,
  message: 'm',
  ...(obstacle ? { obstacle } : {}),
})
const unwritable = (code: string, obstacle?: Obstacle, file = '/etc/k'): Evidence => ({
  kind: 'kubeconfig-unwritable',
  file,
  code,
  message: 'm',
  ...(obstacle ? { obstacle } : {}),
})
const lock = (more: object): Evidence => ({
  kind: 'kubeconfig-locked',
  lock: '/a b.lock',
  holder: 'another program',
  since: '2020',
  ...more,
})

const CASES: [string, Evidence, string, string[], RegExp[]][] = [
  [
    'a file of ours that we may not read',
    unreadable('EACCES', OWN),
    'EKS901',
    [`chmod u+rw -- '/home/ci/it'\\''s'`],
    [/EACCES: m/, /belongs to uid 1001, mode 0000; the job runs as uid 1001/],
  ],
  [
    'a folder of ours that we may not enter',
    unreadable('EACCES', OWN_FOLDER),
    'EKS901',
    ['chmod u+rwx -- /home/ci'],
    [/the folder \/home\/ci/],
  ],
  [
    'a file of another',
    unreadable('EACCES', ROOTS),
    'EKS901',
    ['sudo chown 1001 -- /root/config'],
    [/the file \/root\/config belongs to uid 0, mode 0600/],
  ],
  ['a folder of another', unreadable('EACCES', ROOTS_FOLDER), 'EKS901', [ELSEWHERE], []],
  [
    'a file where a folder has to be',
    unreadable('ENOTDIR', OWN),
    'EKS901',
    [`mv -- '/home/ci/it'\\''s' '/home/ci/it'\\''s.old'."$(date +%s)"`],
    [],
  ],
  ['a link to itself', unreadable('ELOOP'), 'EKS901', ['rm -- /k'], [/leads back to itself/]],
  ['what nobody knows', unreadable('EIO'), 'EKS901', [ELSEWHERE], [/EIO: m/]],
  [
    'what is no YAML',
    { kind: 'kubeconfig-corrupt', file: '/k', line: 3, column: 4, message: 'm' },
    'EKS902',
    ['mv -- /k /k.broken."$(date +%s)"'],
    [/line 3, column 4: m/, /sed -n 3p/, /left as it is/],
  ],
  [
    'what is no kubeconfig',
    { kind: 'kubeconfig-unexpected', file: '/k', message: 'm' },
    'EKS903',
    ['mv -- /k /k.old."$(date +%s)"'],
    [/\/k is not a kubeconfig/, /left as it is/],
  ],
  [
    'a link out of the folder',
    { kind: 'kubeconfig-symlink', file: '/k', target: '/t' },
    'EKS904',
    ['with:\n  kubeconfig: "/t"', 'rm -- /k'],
    [/points to \/t;/],
  ],
  [
    'a link to nothing',
    { kind: 'kubeconfig-symlink', file: '/k', target: null },
    'EKS904',
    ['rm -- /k'],
    [/a symlink to nothing/],
  ],
  [
    'a lock of nobody knows whom',
    lock({}),
    'EKS905',
    [`rm -- '/a b.lock'`],
    [/held by another program since 2020/],
  ],
  [
    'a lock of a process here',
    lock({ holder: 'process 7 on h', pid: 7, since: '' }),
    'EKS905',
    ['ps -o pid,etime,args -p 7'],
    [/held by process 7 on h$/m],
  ],
  [
    'a lock of a process elsewhere',
    lock({ holder: 'process 7 on h', pid: 7, host: 'h' }),
    'EKS905',
    [`rm -- '/a b.lock'`],
    [/See on h whether/],
  ],
  [
    'a full disk',
    unwritable('ENOSPC'),
    'EKS906',
    ['df -h -- /etc'],
    [/the file system is full/, /nothing was written/],
  ],
  ['a full disk below the root', unwritable('ENOSPC', undefined, '/k'), 'EKS906', ['df -h -- /'], []],
  ['a used-up quota', unwritable('EDQUOT'), 'EKS906', ['df -h -- /etc'], [/quota is used up/]],
  ['a read-only disk', unwritable('EROFS'), 'EKS906', [ELSEWHERE], [/the file system is read-only/]],
  [
    'a folder of ours',
    unwritable('EACCES', OWN_FOLDER),
    'EKS906',
    ['chmod u+rwx -- /home/ci'],
    [/\/etc\/k cannot be written$/m],
  ],
  [
    'a folder of another\u2019s',
    unwritable('EACCES', ROOTS_FOLDER),
    'EKS906',
    [ELSEWHERE],
    [/belongs to uid 0/],
  ],
  [
    'a secret',
    { kind: 'kubeconfig-secret', file: '/k', where: ['the field token, of user u'] },
    'EKS907',
    [],
    [/the field token, of user u/],
  ],
]

test.each(CASES)('%s', (_what, evidence, code, pastes, said) => {
  const failure = diagnose(evidence, { cluster: '', region: '' })
  expect(failure).toMatchObject({ code })
  expect(failure.cause).toMatch(/^[^\n]+$/)
  expect(pastesIn(failure.cure)).toEqual(pastes)
  const { title, lines } = failureGroup(failure)
  const text = [title, ...lines].join('\n')
  for (const form of said) expect(text).toMatch(form)
  expect(text).not.toMatch(/undefined|null|NaN|\[object/)
})
