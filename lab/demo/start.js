/*
 * npm run demo [-- --keep]
 *
 * Starts the demo from a clone in which nothing is installed, by whatever Node there is: installs what package-lock.json
 * names, if that is not there, and runs demo.ts by the Node 24 that comes with it.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = join(import.meta.dirname, '..', '..')
const onWindows = process.platform === 'win32'

const options = readOptions()
if (!isInstalled()) await install()
const node = join(ROOT, 'node_modules', 'node', 'bin', onWindows ? 'node.exe' : 'node')
process.exitCode = await run(node, [join(import.meta.dirname, 'demo.ts'), ...options])

/** The options, one wrong one of which ends everything before it begins. */
function readOptions() {
  try {
    const { values } = parseArgs({ options: { keep: { type: 'boolean' } } })
    return Object.keys(values).map(name => `--${name}`)
  } catch (error) {
    console.error(`${error.message}\nThe demo has one option, --keep, which leaves the lab up until Ctrl-C.`)
    process.exit(2)
  }
}

/** Whether node_modules holds what the lock file names; what is optional is there or not, as the machine needs it. */
function isInstalled() {
  const packagesOf = file => Object.entries(JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages)
  try {
    const found = new Map(packagesOf('node_modules/.package-lock.json'))
    const wanted = packagesOf('package-lock.json').filter(([path, { optional }]) => path !== '' && !optional)
    return wanted.every(([path, { integrity }]) => found.get(path)?.integrity === integrity)
  } catch {
    return false
  }
}

async function install() {
  const begun = performance.now()
  console.log('Installing what package-lock.json names: npm ci')
  // On Windows npm is a batch file, which takes a shell.
  const code = await (onWindows ? run('cmd', ['/d', '/c', 'npm', 'ci']) : run('npm', ['ci']))
  if (code !== 0) {
    console.error('Nothing was demonstrated, for npm ci failed.')
    process.exit(code)
  }
  console.log(`Installed in ${((performance.now() - begun) / 1000).toFixed(1)} s.`)
}

/** Runs a program to its end, which it decides on itself when we are told to end. */
function run(command, args) {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  const forward = signal => child.kill(signal)
  for (const signal of signals) process.on(signal, forward)
  return new Promise(resolve => {
    child.once('error', error => {
      console.error(error.message)
      resolve(127)
    })
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  }).finally(() => {
    for (const signal of signals) process.off(signal, forward)
  })
}
