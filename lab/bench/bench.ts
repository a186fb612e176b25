import { spawnSync } from 'node:child_process'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Span } from '../../src/report/report.ts'
import { startLab } from '../lab.ts'
import { contestants, loginName, manyClusters } from './contestants.ts'
import { onEmbedded } from './embedded.ts'
import { alternate } from './measure.ts'
import { programOf, run, tellingUsage } from './processes.ts'
import { ratios } from './ratios.ts'
import type { BenchResult } from './result.ts'
import { ACTION, CREATOR, createStage, type Stage } from './stage.ts'
import { print } from './table.ts'

// Measures on the real cluster, in turns, so that a machine that grows slower grows slower for all:
//
//   npm run bench                     eleven rounds
//   npm run bench -- --rounds 5       five
//   npm run bench -- --save           also writes docs/bench.json, from which `npm run readme` makes tables and plots
//
// What counts is the ratios; milliseconds are this machine's.

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    save: { type: 'boolean', default: false },
    /** With --save: where to. */
    output: { type: 'string', default: join(ACTION, 'docs/bench.json') },
  },
})

const FIFTY = ['demo', ...Array.from({ length: 49 }, (_, index) => `demo-${index + 2}`)]

const rounds = Number(options.rounds)
if (!Number.isInteger(rounds) || rounds < 1) {
  throw new Error(`--rounds: "${options.rounds}" is no number of rounds; accepted: 1, 2, …`)
}
const result = await bench(rounds)
print(result)
if (options.save) await writeFile(options.output, `${JSON.stringify(result, null, 2)}\n`)

async function bench(rounds: number): Promise<BenchResult> {
  const awsVersion2 = findAwsVersion2()
  const one = await onStage(['demo'], async stage => ({
    measures: await alternate(await contestants(stage, awsVersion2), rounds),
    usage: await used(stage),
    versions: await versions(stage, awsVersion2),
    login: { aws: await breakdown(stage, 'aws'), builtin: await breakdown(stage, 'builtin') },
  }))
  // On a lab of their own, as fifty authenticators are never quite idle.
  const many = await onStage(FIFTY, async stage => ({
    measures: await alternate(manyClusters(stage), rounds),
    usage: await used(stage),
  }))
  const lab = await onEmbedded(contestants => alternate(contestants, rounds))
  const measures = [...one.measures, ...many.measures, ...lab]
  return {
    schema: 1,
    rounds,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      node: process.version,
    },
    versions: one.versions,
    measures,
    ratios: ratios(measures),
    sizes: await sizes(),
    usage: [...one.usage, ...many.usage],
    login: one.login,
  }
}

/** Starts a lab with clusters of these names, and ends it when the work is done. */
async function onStage<T>(
  [name = '', ...neighbours]: string[],
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const lab = await startLab({ kubernetes: 'real', clusters: [{ name, neighbours, creator: CREATOR }] })
  try {
    const stage = await createStage(lab, [name, ...neighbours])
    try {
      return await work(stage)
    } finally {
      await stage.close()
    }
  } finally {
    await lab.stop()
  }
}

/** Version 2 of the AWS CLI, where the machine has one. */
function findAwsVersion2(): string | null {
  const env = { PATH: process.env.PATH ?? '', AWS_EC2_METADATA_DISABLED: 'true' }
  const which = spawnSync('which', ['-a', 'aws'], { env, encoding: 'utf8' })
  const found = (which.stdout ?? '').split('\n').filter(Boolean)
  return found.find(aws => versionOf(aws, ['--version'], env).startsWith('aws-cli/2')) ?? null
}

async function versions(
  { env, kubectl: program }: Stage,
  awsVersion2: string | null,
): Promise<Record<string, string>> {
  const module = await readFile(join(ACTION, 'lab/real/authenticator/go.mod'), 'utf8')
  const kubectl = versionOf(program, ['version', '--client', '-o', 'json'], env)
  const awsOf = (command: string) =>
    versionOf(command, ['--version'], env).replace(/^aws-cli\/(\S+).*$/s, '$1')
  return {
    Kubernetes: JSON.parse(kubectl).clientVersion.gitVersion,
    'aws-iam-authenticator': / sigs\.k8s\.io\/aws-iam-authenticator (v\S+)/.exec(module)?.[1] ?? 'unknown',
    'AWS CLI': awsOf(programOf(env, 'aws')),
    ...(awsVersion2 ? { 'AWS CLI (v2)': awsOf(awsVersion2) } : {}),
  }
}

function versionOf(command: string, args: string[], env: Record<string, string>): string {
  const { stdout } = spawnSync(command, args, { env, encoding: 'utf8' })
  return stdout ?? ''
}

/** What a runner downloads: each bundle's first file, and all of it. */
async function sizes(): Promise<BenchResult['sizes']> {
  const dist = join(ACTION, 'dist')
  // Beside them are the maps back to src, which only tests read.
  const bundles = (await readdir(dist)).filter(name => name !== 'maps').sort()
  const sizeOf = async (file: string) => (await stat(join(dist, file))).size
  return Promise.all(
    bundles.flatMap(bundle => [
      sizeOf(join(bundle, 'index.js')).then(bytes => ({ file: `dist/${bundle}/index.js`, bytes })),
      readdir(join(dist, bundle))
        .then(files => Promise.all(files.map(file => sizeOf(join(bundle, file)))))
        .then(all => ({ file: `dist/${bundle}`, bytes: all.reduce((sum, bytes) => sum + bytes, 0) })),
    ]),
  )
}

/** By a login to all clusters of the stage. */
async function used({ names, folder, login }: Stage): Promise<BenchResult['usage']> {
  const found: BenchResult['usage'] = []
  for (const provider of ['builtin', 'aws']) {
    const { process } = await login({ 'token-provider': provider, 'cluster-name': names.join('\n') })
    const { env, told } = await tellingUsage(folder)
    await run({ ...process, env: { ...process.env, ...env } })
    found.push({ name: loginName(provider, names.length), ...(await told()) })
  }
  return found
}

/** Where the time of one login goes. */
async function breakdown(stage: Stage, provider: string): Promise<Span[]> {
  const login = await stage.login({ 'token-provider': provider })
  await run(login.process)
  return (await login.report()).timings
}
