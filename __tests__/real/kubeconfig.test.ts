import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { EXISTING } from '../scenarios/kubeconfigs.ts'
import { expectFailure, PATIENCE, scenario } from './scenario.ts'

const at = scenario()

test(
  'any alias comes out of kubectl as it went in',
  async () => {
    const aliases = [
      'on',
      '1e3',
      '0o14',
      '012',
      'null',
      '~',
      'a: b',
      '#a',
      "it's",
      '日本\u2003x',
      'a\u00a0b',
      '{a}',
      '12:30:00',
    ]
    for (const alias of aliases)
      expect(await at.login({ alias })).toMatchObject({ code: 0, outputs: { context: alias } })
    const { stdout } = await at.runner.step('kubectl', ['config', 'view', '-o', 'json'])
    const config = JSON.parse(stdout) as { contexts: { name: string }[]; 'current-context': string }
    expect(config.contexts.map(({ name }) => name).sort()).toEqual(aliases.toSorted())
    expect(config['current-context']).toBe(aliases.at(-1))
  },
  PATIENCE,
)

test(
  'a context that was there before is still there after the job, and current again is what was current',
  async () => {
    const file = join(at.runner.workspace, 'config')
    const own = [
      'eks',
      'update-kubeconfig',
      '--name',
      'demo',
      '--region',
      at.cluster.region,
      '--kubeconfig',
      file,
    ]
    expect(await at.runner.step('aws', [...own, '--alias', 'demo'])).toMatchObject({ code: 0 })
    expect(await at.runner.step('aws', [...own, '--alias', 'mine'])).toMatchObject({ code: 0 })
    expect(await at.login({ kubeconfig: file })).toMatchObject({ code: 0 })
    await at.runner.finish()
    const left = load(await readFile(file, 'utf8')) as Kubeconfig
    expect(left.contexts).toMatchObject([{ name: 'demo' }, { name: 'mine' }])
    expect(left['current-context']).toBe('mine')
    expect(await at.runner.step('kubectl', ['get', 'ns', '--kubeconfig', file])).toMatchObject({ code: 0 })
  },
  PATIENCE,
)

/** A file system of its own in the runner's workspace, with the options given. Taken away with `umount`. */
async function mounted(options: string): Promise<{ folder: string; umount(): void }> {
  const folder = join(at.runner.workspace, 'mnt')
  await mkdir(folder, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
  return { folder, umount: () => execFileSync('umount', [folder]) }
}

test(
  'a full disk fails with the old file as it was, and nothing beside it',
  async () => {
    const disk = await mounted('size=64k')
    try {
      const file = join(disk.folder, 'config')
      await writeFile(file, EXISTING)
      const filler = writeFile(join(disk.folder, 'filler'), Buffer.alloc(60_000))
      await filler.catch(() => {})
      execFileSync('sh', ['-c', `cat /dev/zero >> ${join(disk.folder, 'filler')} 2>/dev/null || true`])
      const login = await at.login({ kubeconfig: file })
      await expectFailure(login, at.runner, ['EKS906'])
      expect(login.log).toContain('ENOSPC')
      expect(await readFile(file, 'utf8')).toBe(EXISTING)
      expect((await readdir(disk.folder)).sort()).toEqual(['config', 'filler'])
    } finally {
      disk.umount()
    }
  },
  PATIENCE,
)

test(
  'a read-only folder fails with its name',
  async () => {
    const disk = await mounted('ro')
    try {
      const login = await at.login({ kubeconfig: join(disk.folder, 'config') })
      await expectFailure(login, at.runner, ['EKS906'])
      expect(login.log).toContain('EROFS')
    } finally {
      disk.umount()
    }
  },
  PATIENCE,
)

type Kubeconfig = {
  clusters: unknown[]
  contexts: unknown[]
  users: { name: string; user: { exec: { interactiveMode?: string } } }[]
  'current-context': string
}

// Version 1 of the CLI takes an argument that is a URL for a file to download, unless it is told not to.
const AWS_CONFIG = '[default]\ncli_follow_urlparam = false\n[profile ci]\ncli_follow_urlparam = false\n'

test.each<[string, Record<string, string>, string[], Record<string, string>]>([
  ['alias', { alias: 'production' }, ['--alias', 'production'], {}],
  ['alias and user-alias', { alias: 'a', 'user-alias': 'me' }, ['--alias', 'a', '--user-alias', 'me'], {}],
  [
    'role-arn',
    { 'role-arn': 'arn:aws:iam::111122223333:role/deploy' },
    ['--role-arn', 'arn:aws:iam::111122223333:role/deploy'],
    {},
  ],
  ['a proxy', { 'proxy-url': 'PROXY' }, ['--proxy-url', 'PROXY'], {}],
  ['a profile', {}, [], { AWS_PROFILE: 'ci' }],
])(
  'with %s it writes, entry by entry, what aws eks update-kubeconfig writes',
  async (_what, inputs, args, env) => {
    await mkdir(join(at.runner.home, '.aws'), { recursive: true })
    await writeFile(join(at.runner.home, '.aws', 'config'), AWS_CONFIG)
    const deploy = at.lab.aws.identities
    const arn = 'arn:aws:iam::111122223333:role/deploy'
    if (inputs['role-arn'] && !deploy.findRole(arn)) {
      deploy.createRole({
        name: 'deploy',
        trust: {
          Statement: [{ Effect: 'Allow', Principal: { AWS: at.role.arn }, Action: 'sts:AssumeRole' }],
        },
      })
      deploy.putPolicy(at.role.arn, 'assume', {
        Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: arn }],
      })
      await at.cluster.mapRole(arn, 'demo')
    }
    const proxy = at.lab.env.HTTPS_PROXY ?? ''
    const put = (text: string) => text.replace('PROXY', proxy)
    const given = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, put(value)]))

    expect(await at.login({ alias: 'demo', ...given }, { env })).toMatchObject({ code: 0 })
    const theirs = join(at.runner.temp, 'theirs')
    const cli = [
      'eks',
      'update-kubeconfig',
      '--name',
      'demo',
      '--region',
      at.cluster.region,
      '--kubeconfig',
      theirs,
    ]
    const alias = args.includes('--alias') ? [] : ['--alias', 'demo']
    expect(await at.runner.step('aws', [...cli, ...alias, ...args.map(put)], { env })).toMatchObject({
      code: 0,
    })

    const mine = load(await readFile(at.runner.env().KUBECONFIG ?? '', 'utf8')) as Kubeconfig
    const wanted = load(await readFile(theirs, 'utf8')) as Kubeconfig
    // Ours says more in one place: the plugin never asks a person. The CLI shortens --role-arn to --role.
    expect(mine.users[0]?.user.exec.interactiveMode).toBe('Never')
    delete mine.users[0]?.user.exec.interactiveMode
    const spelled = JSON.parse(JSON.stringify(wanted).replace('"--role"', '"--role-arn"'))
    for (const section of ['clusters', 'users', 'contexts', 'current-context'] as const) {
      expect(mine[section]).toEqual(spelled[section])
    }
  },
  PATIENCE,
)
