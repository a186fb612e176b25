import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Lab, startLab } from './lab.ts'
import { createRunner, type Runner } from './runner/runner.ts'

// Measures on the real cluster, in turns, so that a machine that grows slower grows slower for all:
//
//   npm run bench               eleven rounds
//   npm run bench -- 5          five
//
// What counts is the ratios; milliseconds are this machine's.

const ROUNDS = Number(process.argv[2] ?? 11)
const ACTION = join(import.meta.dirname, '..')

const lab = await startLab({ kubernetes: 'real' })
const folder = await mkdtemp(join(tmpdir(), 'eks-login-bench-'))
try {
  await lab.admitRunner()
  await measure(lab)
} finally {
  await rm(folder, { recursive: true })
  await lab.stop()
}

async function measure(lab: Lab): Promise<void> {
  const runner = await createRunner({
    env: { ...lab.env, AWS_REGION: region(lab), AWS_DEFAULT_REGION: region(lab) },
  })
  try {
    const contestants: Record<string, () => Promise<number>> = {
      'aws eks get-token': () => commands(runner, [getToken(lab)]),
      'login, 2 rules': () => login(runner, lab, 2),
      'login, 200 rules': () => login(runner, lab, 200),
      'four shell lines': () => commands(runner, shellLines(lab)),
    }
    const times = Object.fromEntries(Object.keys(contestants).map(name => [name, [] as number[]]))
    for (let round = -1; round < ROUNDS; round++) {
      for (const [name, run] of Object.entries(contestants)) {
        const milliseconds = await run()
        // The first round only warms the caches of the operating system.
        if (round >= 0) times[name]?.push(milliseconds)
      }
    }
    await print(times)
  } finally {
    await runner.close()
  }
}

async function print(times: Record<string, number[]>): Promise<void> {
  const medians = Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]))
  for (const [name, list] of Object.entries(times)) {
    const range = `${Math.round(Math.min(...list))} to ${Math.round(Math.max(...list))}`
    console.log(`${name.padEnd(20)} ${String(Math.round(medians[name] ?? 0)).padStart(6)} ms  (${range})`)
  }
  const ratio = (one: string, other: string, atMost?: number) =>
    console.log(
      `${`${one} / ${other}`.padEnd(40)} ${((medians[one] ?? 0) / (medians[other] ?? 0)).toFixed(2)}${atMost ? `  (at most ${atMost})` : ''}`,
    )
  ratio('login, 2 rules', 'aws eks get-token', 1.3)
  ratio('login, 200 rules', 'login, 2 rules', 2)
  ratio('four shell lines', 'aws eks get-token')
  ratio('four shell lines', 'login, 2 rules')
  const { size } = await stat(join(ACTION, 'dist/login/index.js'))
  console.log(`dist/login/index.js ${(size / 1e6).toFixed(2)} MB  (at most 1.2)`)
}

function median(list: number[]): number {
  const sorted = list.toSorted((one, other) => one - other)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
}

function region({ clusters: [cluster] }: Lab): string {
  return cluster?.region ?? ''
}

function getToken(lab: Lab): string[] {
  return ['aws', '--region', region(lab), 'eks', 'get-token', '--cluster-name', 'demo', '--output', 'json']
}

function shellLines(lab: Lab): string[][] {
  const cluster = ['--region', region(lab), '--name', 'demo']
  const kubeconfig = ['--kubeconfig', join(folder, 'kubeconfig')]
  return [
    ['aws', 'eks', 'describe-cluster', ...cluster],
    ['aws', 'eks', 'update-kubeconfig', ...cluster, '--alias', 'demo', ...kubeconfig],
    ['kubectl', 'auth', 'can-i', 'list', 'namespaces', ...kubeconfig],
    // Answers "no", which is exit code 1.
    ['kubectl', 'auth', 'can-i', 'list', 'pods', ...kubeconfig],
  ]
}

async function commands(runner: Runner, lines: string[][]): Promise<number> {
  const start = performance.now()
  for (const [index, [command = '', ...args]] of lines.entries()) {
    const { code, stderr } = await runner.step(command, args)
    if (code !== 0 && index < 3) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  }
  return performance.now() - start
}

/** A login with that many rules, each in a namespace of its own, for the server to answer them one by one. */
async function login(runner: Runner, lab: Lab, rules: number): Promise<number> {
  const cannot = Array.from(
    { length: rules - 1 },
    (_, index) => `list pods${rules > 2 ? ` -n team-${index}` : ''}`,
  )
  const { code, log, milliseconds } = await runner.run({
    action: ACTION,
    inputs: { 'cluster-name': 'demo', region: region(lab), cannot: cannot.join('\n') },
  })
  if (code !== 0) throw new Error(log)
  return milliseconds
}
