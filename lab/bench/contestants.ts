import { join } from 'node:path'
import type { Contestant } from './measure.ts'
import { type Process, programOf, run } from './processes.ts'
import { ACTION, type Stage, withExec } from './stage.ts'

/** Everything that one cluster is enough for, in the order of the tables. */
export async function contestants(stage: Stage, awsVersion2: string | null): Promise<Contestant[]> {
  return [
    ...tokens(stage, awsVersion2),
    ...(await kubectls(stage)),
    ...logins(stage),
    ...grants(stage),
    ...rules(stage),
  ]
}

/* A token, as a kubectl waits for it. */

function tokens(stage: Stage, awsVersion2: string | null): Contestant[] {
  const { env, keys, region, authenticator } = stage
  const ours = [join(ACTION, 'dist/token/index.js'), '--region', region, '--cluster-name', 'demo']
  const withKeys = { ...env, ...keys }
  const node = process.execPath
  const all: [string, Process][] = [
    ['bare Node start', { command: node, args: ['-e', '0'], env }],
    ['builtin token, environment', { command: node, args: ours, env: withKeys }],
    ['builtin token, instance role', { command: node, args: ours, env }],
    [
      'aws-iam-authenticator token, environment',
      { command: authenticator, args: ['token', '-i', 'demo'], env: withKeys },
    ],
    ['aws eks get-token, environment', getToken(region, withKeys)],
    ['aws eks get-token, instance role', getToken(region, env)],
    ...(awsVersion2
      ? ([
          ['aws eks get-token (v2), environment', { ...getToken(region, withKeys), command: awsVersion2 }],
        ] as [string, Process][])
      : []),
  ]
  return all.map(([name, process]) => ({ group: 'token', name, prepare: async () => () => run(process) }))
}

function getToken(region: string, env: Record<string, string>): Process {
  const args = ['--region', region, 'eks', 'get-token', '--cluster-name', 'demo', '--output', 'json']
  return { command: programOf(env, 'aws'), args, env }
}

/* kubectl, with each exec block. */

async function kubectls(stage: Stage): Promise<Contestant[]> {
  const { env, region, kubectl } = stage
  const kubeconfigs: Record<string, string> = {}
  for (const provider of ['builtin', 'aws']) {
    const login = await stage.login({ 'token-provider': provider, cleanup: 'false' })
    await run(login.process)
    kubeconfigs[provider] = login.kubeconfig
  }
  const exec = {
    command: stage.authenticator,
    args: ['token', '-i', 'demo'],
    env: [{ name: 'AWS_REGION', value: region }],
  }
  const { builtin = '', aws = '' } = kubeconfigs
  const authenticator = await withExec(aws, exec, join(stage.folder, 'authenticator.json'))
  const get = (kubeconfig: string) => async () => () =>
    run({ command: kubectl, args: ['get', 'ns', '--kubeconfig', kubeconfig], env })
  return [
    { group: 'kubectl', name: 'kubectl get ns, builtin', prepare: get(builtin) },
    { group: 'kubectl', name: 'kubectl get ns, aws-iam-authenticator', prepare: get(authenticator) },
    { group: 'kubectl', name: 'kubectl get ns, aws', prepare: get(aws) },
  ]
}

/* A login, and what people write by hand in its place. */

function logins(stage: Stage): Contestant[] {
  return [
    { group: 'login', name: 'login, builtin', prepare: logIn(stage, { 'token-provider': 'builtin' }) },
    { group: 'login', name: 'login, aws', prepare: logIn(stage, { 'token-provider': 'aws' }) },
    { group: 'login', name: 'four shell lines', prepare: async () => () => shellLines(stage) },
  ]
}

function logIn(stage: Stage, inputs: Record<string, string>): Contestant['prepare'] {
  return async () => {
    const login = await stage.login(inputs)
    return () => run(login.process)
  }
}

async function shellLines({ env, region, folder, kubectl }: Stage): Promise<void> {
  const cluster = ['--region', region, '--name', 'demo']
  const kubeconfig = ['--kubeconfig', join(folder, 'by-hand')]
  const aws = programOf(env, 'aws')
  const can = ['auth', 'can-i', 'list']
  await run({ command: aws, args: ['eks', 'describe-cluster', ...cluster], env })
  await run({
    command: aws,
    args: ['eks', 'update-kubeconfig', ...cluster, '--alias', 'demo', ...kubeconfig],
    env,
  })
  await run({ command: kubectl, args: [...can, 'namespaces', ...kubeconfig], env })
  await run({ command: kubectl, args: [...can, 'pods', ...kubeconfig], env, code: 1 })
}

/* A grant, to a role that has none and to one that has it. */

function grants(stage: Stage): Contestant[] {
  const { identities } = stage.lab.aws
  let count = 0
  const another = () => identities.createRole({ name: `granted-${++count}`, trust: { Statement: [] } }).arn
  const one = another()
  const granting = (method: string, provider: string, role: () => string) => async () => {
    const process = await stage.grant({ method, 'token-provider': provider, 'role-arn': role() })
    return () => run(process)
  }
  return [
    { group: 'grant', name: 'grant, builtin, aws-auth', prepare: granting('aws-auth', 'builtin', another) },
    { group: 'grant', name: 'grant, aws, aws-auth', prepare: granting('aws-auth', 'aws', another) },
    { group: 'grant', name: 'grant, aws, access entry', prepare: granting('access-entry', 'aws', another) },
    // The round that warms up makes it.
    {
      group: 'grant',
      name: 'grant, aws, nothing to change',
      prepare: granting('aws-auth', 'aws', () => one),
    },
  ]
}

/* Many clusters, many rules. */

/** One cluster, ten, and all that the stage has. */
export function manyClusters(stage: Stage): Contestant[] {
  const { names } = stage
  return [1, 10, names.length].flatMap(count =>
    ['builtin', 'aws'].map(provider => ({
      group: 'clusters' as const,
      name: loginName(provider, count),
      // The AWS CLI alone takes seconds for so many.
      every: provider === 'aws' && count > 1 ? 4 : 1,
      prepare: logIn(stage, {
        'token-provider': provider,
        'cluster-name': names.slice(0, count).join('\n'),
      }),
    })),
  )
}

/** Of a login to so many clusters. */
export function loginName(provider: string, clusters: number): string {
  return `login, ${provider}, ${clusters} ${clusters === 1 ? 'cluster' : 'clusters'}`
}

function rules(stage: Stage): Contestant[] {
  return [2, 20, 200].map(count => ({
    group: 'rules',
    name: `login, builtin, ${count} rules`,
    prepare: logIn(stage, { 'token-provider': 'builtin', cannot: manyRules(count - 1) }),
  }))
}

/** Each in a namespace of its own, for the server to answer them one by one. */
function manyRules(count: number): string {
  return Array.from({ length: count }, (_, index) => `list pods -n team-${index}`).join('\n')
}
